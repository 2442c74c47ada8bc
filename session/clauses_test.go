package session_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
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

func testSecondConnect(t *testing.T) {
	for _, v := range versions {
		for _, second := range versions {
			s := connected(t, session.ServerOptions{}, connect(v))
			b := encode(t, second, mqttwire.Client, connect(second))
			out, err := s.feed(b)
			if err != mqttwire.ErrSecondConnect || s.Phase() != session.Closing {
				t.Errorf("%v after %v: %v", second, v, err)
			}
			if want := map[mqttwire.Version]string{mqttwire.V50: "e00182"}[v]; hex.EncodeToString(out) != want {
				t.Errorf("%v after %v: % x", second, v, out)
			}
		}
	}
}

func testUnknownVersion(t *testing.T) {
	for wire, want := range map[string]string{
		"100c 0004 4d515454 06 02 0000 0000": "2002 0001",
		"100c 0004 4d515454 02 02 0000 0000": "2002 0001",
		"100c 0004 4d515458 04 02 0000 0000": "", // MQTX
	} {
		s := opened(t, session.ServerOptions{})
		b, _ := hex.DecodeString(strings.ReplaceAll(wire, " ", ""))
		out, err := s.feed(b)
		if err == nil || s.Phase() != session.Closing {
			t.Errorf("%s: %v", wire, err)
		}
		is(t, wire, out, want)
	}
}

func testServerKeepAlive(t *testing.T) {
	for _, v := range versions {
		s := connected(t, session.ServerOptions{}, connect(v)) // 10 s
		s.now = 14 * second
		if out, err := s.send(&codec.Pingreq{}); err != nil || len(out) != 2 {
			t.Fatal(err)
		}
		if at, ok := s.Deadline(); !ok || at != 29*second {
			t.Errorf("%v: deadline %v, %v", v, at, ok)
		}
		if _, _, err := s.Poll(nil, 29*second-1); err != nil {
			t.Errorf("%v: %v too early", v, err)
		}
		out, _, err := s.Poll(nil, 29*second)
		if err != mqttwire.ErrKeepAliveTimeout || s.Phase() != session.Closing {
			t.Errorf("%v: %v", v, err)
		}
		want := ""
		if v == mqttwire.V50 {
			want = "e0018d"
		}
		is(t, v.String(), out, want)
	}
	// The Server Keep Alive rules, where there is one.
	for asked, want := range map[uint16]time.Duration{0: 30, 10: 15, 20: 30, 21: 30} {
		s := opened(t, session.ServerOptions{MaximumKeepAlive: 20})
		p := connect(mqttwire.V50)
		p.KeepAlive = asked
		s.connect(p)
		ack := s.accept(&codec.Connack{})
		if v, ok := ack.Properties.ServerKeepAlive(); ok != (asked == 0 || asked > 20) || ok && v != 20 {
			t.Errorf("keep alive %d: server keep alive %d, %v", asked, v, ok)
		}
		if at, _ := s.Deadline(); at != want*second {
			t.Errorf("keep alive %d: deadline %v", asked, at)
		}
	}
}

func testGoodConnect(t *testing.T) {
	for _, v := range versions {
		for _, id := range []string{"0", "abcdefghijklmnopqrstuvw", "ABCDEFGHIJKLMNOPQRSTUVW", "XYZ0123456789"} {
			p := connect(v)
			p.ClientID = []byte(id)
			s := asked(t, session.ServerOptions{}, p)
			out, _, err := s.Accept(nil, &s.state, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			want := "20020000"
			if v == mqttwire.V50 {
				want = "2003000000"
			}
			is(t, v.String(), out, want)
		}
	}
}

func testEmptyClientID(t *testing.T) {
	s := opened(t, session.ServerOptions{})
	p := &codec.Connect{Version: mqttwire.V311}
	out, err := s.feed(encode(t, mqttwire.V311, mqttwire.Client, p))
	if err != mqttwire.ErrClientIDEmpty || s.Phase() != session.Closing {
		t.Error(err)
	}
	is(t, "CONNACK", out, "20020002")
}

func testRefusalEnds(t *testing.T) {
	for _, v := range versions {
		s := asked(t, session.ServerOptions{}, connect(v))
		out, err := s.Refuse(nil, connack.ClientIdentifierNotValid, codec.Properties{})
		if err != nil || s.Phase() != session.Closing {
			t.Error(err)
		}
		want := "20020002"
		if v == mqttwire.V50 {
			want = "2003008500"
		}
		is(t, v.String(), out, want)
		for _, p := range []codec.Packet{publish(1, 1), &codec.Pingreq{}, connect(v)} {
			if out, err := s.send(p); err != mqttwire.ErrPhase || len(out) != 0 {
				t.Errorf("%v: %v after a refusal: %v, % x", v, p, err, out)
			}
		}
		if _, _, err := s.Accept(nil, &s.state, nil, 0); err != mqttwire.ErrPhase {
			t.Errorf("%v: accepted after a refusal: %v", v, err)
		}
		if s.state.Exists() {
			t.Errorf("%v: a refusal made a session", v)
		}
	}
	// At the client: nothing more either way.
	for _, v := range versions {
		c := dialled(t, connect(v))
		ack := &codec.Connack{Code: connack.RefusedNotAuthorized}
		if v == mqttwire.V50 {
			ack.Code = connack.NotAuthorized
		}
		if out, err := c.send(ack); err != nil || c.last.Kind != session.Refused || c.Phase() != session.Closing || len(out) != 0 {
			t.Errorf("%v: %v, %v", v, c.last.Kind, err)
		}
		if c.last.Reason != mqttwire.NotAuthorized {
			t.Errorf("%v: %v", v, c.last.Reason)
		}
	}
}

func testNothingBeforeConnack(t *testing.T) {
	s := asked(t, session.ServerOptions{}, with(authMethod("m"), sessionExpiry(9)))
	for _, p := range []codec.Packet{publish(1, 1), &codec.Pingreq{}, connect(mqttwire.V50), &codec.Disconnect{}} {
		if out, err := s.send(p); err != mqttwire.ErrNotYet || len(out) != 0 || s.Takes(p.Type()) || s.Phase() != session.Connecting {
			t.Errorf("%v: %v, % x", p, err, out)
		}
	}
	if !s.Takes(mqttwire.AUTH) {
		t.Error("AUTH has to wait")
	}
	if _, _, err := s.Publish(nil, publish(0, 0), 0, 0); err != mqttwire.ErrNotConnected {
		t.Errorf("Publish: %v", err)
	}
	if _, err := s.suback(&codec.Suback{}); err != mqttwire.ErrPhase {
		t.Errorf("Suback: %v", err)
	}
	if out, err := s.Disconnect(nil, mqttwire.ServerShuttingDown, codec.Properties{}); err != nil || len(out) != 0 || s.Phase() != session.Closing {
		t.Errorf("Disconnect before CONNACK: % x, %v", out, err)
	}
	s = connected(t, session.ServerOptions{}, connect(mqttwire.V50))
	if _, _, err := s.Accept(nil, &s.state, nil, 0); err != mqttwire.ErrPhase {
		t.Errorf("Accept twice: %v", err)
	}
	if _, err := s.Refuse(nil, connack.Banned, codec.Properties{}); err != mqttwire.ErrPhase {
		t.Errorf("Refuse after Accept: %v", err)
	}
	// A client holds its server to it.
	for _, p := range []codec.Packet{publish(0, 0), &codec.Pingresp{}, &codec.Disconnect{}} {
		c := dialled(t, connect(mqttwire.V50))
		if out, err := c.send(p); err != mqttwire.ErrConnackFirst {
			t.Errorf("%v: %v, % x", p, err, out)
		}
	}
	c := accepted(t, connect(mqttwire.V50), &codec.Connack{})
	out, err := c.send(&codec.Connack{})
	if err != mqttwire.ErrSecondConnack {
		t.Error(err)
	}
	is(t, "second CONNACK", out, "e00182")
}

// again connects the session of a server once more.
func (s *server) again(p *codec.Connect) *codec.Connack {
	s.t.Helper()
	s.Close(s.now)
	s.Open(&s.options, s.now)
	s.connect(p)
	return s.accept(&codec.Connack{})
}

func testCleanStart(t *testing.T) {
	for _, v := range []mqttwire.Version{mqttwire.V311, mqttwire.V50} {
		keep := &codec.Connect{Version: v, ClientID: []byte("c")}
		clean := &codec.Connect{Version: v, ClientID: []byte("c"), CleanStart: true}
		if v == mqttwire.V50 {
			keep.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, 100)
			clean.Properties = keep.Properties
		}
		s := connected(t, session.ServerOptions{}, keep)
		if _, _, err := s.Publish(nil, publish(1, 0), 7, 0); err != nil {
			t.Fatal(err)
		}
		if !s.again(keep).SessionPresent {
			t.Errorf("%v: the session is lost", v)
		}
		if s.again(clean).SessionPresent {
			t.Errorf("%v: session present after a clean start", v)
		}
		if ev := s.state.Poll(0); ev.Kind != session.Ended {
			t.Errorf("%v: %v", v, ev.Kind)
		}
		if d, ok := s.state.NextDropped(); !ok || d.Token != 7 {
			t.Errorf("%v: dropped %+v, %v", v, d, ok)
		}
		if want := v == mqttwire.V50; s.again(keep).SessionPresent != want {
			t.Errorf("%v: session present after a clean session, want %v", v, want)
		}
	}
}

func testAssignedClientID(t *testing.T) {
	p := connect(mqttwire.V50)
	p.ClientID = nil
	s := asked(t, session.ServerOptions{}, p)
	if _, _, err := s.Accept(nil, &s.state, nil, 0); err != mqttwire.ErrAssignedClientID || s.Phase() != session.Connecting {
		t.Errorf("no identifier assigned: %v", err)
	}
	ack := s.accept(&codec.Connack{Properties: codec.AppendAssignedClientIdentifier(codec.Properties{}, "auto-1")})
	if id, _ := ack.Properties.AssignedClientIdentifier(); string(id) != "auto-1" {
		t.Errorf("assigned %q", id)
	}
	s = asked(t, session.ServerOptions{}, connect(mqttwire.V50))
	if _, _, err := s.Accept(nil, &s.state, &codec.Connack{Properties: codec.AppendAssignedClientIdentifier(codec.Properties{}, "x")}, 0); err != mqttwire.ErrAssignedClientID {
		t.Errorf("an identifier assigned that was not asked for: %v", err)
	}
	c := dialled(t, p)
	if _, err := c.send(&codec.Connack{}); err != mqttwire.ErrAssignedClientID {
		t.Errorf("client: %v", err)
	}
}

func testResponseInformation(t *testing.T) {
	for _, wanted := range []bool{false, true} {
		p := connect(mqttwire.V50)
		if wanted {
			p.Properties = codec.AppendRequestResponseInformation(p.Properties, 1)
		}
		s := asked(t, session.ServerOptions{}, p)
		ack := s.accept(&codec.Connack{Properties: codec.AppendResponseInformation(codec.Properties{}, "r")})
		if _, ok := ack.Properties.ResponseInformation(); ok != wanted {
			t.Errorf("asked for: %v, sent: %v", wanted, ok)
		}
	}
}

func testMaximumPacketSize(t *testing.T) {
	s := connected(t, session.ServerOptions{MaximumPacketSize: 30}, with(maximumPacketSize(20), sessionExpiry(9)))
	p := publish(1, 0)
	p.Payload = make([]byte, 12) // 2 + 3 + 2 + 1 + 12 = 20
	if out, _, err := s.Publish(nil, p, 1, 0); err != nil || len(out) != 20 {
		t.Errorf("%d bytes: %v", len(out), err)
	}
	p.Payload = make([]byte, 13)
	if out, _, err := s.Publish(nil, p, 2, 0); err != mqttwire.ErrPacketTooLarge || len(out) != 0 {
		t.Errorf("%d bytes: %v", len(out), err)
	}
	if sent, _ := s.state.InFlight(); sent != 1 {
		t.Errorf("%d in flight", sent)
	}
	if _, err := s.Reserve(1, false, 21, 2, 0); err != mqttwire.ErrPacketTooLarge {
		t.Errorf("Reserve: %v", err)
	}
	// What is to be sent again counts as delivered if it is too large now.
	q := with(maximumPacketSize(19), sessionExpiry(9))
	q.CleanStart = false
	s.again(q)
	_, ev, ok := s.NextResend(nil, 0)
	if !ok || ev.Kind != session.Resend || ev.Token != 1 {
		t.Fatalf("%v %v", ev, ok)
	}
	p.Payload = make([]byte, 12)
	out, gone, err := s.Resend(nil, ev, p, 0)
	if err != nil || len(out) != 0 || gone.Kind != session.GivenUp || gone.Reason != mqttwire.PacketTooLarge ||
		gone.Record() != (qos.Record{Token: 1, ID: ev.ID, Change: qos.Forget.Of(qos.Sent, 1)}) {
		t.Errorf("Resend: % x, %+v, %v", out, gone, err)
	}
	if sent, _ := s.state.InFlight(); sent != 0 {
		t.Errorf("%d in flight", sent)
	}
	// What comes, in either direction.
	p.Payload = make([]byte, 23)
	out, err = s.send(p)
	if err != mqttwire.ErrPacketTooLarge {
		t.Error(err)
	}
	is(t, "DISCONNECT of the server", out, "e00195")
	c := accepted(t, with(maximumPacketSize(30)), &codec.Connack{})
	if out, err = c.send(p); err != mqttwire.ErrPacketTooLarge {
		t.Error(err)
	}
	is(t, "DISCONNECT of the client", out, "e00195")
	// A client that cannot take a CONNACK gets none, and then no acknowledgement either.
	s = asked(t, session.ServerOptions{}, with(maximumPacketSize(4)))
	if out, _, err := s.Accept(nil, &s.state, nil, 0); err != mqttwire.ErrPacketTooLarge || len(out) != 0 || s.Phase() != session.Closing || s.state.Exists() {
		t.Errorf("CONNACK: % x, %v", out, err)
	}
	// Nor can a client do with a server that takes no acknowledgement, and it
	// says so only if it may.
	for size, want := range map[uint32]string{4: "e00195", 2: ""} {
		c = dialled(t, connect(mqttwire.V50))
		out, err := c.send(&codec.Connack{Properties: maximumPacketSize(size)(codec.Properties{})})
		if err != mqttwire.ErrPacketTooLarge || c.Phase() != session.Closing {
			t.Errorf("a server that takes %d bytes: %v", size, err)
		}
		is(t, "DISCONNECT", out, want)
	}
	// What one client is told overrules the options.
	s = asked(t, session.ServerOptions{MaximumPacketSize: 30}, connect(mqttwire.V50))
	s.accept(&codec.Connack{Properties: maximumPacketSize(29)(codec.Properties{})})
	if s.MaxSize() != 29 {
		t.Errorf("Maximum Packet Size %d", s.MaxSize())
	}
}

// explained are properties that a peer may do without.
func explained(size int) codec.Properties {
	p := codec.AppendReasonString(codec.Properties{}, strings.Repeat("r", size))
	return codec.AppendUserProperty(p, "k", strings.Repeat("v", size))
}

func testProblemInformation(t *testing.T) {
	terse := func(p codec.Properties) codec.Properties { return codec.AppendRequestProblemInformation(p, 0) }
	s := connected(t, session.ServerOptions{}, with(terse, authMethod("m")))
	s.send(publish(1, 1))
	out, _, err := s.Ack(nil, s.last.Ticket(), 0, explained(3), 0)
	if err != nil {
		t.Fatal(err)
	}
	is(t, "PUBACK", out, "40020001")
	s.send(publish(2, 1))
	out, _, _ = s.Ack(nil, s.last.Ticket(), 0x87, explained(3), 0)
	is(t, "PUBREC", out, "5003000187")
	out, _ = s.suback(&codec.Suback{Codes: codec.ReasonCodes{}.Append(0), Properties: explained(3)})
	is(t, "SUBACK", out, "9004000100 00")
	out, _ = s.unsuback(&codec.Unsuback{Codes: codec.ReasonCodes{}.Append(0), Properties: explained(3)})
	is(t, "UNSUBACK", out, "b004000100 00")
	s.send(&codec.Auth{Code: mqttwire.ReAuthenticate, Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "m")})
	out, err = s.Auth(nil, 0, nil, explained(3), 0)
	if err != nil {
		t.Fatal(err)
	}
	is(t, "AUTH", out, "f006 00 04 1500016d")
	p := publish(0, 0)
	p.Properties = codec.AppendUserProperty(codec.Properties{}, "k", "v")
	if out, _, err := s.Publish(nil, p, 0, 0); err != nil || len(out) != p.Size(mqttwire.V50) {
		t.Errorf("PUBLISH: % x, %v", out, err)
	}
	if out, err = s.Disconnect(nil, 0x8b, explained(3)); err != nil || len(out) < 10 {
		t.Errorf("DISCONNECT: % x, %v", out, err)
	}
	// The client that asked for it.
	for _, p := range []codec.Packet{
		&codec.Puback{ID: 1, Properties: explained(1)}, &codec.Pubrec{ID: 1, Properties: explained(1)}, &codec.Pubrel{ID: 1, Properties: explained(1)},
		&codec.Pubcomp{ID: 1, Properties: explained(1)}, &codec.Suback{ID: 1, Properties: explained(1), Codes: codec.ReasonCodes{}.Append(0)},
		&codec.Unsuback{ID: 1, Properties: explained(1), Codes: codec.ReasonCodes{}.Append(0)},
		&codec.Auth{Properties: codec.AppendAuthenticationMethod(explained(1), "m")},
	} {
		c := accepted(t, with(terse), &codec.Connack{})
		out, err := c.send(p)
		if err != mqttwire.ErrProblemInformation {
			t.Errorf("%v: %v", p.Type(), err)
		}
		is(t, p.Type().String(), out, "e00182")
	}
}

func testExplanationsThatFit(t *testing.T) {
	// The same packets, with properties that fit and that do not.
	for _, size := range []int{3, 40} {
		short := size == 40
		look := func(name string, out []byte, err error, bare string) {
			t.Helper()
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			if len(out) > 60 {
				t.Errorf("%s of %d bytes", name, len(out))
			}
			if short {
				is(t, name, out, bare)
			} else if !bytes.Contains(out, []byte("rrr")) || !bytes.Contains(out, []byte("vvv")) {
				t.Errorf("%s without its explanation: % x", name, out)
			}
		}
		hello := with(maximumPacketSize(60), authMethod("m"), sessionExpiry(5))
		s := asked(t, session.ServerOptions{}, hello)
		out, _, err := s.Accept(nil, &s.state, &codec.Connack{Properties: explained(size)}, 0)
		look("CONNACK", out, err, "2007 0000 04 1500016d")
		s.send(publish(1, 1))
		out, _, err = s.Ack(nil, s.last.Ticket(), 0, explained(size), 0)
		look("PUBACK", out, err, "40020001")
		s.send(publish(2, 1))
		out, _, err = s.Ack(nil, s.last.Ticket(), 0, explained(size), 0)
		look("PUBREC", out, err, "50020001")
		out, err = s.suback(&codec.Suback{Codes: codec.ReasonCodes{}.Append(0), Properties: explained(size)})
		look("SUBACK", out, err, "9004000100 00")
		out, err = s.unsuback(&codec.Unsuback{Codes: codec.ReasonCodes{}.Append(0), Properties: explained(size)})
		look("UNSUBACK", out, err, "b004000100 00")
		s.send(&codec.Auth{Code: mqttwire.ReAuthenticate, Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "m")})
		out, err = s.Auth(nil, 0, nil, explained(size), 0)
		look("AUTH", out, err, "f006 00 04 1500016d")
		moved := codec.AppendServerReference(codec.Properties{}, "b")
		for x := range explained(size).All() {
			moved = moved.Append(x)
		}
		out, err = s.Disconnect(nil, mqttwire.ServerMoved, moved)
		look("DISCONNECT", out, err, "e006 9d 04 1c000162")
		s = asked(t, session.ServerOptions{}, with(maximumPacketSize(60)))
		out, err = s.Refuse(nil, connack.Banned, explained(size))
		look("CONNACK", out, err, "2003008a00")
	}
	// A PUBREL or PUBCOMP never has any.
	s := connected(t, session.ServerOptions{}, with(maximumPacketSize(5)))
	out, err := s.send(&codec.Pubrel{ID: 1}, &codec.Pubrec{ID: 2})
	if err != nil {
		t.Fatal(err)
	}
	is(t, "PUBCOMP and PUBREL", out, "7003000192 6203000292")
}

func testAliasesGiven(t *testing.T) {
	topics := []string{"one", "two", "three", "one", "three", "two"}
	for maximum, want := range map[uint16][]string{
		0: {"one 0", "two 0", "three 0", "one 0", "three 0", "two 0"},
		1: {"one 1", "two 0", "three 0", " 1", "three 0", "two 0"},
		2: {"one 1", "two 2", "three 0", " 1", "three 0", " 2"},
		9: {"one 1", "two 2", "three 3", " 1", " 3", " 2"},
	} {
		hello := with(topicAliasMaximum(maximum), sessionExpiry(9))
		if maximum == 0 {
			hello = connect(mqttwire.V50)
		}
		s := connected(t, session.ServerOptions{Limits: session.Limits{TopicAliases: 5}}, hello)
		for round := range 2 { // the second connection starts anew [MQTT-3.3.2-7]
			var got []string
			for i, topic := range topics {
				p := &codec.Publish{Topic: []byte(topic), Payload: []byte("x"), QoS: qos.Level(i % 3)}
				out, _, err := s.Publish(nil, p, 0, 0)
				if err != nil {
					t.Fatal(err)
				}
				q := decodeAll(t, mqttwire.V50, mqttwire.Server, out)[0].(*codec.Publish)
				alias, _ := q.Properties.TopicAlias()
				got = append(got, string(q.Topic)+" "+string(rune('0'+alias)))
				if string(q.Payload) != "x" || q.QoS != p.QoS || (q.ID == 0) != (p.QoS == 0) {
					t.Errorf("%v became %v", p, q)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("maximum %d, connection %d: %q, want %q", maximum, round, got, want)
			}
			s.again(hello)
		}
		// One that the caller has chosen.
		p := publish(0, 0)
		p.Properties = codec.AppendTopicAlias(codec.Properties{}, 3)
		_, _, err := s.Publish(nil, p, 0, 0)
		if ok := maximum >= 3; (err == nil) != ok {
			t.Errorf("maximum %d, alias 3: %v", maximum, err)
		}
	}
}

func testAliasesReceived(t *testing.T) {
	aliased := func(topic string, alias uint16) *codec.Publish {
		return &codec.Publish{Topic: []byte(topic), Properties: codec.AppendTopicAlias(codec.Properties{}, alias)}
	}
	s := connected(t, session.ServerOptions{TopicAliasMaximum: 3}, with(sessionExpiry(9)))
	for _, c := range []struct {
		topic string
		alias uint16
		want  string
	}{{"a", 3, "a"}, {"", 3, "a"}, {"bb", 1, "bb"}, {"ccc", 3, "ccc"}, {"", 3, "ccc"}, {"", 1, "bb"}} {
		if _, err := s.send(aliased(c.topic, c.alias)); err != nil {
			t.Fatal(err)
		}
		if got := s.last.Packet.(*codec.Publish).Topic; string(got) != c.want {
			t.Errorf("%q, alias %d: %q", c.topic, c.alias, got)
		}
	}
	breaks(t, s, mqttwire.ErrTopicAliasUnknown, "e00182", aliased("", 2))
	q := with(sessionExpiry(9))
	q.CleanStart = false
	s.again(q)
	breaks(t, s, mqttwire.ErrTopicAliasUnknown, "e00182", aliased("", 3)) // [MQTT-3.3.2-7]
	s.again(q)
	breaks(t, s, mqttwire.ErrTopicAliasRange, "e00194", aliased("a", 4))
	s = connected(t, session.ServerOptions{}, connect(mqttwire.V50))
	breaks(t, s, mqttwire.ErrTopicAliasRange, "e00194", aliased("a", 1))
}

func testFeatures(t *testing.T) {
	subscribe := func(filter string, id uint32) *codec.Subscribe {
		p := &codec.Subscribe{ID: 1}
		p.Subscriptions = p.Subscriptions.Append(codec.Subscription{Filter: []byte(filter), Options: codec.SubscriptionOptions(2)})
		if id != 0 {
			p.Properties = codec.AppendSubscriptionIdentifier(p.Properties, id)
		}
		return p
	}
	retained := publish(0, 0)
	retained.Retain = true
	for _, c := range []struct {
		options session.ServerOptions
		packet  codec.Packet
		err     error
		answer  string
		has     func(codec.Properties) (uint8, bool)
		value   uint8
	}{
		{session.ServerOptions{NoQoS1: true}, publish(1, 1), mqttwire.ErrQoSNotSupported, "e0019b", codec.Properties.MaximumQoS, 0},
		{session.ServerOptions{NoQoS2: true}, publish(2, 1), mqttwire.ErrQoSNotSupported, "e0019b", codec.Properties.MaximumQoS, 1},
		{session.ServerOptions{NoRetain: true}, retained, mqttwire.ErrRetainNotSupported, "e0019a", codec.Properties.RetainAvailable, 0},
		{session.ServerOptions{NoWildcard: true}, subscribe("a/#", 0), mqttwire.ErrWildcardNotSupported, "e001a2", codec.Properties.WildcardSubscriptionAvailable, 0},
		{session.ServerOptions{NoShared: true}, subscribe("$share/g/a", 0), mqttwire.ErrSharedNotSupported, "e0019e", codec.Properties.SharedSubscriptionAvailable, 0},
		{session.ServerOptions{NoSubscriptionID: true}, subscribe("a", 5), mqttwire.ErrSubscriptionIDNotSupported, "e001a1", codec.Properties.SubscriptionIdentifierAvailable, 0},
	} {
		s := asked(t, c.options, connect(mqttwire.V50))
		ack := s.accept(&codec.Connack{})
		if v, ok := c.has(ack.Properties); !ok || v != c.value {
			t.Errorf("%v: announced %d, %v", c.err, v, ok)
		}
		if _, err := s.send(subscribe("a", 0)); err != nil || s.last.Kind != session.Subscribe {
			t.Errorf("a plain SUBSCRIBE of QoS 2: %v", err)
		}
		breaks(t, s, c.err, c.answer, c.packet)
		// A client keeps to it without being told.
		client := accepted(t, connect(mqttwire.V50), ack)
		var err error
		switch p := c.packet.(type) {
		case *codec.Publish:
			_, _, err = client.Publish(nil, p, 0, 0)
		case *codec.Subscribe:
			_, _, err = client.Subscribe(nil, p, 0, 0)
		}
		if err != c.err {
			t.Errorf("client: %v, want %v", err, c.err)
		}
		// Before 5.0 nobody can be told.
		old := connected(t, c.options, connect(mqttwire.V311))
		if p, ok := c.packet.(*codec.Publish); ok {
			if _, err := old.send(p); err != nil {
				t.Errorf("3.1.1: %v", err)
			}
		}
	}
	o := session.ServerOptions{NoQoS2: true, NoWildcard: true, NoShared: true}
	for filter, want := range map[string]mqttwire.Reason{"a": 1, "a/+": 0xa2, "#": 0xa2, "$share/g/a": 0x9e} {
		if got := o.Grant(codec.Subscription{Filter: []byte(filter), Options: codec.SubscriptionOptions(2)}); got != want {
			t.Errorf("%s: %v", filter, got)
		}
	}
}

func testWillNotSupported(t *testing.T) {
	for _, c := range []struct {
		options session.ServerOptions
		will    codec.Will
		err     error
		answer  string
	}{
		{session.ServerOptions{NoQoS1: true}, codec.Will{QoS: 1}, mqttwire.ErrQoSNotSupported, "2003009b00"},
		{session.ServerOptions{NoQoS2: true}, codec.Will{QoS: 2}, mqttwire.ErrQoSNotSupported, "2003009b00"},
		{session.ServerOptions{NoRetain: true}, codec.Will{Retain: true}, mqttwire.ErrRetainNotSupported, "2003009a00"},
	} {
		p := connect(mqttwire.V50)
		p.WillFlag, p.Will = true, c.will
		p.Will.Topic = []byte("w")
		s := opened(t, c.options)
		out, err := s.feed(encode(t, mqttwire.V50, mqttwire.Client, p))
		if err != c.err || s.Phase() != session.Closing {
			t.Errorf("%+v: %v", c.will, err)
		}
		is(t, c.err.Error(), out, c.answer)
	}
	// What is announced to one client only.
	p := connect(mqttwire.V50)
	p.WillFlag, p.Will = true, codec.Will{QoS: 1, Topic: []byte("w")}
	s := asked(t, session.ServerOptions{}, p)
	out, _, err := s.Accept(nil, &s.state, &codec.Connack{Properties: codec.AppendMaximumQoS(codec.Properties{}, 0)}, 0)
	if err != mqttwire.ErrQoSNotSupported || s.state.Exists() {
		t.Errorf("%v", err)
	}
	is(t, "CONNACK", out, "2003009b00")
}

func testSessionExpiryInDisconnect(t *testing.T) {
	later := &codec.Disconnect{Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, 5)}
	p := connect(mqttwire.V50)
	p.WillFlag, p.Will.Topic = true, []byte("w")
	s := connected(t, session.ServerOptions{}, p)
	breaks(t, s, mqttwire.ErrSessionExpiry, "e00182", later)
	s.Close(0)
	if ev := s.state.Poll(0); ev.Kind != session.Will {
		t.Errorf("it is not a valid DISCONNECT, but the will is gone: %v", ev.Kind)
	}
	s = connected(t, session.ServerOptions{MaximumSessionExpiry: 4}, with(sessionExpiry(2)))
	if _, err := s.send(later); err != nil || s.last.Kind != session.Disconnect || s.state.Expiry() != 4 {
		t.Errorf("%v, expiry %d", err, s.state.Expiry())
	}
	c := accepted(t, connect(mqttwire.V50), &codec.Connack{})
	if _, err := c.Disconnect(nil, 0, later.Properties); err != mqttwire.ErrSessionExpiry || c.Phase() != session.Connected {
		t.Errorf("client: %v", err)
	}
	c = accepted(t, with(sessionExpiry(2)), &codec.Connack{})
	if out, err := c.Disconnect(nil, 0, later.Properties); err != nil || len(out) != 9 || c.state.Expiry() != 5 {
		t.Errorf("client: % x, %v, expiry %d", out, err, c.state.Expiry())
	}
}

func testNothingAfterDisconnect(t *testing.T) {
	ends := []machine{
		&connected(t, session.ServerOptions{}, connect(mqttwire.V50)).Server,
		&accepted(t, connect(mqttwire.V50), &codec.Connack{}).Client,
	}
	for _, m := range ends {
		if out, err := m.Disconnect(nil, mqttwire.ImplementationSpecificError, codec.Properties{}); err != nil || len(out) != 3 {
			t.Errorf("% x, %v", out, err)
		}
		var outs [6][]byte
		var d codec.Decoder
		outs[0], _, _ = m.Publish(nil, publish(0, 0), 0, 0)
		outs[1], _, _ = m.Ack(nil, 1, 0, codec.Properties{}, 0)
		outs[2], _ = m.Disconnect(nil, 0, codec.Properties{})
		outs[3], _, _ = m.Poll(nil, 1000*second)
		outs[4], _ = feed(m, &d, 0, []byte{0x62, 2, 0, 1}, func(session.Event) {})
		outs[5] = m.Fail(nil, mqttwire.PUBLISH, mqttwire.ErrQoS)
		for i, out := range outs {
			if len(out) != 0 {
				t.Errorf("call %d wrote % x after DISCONNECT", i, out)
			}
		}
	}
}

func testPing(t *testing.T) {
	for _, v := range versions {
		s := connected(t, session.ServerOptions{}, connect(v))
		out, err := s.send(&codec.Pingreq{})
		if err != nil {
			t.Fatal(err)
		}
		is(t, v.String(), out, "d000")
	}
}

func testSubscribe(t *testing.T) {
	var p codec.Subscribe
	for _, f := range []string{"a", "b/#", "c"} {
		p.Subscriptions = p.Subscriptions.Append(codec.Subscription{Filter: []byte(f), Options: codec.SubscriptionOptions(1)})
	}
	var u codec.Unsubscribe
	u.Filters = u.Filters.Append([]byte("a"))
	u.Filters = u.Filters.Append([]byte("never"))
	for _, v := range versions {
		s := connected(t, session.ServerOptions{}, connect(v))
		p.ID, u.ID = 0x1234, 0x1235
		if _, err := s.send(&p); err != nil || s.last.Kind != session.Subscribe || s.last.ID != 0x1234 {
			t.Fatalf("%v: %v, %v", v, s.last, err)
		}
		codes := codec.ReasonCodes{}.Append(1, mqttwire.NotAuthorized, 0)
		if v == mqttwire.V31 {
			codes = codec.ReasonCodes{}.Append(1, 0, 0)
		}
		out, err := s.suback(&codec.Suback{Codes: codes})
		if err != nil {
			t.Fatal(err)
		}
		is(t, v.String(), out, map[mqttwire.Version]string{mqttwire.V31: "9005 1234 010000", mqttwire.V311: "9005 1234 018000", mqttwire.V50: "9006 1234 00 018700"}[v])
		if _, err := s.send(&u); err != nil || s.last.Kind != session.Unsubscribe || s.last.ID != 0x1235 {
			t.Fatalf("%v: %v, %v", v, s.last, err)
		}
		out, err = s.unsuback(&codec.Unsuback{Codes: codec.ReasonCodes{}.Append(0, mqttwire.NoSubscriptionExisted)})
		if err != nil {
			t.Fatal(err)
		}
		is(t, v.String(), out, map[mqttwire.Version]string{mqttwire.V31: "b002 1235", mqttwire.V311: "b002 1235", mqttwire.V50: "b005 1235 00 0011"}[v])
		// And at the client.
		c := accepted(t, connect(v), &codec.Connack{})
		_, id, err := c.Subscribe(nil, &p, 77, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.send(&codec.Suback{ID: id, Codes: codec.ReasonCodes{}.Append(1, 0, 0)}); err != nil || c.last.Kind != session.Subscribed || c.last.Token != 77 {
			t.Errorf("%v: %v, %v", v, c.last, err)
		}
		_, id, _ = c.Unsubscribe(nil, &u, 78, 0)
		ack := &codec.Unsuback{ID: id}
		if v == mqttwire.V50 {
			ack.Codes = ack.Codes.Append(0, 0)
		}
		if _, err := c.send(ack); err != nil || c.last.Kind != session.Unsubscribed || c.last.Token != 78 {
			t.Errorf("%v: %v, %v", v, c.last, err)
		}
		// One that is never answered goes with its connection.
		c.Subscribe(nil, &p, 79, 0)
		c.Close(0)
		if d, ok := c.state.NextDropped(); !ok || d.Token != 79 || d.Await != qos.AwaitSuback {
			t.Errorf("%v: dropped %+v, %v", v, d, ok)
		}
	}
}

// kept is a CONNECT for a session that outlives its connections.
func kept(v mqttwire.Version) *codec.Connect {
	p := &codec.Connect{Version: v, ClientID: []byte("c")}
	if v == mqttwire.V50 {
		p.Properties = codec.AppendSessionExpiryInterval(p.Properties, session.Never)
	}
	return p
}

func testSenderQoS1(t *testing.T) {
	for _, v := range versions {
		s := connected(t, session.ServerOptions{}, kept(v))
		p := publish(1, 99)
		p.Dup = true
		seen := map[uint16]bool{}
		for i := range 20 {
			out, a, err := s.Publish(nil, p, uint64(i), 0)
			if err != nil {
				t.Fatal(err)
			}
			q := decodeAll(t, v, mqttwire.Server, out)[0].(*codec.Publish)
			if q.Dup || q.ID == 0 || q.ID != a.ID || seen[q.ID] {
				t.Errorf("%v: message %d: %v", v, i, q)
			}
			seen[q.ID] = true
		}
		for i := range 10 {
			if _, err := s.send(&codec.Puback{ID: uint16(i + 1)}); err != nil || s.last.Kind != session.Completed || s.last.Token != uint64(i) {
				t.Errorf("%v: %v, %v", v, s.last, err)
			}
		}
		if _, err := s.send(&codec.Puback{ID: 1}); err != nil || s.last.Kind != session.Unsolicited {
			t.Errorf("%v: a PUBACK twice: %v, %v", v, s.last, err)
		}
		s.again(kept(v))
		for i := range 10 {
			out, ev, ok := s.NextResend(nil, 0)
			if !ok || ev.Kind != session.Resend || ev.Token != uint64(10+i) || len(out) != 0 {
				t.Fatalf("%v: %v, %v", v, ev, ok)
			}
			out, _, err := s.Resend(nil, ev, p, 0)
			if err != nil {
				t.Fatal(err)
			}
			if q := decodeAll(t, v, mqttwire.Server, out)[0].(*codec.Publish); !q.Dup || q.ID != uint16(11+i) || q.QoS != 1 {
				t.Errorf("%v: %v", v, q)
			}
		}
		if _, _, ok := s.NextResend(nil, 0); ok {
			t.Errorf("%v: more to send again", v)
		}
		breaks(t, s, mqttwire.ErrAckMismatch, "e00182", &codec.Pubrec{ID: 11})
	}
}

func testSenderQoS2(t *testing.T) {
	for _, v := range versions {
		s := connected(t, session.ServerOptions{}, kept(v))
		out, a, err := s.Publish(nil, publish(2, 0), 5, 0)
		if err != nil {
			t.Fatal(err)
		}
		if q := decodeAll(t, v, mqttwire.Server, out)[0].(*codec.Publish); q.Dup || q.ID != a.ID {
			t.Errorf("%v: %v", v, q)
		}
		out, err = s.send(&codec.Pubrec{ID: a.ID})
		if err != nil || s.last.Kind != session.Released || s.last.Token != 5 {
			t.Errorf("%v: %v, %v", v, s.last, err)
		}
		is(t, v.String(), out, "62020001")
		s.again(kept(v))
		out, ev, ok := s.NextResend(nil, 0) // the PUBREL, and never the PUBLISH
		if !ok || ev.Kind != session.None {
			t.Errorf("%v: %v, %v", v, ev, ok)
		}
		want := "62020001"
		if v == mqttwire.V31 {
			want = "6a020001" // 3.1 §2.1
		}
		is(t, v.String(), out, want)
		if out, _, ok = s.NextResend(nil, 0); ok {
			t.Errorf("%v: % x", v, out)
		}
		if _, err := s.send(&codec.Pubcomp{ID: a.ID}); err != nil || s.last.Kind != session.Completed || s.last.Token != 5 {
			t.Errorf("%v: %v, %v", v, s.last, err)
		}
		if sent, _ := s.state.InFlight(); sent != 0 {
			t.Errorf("%v: %d in flight", v, sent)
		}
	}
}

func testReceiverQoS1(t *testing.T) {
	for _, v := range versions {
		s := connected(t, session.ServerOptions{}, kept(v))
		if out, err := s.send(publish(0, 0)); err != nil || len(out) != 0 || s.last.Kind != session.Deliver || s.last.Ticket() != 0 {
			t.Errorf("%v: QoS 0: %v, % x, %v", v, s.last, out, err)
		}
		if out, _, err := s.Ack(nil, 0, 0, codec.Properties{}, 0); err != nil || len(out) != 0 {
			t.Errorf("%v: % x, %v", v, out, err)
		}
		var tickets [3]qos.Ticket
		for i := range tickets {
			if out, err := s.send(publish(1, uint16(7+i))); err != nil || len(out) != 0 || s.last.Kind != session.Deliver {
				t.Fatalf("%v: %v, % x, %v", v, s.last, out, err)
			}
			tickets[i] = s.last.Ticket()
		}
		// Finished out of order, acknowledged in order.
		out, _, err := s.Ack(nil, tickets[2], 0, codec.Properties{}, 0)
		if err != nil || len(out) != 0 {
			t.Errorf("%v: % x, %v", v, out, err)
		}
		out, _, _ = s.Ack(nil, tickets[0], 0, codec.Properties{}, 0)
		is(t, v.String(), out, "40020007")
		out, _, _ = s.Ack(nil, tickets[1], 0, codec.Properties{}, 0)
		is(t, v.String(), out, "40020008 40020009")
		if _, _, err := s.Ack(nil, tickets[1], 0, codec.Properties{}, 0); err != mqttwire.ErrStaleTicket {
			t.Errorf("%v: %v", v, err)
		}
		// The identifier is free again, whatever DUP says.
		p := publish(1, 7)
		p.Dup = true
		if _, err := s.send(p); err != nil || s.last.Kind != session.Deliver {
			t.Errorf("%v: %v, %v", v, s.last, err)
		}
		old := s.last.Ticket()
		s.again(kept(v))
		if _, _, err := s.Ack(nil, old, 0, codec.Properties{}, 0); err != mqttwire.ErrStaleTicket {
			t.Errorf("%v: a ticket of another connection: %v", v, err)
		}
	}
}

func testReceiverQoS2(t *testing.T) {
	for _, v := range versions {
		s := connected(t, session.ServerOptions{}, kept(v))
		if _, err := s.send(publish(2, 7)); err != nil || s.last.Kind != session.Deliver {
			t.Fatalf("%v: %v, %v", v, s.last, err)
		}
		ticket := s.last.Ticket()
		again := publish(2, 7)
		again.Dup = true
		if out, err := s.send(again); err != nil || s.last.Kind != session.Duplicate || len(out) != 0 {
			t.Errorf("%v: %v, % x, %v", v, s.last, out, err)
		}
		out, _, _ := s.Ack(nil, ticket, 0, codec.Properties{}, 0)
		is(t, v.String(), out, "50020007")
		s.again(kept(v))
		out, err := s.send(again)
		if err != nil || s.last.Kind != session.Duplicate {
			t.Errorf("%v: %v, %v", v, s.last, err)
		}
		is(t, v.String(), out, "50020007")
		if out, err = s.send(&codec.Pubrel{ID: 7}); err != nil || s.last.Kind != session.Freed || s.last.Record() != (qos.Record{ID: 7, Change: qos.Forget.Of(qos.Received, 2)}) {
			t.Errorf("%v: %v, %v", v, s.last, err)
		}
		is(t, v.String(), out, "70020007")
		out, err = s.send(&codec.Pubrel{ID: 7})
		if err != nil || s.last.Kind != session.Unsolicited {
			t.Errorf("%v: %v, %v", v, s.last, err)
		}
		want := "70020007"
		if v == mqttwire.V50 {
			want = "7003000792"
		}
		is(t, v.String(), out, want)
		if _, err := s.send(again); err != nil || s.last.Kind != session.Deliver {
			t.Errorf("%v: %v, %v", v, s.last, err)
		}
	}
}

func testRefusedMessages(t *testing.T) {
	s := connected(t, session.ServerOptions{}, kept(mqttwire.V50))
	s.send(publish(2, 7))
	out, _, err := s.Ack(nil, s.last.Ticket(), mqttwire.QuotaExceeded, codec.Properties{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	is(t, "PUBREC", out, "5003000797")
	if _, err := s.send(publish(2, 7)); err != nil || s.last.Kind != session.Deliver {
		t.Errorf("%v, %v", s.last, err)
	}
	if _, _, err := s.Ack(nil, s.last.Ticket(), mqttwire.ProtocolError, codec.Properties{}, 0); err != mqttwire.ErrPubrecCode {
		t.Errorf("a code that PUBREC cannot carry: %v", err)
	}
	c := accepted(t, connect(mqttwire.V50), &codec.Connack{})
	c.send(publish(1, 1))
	if _, _, err := c.Ack(nil, c.last.Ticket(), mqttwire.NoMatchingSubscribers, codec.Properties{}, 0); err != mqttwire.ErrPubackCode {
		t.Errorf("a code that is the server's: %v", err)
	}
	for level, ack := range map[qos.Level]codec.Packet{1: &codec.Puback{ID: 1, Code: 0x97}, 2: &codec.Pubrec{ID: 2, Code: 0x97}} {
		s := connected(t, session.ServerOptions{}, kept(mqttwire.V50))
		s.Publish(nil, publish(1, 0), 1, 0)
		s.Publish(nil, publish(2, 0), 2, 0)
		if out, err := s.send(ack); err != nil || s.last.Kind != session.Rejected || s.last.Token != uint64(level) || s.last.Reason != 0x97 || len(out) != 0 {
			t.Errorf("%v: %v, % x, %v", ack, s.last, out, err)
		}
		s.again(kept(mqttwire.V50))
		if _, ev, ok := s.NextResend(nil, 0); !ok || ev.Token == uint64(level) {
			t.Errorf("%v: sent again: %v", ack, ev)
		}
	}
}

func testReceiveMaximum(t *testing.T) {
	s := connected(t, session.ServerOptions{ReceiveMaximum: 2}, with(receiveMaximum(3)))
	for i := range 3 {
		if s.Quota() != 3-i {
			t.Errorf("quota %d", s.Quota())
		}
		if _, _, err := s.Publish(nil, publish(qos.Level(1+i%2), 0), 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	if out, _, err := s.Publish(nil, publish(1, 0), 0, 0); err != mqttwire.ErrSendQuota || len(out) != 0 {
		t.Errorf("% x, %v", out, err)
	}
	if out, _, err := s.Publish(nil, publish(0, 0), 0, 0); err != nil || len(out) == 0 {
		t.Errorf("QoS 0 waits: %v", err)
	}
	out, err := s.send(&codec.Pingreq{}, &codec.Pubrec{ID: 2})
	if err != nil {
		t.Fatal(err)
	}
	is(t, "PINGRESP and PUBREL", out, "d000 62020002")
	if _, err := s.send(&codec.Pubcomp{ID: 2}); err != nil || s.Quota() != 1 {
		t.Errorf("quota %d, %v", s.Quota(), err)
	}
	breaks(t, s, mqttwire.ErrReceiveMaximum, "e00193", publish(1, 1), publish(2, 2), publish(1, 3))
	c := accepted(t, with(receiveMaximum(1)), &codec.Connack{Properties: codec.AppendReceiveMaximum(codec.Properties{}, 1)})
	if c.Quota() != 1 {
		t.Errorf("quota %d", c.Quota())
	}
	if out, err = c.send(publish(1, 1), publish(2, 2)); err != mqttwire.ErrReceiveMaximum {
		t.Error(err)
	}
	is(t, "DISCONNECT of the client", out, "e00193")
}

func testAuth(t *testing.T) {
	auth := func(code mqttwire.Reason, method string) *codec.Auth {
		return &codec.Auth{Code: code, Properties: codec.AppendAuthenticationMethod(codec.Properties{}, method)}
	}
	const more, again = mqttwire.ContinueAuthentication, mqttwire.ReAuthenticate
	s := asked(t, session.ServerOptions{}, with(authMethod("m")))
	if _, err := s.Auth(nil, mqttwire.Success, nil, codec.Properties{}, 0); err != mqttwire.ErrAuthUnexpected {
		t.Errorf("AUTH 0x00 before CONNACK: %v", err)
	}
	for range 3 {
		out, err := s.Auth(nil, more, []byte("d"), codec.Properties{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		is(t, "AUTH", out, "f00a 18 08 1500016d 16000164")
		if _, err := s.Auth(nil, more, nil, codec.Properties{}, 0); err != mqttwire.ErrAuthUnexpected {
			t.Errorf("AUTH twice: %v", err)
		}
		if _, err := s.send(auth(more, "m")); err != nil || s.last.Kind != session.Auth {
			t.Fatalf("%v, %v", s.last, err)
		}
	}
	ack := s.accept(&codec.Connack{})
	if m, _ := ack.Properties.AuthenticationMethod(); string(m) != "m" {
		t.Errorf("CONNACK with method %q", m)
	}
	// Re-authentication.
	if _, err := s.send(auth(again, "m")); err != nil || s.last.Kind != session.Auth || s.last.Reason != again {
		t.Fatalf("%v, %v", s.last, err)
	}
	s.Auth(nil, more, nil, codec.Properties{}, 0)
	if _, err := s.send(publish(0, 0), auth(more, "m")); err != nil || s.last.Kind != session.Auth {
		t.Fatalf("%v, %v", s.last, err)
	}
	out, err := s.Auth(nil, mqttwire.Success, nil, codec.Properties{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	is(t, "AUTH", out, "f006 00 04 1500016d")
	if _, err := s.Auth(nil, mqttwire.Success, nil, codec.Properties{}, 0); err != mqttwire.ErrAuthUnexpected {
		t.Errorf("AUTH that nobody asked for: %v", err)
	}
	s.send(auth(again, "m"))
	out, err = s.Disconnect(nil, mqttwire.NotAuthorized, codec.Properties{})
	if err != nil || s.Phase() != session.Closing {
		t.Error(err)
	}
	is(t, "DISCONNECT", out, "e00187")

	// A method that the server lacks, and what breaks the rules.
	s = asked(t, session.ServerOptions{}, with(authMethod("m")))
	out, _ = s.Refuse(nil, connack.BadAuthenticationMethod, codec.Properties{})
	is(t, "CONNACK", out, "2003008c00")
	s = asked(t, session.ServerOptions{}, with(authMethod("m")))
	s.Auth(nil, more, nil, codec.Properties{}, 0)
	breaks(t, s, mqttwire.ErrAuthMethod, "2003008200", auth(more, "x"))
	s = asked(t, session.ServerOptions{}, with(authMethod("m")))
	breaks(t, s, mqttwire.ErrAuthUnexpected, "2003008200", auth(more, "m"))
	s = asked(t, session.ServerOptions{}, with(authMethod("m")))
	breaks(t, s, mqttwire.ErrAuthUnexpected, "2003008200", auth(again, "m"))
	s = connected(t, session.ServerOptions{}, with(authMethod("m")))
	breaks(t, s, mqttwire.ErrAuthUnexpected, "e00182", auth(more, "m"))
	s = connected(t, session.ServerOptions{}, with(authMethod("m")))
	breaks(t, s, mqttwire.ErrAuthUnexpected, "e00182", auth(again, "m"), auth(again, "m"))
	s = connected(t, session.ServerOptions{}, connect(mqttwire.V50))
	breaks(t, s, mqttwire.ErrAuthMethod, "e00182", auth(again, "m"))
	s = asked(t, session.ServerOptions{}, connect(mqttwire.V50))
	if _, err := s.Auth(nil, more, nil, codec.Properties{}, 0); err != mqttwire.ErrAuthMethod {
		t.Errorf("AUTH to a client without a method: %v", err)
	}
	if _, _, err := s.Accept(nil, &s.state, &codec.Connack{Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "m")}, 0); err != mqttwire.ErrAuthMethod {
		t.Errorf("CONNACK with a method for a client without: %v", err)
	}
	s = connected(t, session.ServerOptions{}, connect(mqttwire.V311))
	out, err = s.feed([]byte{0xf0, 2, 0x19, 0})
	if err != mqttwire.ErrPacketType || len(out) != 0 {
		t.Errorf("3.1.1: % x, %v", out, err)
	}

	// The client's part.
	c := dialled(t, with(authMethod("m")))
	if _, err := c.Auth(nil, more, nil, codec.Properties{}, 0); err != mqttwire.ErrAuthUnexpected {
		t.Errorf("client: AUTH unasked: %v", err)
	}
	if _, err := c.send(auth(more, "m")); err != nil || c.last.Kind != session.Auth {
		t.Fatalf("%v, %v", c.last, err)
	}
	out, _ = c.Auth(nil, more, []byte("d"), codec.Properties{}, 0)
	is(t, "AUTH", out, "f00a 18 08 1500016d 16000164")
	if _, err := c.send(&codec.Connack{Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "m")}); err != nil || c.last.Kind != session.Accepted {
		t.Fatalf("%v, %v", c.last, err)
	}
	if _, err := c.Auth(nil, again, nil, codec.Properties{}, 0); err != nil {
		t.Error(err)
	}
	if _, err := c.send(auth(mqttwire.Success, "m")); err != nil || c.last.Kind != session.Authenticated {
		t.Errorf("%v, %v", c.last, err)
	}
	out, err = c.send(auth(mqttwire.Success, "m"))
	if err != mqttwire.ErrAuthUnexpected {
		t.Error(err)
	}
	is(t, "DISCONNECT of the client", out, "e00182")
	c = dialled(t, with(authMethod("m")))
	if _, err := c.send(auth(more, "m"), auth(more, "m")); err != mqttwire.ErrAuthUnexpected {
		t.Errorf("client: AUTH twice: %v", err)
	}
	c = dialled(t, with(authMethod("m")))
	if _, err := c.send(&codec.Connack{}); err != mqttwire.ErrAuthMethod {
		t.Errorf("client: CONNACK without the method: %v", err)
	}
}
