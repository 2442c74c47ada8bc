package qos_test

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

func record(op qos.Op, d qos.Direction, l qos.Level, id uint16, token uint64) qos.Record {
	return qos.Record{Token: token, ID: id, Change: op.Of(d, l)}
}

func sentRecord(op qos.Op, l qos.Level, id uint16, token uint64) qos.Record {
	return record(op, qos.Sent, l, id, token)
}

func receivedRecord(op qos.Op, l qos.Level, id uint16) qos.Record {
	return record(op, qos.Received, l, id, 0)
}

func TestRecordsBringTheSessionBack(t *testing.T) {
	out := sender{t: t}
	for _, r := range []qos.Record{
		{},
		sentRecord(qos.Store, q1, 1, 10), sentRecord(qos.Store, q2, 9, 20), sentRecord(qos.Store, q2, 3, 30), // 1 and 9 meet in the smallest ring
		sentRecord(qos.Release, q2, 3, 30), sentRecord(qos.Release, q2, 9, 20), sentRecord(qos.Store, q2, 4, 40), sentRecord(qos.Forget, q2, 3, 30),
	} {
		noError(t, out.Apply(r))
	}
	before := string(out.AppendSnapshot(nil))
	for what, r := range map[string]qos.Record{
		"id 0":                     sentRecord(qos.Store, q1, 0, 0),
		"QoS 0":                    sentRecord(qos.Store, 0, 7, 0),
		"QoS 3":                    sentRecord(qos.Store, 3, 7, 0),
		"an id twice":              sentRecord(qos.Store, q1, 9, 0),
		"release of nothing":       sentRecord(qos.Release, q2, 5, 0),
		"release of QoS 1":         sentRecord(qos.Release, q1, 1, 10),
		"release of another token": sentRecord(qos.Release, q2, 4, 41),
		"release twice":            sentRecord(qos.Release, q2, 9, 20),
		"forgetting nothing":       sentRecord(qos.Forget, q1, 5, 0),
		"forgetting another token": sentRecord(qos.Forget, q1, 1, 11),
		"forgetting another QoS":   sentRecord(qos.Forget, q2, 1, 10),
		"one of an Inbound":        receivedRecord(qos.Accept, q1, 5),
		"none":                     sentRecord(qos.Nothing, q1, 1, 10),
		"no operation":             sentRecord(7, q1, 1, 10),
		"bits that mean nothing":   {ID: 7, Change: qos.Store.Of(qos.Sent, q1) | 0x40},
		"Clear of an id":           {ID: 1, Change: qos.Change(qos.Clear)},
		"Clear of a token":         {Token: 1, Change: qos.Change(qos.Clear)},
		"Clear of a level":         {Change: qos.Clear.Of(qos.Sent, q1)},
	} {
		if err := out.Apply(r); err != mqttwire.ErrSnapshot {
			t.Errorf("%s: %v", what, err)
		}
		if string(out.AppendSnapshot(nil)) != before {
			t.Errorf("%s: changed the machine", what)
		}
	}
	out.connect(v50)
	wantError(t, out.Apply(sentRecord(qos.Store, q1, 50, 0)), mqttwire.ErrSnapshot)
	same(t, out.resends(), packet{mqttwire.PUBREL, 9, false}, packet{mqttwire.PUBLISH, 1, true}, packet{mqttwire.PUBLISH, 4, true})
	if id := out.publish(q1, 50); id != 5 {
		t.Errorf("next id %d", id)
	}

	in := receiver{t: t}
	for _, r := range []qos.Record{
		{}, receivedRecord(qos.Accept, q2, 5), receivedRecord(qos.Accept, q2, 5), receivedRecord(qos.Accept, q2, 6), receivedRecord(qos.Accept, q1, 7),
		receivedRecord(qos.Forget, q2, 6), receivedRecord(qos.Forget, q2, 6),
	} {
		noError(t, in.Apply(r))
	}
	before = string(in.AppendSnapshot(nil))
	for what, r := range map[string]qos.Record{
		"id 0":                    receivedRecord(qos.Accept, q2, 0),
		"QoS 0":                   receivedRecord(qos.Accept, 0, 8),
		"QoS 3":                   receivedRecord(qos.Accept, 3, 8),
		"a token":                 {Token: 1, ID: 8, Change: qos.Accept.Of(qos.Received, q2)},
		"one of an Outbound":      sentRecord(qos.Store, q2, 8, 0),
		"forgetting what is sent": sentRecord(qos.Forget, q2, 5, 0),
		"none":                    receivedRecord(qos.Nothing, q2, 8),
		"release":                 receivedRecord(qos.Release, q2, 5),
		"bits that mean nothing":  {ID: 8, Change: qos.Accept.Of(qos.Received, q2) | 0x80},
		"Clear of an id":          {ID: 5, Change: qos.Change(qos.Clear)},
	} {
		if err := in.Apply(r); err != mqttwire.ErrSnapshot {
			t.Errorf("%s: %v", what, err)
		}
		if string(in.AppendSnapshot(nil)) != before {
			t.Errorf("%s: changed the machine", what)
		}
	}
	in.connect(v50)
	wantError(t, in.Apply(receivedRecord(qos.Accept, q2, 50)), mqttwire.ErrSnapshot)
	for id, event := range map[uint16]qos.Event{5: qos.Duplicate, 6: qos.Deliver, 7: qos.Deliver} {
		if a := in.publish(id, q2, true); a.Event != event {
			t.Errorf("id %d: %v", id, a.Event)
		}
	}
}

// A session lost is one Record, for both machines.
func TestClearMakesTheSessionNew(t *testing.T) {
	lost := v50
	lost.Resumed = false
	r := lost.Record()
	if r != (qos.Record{Change: qos.Change(qos.Clear)}) || v50.Record() != (qos.Record{}) {
		t.Fatalf("%v and %v", r, v50.Record())
	}
	out, in := busy(t)
	out.Disconnect()
	in.Disconnect()
	noError(t, out.Apply(r))
	noError(t, in.Apply(r))
	if out.InFlight() != 0 || in.InFlight() != 0 || len(out.drops()) != 0 {
		t.Error("something is left")
	}
	out.connect(v50)
	in.connect(v50)
	same(t, out.resends())
	in.deliver(900, q2)
}

// What each step keeps, and what is read back of it.
func TestWhatARecordSays(t *testing.T) {
	out, in := newSender(t, v50), newReceiver(t, v50)
	ticket, refused, one := in.deliver(7, q2), in.deliver(8, q2), in.deliver(9, q1)
	a, err := out.Publish(q2, 5, 0)
	noError(t, err)
	accepted, err := in.Finish(ticket, success)
	noError(t, err)
	if accepted != ticket.Record() {
		t.Errorf("Finish says %v, the ticket %v", accepted, ticket.Record())
	}
	not, err := in.Finish(refused, failure)
	noError(t, err)
	not1, err := in.Finish(one, failure)
	noError(t, err)
	lost := v50
	lost.Resumed = false
	for want, r := range map[string]qos.Record{
		"nothing":                         not1,
		"store sent QoS 2 id 1 token 5":   a.Record(),
		"release sent QoS 2 id 1 token 5": out.pubrec(1, success).Record(),
		"forget sent QoS 2 id 1 token 5":  out.pubcomp(1).Record(),
		"accept received QoS 2 id 7":      accepted,
		"forget received QoS 2 id 8":      not,
		"forget received QoS 2 id 7":      in.pubrel(7).Record(),
		"accept received QoS 1 id 9":      one.Record(),
		"clear":                           lost.Record(),
	} {
		if r.String() != want {
			t.Errorf("%v, want %s", r, want)
		}
	}
	if r := qos.Ticket(0).Record(); r != (qos.Record{}) {
		t.Errorf("the zero Ticket says %v", r)
	}
	if r := in.pubrel(7).Record(); r != (qos.Record{}) {
		t.Errorf("a PUBREL for nothing says %v", r)
	}
}

// A Change keeps its parts apart.
func TestChangeHasItsParts(t *testing.T) {
	seen := map[qos.Change]bool{}
	for op := qos.Nothing; op <= qos.Clear; op++ {
		for _, d := range []qos.Direction{qos.Sent, qos.Received} {
			for l := qos.AtMostOnce; l <= qos.ExactlyOnce; l++ {
				c := op.Of(d, l)
				if c.Op() != op || c.Direction() != d || c.Level() != l || seen[c] {
					t.Errorf("%v of %v and %v is %v %v %v", op, d, l, c.Op(), c.Direction(), c.Level())
				}
				seen[c] = true
			}
		}
	}
}
