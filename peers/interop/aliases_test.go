package interop

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/examples/broker/server"
)

// maxAliases is how many Topic Aliases there may be in these tests, in either
// direction, fewer than topics.
const maxAliases = 4

// overTopics returns n messages, over more topics than there are aliases.
func overTopics(n int, q byte) (all []message) {
	for i := range n {
		all = append(all, message{topic: fmt.Sprintf("alias/%d", i*i%(maxAliases+2)), payload: fmt.Sprint(i), qos: q})
	}
	return all
}

// checkAliases checks the Topic Aliases that one side of a connection has given
// and used, and returns how many messages have gone without their topic.
func (c *client) checkAliases(from mqttwire.Role) (without int) {
	c.t.Helper()
	known := map[uint16]bool{}
	for _, p := range c.link.seen(of(mqttwire.PUBLISH, from)) {
		m := p.publish(c.t, v50)
		alias, ok := m.Properties.TopicAlias()
		switch {
		case ok && (alias == 0 || alias > maxAliases):
			c.t.Errorf("Topic Alias %d", alias)
		case len(m.Topic) == 0 && !known[alias]:
			c.t.Errorf("Topic Alias %d stands for nothing", alias)
		case len(m.Topic) == 0:
			without++
		case ok:
			known[alias] = true
		}
	}
	return without
}

// The broker gives aliases to clients that take them, anew on each connection.
func TestAliasesToClients(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"paho-5.0", "mqttjs-5.0"} {
		for q := range byte(3) {
			if name == "mqttjs-5.0" && q == 2 {
				continue // MQTT.js 5.16 delivers such messages without a topic
			}
			t.Run(fmt.Sprint(name, " QoS ", q), func(t *testing.T) {
				t.Parallel()
				b := startBroker(t)
				writer := newClient(t, find(t, "paho-3.1.1"), b, options{id: "writer"})
				o := options{id: "c", resume: true, topicAliases: maxAliases, subscribe: []subscription{{filter: "alias/#", qos: q}}}
				for range 2 {
					c := newClient(t, find(t, name), b, o)
					for _, m := range overTopics(50, q) {
						writer.pub(m)
						c.expect(m)
					}
					if n := c.checkAliases(mqttwire.Server); n < 20 {
						t.Errorf("%d messages of 50 went without their topic", n)
					}
					c.quit()
				}
				if q == 0 {
					return
				}
				for _, m := range overTopics(50, q) { // while it is away
					writer.pub(m)
				}
				c := newClient(t, find(t, name), b, o)
				c.expect(overTopics(50, q)...)
				c.checkAliases(mqttwire.Server)
			})
		}
	}
}

// Clients that take none get none.
func TestNoAliases(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		c := newClient(t, f, b, options{id: "c", subscribe: []subscription{{filter: "alias/#", qos: 1}}})
		writer := newClient(t, find(t, "paho-3.1.1"), b, options{id: "writer"})
		for _, m := range overTopics(20, 1) {
			writer.pub(m)
			c.expect(m)
		}
		for _, p := range c.link.seen(of(mqttwire.PUBLISH, mqttwire.Server)) {
			if m := p.publish(t, v50); m.Properties.Size() > 0 || len(m.Topic) == 0 {
				t.Errorf("sent %v", m)
			}
		}
	}, v50)
}

// Clients give aliases, and nobody else is concerned.
func TestAliasesFromClients(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"paho-5.0", "mqttjs-5.0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := startBroker(t, func(c *server.Config) { c.TopicAliasMaximum = maxAliases })
			var readers []*client
			for _, f := range here(t) {
				readers = append(readers, newClient(t, f, b, options{id: f.name, subscribe: []subscription{{filter: "alias/#", qos: 1}}}))
			}
			for range 2 {
				writer := newClient(t, find(t, name), b, options{id: "writer", giveAliases: true})
				for q := range byte(3) {
					for _, m := range overTopics(30, q) {
						writer.pub(m)
						m.qos = min(m.qos, 1)
						for _, r := range readers {
							r.expect(m)
						}
					}
				}
				if n := writer.checkAliases(mqttwire.Client); n < 20 {
					t.Errorf("%d messages went without their topic", n)
				}
				writer.quit()
			}
		})
	}
}

func TestAliasFromMosquitto(t *testing.T) {
	t.Parallel()
	require(t, missingMosquitto)
	b := startBroker(t, func(c *server.Config) { c.TopicAliasMaximum = maxAliases })
	var readers []*client
	for _, f := range here(t) {
		readers = append(readers, newClient(t, f, b, options{id: f.name, subscribe: []subscription{{filter: "alias/#", qos: 2}}}))
	}
	for q := range byte(3) {
		ctx, cancel := inTime()
		defer cancel()
		link := startLink(t, b.address, nil)
		cmd := mosquitto(ctx, "mosquitto_pub", link.address, v50, "-t", "alias/x", "-q", fmt.Sprint(q), "-l", "-D", "publish", "topic-alias", "3")
		cmd.Stdin = strings.NewReader("one\ntwo\nthree\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, r := range readers {
			for _, text := range []string{"one", "two", "three"} {
				r.expect(message{topic: "alias/x", payload: text, qos: q})
			}
		}
		c := client{t: t, link: link}
		if n := c.checkAliases(mqttwire.Client); n != 2 {
			t.Errorf("%d messages went without their topic", n)
		}
	}
}
