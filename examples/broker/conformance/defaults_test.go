package conformance

import (
	"slices"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// What the standards leave to a broker, and interoperability suites expect of
// one that nobody has configured.
func TestDefaults(t *testing.T) {
	t.Parallel()
	if *command != "" {
		t.Skip("this is about our broker")
	}
	b := start(t)
	tests := map[string]func(t *testing.T, b *broker){
		"a Keep Alive above 60 is answered with 60": func(t *testing.T, b *broker) {
			for asked, want := range map[uint16]uint16{1: 0, 60: 0, 61: 60, 120: 60, 65535: 60} {
				c := b.join(&codec.Connect{Version: mqttwire.V50, CleanStart: true, ClientID: []byte("c"), KeepAlive: asked})
				if got, ok := c.connack.Properties.ServerKeepAlive(); ok != (want != 0) || got != want {
					t.Errorf("asked for %d, got %d, %v", asked, got, ok)
				}
			}
		},
		"what a client may do": func(t *testing.T, b *broker) {
			p := b.clean(mqttwire.V50, "c").connack.Properties
			if n, ok := p.ReceiveMaximum(); !ok || n < 10 || n > 5000 {
				t.Errorf("Receive Maximum %d, %v", n, ok)
			}
			if n, ok := p.TopicAliasMaximum(); !ok || n < 1 {
				t.Errorf("Topic Alias Maximum %d, %v", n, ok)
			}
			if n, ok := p.MaximumPacketSize(); !ok || n < 65535 {
				t.Errorf("Maximum Packet Size %d, %v", n, ok)
			}
			if n, ok := p.MaximumQoS(); ok {
				t.Errorf("Maximum QoS %d", n)
			}
			for name, get := range map[string]func() (uint8, bool){
				"Retain Available":                  p.RetainAvailable,
				"Wildcard Subscription Available":   p.WildcardSubscriptionAvailable,
				"Subscription Identifier Available": p.SubscriptionIdentifierAvailable,
				"Shared Subscription Available":     p.SharedSubscriptionAvailable,
			} {
				if n, ok := get(); ok && n != 1 {
					t.Errorf("%s %d", name, n)
				}
			}
			if n, ok := p.SessionExpiryInterval(); ok {
				t.Errorf("Session Expiry Interval %d for a client that did not ask", n)
			}
		},
		"sessions are kept as long as asked": func(t *testing.T, b *broker) {
			for _, asked := range []uint32{99999, 999999999, 0xffffffff} {
				p := keep(mqttwire.V50, "c")
				p.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, asked)
				if got, ok := b.join(p).connack.Properties.SessionExpiryInterval(); ok && got != asked {
					t.Errorf("asked for %d, got %d", asked, got)
				}
			}
		},
		"the answers fit into 64 bytes": func(t *testing.T, b *broker) {
			p := maximumPacketSize("c", 64)
			p.KeepAlive = 120
			c := b.join(p)
			c.subscribe("client_test5/TopicA", 2)
			c.unsubscribe("client_test5/TopicA")
		},
		"Topic Aliases are used from the first message on": func(t *testing.T, b *broker) {
			p := keep(mqttwire.V50, "c")
			p.Properties = codec.AppendTopicAliasMaximum(p.Properties, 1)
			c := b.join(p)
			c.subscribe("+", 2)
			publisher := b.clean(mqttwire.V50, "publisher")
			for level := range qos.Level(3) {
				publisher.publish(msg("a", "x", level))
				want := aliased(1, msg("", "x", level))
				if level == 0 {
					want.Topic = []byte("a")
				}
				c.take(want)
			}
			publisher.publish(msg("b", "x", 0))
			c.take(msg("b", "x", 0))
			c.ping()
		},
		"one copy for overlapping subscriptions": func(t *testing.T, b *broker) {
			for _, v := range versions {
				c := b.clean(v, "c")
				c.subscribe("TopicA/#", 2)
				c.subscribe("TopicA/+", 1)
				b.clean(v, "publisher").publish(msg("TopicA/C", "x", 2))
				c.take(msg("TopicA/C", "x", 2))
				c.ping()
			}
			c := b.clean(mqttwire.V50, "d")
			c.subscribeWith(identified(2), sub("TopicA", 2))
			c.subscribeWith(identified(3), sub("TopicA/#", 2))
			b.clean(mqttwire.V50, "publisher").publish(msg("TopicA", "x", 1))
			p := receive[*codec.Publish](c)
			ids := slices.Sorted(p.Properties.SubscriptionIdentifiers())
			if !slices.Equal(ids, []uint32{2, 3}) {
				t.Errorf("got %v", p)
			}
		},
		"clients exchange nothing on topics with $, and are not cut off for trying": func(t *testing.T, b *broker) {
			for _, v := range versions {
				c, watcher := b.clean(v, "c"), b.clean(v, "watcher")
				c.subscribe("+/+", 2)
				watcher.subscribe("$TopicA/B", 2)
				c.publishAnyhow(msg("$TopicA/B", "", 1))
				c.ping()
				watcher.ping()
			}
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, b.on(t)) })
	}
}
