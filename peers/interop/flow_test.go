package interop

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/examples/broker/server"
)

// A window watches how many messages above QoS 0 are unfinished in one direction
// of a link.
type window struct {
	from         mqttwire.Role
	open         map[uint16]bool
	most, opened int
}

func (w *window) rule(p *packet) verdict {
	if w.open == nil {
		w.open = map[uint16]bool{}
	}
	switch {
	case p.is(mqttwire.PUBLISH, w.from) && p.qos() > 0:
		w.open[p.id()] = true
		w.opened++
		w.most = max(w.most, len(w.open))
	case p.from != w.from && (p.Type == mqttwire.PUBACK || p.Type == mqttwire.PUBCOMP):
		delete(w.open, p.id())
	}
	return pass
}

// The broker has as many messages in flight as the client takes, no more.
func TestReceiveMaximum(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		writer := newClient(t, flavors[0], b, options{id: "writer"})
		o := options{id: "c", resume: true, receiveMaximum: 3, subscribe: []subscription{{filter: "x", qos: 2}}}
		newClient(t, f, b, o).quit()
		want := numbered("x", 60, false)
		for _, m := range want {
			writer.pub(m)
		}
		w := &window{from: mqttwire.Server}
		o.through = startLink(t, b.address, w.rule)
		c := newClient(t, f, b, o)
		c.expectAll(want, false)
		for _, m := range want { // and what comes now
			writer.pub(m)
		}
		c.expectAll(want, false)
		o.through.close()
		if w.most != 3 || w.opened != 2*len(want) {
			t.Errorf("%d messages in flight at most, %d in all", w.most, w.opened)
		}
	}, v50)
}

// Libraries that heed the server's Receive Maximum get through with it.
func TestServerReceiveMaximum(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *server.Config) { c.ReceiveMaximum = 3 })
	reader := newClient(t, flavors[0], b, options{id: "reader", subscribe: []subscription{{filter: "x", qos: 2}}})
	for q := byte(1); q < 3; q++ {
		w := &window{from: mqttwire.Client}
		link := startLink(t, b.address, w.rule)
		c := newClient(t, find(t, "paho-5.0"), b, options{id: "paho", through: link})
		var publishers sync.WaitGroup
		for i := range 30 {
			publishers.Go(func() {
				if _, err := c.driver.publish(message{topic: "x", payload: fmt.Sprint(i), qos: q}); err != nil {
					t.Error(err)
				}
			})
		}
		publishers.Wait()
		got := map[string]bool{}
		for range 30 {
			got[reader.next().payload] = true
		}
		if len(got) != 30 {
			t.Errorf("QoS %d: %d messages of 30", q, len(got))
		}
		c.quit()
		if w.most > 3 || w.most < 2 {
			t.Errorf("QoS %d: %d in flight", q, w.most)
		}
	}
	require(t, missingMosquitto)
	ctx, cancel := inTime()
	defer cancel()
	var lines strings.Builder
	for i := range 30 {
		fmt.Fprintln(&lines, i)
	}
	cmd := mosquitto(ctx, "mosquitto_pub", b.address, v50, "-t", "x", "-q", "2", "-l")
	cmd.Stdin = strings.NewReader(lines.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_pub: %v: %s", err, out)
	}
	for i := range 30 {
		reader.expect(message{topic: "x", payload: fmt.Sprint(i), qos: 2})
	}
}

// One that does not is told with 0x93.
func TestReceiveMaximumExceeded(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *server.Config) { c.ReceiveMaximum = 3 })
	link := startLink(t, b.address, func(p *packet) verdict {
		if p.is(mqttwire.PUBREC, mqttwire.Server) {
			return swallow // so that none is finished
		}
		return pass
	})
	link.single()
	c := newClient(t, find(t, "mqttjs-5.0"), b, options{id: "c", through: link})
	for range 4 {
		c.driver.(*mqttjs).start(message{topic: "x", qos: 2})
	}
	if code := receive(t, c.ended, "DISCONNECT"); code != 0x93 {
		t.Errorf("told 0x%02x", code)
	}
}

// A message that is larger than a client takes passes it by, and goes to another
// member of its group instead.
func TestMaximumPacketSize(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		writer := newClient(t, find(t, "paho-5.0"), b, options{id: "writer"})
		for q := range byte(3) {
			all := []subscription{{filter: "x/#", qos: q}, {filter: "$share/g/s", qos: q}}
			small := newClient(t, f, b, options{id: "small", maximumPacket: 300, subscribe: all})
			large := newClient(t, find(t, "paho-3.1.1"), b, options{id: "large", subscribe: all[1:]})
			writer.pub(message{topic: "x/1", payload: strings.Repeat("x", 400), qos: q})
			fits := message{topic: "x/2", payload: strings.Repeat("x", 200), qos: q}
			writer.pub(fits)
			small.expect(fits)
			m := message{topic: "s", payload: strings.Repeat("x", 400), qos: q}
			for range 4 {
				writer.pub(m)
				large.expect(m)
			}
			for _, p := range small.link.seen(of(mqttwire.PUBLISH, mqttwire.Server)) {
				if len(p.raw) > 300 {
					t.Errorf("%d bytes were sent", len(p.raw))
				}
			}
			small.quit()
			large.quit()
		}
	}, v50)
}

// A client that sends more than the server takes is told so, in 5.0, and
// disconnected.
func TestServerMaximumPacketSize(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(c *server.Config) { c.MaximumPacketSize = 1000 })
	for _, name := range []string{"paho-3.1", "paho-3.1.1", "paho-5.0", "mqttjs-3.1.1", "mqttjs-5.0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, find(t, name), b, options{id: name})
			m := message{topic: "x", payload: strings.Repeat("x", 900)}
			c.pub(m)
			m.payload += m.payload
			c.driver.publish(m)
			c.link.waitOver()
			if c.flavor.version == v50 {
				if code := receive(t, c.ended, "DISCONNECT"); code != 0x95 {
					t.Errorf("told 0x%02x", code)
				}
			}
		})
	}
}
