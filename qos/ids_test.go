package qos_test

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// Packet Identifiers.

// Id 7 of the client and id 7 of the server are two exchanges.
func TestPacketIDsArePerDirection(t *testing.T) {
	out, in := newSender(t, v50), newReceiver(t, v50)
	id := out.publish(q2, 1)
	ticket := in.deliver(id, q1)
	out.pubrec(id, success)
	in.finish(ticket, success)
	same(t, in.acks(), packet{Type: mqttwire.PUBACK, ID: id})
	want(t, out.pubcomp(id), action{Token: 1, ID: id, Event: qos.Completed, Change: forget(q2)})
}

func TestPacketIDsStartAtOneRiseAndWrap(t *testing.T) {
	out := newSender(t, v50)
	for round := range 2 {
		for id := 1; id <= 65535; id++ {
			if got := out.publish(q1, 0); got != uint16(id) {
				t.Fatalf("round %d: id %d, want %d", round, got, id)
			}
			out.puback(uint16(id))
		}
	}
}

func TestPacketIDInUseIsNeverHandedOut(t *testing.T) {
	out := newSender(t, v311)
	used, requests := map[uint16]bool{}, []uint16{}
	take := func(id uint16) uint16 {
		t.Helper()
		if id == 0 || used[id] {
			t.Fatalf("id %d is 0 or in use", id)
		}
		used[id] = true
		return id
	}
	// Long-lived ids of each kind, spread over the space, and all the others
	// many times over; in between a resumption and a restored snapshot.
	for i := range 200_000 {
		if i == 70_000 || i == 140_000 {
			if i == 140_000 {
				noError(t, out.Restore(out.AppendSnapshot(nil)))
			}
			out.connect(v311)
			for _, id := range requests {
				delete(used, id)
			}
			requests = nil
			out.drops()
			out.resends()
		}
		switch {
		case i%5000 == 1:
			take(out.publish(q2, 0))
		case i%5000 == 2:
			a, err := out.Subscribe(0)
			noError(t, err)
			requests = append(requests, take(a.ID))
		default:
			id := take(out.publish(q1, 0))
			out.puback(id)
			delete(used, id)
		}
	}
}

func TestSubscribeAndUnsubscribeShareTheIDsAndFreeThemWithTheConnection(t *testing.T) {
	out := newSender(t, maximum(1))
	out.publish(q1, 1)
	sub, err := out.Subscribe(2) // takes no quota
	noError(t, err)
	want(t, sub, action{Token: 2, ID: 2, Packet: mqttwire.SUBSCRIBE, Flags: 2})
	unsub, err := out.Unsubscribe(3)
	noError(t, err)
	want(t, unsub, action{Token: 3, ID: 3, Packet: mqttwire.UNSUBSCRIBE, Flags: 2})

	_, err = out.Suback(3)
	wantError(t, err, mqttwire.ErrAckMismatch)
	_, err = out.Unsuback(2)
	wantError(t, err, mqttwire.ErrAckMismatch)
	_, err = out.Puback(2, success)
	wantError(t, err, mqttwire.ErrAckMismatch)
	_, err = out.Suback(1)
	wantError(t, err, mqttwire.ErrAckMismatch)
	a, err := out.Suback(9)
	noError(t, err)
	want(t, a, action{ID: 9, Event: qos.Unsolicited})
	a, err = out.Suback(2)
	noError(t, err)
	want(t, a, action{Token: 2, ID: 2, Event: qos.Completed})

	out.Disconnect()
	same(t, out.drops(), qos.Dropped{Token: 3, ID: 3, Await: qos.AwaitUnsuback})
	out.connect(v50)
	if x := out.Find(3); x != (qos.Exchange{}) {
		t.Errorf("%+v after its connection", x)
	}
	same(t, out.resends(), packet{mqttwire.PUBLISH, 1, true})
}

func TestPacketIDExhaustionIsAnErrorToWaitOn(t *testing.T) {
	out := newSender(t, v50)
	for range 65535 {
		_, err := out.Subscribe(0)
		noError(t, err)
	}
	_, err := out.Subscribe(0)
	wantError(t, err, mqttwire.ErrPacketIDsExhausted)
	_, err = out.Publish(q1, 0, 0)
	wantError(t, err, mqttwire.ErrPacketIDsExhausted)
	_, err = out.Suback(4711)
	noError(t, err)
	if id := out.publish(q1, 0); id != 4711 {
		t.Errorf("id %d, want the only one that is free", id)
	}
}

func TestAnIDThatIsToBeDroppedIsNotHandedOut(t *testing.T) {
	out := newSender(t, v50)
	out.publish(q1, 1)
	gone := v50
	gone.Resumed = false
	out.connect(gone)
	for range 65534 {
		if id := out.publish(q1, 2); id == 1 {
			t.Fatal("id 1 in use twice")
		}
	}
	out.puback(2)
	want(t, out.puback(1), action{ID: 1, Event: qos.Unsolicited})
	if d := out.drops(); len(d) != 1 {
		t.Fatal(d)
	}
}
