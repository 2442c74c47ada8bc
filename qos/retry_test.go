package qos_test

import (
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// Sending again by the clock.

func TestNothingIsSentAgainAtAnyOtherTimeIn50(t *testing.T) {
	c := v50
	c.Retry = time.Second
	out := newSender(t, c)
	out.publish(q1, 1)
	if _, ok := out.Deadline(); ok {
		t.Error("a deadline in 5.0")
	}
	if a, ok := out.Poll(time.Hour); ok {
		t.Errorf("%+v", a)
	}
	same(t, out.resends())
}

func TestTimedResendIsOffByDefault(t *testing.T) {
	out := newSender(t, v31)
	out.publish(q1, 1)
	if _, ok := out.Deadline(); ok {
		t.Error("a deadline")
	}
	if _, ok := out.Poll(1 << 62); ok {
		t.Error("sent again")
	}
}

func TestTimedResend(t *testing.T) {
	const s = time.Second
	for _, c := range []qos.Connection{v31, v311} {
		c.Retry = 20 * s
		out := newSender(t, c)
		next := func(now, deadline time.Duration, want ...packet) {
			t.Helper()
			var got []packet
			for {
				a, ok := out.Poll(now)
				if !ok {
					break
				}
				_, err := out.Resend(a.ID, now)
				noError(t, err)
				got = append(got, packet{a.Packet, a.ID, a.Dup()})
			}
			same(t, got, want...)
			if at, ok := out.Deadline(); ok != (deadline != 0) || at != deadline {
				t.Fatalf("at %v: deadline %v %v, want %v", now, at, ok, deadline)
			}
		}
		next(0, 0)
		out.Publish(q1, 1, 1*s)
		out.Publish(q2, 2, 2*s)
		next(21*s-1, 21*s)
		next(21*s, 22*s, packet{mqttwire.PUBLISH, 1, true})
		out.Pubrec(2, success, 22*s) // PUBREL, a new wait
		next(22*s, 41*s)
		next(41*s, 42*s, packet{mqttwire.PUBLISH, 1, true})
		next(42*s, 61*s, packet{mqttwire.PUBREL, 2, c.Version == mqttwire.V31})
		out.pubcomp(2)
		next(61*s, 81*s, packet{mqttwire.PUBLISH, 1, true})
		out.puback(1)
		next(100*s, 0)
		// On a new connection the wait begins with what is resumed.
		out.Publish(q1, 3, 100*s)
		out.connect(c)
		next(200*s, 0)
		_, err := out.Resend(3, 200*s)
		noError(t, err)
		next(200*s, 220*s)
	}
}

func TestWhatIsDueIsDueOnce(t *testing.T) {
	c := v311
	c.Retry = 1
	out := newSender(t, c)
	id := out.publish(q1, 1)
	_, err := out.Resend(id, 0)
	wantError(t, err, mqttwire.ErrStaleTicket)
	due, ok := out.Poll(1)
	if !ok || due.Packet != mqttwire.PUBLISH || due.ID != id {
		t.Fatalf("%+v %v", due, ok)
	}
	a, err := out.Resend(id, 1)
	noError(t, err)
	if a != due {
		t.Errorf("Resend %+v, Poll %+v", a, due)
	}
	_, err = out.Resend(id, 1)
	wantError(t, err, mqttwire.ErrStaleTicket)
}

func TestWhatIsDueIsNotOnceItIsAcknowledged(t *testing.T) {
	c := v311
	c.Retry = 1
	out := newSender(t, c)
	one, two := out.publish(q1, 1), out.publish(q2, 2)
	for range 2 {
		out.Poll(1)
	}
	out.puback(one)
	out.pubrec(two, success)
	for _, id := range []uint16{one, two} {
		_, err := out.Resend(id, 1)
		wantError(t, err, mqttwire.ErrStaleTicket)
	}
}

func TestIDOfATimedResendStaysOutOfUseWhileItsPubacksMayCome(t *testing.T) {
	c := v311
	c.Retry = 1
	out := newSender(t, c)
	id := out.publish(q1, 1)
	for now := range time.Duration(2) {
		out.Poll(1 + now)
		_, err := out.Resend(id, 1+now)
		noError(t, err)
	}
	want(t, out.puback(id), action{Token: 1, ID: id, Event: qos.Completed, Change: forget(q1)})
	seen := 0
	cycle := func() {
		for range 65535 {
			other := out.publish(q1, 2)
			if other == id {
				seen++
			}
			out.puback(other)
		}
	}
	cycle()
	if seen != 0 {
		t.Fatal("id in use again with two PUBACKs to come")
	}
	out.puback(id)
	cycle()
	if seen != 0 {
		t.Fatal("id in use again with a PUBACK to come")
	}
	out.puback(id)
	cycle()
	cycle()
	if seen == 0 {
		t.Fatal("id never free again")
	}
}
