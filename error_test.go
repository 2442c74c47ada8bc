package mqttwire_test

import (
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/testdata"
)

// lastError is the highest constant. The table tests below notice a new one
// only through it, so TestErrorsEnd fails when it is out of date.
const lastError = mqttwire.ErrSessionInUse

func TestErrorsEnd(t *testing.T) {
	if (lastError+1).Error() != "unknown error" || mqttwire.Error(0).Error() != "unknown error" {
		t.Error("lastError is not the last error")
	}
	if _, ok := (lastError + 1).Clause(mqttwire.V50); ok {
		t.Error("a value past the last error breaks a clause")
	}
	if r := (lastError + 1).Reason(); r != mqttwire.UnspecifiedError {
		t.Errorf("reason of an unknown error: %v", r)
	}
}

// TestErrorRows holds that every row of the table is filled: a text of its own,
// a reason that DISCONNECT or CONNACK may carry, and a clause in some version.
func TestErrorRows(t *testing.T) {
	known := map[mqttwire.Version]map[string]bool{mqttwire.V311: {}, mqttwire.V50: {}}
	for v, ids := range known {
		clauses, err := testdata.Clauses(v.String())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range clauses {
			ids[c.ID] = true
		}
	}
	texts := map[string]mqttwire.Error{}
	for e := mqttwire.Error(1); e <= lastError; e++ {
		if e.Error() == "unknown error" {
			t.Errorf("error %d has no text", e)
		}
		if other, ok := texts[e.Error()]; ok {
			t.Errorf("errors %d and %d have the same text %q", other, e, e)
		}
		texts[e.Error()] = e
		if r := e.Reason(); !r.IsError() || !r.AllowedIn(mqttwire.CONNACK) && !r.AllowedIn(mqttwire.DISCONNECT) && !r.AllowedIn(mqttwire.PUBACK) {
			t.Errorf("%v: reason %v", e, r)
		}
		clauses := 0
		for _, v := range []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50} {
			clause, ok := e.Clause(v)
			if !ok {
				continue
			}
			clauses++
			if strings.HasPrefix(clause, "MQTT-") && !known[v][clause] {
				t.Errorf("%v: %v has no clause %s", e, v, clause)
			}
		}
		if clauses == 0 {
			t.Errorf("%v breaks no clause of any version", e)
		}
	}
	if _, ok := mqttwire.ErrUTF8.Clause(0); ok {
		t.Error("a clause of the zero Version")
	}
}

// TestAnswers walks every error and packet type: what is answered is a packet
// the version has, with a code that packet may carry.
func TestAnswers(t *testing.T) {
	for e := mqttwire.Error(1); e <= lastError; e++ {
		for _, v := range []mqttwire.Version{0, mqttwire.V31, mqttwire.V311, mqttwire.V50} {
			for typ := mqttwire.PacketType(0); typ <= mqttwire.AUTH; typ++ {
				a := e.Answer(v, typ)
				switch {
				case a == mqttwire.Answer{}:
				case a.Packet == mqttwire.CONNACK && a.Version == mqttwire.V50:
					if typ != mqttwire.CONNECT || v != mqttwire.V50 || !a.Code.AllowedIn(mqttwire.CONNACK) || !a.Code.IsError() {
						t.Errorf("%v in a %v of %v: %+v", e, typ, v, a)
					}
				case a.Packet == mqttwire.CONNACK:
					if typ != mqttwire.CONNECT || !a.Version.Valid() || a.Code < 1 || a.Code > 5 {
						t.Errorf("%v in a %v of %v: %+v", e, typ, v, a)
					}
				case a.Packet != mqttwire.DISCONNECT || v != mqttwire.V50 || a.Version != v || !a.Code.AllowedIn(mqttwire.DISCONNECT) || !a.Code.IsError():
					t.Errorf("%v in a %v of %v: %+v", e, typ, v, a)
				}
			}
		}
	}
}

func TestAnswerByClause(t *testing.T) {
	for _, c := range []struct {
		clause string
		err    mqttwire.Error
		v      mqttwire.Version
		in     mqttwire.PacketType
		want   mqttwire.Answer
	}{
		{"3.1.1 MQTT-3.1.4-1", mqttwire.ErrUTF8, mqttwire.V311, mqttwire.CONNECT, mqttwire.Answer{}},
		{"3.1.1 MQTT-3.1.2-2", mqttwire.ErrProtocolVersion, mqttwire.V311, mqttwire.CONNECT, mqttwire.Answer{Packet: mqttwire.CONNACK, Code: 1, Version: mqttwire.V311}},
		{"3.1.1 MQTT-3.1.2-2, version unknown", mqttwire.ErrProtocolVersion, 0, mqttwire.CONNECT, mqttwire.Answer{Packet: mqttwire.CONNACK, Code: 1, Version: mqttwire.V311}},
		{"5.0 MQTT-3.1.2-2", mqttwire.ErrProtocolVersion, mqttwire.V50, mqttwire.CONNECT, mqttwire.Answer{Packet: mqttwire.CONNACK, Code: mqttwire.UnsupportedProtocolVersion, Version: mqttwire.V50}},
		{"3.1.1 MQTT-3.1.3-8", mqttwire.ErrClientIDEmpty, mqttwire.V311, mqttwire.CONNECT, mqttwire.Answer{Packet: mqttwire.CONNACK, Code: 2, Version: mqttwire.V311}},
		{"3.1 §3.1", mqttwire.ErrClientIDTooLong, mqttwire.V31, mqttwire.CONNECT, mqttwire.Answer{Packet: mqttwire.CONNACK, Code: 2, Version: mqttwire.V31}},
		{"MQTT-3.1.2-1", mqttwire.ErrProtocolName, mqttwire.V50, mqttwire.CONNECT, mqttwire.Answer{}},
		{"5.0 MQTT-4.13.1-1, CONNECT", mqttwire.ErrUTF8, mqttwire.V50, mqttwire.CONNECT, mqttwire.Answer{Packet: mqttwire.CONNACK, Code: mqttwire.MalformedPacket, Version: mqttwire.V50}},
		{"5.0 MQTT-4.13.1-1, PUBLISH", mqttwire.ErrQoS, mqttwire.V50, mqttwire.PUBLISH, mqttwire.Answer{Packet: mqttwire.DISCONNECT, Code: mqttwire.MalformedPacket, Version: mqttwire.V50}},
		{"5.0 MQTT-3.3.2-8", mqttwire.ErrTopicAliasZero, mqttwire.V50, mqttwire.PUBLISH, mqttwire.Answer{Packet: mqttwire.DISCONNECT, Code: mqttwire.TopicAliasInvalid, Version: mqttwire.V50}},
		{"MQTT-3.1.0-1", mqttwire.ErrConnectFirst, 0, mqttwire.PUBACK, mqttwire.Answer{}},
		{"3.1.1 MQTT-4.8.0-1", mqttwire.ErrQoS, mqttwire.V311, mqttwire.PUBLISH, mqttwire.Answer{}},
	} {
		if got := c.err.Answer(c.v, c.in); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.clause, got, c.want)
		}
	}
}

func TestErrorsDoNotAllocate(t *testing.T) {
	var err error
	n := testing.AllocsPerRun(100, func() {
		for e := mqttwire.Error(1); e <= lastError; e++ {
			err = e
			_, _ = e.Clause(mqttwire.V50)
			_ = e.Answer(mqttwire.V50, mqttwire.PUBLISH)
			_ = err.Error()
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
