package qos_test

import (
	"fmt"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// A message that its sender gives up must not poison its Packet Identifier: what
// the receiver holds of it has to end there too.

// eachVersion runs a test in 3.1.1 and 5.0.
func eachVersion(t *testing.T, test func(*testing.T, qos.Connection)) {
	for _, c := range []qos.Connection{v311, v50} {
		t.Run(fmt.Sprint(c.Version), func(t *testing.T) { test(t, c) })
	}
}

// unknown is what a PUBCOMP says that frees no message that was taken over.
func unknown(c qos.Connection) mqttwire.Reason {
	if c.Version == mqttwire.V50 {
		return mqttwire.PacketIdentifierNotFound
	}
	return success
}

// giveUp gives up what comes next and takes the PUBREL to the receiver, the
// PUBCOMP back.
func giveUp(t testing.TB, out *sender, in *receiver) (atReceiver qos.Action) {
	t.Helper()
	next, ok := out.NextResend()
	if !ok {
		t.Fatal("nothing to give up")
	}
	a, err := out.GiveUp(next.ID, 0)
	noError(t, err)
	want(t, a, action{Token: next.Token, ID: next.ID, Packet: mqttwire.PUBREL, Flags: 2, Event: qos.GivenUp, Change: release})
	atReceiver = in.pubrel(a.ID)
	want(t, out.pubcomp(a.ID), action{Token: next.Token, ID: next.ID, Event: qos.Completed, Change: forget(q2)})
	return atReceiver
}

// The receiver has taken the message over and its PUBREC is lost; the sender
// gives the message up, and 65,534 messages later the id comes round.
func TestTheNextMessageWithTheIDOfOneGivenUpIsDelivered(t *testing.T) {
	eachVersion(t, func(t *testing.T, c qos.Connection) {
		out, in := newSender(t, c), newReceiver(t, c)
		id := out.publish(q2, 1)
		in.finish(in.deliver(id, q2), success)
		in.acks() // the PUBREC, lost

		out.connect(c)
		in.connect(c)
		want(t, giveUp(t, out, in), action{ID: id, Packet: mqttwire.PUBCOMP, Event: qos.Freed, Change: freed})
		for range 65534 {
			out.puback(out.publish(q1, 2))
		}
		if again := out.publish(q2, 3); again != id {
			t.Fatalf("id %d, want %d again", again, id)
		}
		in.deliver(id, q2)
	})
}

// The same where the receiver's caller has not decided yet: it must not decide
// the next message with the ticket of this one.
func TestADeliveryOfWhatWasGivenUpIsWithdrawn(t *testing.T) {
	eachVersion(t, func(t *testing.T, c qos.Connection) {
		out, in := newSender(t, c), newReceiver(t, c)
		id := out.publish(q2, 1)
		old := in.deliver(id, q2)

		out.connect(c)
		in.connect(c)
		want(t, giveUp(t, out, in), action{ID: id, Packet: mqttwire.PUBCOMP, Reason: unknown(c), Event: qos.Withdrawn, Change: freed})
		wantStale(t, in, old)
		ticket := in.deliver(id, q2)
		wantStale(t, in, old)
		same(t, in.acks())
		in.finish(ticket, success)
		same(t, in.acks(), packet{Type: mqttwire.PUBREC, ID: id})
	})
}

// And where the PUBLISH never came: PUBCOMP says so, and nothing is held.
func TestGivingUpWhatNeverCameIsAnswered(t *testing.T) {
	eachVersion(t, func(t *testing.T, c qos.Connection) {
		out, in := newSender(t, c), newReceiver(t, c)
		id := out.publish(q2, 1)
		out.connect(c)
		in.connect(c)
		want(t, giveUp(t, out, in), action{ID: id, Packet: mqttwire.PUBCOMP, Reason: unknown(c), Event: qos.Unsolicited})
		if out.InFlight() != 0 || in.InFlight() != 0 {
			t.Errorf("%d and %d in flight", out.InFlight(), in.InFlight())
		}
	})
}

// A receiver that keeps at most 8 counts over all connections: a message given
// up on each of nine must leave it room.
func TestMessagesGivenUpLeaveTheReceiverItsWindow(t *testing.T) {
	eachVersion(t, func(t *testing.T, c qos.Connection) {
		c.Window = 8
		for _, decided := range []bool{true, false} {
			out, in := newSender(t, c), newReceiver(t, c)
			for i := range 9 {
				id := out.publish(q2, uint64(i))
				ticket := in.deliver(id, q2)
				if decided {
					in.finish(ticket, success)
				}
				in.acks()
				out.connect(c)
				in.connect(c)
				giveUp(t, out, in)
				if n := in.InFlight(); n != 0 {
					t.Fatalf("%d ids held after %d were given up", n, i+1)
				}
			}
		}
	})
}

func TestGivingUpQoS1FreesItsID(t *testing.T) {
	eachVersion(t, func(t *testing.T, c qos.Connection) {
		out := newSender(t, c)
		one, two := out.publish(q1, 1), out.publish(q1, 2)
		out.connect(c)
		a, err := out.GiveUp(one, 0)
		noError(t, err)
		want(t, a, action{Token: 1, ID: one, Event: qos.GivenUp, Change: forget(q1)})
		if x := out.Find(one); x != (qos.Exchange{}) {
			t.Errorf("%+v", x)
		}
		want(t, out.puback(one), action{ID: one, Event: qos.Unsolicited})
		same(t, out.resends(), packet{mqttwire.PUBLISH, two, true})
	})
}

// Out of its turn a message given up keeps the order of PUBRELs: behind those
// that are to be resumed.
func TestGivingUpOutOfTurn(t *testing.T) {
	out := newSender(t, v50)
	for i := range 4 {
		out.publish(q2, uint64(i))
	}
	out.pubrec(2, success)
	out.connect(v50)
	a, err := out.GiveUp(3, 0)
	noError(t, err)
	want(t, a, action{Token: 2, ID: 3, Event: qos.GivenUp, Change: release})
	same(t, out.resends(), packet{mqttwire.PUBREL, 2, false}, packet{mqttwire.PUBREL, 3, false},
		packet{mqttwire.PUBLISH, 1, true}, packet{mqttwire.PUBLISH, 4, true})

	out.connect(maximum(1))
	same(t, out.resends(), packet{mqttwire.PUBREL, 2, false}, packet{mqttwire.PUBREL, 3, false}, packet{mqttwire.PUBLISH, 1, true})
	a, err = out.GiveUp(4, 0) // the quota is used up, and a PUBREL takes none
	noError(t, err)
	want(t, a, action{Token: 3, ID: 4, Packet: mqttwire.PUBREL, Flags: 2, Event: qos.GivenUp, Change: release})
}

// Without a connection nothing can be written: the PUBREL comes first on the
// next one, over a crash too.
func TestGivingUpWithoutConnection(t *testing.T) {
	out := newSender(t, v50)
	out.publish(q2, 1)
	out.publish(q1, 2)
	out.publish(q1, 3)
	out.Disconnect()
	a, err := out.GiveUp(1, 0)
	noError(t, err)
	want(t, a, action{Token: 1, ID: 1, Event: qos.GivenUp, Change: release})
	a, err = out.GiveUp(2, 0)
	noError(t, err)
	want(t, a, action{Token: 2, ID: 2, Event: qos.GivenUp, Change: forget(q1)})
	restored := sender{t: t}
	noError(t, restored.Restore(out.AppendSnapshot(nil)))
	for _, s := range []*sender{out, &restored} {
		s.connect(v50)
		same(t, s.resends(), packet{mqttwire.PUBREL, 1, false}, packet{mqttwire.PUBLISH, 3, true})
	}
}

// The connection breaks after the PUBREL of a message given up: it is resumed
// like any other.
func TestWhatWasGivenUpIsResumedWithPubrel(t *testing.T) {
	out := newSender(t, v311)
	out.publish(q2, 1)
	for range 2 {
		out.connect(v311)
		out.GiveUp(1, 0)
		out.resends()
	}
	out.connect(v311)
	same(t, out.resends(), packet{mqttwire.PUBREL, 1, false})
	_, err := out.GiveUp(1, 0)
	wantError(t, err, mqttwire.ErrStaleTicket)
}

func TestWhatCannotBeGivenUp(t *testing.T) {
	out := newSender(t, v50)
	one, two, done := out.publish(q1, 1), out.publish(q2, 2), out.publish(q2, 3)
	out.pubrec(done, success)
	request, err := out.Subscribe(4)
	noError(t, err)
	before := string(out.AppendSnapshot(nil))
	for id, want := range map[uint16]mqttwire.Error{
		one: mqttwire.ErrAwaitingAck, two: mqttwire.ErrAwaitingAck, // this connection carried them
		done: mqttwire.ErrStaleTicket, request.ID: mqttwire.ErrStaleTicket, 0: mqttwire.ErrStaleTicket, 4711: mqttwire.ErrStaleTicket,
	} {
		a, err := out.GiveUp(id, 0)
		wantError(t, err, want)
		if a != (qos.Action{}) {
			t.Errorf("id %d: %+v", id, a)
		}
	}
	if string(out.AppendSnapshot(nil)) != before || out.Quota() != 65532 {
		t.Error("something changed")
	}
}

// A message that the sender gave up and then loses with its session is told as
// one that the receiver may have.
func TestWhatWasGivenUpIsDroppedWithItsSession(t *testing.T) {
	out := newSender(t, v50)
	out.publish(q2, 1)
	out.Disconnect()
	_, err := out.GiveUp(1, 0)
	noError(t, err)
	lost := v50
	lost.Resumed = false
	out.connect(lost)
	same(t, out.drops(), qos.Dropped{Token: 1, ID: 1, Await: qos.AwaitPubcomp})
}

// A message that cannot be sent again now keeps its turn: nothing overtakes it.
func TestNextResendStaysUntilItIsSentOrGivenUp(t *testing.T) {
	out := newSender(t, v50)
	out.publish(q1, 1)
	out.publish(q1, 2)
	out.connect(v50)
	first, ok := out.NextResend()
	if !ok || first.ID != 1 {
		t.Fatalf("%+v %v", first, ok)
	}
	_, err := out.Resend(2, 0)
	wantError(t, err, mqttwire.ErrStaleTicket)
	for range 3 {
		if a, ok := out.NextResend(); a != first || !ok {
			t.Fatalf("%+v %v, want %+v again", a, ok, first)
		}
		_, err := out.Publish(q1, 3, 0)
		wantError(t, err, mqttwire.ErrResuming)
	}
	_, err = out.Resend(1, 0)
	noError(t, err)
	_, err = out.Publish(q1, 3, 0)
	wantError(t, err, mqttwire.ErrResuming)
	_, err = out.GiveUp(2, 0)
	noError(t, err)
	out.publish(q1, 3)
}
