package session_test

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/session"
)

func TestHandshake(t *testing.T) {
	for _, v := range versions {
		var client session.Client
		var state session.Session
		var d codec.Decoder
		s := opened(t, session.ServerOptions{})
		for round := range 3 {
			p := connect(v)
			p.CleanStart = round == 0
			if v == mqttwire.V50 {
				p.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, 10)
			} else if round == 0 {
				p.CleanStart = false
			}
			b, err := client.Connect(nil, &state, p, &session.ClientOptions{}, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.feed(b); err != nil {
				t.Fatal(err)
			}
			ack := codec.Connack{}
			b, _, err = s.Accept(nil, &s.state, &ack, 0)
			if err != nil {
				t.Fatal(err)
			}
			if want := round > 0 && v != mqttwire.V31; ack.SessionPresent != want {
				t.Errorf("%v: connection %d: session present %v", v, round, ack.SessionPresent)
			}
			var got session.Event
			if _, err := feed(&client, &d, 0, b, func(ev session.Event) { got = ev }); err != nil || got.Kind != session.Accepted {
				t.Fatalf("%v: connection %d: %v, %v", v, round, got.Kind, err)
			}
			if client.Phase() != session.Connected || s.Phase() != session.Connected {
				t.Errorf("%v: phases %v, %v", v, client.Phase(), s.Phase())
			}
			b, err = client.Disconnect(nil, 0, codec.Properties{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.feed(b); err != nil || s.last.Kind != session.Disconnect {
				t.Errorf("%v: DISCONNECT: %v, %v", v, s.last.Kind, err)
			}
			client.Close(0)
			s.Close(0)
			s.Open(&s.options, 0)
		}
	}
}

func TestRefuse(t *testing.T) {
	for _, c := range []struct {
		v    mqttwire.Version
		code connack.Code
		want []byte
	}{
		{mqttwire.V31, connack.BadUserNameOrPassword, []byte{0x20, 2, 0, 4}},
		{mqttwire.V311, connack.NotAuthorized, []byte{0x20, 2, 0, 5}},
		{mqttwire.V311, connack.RefusedServerUnavailable, []byte{0x20, 2, 0, 3}},
		{mqttwire.V311, connack.PayloadFormatInvalid, nil}, // 3.1.1 [MQTT-3.2.2-6]
		{mqttwire.V50, connack.RefusedServerUnavailable, []byte{0x20, 3, 0, 0x88, 0}},
		{mqttwire.V50, connack.Banned, []byte{0x20, 3, 0, 0x8a, 0}},
	} {
		s := asked(t, session.ServerOptions{}, connect(c.v))
		out, err := s.Refuse(nil, c.code, codec.Properties{})
		if err != nil || string(out) != string(c.want) {
			t.Errorf("%v, %v: % x, %v", c.v, c.code, out, err)
		}
		if _, err := s.send(publish(0, 0)); err != mqttwire.ErrPhase {
			t.Errorf("a packet after a refusal: %v", err)
		}
	}
}
