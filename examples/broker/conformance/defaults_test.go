package conformance

import (
	"fmt"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/conformance/conformancetest"
	"github.com/mqttwire/mqttwire/examples/broker/server"
	"github.com/mqttwire/mqttwire/examples/broker/servertest"
	"github.com/mqttwire/mqttwire/qos"
)

// What the standards leave to a broker, and interoperability suites expect of
// one that nobody has configured: checks of our own, run by the same Runner.
var defaults = []conformance.Check{
	{Name: "defaults/keep-alive", About: "A Keep Alive above 60 is answered with 60.", Clauses: conformance.Cite("5.0 3.2.2-22"), Func: func(t *conformance.T) {
		for asked, want := range map[uint16]uint16{1: 0, 60: 0, 61: 60, 120: 60, 65535: 60} {
			_, ack := join(t, &codec.Connect{Version: t.Version, CleanStart: true, ClientID: []byte(t.ID("c")), KeepAlive: asked})
			if got, _ := ack.Properties.ServerKeepAlive(); got != want {
				t.Faultf(nil, fmt.Sprintf("Server Keep Alive %d for %d", want, asked), "%d", got)
			}
		}
	}},
	{Name: "defaults/announced", About: "A client may do much.", Clauses: conformance.Cite("5.0 3.1.4-5"), Func: func(t *conformance.T) {
		_, ack := join(t, &codec.Connect{Version: t.Version, CleanStart: true, ClientID: []byte(t.ID("c"))})
		f := t.Facts()
		if f.ReceiveMaximum < 10 || f.ReceiveMaximum > 5000 || f.TopicAliasMaximum == 0 || f.MaximumPacketSize < 65535 || f.MaximumQoS != 2 ||
			!f.Retain || !f.Wildcard || !f.SubscriptionIdentifiers || !f.Shared {
			t.Faultf(nil, "room for what clients do", "%+v", *f)
		}
		if n, ok := ack.Properties.SessionExpiryInterval(); ok {
			t.Faultf(nil, "no Session Expiry Interval for a client that did not ask", "%d", n)
		}
	}},
	{Name: "defaults/session-expiry", About: "Sessions are kept as long as asked.", Clauses: conformance.Cite("5.0 3.1.2-23"), Func: func(t *conformance.T) {
		for _, asked := range []uint32{99999, 999999999, 0xffffffff} {
			_, ack := join(t, &codec.Connect{Version: t.Version, CleanStart: true, ClientID: []byte(t.ID("c")), Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, asked)})
			if got, ok := ack.Properties.SessionExpiryInterval(); ok && got != asked {
				t.Faultf(nil, fmt.Sprint(asked), "%d", got)
			}
		}
	}},
	{Name: "defaults/64-bytes", About: "The answers fit into 64 bytes.", Clauses: conformance.Cite("5.0 3.1.2-24"), Func: func(t *conformance.T) {
		c, _ := join(t, &codec.Connect{Version: t.Version, CleanStart: true, ClientID: []byte(t.ID("c")), KeepAlive: 120, Properties: codec.AppendMaximumPacketSize(codec.Properties{}, 64)})
		c.SetLimit(64)
		subscribe(t, c, "client_test5/TopicA", 2)
		c.Send(&codec.Unsubscribe{ID: 2, Filters: codec.Filters{}.Append([]byte("client_test5/TopicA"))})
		await[*codec.Unsuback](t, c)
	}},
	{Name: "defaults/aliases", About: "Topic Aliases are used from the first message on.", Clauses: conformance.Cite("5.0 3.1.2-26"), Func: func(t *conformance.T) {
		c, _ := join(t, &codec.Connect{Version: t.Version, CleanStart: true, ClientID: []byte(t.ID("c")), Properties: codec.AppendTopicAliasMaximum(codec.Properties{}, 1)})
		subscribe(t, c, t.Topic("+"), 0)
		publisher, _ := join(t, &codec.Connect{Version: t.Version, CleanStart: true, ClientID: []byte(t.ID("publisher"))})
		for i, topic := range []string{"a", "a", "b"} {
			publisher.Send(&codec.Publish{Topic: []byte(t.Topic(topic))})
			p := await[*codec.Publish](t, c)
			alias, _ := p.Properties.TopicAlias()
			if want := []string{t.Topic("a"), "", t.Topic("b")}[i]; string(p.Topic) != want || alias != []uint16{1, 1, 0}[i] {
				t.Faultf(nil, "topic "+want, "%v", p)
			}
		}
	}},
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	addr, _ := servertest.Start(t, server.Config{})
	conformancetest.Broker(t, addr, func(r *conformance.Runner) { r.Checks, r.Select = defaults, nil })
}

func join(t *conformance.T, p *codec.Connect) (*conformance.Conn, *codec.Connack) {
	c := t.Open("c", mqttwire.Client, p.Version)
	c.Send(p)
	ack := await[*codec.Connack](t, c).Clone()
	return c, &ack
}

func subscribe(t *conformance.T, c *conformance.Conn, filter string, level qos.Level) {
	c.Send(&codec.Subscribe{ID: 1, Subscriptions: codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte(filter), Options: codec.SubscriptionOptions(level)})})
	await[*codec.Suback](t, c)
}

func await[P codec.Packet](t *conformance.T, c *conformance.Conn) P {
	p, err := c.Next(t.Patience())
	want, ok := p.(P)
	if !ok {
		t.Fatalf(nil, "a "+want.Type().String(), "%v, %v", p, err)
	}
	return want
}
