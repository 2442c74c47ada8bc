package conformance

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// A client speaks MQTT over a socket. It sends what it is told to, hands out
// what comes, packet by packet, and does nothing by itself: it acknowledges
// nothing and sends no PINGREQ. What it is given that a test does not expect
// fails the test.
type client struct {
	t       testing.TB
	conn    net.Conn
	in      codec.Framer
	dec     codec.Decoder
	to      codec.Rules // of what it sends
	connack codec.Connack
	early   []codec.Packet // that came before a SUBACK
	lastID  uint16
}

func (c *client) version() mqttwire.Version { return c.to.Version }

func (c *client) is5() bool { return c.version() == mqttwire.V50 }

// id returns a Packet Identifier that it has not used yet.
func (c *client) id() uint16 {
	c.lastID++
	return c.lastID
}

func (c *client) send(packets ...codec.Packet) {
	c.t.Helper()
	var b []byte
	for _, p := range packets {
		var err error
		if b, err = p.Append(b, c.to); err != nil {
			c.t.Fatalf("%v: %v", p, err)
		}
	}
	c.write(b)
}

func (c *client) write(b []byte) {
	c.t.Helper()
	if err := c.tryWrite(b); err != nil {
		c.t.Fatal(err)
	}
}

// tryWrite is write for bytes that the broker may not wait for.
func (c *client) tryWrite(b []byte) error {
	c.conn.SetWriteDeadline(time.Now().Add(patience))
	_, err := c.conn.Write(b)
	return err
}

// next returns the next packet, which is valid until the one after it is
// read, or why there is none within the time.
func (c *client) next(within time.Duration) (codec.Packet, error) {
	c.conn.SetReadDeadline(time.Now().Add(within))
	for {
		h, body, ok, err := c.in.Next()
		switch {
		case err != nil:
			return nil, fmt.Errorf("the broker sends what is no packet: %w", err)
		case ok:
			p, err := c.dec.Decode(c.in.Rules, h, body)
			if err != nil {
				return nil, fmt.Errorf("the broker sends a bad %v: %w", h.Type, err)
			}
			return p, nil
		}
		n, err := c.conn.Read(c.in.Buffer())
		c.in.Filled(n)
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

func (c *client) packet() codec.Packet {
	c.t.Helper()
	if len(c.early) > 0 {
		p := c.early[0]
		c.early = c.early[1:]
		return p
	}
	p, err := c.next(patience)
	if err != nil {
		c.t.Fatal("no packet: ", err)
	}
	return p
}

// receive returns the next packet, which must be of type P.
func receive[P codec.Packet](c *client) P {
	c.t.Helper()
	p := c.packet()
	want, ok := p.(P)
	if !ok {
		c.t.Fatalf("got %v, want %v", p, want.Type())
	}
	return want
}

// expect receives packets that must be these, byte for byte.
func (c *client) expect(want ...codec.Packet) {
	c.t.Helper()
	for _, w := range want {
		if got := c.packet(); encode(c.t, c.in.Rules, got) != encode(c.t, c.in.Rules, w) {
			c.t.Fatalf("got  %v\nwant %v", got, w)
		}
	}
}

func encode(t testing.TB, r codec.Rules, p codec.Packet) string {
	t.Helper()
	b, err := p.Append(nil, r)
	if err != nil {
		t.Fatalf("%v: %v", p, err)
	}
	return string(b)
}

// ping sees to it that the broker has read all that was sent, and fails where
// anything but PINGRESP comes: nothing else is on its way to the client.
func (c *client) ping() {
	c.t.Helper()
	c.send(&codec.Pingreq{})
	c.expect(&codec.Pingresp{})
}

// closed receives the end of the connection, and nothing before it.
func (c *client) closed() {
	c.t.Helper()
	switch p, err := c.next(patience); {
	case err == nil:
		c.t.Fatalf("got %v, want the end of the connection", p)
	case isTimeout(err):
		c.t.Fatal("the connection is not closed")
	}
}

// isTimeout reports whether nothing came in time.
func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// ended receives the end of the connection, in 5.0 after a DISCONNECT with
// one of the codes. Before 5.0 the broker cannot say why.
func (c *client) ended(codes ...mqttwire.Reason) {
	c.t.Helper()
	if c.is5() {
		if p := receive[*codec.Disconnect](c); !slices.Contains(codes, p.Code) {
			c.t.Errorf("got %v, want one of %v", p, codes)
		}
	}
	c.closed()
}

// disconnect leaves for good: when it returns, the broker knows.
func (c *client) disconnect() {
	c.t.Helper()
	c.leave(&codec.Disconnect{})
}

func (c *client) leave(p *codec.Disconnect) {
	c.t.Helper()
	c.send(p)
	c.closed()
	c.conn.Close()
}

// lose cuts the connection without a DISCONNECT. The broker knows when the
// next client with the same identifier gets its CONNACK.
func (c *client) lose() { c.conn.Close() }

// expectPresent checks Session Present, which 3.1 does not have.
func (c *client) expectPresent(want bool) {
	c.t.Helper()
	if got := c.connack.SessionPresent; got != (want && c.version() != mqttwire.V31) {
		c.t.Fatalf("Session Present is %v, a session was kept: %v", got, want)
	}
}

// sub is a subscription of a Topic Filter with options: a QoS, and in 5.0 more.
func sub(filter string, options codec.SubscriptionOptions) codec.Subscription {
	return codec.Subscription{Filter: []byte(filter), Options: options}
}

// subscribe makes a subscription, which must be granted as asked. Messages may
// come before the SUBACK (3.1.1 §3.8.4, 5.0 §3.8.4).
func (c *client) subscribe(filter string, options codec.SubscriptionOptions) {
	c.t.Helper()
	c.subscribeWith(codec.Properties{}, sub(filter, options))
}

func (c *client) subscribeWith(properties codec.Properties, subs ...codec.Subscription) {
	c.t.Helper()
	var list codec.Subscriptions
	var wanted []mqttwire.Reason
	for _, s := range subs {
		list = list.Append(s)
		wanted = append(wanted, mqttwire.Reason(s.Options.QoS()))
	}
	id := c.id()
	c.send(&codec.Subscribe{ID: id, Properties: properties, Subscriptions: list})
	var early []codec.Packet
	p := c.packet()
	for m, ok := p.(*codec.Publish); ok; m, ok = p.(*codec.Publish) {
		q := m.Clone()
		early = append(early, &q)
		p = c.packet()
	}
	c.early = append(early, c.early...)
	ack, ok := p.(*codec.Suback)
	if !ok {
		c.t.Fatalf("got %v, want SUBACK", p)
	}
	if got := slices.Collect(ack.Codes.All()); ack.ID != id || !slices.Equal(got, wanted) {
		c.t.Fatalf("got %v, want SUBACK of %d with %v", ack, id, wanted)
	}
}

// unsubscribe ends subscriptions and returns the codes of 5.0.
func (c *client) unsubscribe(filters ...string) []mqttwire.Reason {
	c.t.Helper()
	var list codec.Filters
	for _, f := range filters {
		list = list.Append([]byte(f))
	}
	id := c.id()
	c.send(&codec.Unsubscribe{ID: id, Filters: list})
	ack := receive[*codec.Unsuback](c)
	if ack.ID != id {
		c.t.Fatalf("got %v, want UNSUBACK of %d", ack, id)
	}
	codes := slices.Collect(ack.Codes.All())
	if c.is5() && len(codes) != len(filters) {
		c.t.Fatalf("got %v for %d filters", ack, len(filters))
	}
	return codes
}

// msg is a message to publish, or one that is to come.
func msg(topic, payload string, level qos.Level) *codec.Publish {
	return &codec.Publish{Topic: []byte(topic), Payload: []byte(payload), QoS: level}
}

func retained(p *codec.Publish) *codec.Publish {
	q := *p
	q.Retain = true
	return &q
}

// at is p at another QoS.
func at(level qos.Level, p *codec.Publish) *codec.Publish {
	q := *p
	q.QoS = level
	return &q
}

func dup(p *codec.Publish) *codec.Publish {
	q := *p
	q.Dup = true
	return &q
}

func with(properties codec.Properties, p *codec.Publish) *codec.Publish {
	q := *p
	q.Properties = properties
	return &q
}

// publish sends messages and sees each through to its last acknowledgement, so
// that the broker has them. The client must not receive any meanwhile.
func (c *client) publish(messages ...*codec.Publish) {
	c.t.Helper()
	for _, m := range messages {
		p := *m
		if p.QoS == 0 {
			c.send(&p)
			c.ping()
			continue
		}
		p.ID = c.id()
		c.send(&p)
		if p.QoS == 1 {
			c.acknowledged(receive[*codec.Puback](c), p.ID)
			continue
		}
		c.acknowledged(receive[*codec.Pubrec](c), p.ID)
		c.send(&codec.Pubrel{ID: p.ID})
		c.expect(&codec.Pubcomp{ID: p.ID})
	}
}

// acknowledged checks a PUBACK or PUBREC. A broker of 5.0 may say that nobody
// has subscribed to the message (5.0 §3.4.2.1, §3.5.2.1).
func (c *client) acknowledged(p codec.Packet, id uint16) {
	c.t.Helper()
	var got uint16
	var code mqttwire.Reason
	switch p := p.(type) {
	case *codec.Puback:
		got, code = p.ID, p.Code
	case *codec.Pubrec:
		got, code = p.ID, p.Code
	}
	if got != id || code != mqttwire.Success && code != mqttwire.NoMatchingSubscribers {
		c.t.Fatalf("got %v for the message %d", p, id)
	}
}

// arrived receives a message that must be want in all but its Packet
// Identifier, and returns a copy that is not acknowledged yet.
func (c *client) arrived(want *codec.Publish) *codec.Publish {
	c.t.Helper()
	p := receive[*codec.Publish](c).Clone()
	if got, want := show(&p), show(want); got != want {
		c.t.Fatalf("got  %s\nwant %s", got, want)
	}
	return &p
}

// take receives messages in this order and acknowledges them.
func (c *client) take(want ...*codec.Publish) {
	c.t.Helper()
	var came []*codec.Publish
	for _, w := range want {
		came = append(came, c.arrived(w))
	}
	for _, p := range came {
		c.finish(p)
	}
}

// takeAny is take for messages that may come in any order.
func (c *client) takeAny(want ...*codec.Publish) {
	c.t.Helper()
	var shown []string
	for _, w := range want {
		shown = append(shown, show(w))
	}
	var came []*codec.Publish
	for len(shown) > 0 {
		p := receive[*codec.Publish](c).Clone()
		i := slices.Index(shown, show(&p))
		if i < 0 {
			c.t.Fatalf("got  %s\nwant one of\n%s", show(&p), strings.Join(shown, "\n"))
		}
		shown = slices.Delete(shown, i, i+1)
		came = append(came, &p)
	}
	for _, p := range came {
		c.finish(p)
	}
}

// finish acknowledges a message to the end.
func (c *client) finish(p *codec.Publish) {
	c.t.Helper()
	switch p.QoS {
	case 1:
		c.send(&codec.Puback{ID: p.ID})
	case 2:
		c.send(&codec.Pubrec{ID: p.ID})
		if rel := receive[*codec.Pubrel](c); rel.ID != p.ID || rel.Code != 0 {
			c.t.Fatalf("got %v, want PUBREL of %d", rel, p.ID)
		}
		c.send(&codec.Pubcomp{ID: p.ID})
	}
}

// converse sends messages all at once, receives n, acknowledges whatever is to
// be, in both directions, and returns what came, in its order. Nothing may be
// left after that.
func (c *client) converse(n int, messages ...*codec.Publish) []*codec.Publish {
	c.t.Helper()
	came := c.exchange(func(came []*codec.Publish) bool { return len(came) >= n }, messages...)
	c.ping()
	return came
}

// queued receives what has waited for a client that was away: n messages of
// QoS 1 and 2, and those of QoS 0 that the broker has kept, if it keeps any.
func (c *client) queued(n int) []*codec.Publish {
	c.t.Helper()
	above0 := func(came []*codec.Publish) bool {
		left := n
		for _, p := range came {
			left -= min(int(p.QoS), 1)
		}
		return left <= 0
	}
	came := c.exchange(above0)
	c.send(&codec.Pingreq{})
	for {
		switch p := c.packet().(type) {
		case *codec.Pingresp:
			return came
		case *codec.Publish:
			if p.QoS > 0 {
				c.t.Fatalf("got %v besides the messages that were to come", p)
			}
			q := p.Clone()
			came = append(came, &q)
		default:
			c.t.Fatalf("got %v", p)
		}
	}
}

// exchange is converse until enough messages have come.
func (c *client) exchange(enough func(came []*codec.Publish) bool, messages ...*codec.Publish) []*codec.Publish {
	c.t.Helper()
	sent, received := map[uint16]qos.Level{}, map[uint16]bool{}
	for _, m := range messages {
		p := *m
		if p.QoS > 0 {
			p.ID = c.id()
			sent[p.ID] = p.QoS
		}
		c.send(&p)
	}
	var came []*codec.Publish
	for len(sent) > 0 || len(received) > 0 || !enough(came) {
		switch p := c.packet().(type) {
		case *codec.Puback:
			if sent[p.ID] != 1 {
				c.t.Fatalf("got %v", p)
			}
			c.acknowledged(p, p.ID)
			delete(sent, p.ID)
		case *codec.Pubrec:
			if sent[p.ID] != 2 {
				c.t.Fatalf("got %v", p)
			}
			c.acknowledged(p, p.ID)
			c.send(&codec.Pubrel{ID: p.ID})
		case *codec.Pubcomp:
			if sent[p.ID] != 2 || p.Code != 0 {
				c.t.Fatalf("got %v", p)
			}
			delete(sent, p.ID)
		case *codec.Publish:
			q := p.Clone()
			came = append(came, &q)
			switch p.QoS {
			case 1:
				c.send(&codec.Puback{ID: p.ID})
			case 2:
				received[p.ID] = true
				c.send(&codec.Pubrec{ID: p.ID})
			}
		case *codec.Pubrel:
			if !received[p.ID] {
				c.t.Fatalf("got %v", p)
			}
			delete(received, p.ID)
			c.send(&codec.Pubcomp{ID: p.ID})
		default:
			c.t.Fatalf("got %v", p)
		}
	}
	return came
}

// show describes all that two copies of a message have in common: not the
// Packet Identifier, and of the properties not the order, but for that of the
// User Properties.
func show(p *codec.Publish) string {
	var properties, users []string
	for x := range p.Properties.All() {
		if x.ID == codec.UserProperty {
			users = append(users, x.String())
		} else {
			properties = append(properties, x.String())
		}
	}
	slices.Sort(properties)
	return fmt.Sprintf("%v, DUP %v, RETAIN %v, topic %s, payload %s, properties %q", p.QoS, p.Dup, p.Retain, brief(p.Topic), brief(p.Payload), append(properties, users...))
}

// brief is a text to print and compare.
func brief(b []byte) string {
	if len(b) > 200 {
		return fmt.Sprintf("of %d bytes, %x", len(b), sha256.Sum256(b))
	}
	return fmt.Sprintf("%q", b)
}

func shows(messages []*codec.Publish) string {
	var all []string
	for _, p := range messages {
		all = append(all, show(p))
	}
	return strings.Join(all, "\n")
}

// user is a block of User Properties: name, value, name, value ...
func user(pairs ...string) codec.Properties {
	var p codec.Properties
	for i := 0; i < len(pairs); i += 2 {
		p = codec.AppendUserProperty(p, pairs[i], pairs[i+1])
	}
	return p
}

// levels runs a test at every QoS.
func levels(t *testing.T, test func(t *testing.T, level qos.Level)) {
	for level := range qos.Level(3) {
		t.Run(level.String(), func(t *testing.T) { test(t, level) })
	}
}
