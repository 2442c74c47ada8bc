package qos_test

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// What comes twice, or with an id that is taken.

func TestQoS2IsDeduplicatedByIDWhateverDupSays(t *testing.T) {
	for _, dup := range []bool{false, true} {
		in := newReceiver(t, v50)
		in.deliver(5, q2)
		if a := in.publish(5, q2, dup); a.Event != qos.Duplicate {
			t.Errorf("DUP %v: %v", dup, a.Event)
		}
		// And DUP alone does not make a duplicate: the first sending was lost.
		if a := in.publish(6, q2, true); a.Event != qos.Deliver {
			t.Errorf("DUP on an unknown id: %v", a.Event)
		}
	}
}

func TestDuplicatePublishIsAnsweredWithTheSamePubrec(t *testing.T) {
	in := newReceiver(t, v50)
	in.finish(in.deliver(5, q2), mqttwire.NoMatchingSubscribers)
	for range 2 {
		a, ok := in.NextAck()
		if !ok {
			t.Fatal("no PUBREC")
		}
		want(t, a, action{ID: 5, Packet: mqttwire.PUBREC, Reason: mqttwire.NoMatchingSubscribers})
		if a := in.publish(5, q2, true); a.Event != qos.Duplicate {
			t.Fatal(a.Event)
		}
	}
}

func TestDuplicateWhileUndecidedIsNotDeliveredAndOnePubrecLeaves(t *testing.T) {
	in := newReceiver(t, v50)
	ticket := in.deliver(5, q2)
	in.publish(5, q2, true)
	in.publish(5, q2, true)
	same(t, in.acks())
	in.finish(ticket, success)
	same(t, in.acks(), packet{Type: mqttwire.PUBREC, ID: 5})
}

func TestDuplicateQoS1WhileUndecidedIsNotDelivered(t *testing.T) {
	in := newReceiver(t, v311)
	ticket := in.deliver(5, q1)
	if a := in.publish(5, q1, true); a.Event != qos.Duplicate {
		t.Errorf("%v", a.Event)
	}
	_, err := in.Publish(5, q1, false) // another message
	wantError(t, err, mqttwire.ErrPacketIDInUse)
	in.finish(ticket, success)
	same(t, in.acks(), packet{Type: mqttwire.PUBACK, ID: 5})
	// After the PUBACK it is a new message, irrespective of DUP [MQTT-4.3.2-5].
	if a := in.publish(5, q1, true); a.Event != qos.Deliver {
		t.Errorf("after PUBACK: %v", a.Event)
	}
}

// Some servers send again on the same connection without DUP. It is one message
// and has one PUBACK, as far as the connection says so.
func TestRepeatWithoutDup(t *testing.T) {
	for _, v := range []qos.Connection{v311, v50} {
		v.RepeatWithoutDup, v.ReceiveMaximum = true, 1
		in := newReceiver(t, v)
		ticket := in.deliver(5, q1)
		for range 2 {
			if !in.Knows(5, q1, false) {
				t.Errorf("%v: not known", v.Version)
			}
			if a := in.publish(5, q1, false); a.Event != qos.Duplicate || a.Token != 0 || a.Packet != 0 {
				t.Errorf("%v: %+v", v.Version, a)
			}
		}
		in.finish(ticket, success)
		if a := in.publish(5, q1, false); a.Event != qos.Duplicate {
			t.Errorf("%v: decided: %v", v.Version, a.Event)
		}
		same(t, in.acks(), packet{Type: mqttwire.PUBACK, ID: 5})
		ticket = in.deliver(5, q1) // after the PUBACK it is another message
		_, err := in.Publish(5, q2, false)
		wantError(t, err, mqttwire.ErrPacketIDInUse)
		in.finish(ticket, success)
		same(t, in.acks(), packet{Type: mqttwire.PUBACK, ID: 5})
		v.RepeatWithoutDup, v.Resumed = false, true
		if err := in.Connect(v); err != nil {
			t.Fatal(err)
		}
		in.deliver(5, q1)
		_, err = in.Publish(5, q1, false)
		wantError(t, err, mqttwire.ErrPacketIDInUse)
	}
}

func TestPublishOfAnIDHeldByTheOtherQoSIsAnError(t *testing.T) {
	in := newReceiver(t, v50)
	in.deliver(1, q1)
	in.deliver(2, q2)
	for id, l := range map[uint16]qos.Level{1: q2, 2: q1} {
		for _, dup := range []bool{false, true} {
			_, err := in.Publish(id, l, dup)
			wantError(t, err, mqttwire.ErrPacketIDInUse)
		}
	}
	e := mqttwire.ErrPacketIDInUse
	if got, want := e.Answer(mqttwire.V50, mqttwire.PUBLISH), (mqttwire.Answer{Packet: mqttwire.DISCONNECT, Code: mqttwire.ProtocolError, Version: mqttwire.V50}); got != want {
		t.Errorf("5.0 answer %+v", got)
	}
	if got := e.Answer(mqttwire.V311, mqttwire.PUBLISH); got != (mqttwire.Answer{}) {
		t.Errorf("3.1.1 answer %+v", got)
	}
}
