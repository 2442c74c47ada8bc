package qos_test

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// Deliveries that the caller decides late, or not at all.

func TestAcksLeaveInTheOrderOfTheirPublishes(t *testing.T) {
	in := newReceiver(t, v50)
	a, b, c, d := in.deliver(9, q1), in.deliver(3, q2), in.deliver(7, q2), in.deliver(5, q1)
	in.finish(d, success)
	in.finish(c, failure)
	same(t, in.acks())
	in.finish(a, success)
	same(t, in.acks(), packet{Type: mqttwire.PUBACK, ID: 9})
	in.finish(b, success)
	same(t, in.acks(), packet{Type: mqttwire.PUBREC, ID: 3}, packet{Type: mqttwire.PUBREC, ID: 7}, packet{Type: mqttwire.PUBACK, ID: 5})
}

func TestTicketOfQoS1DecidesNothingOnTheNextConnection(t *testing.T) {
	in := newReceiver(t, v50)
	old := in.deliver(5, q1)
	in.connect(v50)
	wantStale(t, in, old)
	ticket := in.deliver(5, q1)
	wantStale(t, in, old)
	same(t, in.acks())
	in.finish(ticket, success)
	same(t, in.acks(), packet{Type: mqttwire.PUBACK, ID: 5})
}

func TestTicketOfQoS2DecidesButItsPubrecWaitsForThePublish(t *testing.T) {
	for _, reason := range []mqttwire.Reason{success, failure} {
		in := newReceiver(t, v50)
		ticket := in.deliver(5, q2)
		in.Disconnect()
		in.finish(ticket, reason)
		wantStale(t, in, ticket)
		in.connect(v50)
		same(t, in.acks())
		if a := in.publish(5, q2, true); a.Event != qos.Duplicate {
			t.Errorf("delivered twice: %v", a.Event)
		}
		a, _ := in.NextAck()
		if a.Packet != mqttwire.PUBREC || a.Reason != reason {
			t.Errorf("%+v", a)
		}
	}
	// Finished after it came again: one PUBREC.
	in := newReceiver(t, v50)
	ticket := in.deliver(5, q2)
	in.connect(v50)
	in.publish(5, q2, true)
	in.finish(ticket, success)
	same(t, in.acks(), packet{Type: mqttwire.PUBREC, ID: 5})
}

func TestAckIsNeverWrittenOnTheNextConnection(t *testing.T) {
	in := newReceiver(t, v311)
	a, b := in.deliver(1, q1), in.deliver(2, q2)
	in.finish(a, success)
	in.finish(b, success)
	in.Disconnect()
	same(t, in.acks())
	in.connect(v311)
	same(t, in.acks())
}

func TestBefore50EveryReasonIsSuccess(t *testing.T) {
	in := newReceiver(t, v311)
	in.finish(in.deliver(1, q2), failure)
	a, _ := in.NextAck()
	want(t, a, action{ID: 1, Packet: mqttwire.PUBREC})
	want(t, in.pubrel(1), action{ID: 1, Packet: mqttwire.PUBCOMP, Event: qos.Freed, Change: freed})
}

// A message that was abandoned is as if it had never come: nothing is
// acknowledged, and what comes again is new.
func TestAbandonedDeliveryComesAgain(t *testing.T) {
	for _, v := range []qos.Connection{v311, v50} {
		for _, level := range []qos.Level{q1, q2} {
			in := newReceiver(t, v)
			before := in.deliver(4, level)
			ticket := in.deliver(5, level)
			_, err := in.Abandon(ticket)
			noError(t, err)
			wantStale(t, in, ticket)
			if n := in.InFlight(); n != 1 {
				t.Errorf("%d in flight", n)
			}
			in.finish(before, success)
			if len(in.acks()) != 1 {
				t.Error("not just the other one is acknowledged")
			}
			in.connect(v)
			again := in.deliver(5, level)
			in.finish(again, success)
			if len(in.acks()) != 1 {
				t.Error("what came again is not acknowledged")
			}
		}
	}
	// Nor is one that was decided abandoned any more.
	in := newReceiver(t, v50)
	ticket := in.deliver(5, q2)
	in.finish(ticket, success)
	wantStale(t, in, ticket)
}
