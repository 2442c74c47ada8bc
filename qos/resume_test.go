package qos_test

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// A session on its next connection, or without one.

func TestNothingNewOvertakesWhatIsBeingResumed(t *testing.T) {
	out := newSender(t, maximum(2))
	a, b := out.publish(q1, 1), out.publish(q2, 2)
	out.connect(maximum(1))
	for _, want := range []uint16{a, b} {
		_, err := out.Publish(q1, 3, 0)
		wantError(t, err, mqttwire.ErrResuming)
		same(t, out.resends(), packet{mqttwire.PUBLISH, want, true})
		if want == a {
			out.puback(a)
		}
	}
	_, err := out.Publish(q1, 3, 0)
	wantError(t, err, mqttwire.ErrSendQuota)
}

func TestResumeInOriginalOrderWithDupOnceAConnection(t *testing.T) {
	out := newSender(t, v50)
	for i := range 6 {
		out.publish(1+qos.Level(i)%2, uint64(i)) // ids 2, 4 and 6 are QoS 2
	}
	out.pubrec(6, success)
	out.pubrec(2, success)
	out.puback(3)
	for range 2 {
		out.connect(v50)
		same(t, out.resends(),
			packet{mqttwire.PUBREL, 6, false}, packet{mqttwire.PUBREL, 2, false}, // the order of their PUBRECs
			packet{mqttwire.PUBLISH, 1, true}, packet{mqttwire.PUBLISH, 4, true}, packet{mqttwire.PUBLISH, 5, true})
		same(t, out.resends())
	}
}

func TestNoPubrelOvertakesThoseBeingResumed(t *testing.T) {
	out := newSender(t, v50)
	for i := range 3 {
		out.publish(q2, uint64(i))
	}
	out.pubrec(2, success)
	out.connect(v50)
	// A PUBREC comes before the resumption was pulled.
	want(t, out.pubrec(1, success), action{Token: 0, ID: 1, Event: qos.Released, Change: release})
	want(t, out.pubrec(1, success), action{Token: 0, ID: 1, Event: qos.Duplicate})
	same(t, out.resends(), packet{mqttwire.PUBREL, 2, false}, packet{mqttwire.PUBREL, 1, false}, packet{mqttwire.PUBLISH, 3, true})
}

func TestAckDuringResumeIsNotSentAgain(t *testing.T) {
	out := newSender(t, v50)
	for i := range 3 {
		out.publish(q1, uint64(i))
	}
	out.connect(v50)
	out.puback(1)
	out.puback(3)
	same(t, out.resends(), packet{mqttwire.PUBLISH, 2, true})
}

func TestPubrelOf31IsSentAgainWithDup(t *testing.T) {
	out := newSender(t, v31)
	out.pubrec(out.publish(q2, 1), success)
	out.connect(v31)
	same(t, out.resends(), packet{mqttwire.PUBREL, 1, true})
}

func TestSessionNotPresentDropsEachMessageWithWhatItAwaits(t *testing.T) {
	out, in := newSender(t, v50), newReceiver(t, v50)
	for i := range 4 {
		out.publish(1+qos.Level(i)%2, uint64(10*i))
	}
	out.pubrec(4, success)
	ticket := in.deliver(2, q2)
	gone := v50
	gone.Resumed = false
	out.connect(gone)
	in.connect(gone)
	same(t, out.resends())
	same(t, out.drops(),
		qos.Dropped{Token: 30, ID: 4, Await: qos.AwaitPubcomp},
		qos.Dropped{Token: 0, ID: 1, Await: qos.AwaitPuback},
		qos.Dropped{Token: 10, ID: 2, Await: qos.AwaitPubrec},
		qos.Dropped{Token: 20, ID: 3, Await: qos.AwaitPuback})
	if out.InFlight() != 0 || in.InFlight() != 0 {
		t.Errorf("in flight: %d and %d", out.InFlight(), in.InFlight())
	}
	// The old ticket decides nothing of the new session.
	in.deliver(2, q2)
	wantStale(t, in, ticket)
}
