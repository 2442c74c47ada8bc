package qos_test

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// Acknowledgements that come, as they should and as they should not.

func TestPubrelIsAlwaysAnsweredWithPubcomp(t *testing.T) {
	for _, c := range []qos.Connection{v31, v311, v50} {
		unknown := success
		if c.Version == mqttwire.V50 {
			unknown = mqttwire.PacketIdentifierNotFound
		}
		in := newReceiver(t, c)
		in.finish(in.deliver(5, q2), success)
		in.acks()
		want(t, in.pubrel(5), action{ID: 5, Packet: mqttwire.PUBCOMP, Event: qos.Freed, Change: freed})
		want(t, in.pubrel(5), action{ID: 5, Packet: mqttwire.PUBCOMP, Reason: unknown, Event: qos.Unsolicited})
		// One that comes before the decision withdraws the delivery.
		ticket := in.deliver(6, q2)
		want(t, in.pubrel(6), action{ID: 6, Packet: mqttwire.PUBCOMP, Reason: unknown, Event: qos.Withdrawn, Change: freed})
		wantStale(t, in, ticket)
		same(t, in.acks())
		in.deliver(7, q1)
		want(t, in.pubrel(7), action{ID: 7, Packet: mqttwire.PUBCOMP, Reason: unknown, Event: qos.Unsolicited})
	}
}

func TestPubrelCancelsAPubrecThatWaitsToBeSentAgain(t *testing.T) {
	in := newReceiver(t, v311)
	in.finish(in.deliver(5, q2), success)
	in.acks()
	four := in.deliver(4, q1)
	in.publish(5, q2, true) // sent again after a timeout; its PUBREC waits for 4
	in.pubrel(5)            // the first PUBREC was only late
	in.finish(in.deliver(5, q1), success)
	in.finish(four, success)
	same(t, in.acks(), packet{Type: mqttwire.PUBACK, ID: 4}, packet{Type: mqttwire.PUBACK, ID: 5})
}

func TestPubrecForAnUnknownID(t *testing.T) {
	for _, c := range []qos.Connection{v31, v311, v50} {
		unknown := success
		if c.Version == mqttwire.V50 {
			unknown = mqttwire.PacketIdentifierNotFound
		}
		out := newSender(t, c)
		want(t, out.pubrec(9, success), action{ID: 9, Packet: mqttwire.PUBREL, Flags: 2, Reason: unknown, Event: qos.Unsolicited})
		want(t, out.pubrec(9, failure), action{ID: 9, Event: qos.Unsolicited})
	}
}

func TestPubrecWhilePubcompIsAwaitedIsAnsweredWithPubrel(t *testing.T) {
	out := newSender(t, v311)
	id := out.publish(q2, 1)
	want(t, out.pubrec(id, success), action{Token: 1, ID: id, Packet: mqttwire.PUBREL, Flags: 2, Event: qos.Released, Change: release})
	want(t, out.pubrec(id, success), action{Token: 1, ID: id, Packet: mqttwire.PUBREL, Flags: 2, Event: qos.Duplicate})
}

func TestPubcompWhilePubrecIsAwaitedIsIgnoredAndReported(t *testing.T) {
	out := newSender(t, v50)
	id := out.publish(q2, 1)
	want(t, out.pubcomp(id), action{ID: id, Event: qos.Unsolicited})
	if x := out.Find(id); x != (qos.Exchange{Token: 1, ID: id, Await: qos.AwaitPubrec}) {
		t.Errorf("%+v", x)
	}
}

func TestPubackForQoS2AndPubrecForQoS1AreProtocolErrors(t *testing.T) {
	out := newSender(t, v50)
	one, two := out.publish(q1, 1), out.publish(q2, 2)
	_, err := out.Pubrec(one, success, 0)
	wantError(t, err, mqttwire.ErrAckMismatch)
	_, err = out.Puback(two, success)
	wantError(t, err, mqttwire.ErrAckMismatch)
	out.pubrec(two, success)
	_, err = out.Puback(two, success)
	wantError(t, err, mqttwire.ErrAckMismatch)
	if out.InFlight() != 2 {
		t.Errorf("%d in flight", out.InFlight())
	}
}

func TestStrayPubackAndPubcompAreReportedAndHarmless(t *testing.T) {
	out := newSender(t, maximum(1))
	want(t, out.puback(3), action{ID: 3, Event: qos.Unsolicited})
	want(t, out.pubcomp(3), action{ID: 3, Event: qos.Unsolicited})
	id := out.publish(q1, 0)
	want(t, out.pubcomp(id), action{ID: id, Event: qos.Unsolicited})
	if out.Quota() != 0 || out.InFlight() != 1 {
		t.Errorf("quota %d, in flight %d", out.Quota(), out.InFlight())
	}
}

func TestPubrec0x10IsSuccess(t *testing.T) {
	out := newSender(t, v50)
	id := out.publish(q2, 1)
	if a := out.pubrec(id, mqttwire.NoMatchingSubscribers); a.Packet != mqttwire.PUBREL || a.Event != qos.Released || a.Reason != success {
		t.Errorf("%+v", a)
	}
}

func TestPubrecErrorEndsTheExchangeAtBothEnds(t *testing.T) {
	out, in := newSender(t, maximum(1)), newReceiver(t, maximum(1))
	id := out.publish(q2, 1)
	in.finish(in.deliver(id, q2), failure)
	a, _ := in.NextAck()
	want(t, a, action{ID: id, Packet: mqttwire.PUBREC, Reason: failure})
	want(t, out.pubrec(id, failure), action{Token: 1, ID: id, Event: qos.Rejected, Change: forget(q2)})
	if out.Quota() != 1 || out.InFlight() != 0 || in.InFlight() != 0 {
		t.Errorf("quota %d, in flight %d and %d", out.Quota(), out.InFlight(), in.InFlight())
	}
	in.deliver(id, q2) // a new message [MQTT-4.3.3-9]
	out.connect(v50)
	same(t, out.resends()) // not retransmitted [MQTT-4.4.0-2]

	id = out.publish(q2, 2)
	out.pubrec(id, success)
	want(t, out.pubrec(id, failure), action{Token: 2, ID: id, Event: qos.Rejected, Change: forget(q2)})
}

func TestPubackErrorIsRejected(t *testing.T) {
	out := newSender(t, v50)
	id := out.publish(q1, 1)
	a, err := out.Puback(id, failure)
	noError(t, err)
	want(t, a, action{Token: 1, ID: id, Event: qos.Rejected, Change: forget(q1)})
}
