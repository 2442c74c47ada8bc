package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
)

// A client comes, leaves, and comes again (3.1.1 [MQTT-3.1.4-4],
// [MQTT-3.2.0-1], [MQTT-3.2.2-1], [MQTT-3.12.4-1], 5.0 [MQTT-3.1.4-5],
// [MQTT-3.2.0-1], [MQTT-3.2.0-2], [MQTT-3.2.2-2], [MQTT-3.12.4-1]).
func TestConnect(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		for range 3 {
			c := b.clean(v, "a client")
			c.ping()
			c.disconnect()
		}
	})
}

// A CONNECT of every kind that a client may send is accepted (3.1.1
// [MQTT-3.1.3-5], 5.0 [MQTT-3.1.3-5], [MQTT-4.12.0-6]).
func TestConnectKinds(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		tests := []struct {
			name string
			p    codec.Connect
			only mqttwire.Version // 0: all
		}{
			{"one character", codec.Connect{ClientID: []byte("x")}, 0},
			{"23 characters", codec.Connect{ClientID: []byte(strings.Repeat("x", 23))}, 0},
			{"spaces", codec.Connect{ClientID: []byte("clean retained")}, 0},
			{"letters and digits", codec.Connect{ClientID: []byte("0123456789ABCDEFGabcdef")}, 0},
			{"not ASCII", codec.Connect{ClientID: []byte("клиент-日本")}, 0},
			{"wildcards and slashes", codec.Connect{ClientID: []byte("a/+/#/$")}, 0},
			{"a long one, 3.1.1", codec.Connect{ClientID: []byte(strings.Repeat("x", 1000))}, mqttwire.V311},
			{"a long one, 5.0", codec.Connect{ClientID: []byte(strings.Repeat("x", 1000))}, mqttwire.V50},
			{"name and password", codec.Connect{ClientID: []byte("x"), UserNameFlag: true, UserName: []byte("someone"), PasswordFlag: true, Password: []byte{0, 0xff}}, 0},
			{"empty name", codec.Connect{ClientID: []byte("x"), UserNameFlag: true}, 0},
			{"password alone", codec.Connect{ClientID: []byte("x"), PasswordFlag: true, Password: []byte("secret")}, mqttwire.V50},
			{"will", codec.Connect{ClientID: []byte("x"), WillFlag: true, Will: codec.Will{Topic: []byte("w"), QoS: 2, Retain: true}}, 0},
			{"longest keep alive", codec.Connect{ClientID: []byte("x"), KeepAlive: 65535}, 0},
			{"properties", codec.Connect{ClientID: []byte("x"), Properties: codec.AppendRequestResponseInformation(
				codec.AppendRequestProblemInformation(codec.AppendTopicAliasMaximum(codec.AppendReceiveMaximum(user("a", "1", "a", "2"), 1), 65535), 0), 1)}, mqttwire.V50},
			{"many User Properties", codec.Connect{ClientID: []byte("x"), Properties: user(strings.Split(strings.Repeat("key,value,", 2000)+"key,value", ",")...)}, mqttwire.V50},
		}
		for _, tt := range tests {
			if tt.only != 0 && tt.only != v {
				continue
			}
			t.Run(tt.name, func(t *testing.T) {
				tt.p.Version, tt.p.CleanStart = v, true
				c := b.on(t).join(&tt.p)
				if method, ok := c.connack.Properties.AuthenticationMethod(); ok {
					t.Errorf("CONNACK has the Authentication Method %q", method)
				}
				c.ping()
				c.disconnect()
			})
		}
	})
}

// Packets may come in pieces, many at once, and before the CONNACK is read
// (3.1.1 §3.1.4, 5.0 §3.1.4).
func TestStream(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		list := codec.Subscriptions{}.Append(sub("a", 0))
		packets := []codec.Packet{
			&codec.Connect{Version: v, CleanStart: true, ClientID: []byte("c")},
			&codec.Subscribe{ID: 1, Subscriptions: list},
			msg("a", "1", 0),
			&codec.Pingreq{},
		}
		answers := func(c *client) {
			t.Helper()
			receive[*codec.Connack](c)
			receive[*codec.Suback](c)
			c.take(msg("a", "1", 0))
			receive[*codec.Pingresp](c)
		}
		t.Run("at once", func(t *testing.T) {
			c := b.on(t).dial(v)
			c.send(packets...)
			answers(c)
			c.disconnect()
		})
		t.Run("byte by byte", func(t *testing.T) {
			c := b.on(t).dial(v)
			for _, p := range packets {
				for _, x := range []byte(encode(t, c.to, p)) {
					c.write([]byte{x})
				}
			}
			answers(c)
		})
	})
}

// What is refused before a connection is made, and with what: a CONNACK with a
// code, or nothing. What comes after it is not read (3.1.1 [MQTT-3.1.0-1],
// [MQTT-3.1.2-2], [MQTT-3.1.3-8], [MQTT-3.1.3-9], [MQTT-3.1.4-5],
// [MQTT-3.2.2-5], [MQTT-3.2.2-6], 5.0 [MQTT-3.1.0-1], [MQTT-3.1.2-2],
// [MQTT-3.1.4-2], [MQTT-3.1.4-6], [MQTT-3.2.2-7], [MQTT-3.14.0-1],
// [MQTT-4.12.0-1]).
func TestConnectRefused(t *testing.T) {
	t.Parallel()
	// In 5.0 a CONNACK is a courtesy.
	tests := []struct {
		name  string
		bytes string
		form  mqttwire.Version // of the answer
		codes []connack.Code   // none: no answer
		may   bool             // the answer may be missing
	}{
		{"protocol name, 3.1.1", "\x10\x0d\x00\x02hj\x04\x02\x00\x00\x00\x03abc", mqttwire.V311, nil, false},
		{"protocol name, 5.0", "\x10\x0e\x00\x02hj\x05\x02\x00\x00\x00\x00\x03abc", mqttwire.V50, []connack.Code{connack.UnsupportedProtocolVersion}, true},
		{"protocol level 0", "\x10\x0f\x00\x04MQTT\x00\x02\x00\x00\x00\x03abc", mqttwire.V311, []connack.Code{connack.RefusedProtocolVersion}, false},
		{"protocol level 6", "\x10\x10\x00\x04MQTT\x06\x02\x00\x00\x00\x00\x03abc", mqttwire.V311, []connack.Code{connack.RefusedProtocolVersion}, false},
		{"no Client Identifier, 3.1", "\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x00\x00\x00", mqttwire.V31, []connack.Code{connack.RefusedIdentifier}, false},
		{"24 characters, 3.1", "\x10\x26\x00\x06MQIsdp\x03\x02\x00\x00\x00\x18" + strings.Repeat("x", 24), mqttwire.V31, []connack.Code{connack.RefusedIdentifier}, false},
		{"no Client Identifier, Clean Session 0", "\x10\x0c\x00\x04MQTT\x04\x00\x00\x00\x00\x00", mqttwire.V311, []connack.Code{connack.RefusedIdentifier}, false},
		{"reserved flag, 3.1.1", "\x10\x0f\x00\x04MQTT\x04\x03\x00\x00\x00\x03abc", mqttwire.V311, nil, false},
		{"reserved flag, 5.0", "\x10\x10\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x03abc", mqttwire.V50, []connack.Code{connack.MalformedPacket}, true},
		{"unknown method", "\x10\x14\x00\x04MQTT\x05\x02\x00\x00\x04\x15\x00\x01x\x00\x03abc", mqttwire.V50, []connack.Code{connack.BadAuthenticationMethod, connack.NotAuthorized}, true},
		{"SUBSCRIBE", "\x82\x06\x00\x01\x00\x01a\x00", mqttwire.V311, nil, false},
		{"PUBLISH", "\x30\x04\x00\x01ax", mqttwire.V311, nil, false},
		{"PINGREQ", "\xc0\x00", mqttwire.V311, nil, false},
		{"DISCONNECT", "\xe0\x00", mqttwire.V311, nil, false},
		{"AUTH", "\xf0\x00", mqttwire.V50, nil, false},
		{"CONNACK", "\x20\x02\x00\x00", mqttwire.V311, nil, false},
		{"reserved type", "\x00\x00", mqttwire.V311, nil, false},
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", mqttwire.V311, nil, false},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", mqttwire.V311, nil, false},
	}
	b := start(t)
	bystander := b.clean(mqttwire.V311, "bystander")
	bystander.subscribe("#", 0)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := b.on(t).dial(tt.form)
			c.tryWrite([]byte(tt.bytes + encode(t, codec.Rules{Version: mqttwire.V311, From: mqttwire.Client}, msg("a", "x", 0))))
			if len(tt.codes) == 0 {
				c.closed()
				return
			}
			p, err := c.next(patience)
			if err != nil && tt.may {
				return
			}
			ack, ok := p.(*codec.Connack)
			if !ok {
				t.Fatalf("got %v, %v, want CONNACK", p, err)
			}
			found := false
			for _, code := range tt.codes {
				found = found || ack.Code == code
			}
			if !found || ack.SessionPresent {
				t.Errorf("got %v, want one of %v", ack, tt.codes)
			}
			c.closed()
		})
	}
	b.clean(mqttwire.V50, "another").ping()
	bystander.ping()
}

// A second CONNECT ends the connection (3.1.1 [MQTT-3.1.0-2], 5.0
// [MQTT-3.1.0-2]).
func TestSecondConnect(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		for _, id := range []string{"c", "another"} {
			c := b.clean(v, "c")
			c.send(&codec.Connect{Version: v, CleanStart: true, ClientID: []byte(id)})
			c.ended(mqttwire.ProtocolError)
		}
	})
}

// Clients without an identifier are told apart (3.1.1 [MQTT-3.1.3-6], 5.0
// [MQTT-3.1.3-6]).
func TestNoClientID(t *testing.T) {
	t.Parallel()
	for _, v := range []mqttwire.Version{mqttwire.V311, mqttwire.V50} {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			b := start(t)
			var clients []*client
			for i := range 3 {
				c := b.clean(v, "")
				c.subscribe(fmt.Sprint(i), 0)
				clients = append(clients, c)
			}
			b.clean(v, "publisher").publish(msg("0", "x", 0), msg("1", "x", 0), msg("2", "x", 0))
			for i, c := range clients {
				c.take(msg(fmt.Sprint(i), "x", 0))
				c.ping()
			}
		})
	}
}

// A client of 5.0 without an identifier is told which one it has got. With
// that it can come back to its session (5.0 [MQTT-3.1.3-6], [MQTT-3.2.2-16]).
func TestAssignedClientID(t *testing.T) {
	t.Parallel()
	b := start(t)
	seen := map[string]bool{}
	for _, clean := range []bool{false, true} {
		p := keep(mqttwire.V50, "")
		p.CleanStart = clean
		c := b.join(p)
		c.expectPresent(false)
		id, ok := c.connack.Properties.AssignedClientIdentifier()
		if !ok || len(id) == 0 {
			t.Fatalf("no Assigned Client Identifier in %v", &c.connack)
		}
		if seen[string(id)] {
			t.Errorf("%q is assigned twice", id)
		}
		seen[string(id)] = true
		c.subscribe("a", 1)
		c.disconnect()
		b.clean(mqttwire.V50, "publisher").publish(msg("a", "x", 1))
		c = b.kept(mqttwire.V50, string(id), true)
		if _, ok := c.connack.Properties.AssignedClientIdentifier(); ok {
			t.Error("an identifier is assigned to a client that has one")
		}
		c.take(msg("a", "x", 1))
	}
	if _, ok := b.clean(mqttwire.V50, "mine").connack.Properties.AssignedClientIdentifier(); ok {
		t.Error("an identifier is assigned to a client that has one")
	}
}

// A CONNECT that is refused neither ends the client's other connection nor its
// session, whatever it says of a Clean Session (3.1.1 [MQTT-3.1.4-3], 5.0
// [MQTT-3.1.4-4]).
func TestRefusedConnectChangesNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		v       mqttwire.Version
		refused string // Clean Session 1, identifier "c", and something wrong
	}{
		{mqttwire.V311, "\x10\x0d\x00\x04MQTT\x04\x03\x00\x00\x00\x01c"},
		{mqttwire.V50, "\x10\x0e\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x01c"},
		{mqttwire.V50, "\x10\x12\x00\x04MQTT\x05\x02\x00\x00\x04\x15\x00\x01x\x00\x01c"},
	} {
		t.Run(fmt.Sprintf("%v %q", tt.v, tt.refused), func(t *testing.T) {
			t.Parallel()
			b := start(t)
			c := b.kept(tt.v, "c", false)
			c.subscribe("a", 1)
			intruder := b.dial(tt.v)
			intruder.write([]byte(tt.refused))
			if p, err := intruder.next(patience); err == nil {
				if ack, ok := p.(*codec.Connack); !ok || ack.Code == 0 {
					t.Fatalf("got %v", p)
				}
			}
			c.ping()
			b.clean(tt.v, "publisher").publish(msg("a", "1", 1))
			c.take(msg("a", "1", 1))
			c.disconnect()
			b.dial(tt.v).write([]byte(tt.refused))
			b.kept(tt.v, "c", true).ping()
			b.clean(tt.v, "c").ping() // which is accepted, and ends it
			b.kept(tt.v, "c", false).ping()
		})
	}
}

// DISCONNECT is answered by closing, and nothing that comes after it counts.
func TestAfterDisconnect(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		watcher := b.clean(v, "watcher")
		watcher.subscribe("a", 0)
		c := b.clean(v, "c")
		c.send(msg("a", "before", 0), &codec.Disconnect{}, msg("a", "after", 0))
		c.closed()
		watcher.take(msg("a", "before", 0))
		b.clean(v, "c").publish(msg("a", "last", 0))
		watcher.take(msg("a", "last", 0))
	})
}

// An AUTH that nothing has led to ends the connection (5.0 §3.15).
func TestAuthUnasked(t *testing.T) {
	t.Parallel()
	c := start(t).clean(mqttwire.V50, "c")
	c.send(&codec.Auth{Code: mqttwire.ReAuthenticate, Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "x")})
	c.ended(mqttwire.ProtocolError, mqttwire.BadAuthenticationMethod)
}

// A client that asks not to be told more than a code is not (5.0
// [MQTT-3.1.2-29], [MQTT-3.1.2-28]).
func TestInformationUnasked(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.join(&codec.Connect{Version: mqttwire.V50, CleanStart: true, ClientID: []byte("c"),
		Properties: codec.AppendRequestResponseInformation(codec.AppendRequestProblemInformation(codec.Properties{}, 0), 0)})
	if _, ok := c.connack.Properties.ResponseInformation(); ok {
		t.Error("Response Information for a client that asked not to get any")
	}
	if _, ok := b.clean(mqttwire.V50, "d").connack.Properties.ResponseInformation(); ok {
		t.Error("Response Information for a client that did not ask")
	}
	bare := func(p codec.Packet, properties codec.Properties) {
		t.Helper()
		for x := range properties.All() {
			if x.ID == codec.ReasonString || x.ID == codec.UserProperty {
				t.Errorf("%v to a client that asked not to be told why", p)
			}
		}
	}
	m := msg("nobody", "", 1)
	m.ID = 1
	c.send(m)
	ack := receive[*codec.Puback](c)
	bare(ack, ack.Properties)
	m = msg("nobody", "", 2)
	m.ID = 2
	c.send(m)
	rec := receive[*codec.Pubrec](c)
	bare(rec, rec.Properties)
	c.send(&codec.Pubrel{ID: 77}) // of nothing
	comp := receive[*codec.Pubcomp](c)
	bare(comp, comp.Properties)
	filters := codec.Filters{}.Append([]byte("nothing"))
	c.send(&codec.Unsubscribe{ID: 3, Filters: filters})
	un := receive[*codec.Unsuback](c)
	bare(un, un.Properties)
}
