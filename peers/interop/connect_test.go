package interop

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/server"
)

// connack returns the first CONNACK of a client of 5.0.
func (c *client) connack() *codec.Connack {
	c.t.Helper()
	p := c.link.seen(of(mqttwire.CONNACK, mqttwire.Server))[0]
	var ack codec.Connack
	if err := ack.Decode(codec.Rules{Version: v50, From: mqttwire.Server}, p.Header, p.body()); err != nil {
		c.t.Fatal(err)
	}
	return &ack
}

// A client without an identifier gets one, which is its own.
func TestAssignedClientIdentifier(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	given := map[string]bool{}
	for range 3 {
		for _, f := range here(t, v50) {
			c := newClient(t, f, b, options{subscribe: []subscription{{filter: "x"}}})
			id, ok := c.connack().Properties.AssignedClientIdentifier()
			if !ok || len(id) == 0 || given[string(id)] {
				t.Errorf("%s is given %q, again: %v", f.name, id, given[string(id)])
			}
			given[string(id)] = true
			c.pub(message{topic: "x", payload: "1"})
			c.expect(message{topic: "x", payload: "1"})
			c.quit()
		}
	}
	// In 3.1.1 it cannot be told.
	for _, name := range []string{"paho-3.1.1", "mqttjs-3.1.1"} {
		c := newClient(t, find(t, name), b, options{subscribe: []subscription{{filter: name}}})
		c.expectLast(c, name)
	}
}

// Clients of 5.0 do as they are told with Server Keep Alive.
func TestServerKeepAlive(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t, withShortKeepAlive)
		c := newClient(t, f, b, options{id: "c", keepAlive: 1000, subscribe: []subscription{{filter: "x"}}})
		if n, ok := c.connack().Properties.ServerKeepAlive(); !ok || n != shortKeepAlive {
			t.Errorf("Server Keep Alive %d, %v", n, ok)
		}
		c.link.waitFor(1, "PINGREQ", of(mqttwire.PINGREQ, mqttwire.Client))
		c.link.waitFor(1, "PINGRESP", of(mqttwire.PINGRESP, mqttwire.Server))
		c.expectLast(c, "x") // still there
	}, v50)
}

// What the server cannot do is announced, and libraries of 5.0 heed it.
func TestAnnouncement(t *testing.T) {
	t.Parallel()
	full := startBroker(t)
	small := startBroker(t, func(c *server.Config) {
		c.NoQoS2, c.NoRetain, c.NoWildcard, c.NoShared, c.NoSubscriptionID = true, true, true, true, true
		c.MaximumSessionExpiry, c.ReceiveMaximum, c.MaximumPacketSize, c.TopicAliasMaximum = 100, 7, 5000, 3
	})
	each(t, func(t *testing.T, f flavor) {
		c := newClient(t, f, full, options{id: f.name, subscribe: []subscription{{filter: "x"}}})
		for x := range c.connack().Properties.All() {
			switch x.ID {
			case codec.ReceiveMaximum, codec.MaximumPacketSize, codec.TopicAliasMaximum:
			default:
				t.Errorf("a server that can do all announces %v", x)
			}
		}
		c = newClient(t, f, small, options{id: f.name, resume: true, expiry: 1000, subscribe: []subscription{{filter: "x"}}})
		p := c.connack().Properties
		q, _ := p.MaximumQoS()
		retain, okRetain := p.RetainAvailable()
		wildcard, okWildcard := p.WildcardSubscriptionAvailable()
		shared, okShared := p.SharedSubscriptionAvailable()
		ids, okIDs := p.SubscriptionIdentifierAvailable()
		expiry, _ := p.SessionExpiryInterval()
		window, _ := p.ReceiveMaximum()
		size, _ := p.MaximumPacketSize()
		aliases, _ := p.TopicAliasMaximum()
		if q != 1 || retain+wildcard+shared+ids != 0 || !okRetain || !okWildcard || !okShared || !okIDs ||
			expiry != 100 || window != 7 || size != 5000 || aliases != 3 {
			t.Errorf("a server that can do little announces %v", p)
		}
	}, v50)
	c := newClient(t, find(t, "paho-5.0"), small, options{id: "p"})
	for _, m := range []message{{topic: "x", qos: 2}, {topic: "x", retain: true}} {
		if _, err := c.driver.publish(m); err == nil {
			t.Errorf("paho.golang publishes %v", m)
		}
	}
	for _, s := range []subscription{{filter: "#"}, {filter: "$share/g/x"}, {filter: "x", id: 1}} {
		if _, err := c.driver.subscribe(s); err == nil {
			t.Errorf("paho.golang subscribes to %v", s)
		}
	}
	if n := len(c.link.seen(of(mqttwire.PUBLISH, mqttwire.Client))) + len(c.link.seen(of(mqttwire.SUBSCRIBE, mqttwire.Client))); n > 0 {
		t.Errorf("paho.golang has sent %d packets that it should not", n)
	}
}

// A publisher of 5.0 is told when nobody has subscribed.
func TestNoMatchingSubscribers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		c := newClient(t, f, b, options{id: "c"})
		if code := c.pub(message{topic: "x", payload: "1", qos: 1}); code != 0x10 {
			t.Errorf("acknowledged with 0x%02x", code)
		}
		if f.name != "mosquitto-5.0" { // whose mosquitto_pub goes without a link, and does not say
			c.pub(message{topic: "x", payload: "1", qos: 2})
			rec := c.link.seen(of(mqttwire.PUBREC, mqttwire.Server))
			if len(rec) != 1 || rec[0].body()[2] != 0x10 {
				t.Errorf("acknowledged with %+v", rec)
			}
		}
		newClient(t, find(t, "paho-3.1.1"), b, options{id: "reader", subscribe: []subscription{{filter: "x"}}})
		if code := c.pub(message{topic: "x", payload: "1", qos: 1}); code != 0 {
			t.Errorf("acknowledged with 0x%02x, though there is a subscriber", code)
		}
	}, v50)
}

// All are told that the server goes, as far as they can be, and see it go.
func TestShutdown(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		c := newClient(t, f, b, options{id: "c", subscribe: []subscription{{filter: "x"}}})
		if err := b.shutdown(); err != nil {
			t.Error(err)
		}
		c.link.waitOver()
		if f.version != v50 {
			if n := len(c.link.seen(of(mqttwire.DISCONNECT, mqttwire.Server))); n > 0 {
				t.Errorf("%d DISCONNECTs in %v", n, f.version)
			}
		} else if code := receive(t, c.ended, "DISCONNECT"); code != 0x8B {
			t.Errorf("told 0x%02x", code)
		}
	})
}
