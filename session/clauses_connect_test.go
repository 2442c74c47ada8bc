package session_test

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/session"
)

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
