package session_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/session"
	"github.com/mqttwire/mqttwire/testdata"
)

// The rules that take what one connection or one session has seen (layer
// "state" of the clause tables), and what shows that the ends keep them. A rule
// is named by version and number, an error rule of 5.0 by its number alone.
var rules = []struct {
	ids  []string
	test func(*testing.T)
}{
	{ids("3.1.1 MQTT-3.1.0-2", "5.0 MQTT-3.1.0-2", "E-3.1/1", "3.1.1 MQTT-4.8.0-1", "5.0 MQTT-4.13.1-1", "E-4.13.1/5"), testSecondConnect},
	{ids("3.1.1 MQTT-3.1.2-2", "5.0 MQTT-3.1.2-2"), testUnknownVersion},
	{ids("3.1.1 MQTT-3.1.2-24", "5.0 MQTT-3.1.2-22", "5.0 MQTT-3.2.2-22"), testServerKeepAlive},
	{ids("3.1.1 MQTT-3.1.3-5", "5.0 MQTT-3.1.3-5", "3.1.1 MQTT-3.1.4-4", "5.0 MQTT-3.1.4-5", "3.1.1 MQTT-3.2.0-1"), testGoodConnect},
	{ids("3.1.1 MQTT-3.1.3-8"), testEmptyClientID},
	{ids("3.1.1 MQTT-3.1.3-9", "5.0 MQTT-3.1.3-8", "E-3.1.3.1/1", "3.1.1 MQTT-3.2.2-5", "5.0 MQTT-3.2.2-7", "3.1.1 MQTT-3.1.4-5",
		"5.0 MQTT-3.1.4-2", "5.0 MQTT-3.1.4-6", "5.0 MQTT-4.13.2-1", "E-4.13.2/4", "3.1.1 MQTT-3.2.2-6"), testRefusalEnds},
	{ids("5.0 MQTT-3.2.0-1", "5.0 MQTT-3.2.0-2", "5.0 MQTT-3.14.0-1"), testNothingBeforeConnack},
	{ids("3.1.1 MQTT-3.2.2-1", "5.0 MQTT-3.2.2-2"), testCleanStart},
	{ids("5.0 MQTT-3.1.3-7"), testAssignedClientID},
	{ids("5.0 MQTT-3.1.2-28"), testResponseInformation},
	{ids("5.0 MQTT-3.1.2-24", "E-3.1.2.11.4/2", "E-3.2.2.3.6/2"), testMaximumPacketSize},
	{ids("5.0 MQTT-3.1.2-29", "E-3.1.2.11.7/2"), testProblemInformation},
	{ids("5.0 MQTT-3.2.2-19", "5.0 MQTT-3.2.2-20", "5.0 MQTT-3.4.2-2", "5.0 MQTT-3.4.2-3", "5.0 MQTT-3.5.2-2", "5.0 MQTT-3.5.2-3",
		"5.0 MQTT-3.6.2-2", "5.0 MQTT-3.6.2-3", "5.0 MQTT-3.7.2-2", "5.0 MQTT-3.7.2-3", "5.0 MQTT-3.9.2-1", "5.0 MQTT-3.9.2-2",
		"5.0 MQTT-3.11.2-1", "5.0 MQTT-3.11.2-2", "5.0 MQTT-3.14.2-3", "5.0 MQTT-3.14.2-4", "5.0 MQTT-3.15.2-2", "5.0 MQTT-3.15.2-3"), testExplanationsThatFit},
	{ids("5.0 MQTT-3.1.2-26", "5.0 MQTT-3.1.2-27", "5.0 MQTT-3.3.2-7", "5.0 MQTT-3.3.2-11"), testAliasesGiven},
	{ids("5.0 MQTT-3.3.2-12", "E-3.3.4/4"), testAliasesReceived},
	{ids("5.0 MQTT-3.2.2-9", "5.0 MQTT-3.2.2-10", "E-3.2.2.3.4/2", "E-3.2.2.3.5/3", "E-3.3.1.3/1", "E-3.2.2.3.11/2", "E-3.2.2.3.12/2",
		"E-3.2.2.3.13/2", "3.1.1 MQTT-3.8.3-2"), testFeatures},
	{ids("5.0 MQTT-3.2.2-12", "5.0 MQTT-3.2.2-13", "E-3.2.2.3.4/4", "E-3.2.2.3.5/2"), testWillNotSupported},
	{ids("E-3.14.2.2.2/2"), testSessionExpiryInDisconnect},
	{ids("5.0 MQTT-3.14.4-1", "5.0 MQTT-3.14.4-2"), testNothingAfterDisconnect},
	{ids("3.1.1 MQTT-3.12.4-1", "5.0 MQTT-3.12.4-1"), testPing},
	{ids("3.1.1 MQTT-3.8.4-1", "3.1.1 MQTT-3.8.4-2", "3.1.1 MQTT-3.8.4-4", "3.1.1 MQTT-3.8.4-5", "3.1.1 MQTT-3.9.3-1", "3.1.1 MQTT-2.3.1-7",
		"3.1.1 MQTT-3.10.4-4", "3.1.1 MQTT-3.10.4-5", "3.1.1 MQTT-3.10.4-6", "5.0 MQTT-3.8.4-1", "5.0 MQTT-3.8.4-2", "5.0 MQTT-3.8.4-5",
		"5.0 MQTT-3.8.4-6", "5.0 MQTT-3.8.4-7", "5.0 MQTT-3.9.3-1", "5.0 MQTT-3.10.4-4", "5.0 MQTT-3.10.4-5", "5.0 MQTT-3.10.4-6",
		"5.0 MQTT-3.11.3-1", "5.0 MQTT-2.2.1-6"), testSubscribe},
	{ids("3.1.1 MQTT-2.3.1-4", "5.0 MQTT-2.2.1-4", "3.1.1 MQTT-4.3.2-1", "5.0 MQTT-4.3.2-1", "5.0 MQTT-4.3.2-2", "5.0 MQTT-4.3.2-3",
		"3.1.1 MQTT-3.3.1-1", "5.0 MQTT-3.3.1-1", "3.1.1 MQTT-4.4.0-1", "5.0 MQTT-4.4.0-1", "5.0 MQTT-4.1.0-1"), testSenderQoS1},
	{ids("3.1.1 MQTT-4.3.3-1", "5.0 MQTT-4.3.3-1", "5.0 MQTT-4.3.3-2", "5.0 MQTT-4.3.3-3", "5.0 MQTT-4.3.3-4", "5.0 MQTT-4.3.3-5",
		"5.0 MQTT-4.3.3-6", "3.1.1 MQTT-2.3.1-6", "5.0 MQTT-2.2.1-5"), testSenderQoS2},
	{ids("3.1.1 MQTT-3.3.4-1", "5.0 MQTT-3.3.4-1", "3.1.1 MQTT-4.3.2-2", "5.0 MQTT-4.3.2-4", "5.0 MQTT-4.3.2-5"), testReceiverQoS1},
	{ids("3.1.1 MQTT-4.3.3-2", "5.0 MQTT-4.3.3-8", "5.0 MQTT-4.3.3-10", "5.0 MQTT-4.3.3-11", "5.0 MQTT-4.3.3-12"), testReceiverQoS2},
	{ids("5.0 MQTT-4.3.3-9", "5.0 MQTT-4.4.0-2", "E-4.3.3/1", "E-4.3.3/2", "E-4.4/1"), testRefusedMessages},
	{ids("5.0 MQTT-3.3.4-9", "5.0 MQTT-3.3.4-10", "5.0 MQTT-4.9.0-1", "5.0 MQTT-4.9.0-2", "5.0 MQTT-4.9.0-3", "E-3.3.4/5", "E-3.3.4/6"), testReceiveMaximum},
	{ids("5.0 MQTT-4.12.0-1", "5.0 MQTT-4.12.0-2", "5.0 MQTT-4.12.0-4", "5.0 MQTT-4.12.0-5", "5.0 MQTT-4.12.0-6", "5.0 MQTT-4.12.1-2", "E-3.15/1",
		"E-4.12/1", "E-4.12/2", "E-4.12/4", "E-4.12.1/2"), testAuth},
}

// others are the rules that no end of a connection can keep or break.
var others = map[string][]string{
	"which topics and subscriptions there are is the caller's to know": ids("3.1.1 MQTT-3.3.2-3", "5.0 MQTT-3.3.2-3", "3.1.1 MQTT-3.10.4-1",
		"5.0 MQTT-3.10.4-1", "E-3.3.4/1", "E-3.3.4/2"),
	"who may publish what is the caller's to know":     ids("3.1.1 MQTT-3.3.5-2"),
	"messages, and when they expire, are the caller's": ids("5.0 MQTT-4.3.3-7", "5.0 MQTT-4.3.3-13"),
}

func ids(id ...string) []string { return id }

// TestRules runs what shows each rule.
func TestRules(t *testing.T) {
	for _, r := range rules {
		for _, id := range r.ids {
			t.Run(strings.ReplaceAll(id, " ", "_"), r.test)
			if testing.Short() {
				break
			}
		}
	}
}

// TestEveryRule holds that the tables above name each rule once.
func TestEveryRule(t *testing.T) {
	var want []string
	for _, v := range []string{"3.1.1", "5.0"} {
		clauses, err := testdata.Clauses(v)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range clauses {
			if c.Layer == testdata.LayerState {
				want = append(want, v+" "+c.ID)
			}
		}
	}
	errors, err := testdata.ErrorRules()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range errors {
		if c.Layer == testdata.LayerState {
			want = append(want, c.ID)
		}
	}
	var got []string
	for _, r := range rules {
		got = append(got, r.ids...)
	}
	for _, o := range others {
		got = append(got, o...)
	}
	for _, id := range want {
		if !slices.Contains(got, id) {
			t.Errorf("nothing shows %s", id)
		}
	}
	slices.Sort(got)
	for i, id := range got {
		if !slices.Contains(want, id) {
			t.Errorf("there is no rule %s", id)
		}
		if i > 0 && got[i-1] == id {
			t.Errorf("%s is there twice", id)
		}
	}
}

// is compares what was written with bytes in hex.
func is(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(want, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b) {
		t.Errorf("%s: % x, want %s", what, got, want)
	}
}

// breaks holds that packets of a client end its connection with an error and an
// answer: that of 5.0, and before 5.0 none.
func breaks(t *testing.T, s *server, want error, answer string, packets ...codec.Packet) {
	t.Helper()
	v := s.Version()
	out, err := s.send(packets...)
	if err != want || s.Phase() != session.Closing {
		t.Errorf("%v: %v, phase %v, want %v", v, err, s.Phase(), want)
	}
	if v != mqttwire.V50 {
		answer = ""
	}
	is(t, v.String()+": "+want.Error(), out, answer)
	if _, err := s.send(publish(0, 0)); err != mqttwire.ErrPhase {
		t.Errorf("%v: after %v: %v", v, want, err)
	}
}

// with is a CONNECT of 5.0 with properties.
func with(build ...func(codec.Properties) codec.Properties) *codec.Connect {
	p := connect(mqttwire.V50)
	for _, f := range build {
		p.Properties = f(p.Properties)
	}
	return p
}

func sessionExpiry(v uint32) func(codec.Properties) codec.Properties {
	return func(p codec.Properties) codec.Properties { return codec.AppendSessionExpiryInterval(p, v) }
}

func maximumPacketSize(v uint32) func(codec.Properties) codec.Properties {
	return func(p codec.Properties) codec.Properties { return codec.AppendMaximumPacketSize(p, v) }
}

func topicAliasMaximum(v uint16) func(codec.Properties) codec.Properties {
	return func(p codec.Properties) codec.Properties { return codec.AppendTopicAliasMaximum(p, v) }
}

func receiveMaximum(v uint16) func(codec.Properties) codec.Properties {
	return func(p codec.Properties) codec.Properties { return codec.AppendReceiveMaximum(p, v) }
}

func authMethod(m string) func(codec.Properties) codec.Properties {
	return func(p codec.Properties) codec.Properties { return codec.AppendAuthenticationMethod(p, m) }
}

// again connects the session of a server once more.
// explained are properties that a peer may do without.
// kept is a CONNECT for a session that outlives its connections.
