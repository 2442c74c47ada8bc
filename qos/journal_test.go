package qos_test

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

func TestJournalBringsTheSessionBack(t *testing.T) {
	var out sender
	out.t = t
	for _, l := range []line{
		{qos.Store, 1, q1, 10}, {qos.Store, 9, q2, 20}, {qos.Store, 3, q2, 30}, // 1 and 9 meet in the smallest ring
		{qos.Release, 3, 0, 30}, {qos.Release, 9, 0, 20}, {qos.Store, 4, q2, 40}, {qos.Forget, 3, 0, 30},
	} {
		noError(t, out.Replay(l.op, l.id, l.level, l.token))
	}
	for what, l := range map[string]line{
		"id 0":                     {qos.Store, 0, q1, 0},
		"QoS 0":                    {qos.Store, 7, 0, 0},
		"an id twice":              {qos.Store, 9, q1, 0},
		"release of nothing":       {qos.Release, 5, 0, 0},
		"release of QoS 1":         {qos.Release, 1, 0, 0},
		"forgetting nothing":       {qos.Forget, 5, 0, 0},
		"a line of an Inbound":     {qos.Accept, 5, q1, 0},
		"a line that says nothing": {qos.Nothing, 1, q1, 0},
	} {
		if err := out.Replay(l.op, l.id, l.level, l.token); err != mqttwire.ErrSnapshot {
			t.Errorf("%s: %v", what, err)
		}
	}
	out.connect(v50)
	if err := out.Replay(qos.Store, 50, q1, 0); err != mqttwire.ErrSnapshot {
		t.Errorf("on a connection: %v", err)
	}
	same(t, out.resends(), packet{mqttwire.PUBREL, 9, false}, packet{mqttwire.PUBLISH, 1, true}, packet{mqttwire.PUBLISH, 4, true})
	if id := out.publish(q1, 50); id != 5 {
		t.Errorf("next id %d", id)
	}

	var in receiver
	in.t = t
	noError(t, in.Replay(qos.Accept, 5, q2))
	noError(t, in.Replay(qos.Accept, 5, q2))
	noError(t, in.Replay(qos.Accept, 6, q2))
	noError(t, in.Replay(qos.Accept, 7, q1))
	noError(t, in.Replay(qos.Forget, 6, q2))
	wantError(t, in.Replay(qos.Store, 8, q2), mqttwire.ErrSnapshot)
	in.connect(v50)
	for id, event := range map[uint16]qos.Event{5: qos.Duplicate, 6: qos.Deliver, 7: qos.Deliver} {
		if a := in.publish(id, q2, true); a.Event != event {
			t.Errorf("id %d: %v", id, a.Event)
		}
	}
}
