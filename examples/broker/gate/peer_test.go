package gate

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/tokenauth"
)

// A peer is a client that says and expects what a test wants.
type peer struct {
	t        *testing.T
	conn     net.Conn
	in       codec.Framer
	rules    codec.Rules // of what it sends
	dec      codec.Decoder
	patience time.Duration
}

func newPeer(t *testing.T, conn net.Conn, v mqttwire.Version) *peer {
	p := &peer{t: t, conn: conn, rules: codec.Rules{Version: v, From: mqttwire.Client}, patience: 24 * time.Hour}
	p.in.Rules = codec.Rules{Version: v, From: mqttwire.Server}
	t.Cleanup(func() { conn.Close() })
	return p
}

func (p *peer) is5() bool { return p.rules.Version == mqttwire.V50 }

// connect returns the code of the CONNACK.
func (p *peer) connect(c *codec.Connect) connack.Code {
	p.t.Helper()
	p.send(c)
	ack, ok := p.receive().(*codec.Connack)
	if !ok {
		p.t.Fatalf("%v is not answered with a CONNACK", c)
	}
	return ack.Code
}

func (p *peer) send(packets ...codec.Packet) {
	p.t.Helper()
	var b []byte
	for _, x := range packets {
		var err error
		if b, err = x.Append(b, p.rules); err != nil {
			p.t.Fatalf("%v: %v", x, err)
		}
	}
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// next returns the next packet, or why there is none. In a bubble it waits
// longer than any test lets pass.
func (p *peer) next() (codec.Packet, error) {
	p.conn.SetReadDeadline(time.Now().Add(p.patience))
	for {
		h, body, ok, err := p.in.Next()
		switch {
		case err != nil:
			return nil, err
		case ok:
			return p.dec.Decode(p.in.Rules, h, body)
		}
		n, err := p.conn.Read(p.in.Buffer())
		p.in.Filled(n)
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

func (p *peer) receive() codec.Packet {
	p.t.Helper()
	x, err := p.next()
	if err != nil {
		p.t.Fatal(err)
	}
	return x
}

// expect receives packets that must be these, byte for byte.
func (p *peer) expect(want ...codec.Packet) {
	p.t.Helper()
	for _, w := range want {
		got := p.receive()
		a, err := got.Append(nil, p.in.Rules)
		if err != nil {
			p.t.Fatal(err)
		}
		b, err := w.Append(nil, p.in.Rules)
		if err != nil {
			p.t.Fatal(err)
		}
		if string(a) != string(b) {
			p.t.Fatalf("got  %v\nwant %v", got, w)
		}
	}
}

// expectNothing passes where nothing has come, and all that was sent has been
// handled.
func (p *peer) expectNothing() {
	p.t.Helper()
	p.send(&codec.Pingreq{})
	p.expect(&codec.Pingresp{})
}

func (p *peer) expectClosed() {
	p.t.Helper()
	if x, err := p.next(); !errors.Is(err, io.EOF) {
		p.t.Fatalf("the connection is not closed: %v, %v", x, err)
	}
}

// expectNotice receives a notice, which nobody else gets.
func (p *peer) expectNotice(n tokenauth.Notice) {
	p.t.Helper()
	payload, err := n.Append(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	p.expect(publication(n.Topic(), string(payload)))
}

// expectOut receives the notice that a token is no longer good, and the end of
// the connection, in 5.0 with the reason in words: nothing before, between, or
// after.
func (p *peer) expectOut(code tokenauth.Code, typ tokenauth.Type) {
	p.t.Helper()
	p.expectNotice(tokenauth.Notice{Code: code, Type: typ})
	if p.is5() {
		p.expect(&codec.Disconnect{Code: mqttwire.NotAuthorized, Properties: codec.AppendReasonString(codec.Properties{}, code.Error())})
	}
	p.expectClosed()
}

// subscribe subscribes at a level and is granted it.
func (p *peer) subscribe(filter string, level qos.Level) {
	p.t.Helper()
	if code := p.ask(filter, level); code != mqttwire.Reason(level) {
		p.t.Fatalf("SUBSCRIBE to %s is answered with %#x", filter, uint8(code))
	}
}

// ask returns the code of the SUBACK to a filter.
func (p *peer) ask(filter string, level qos.Level) mqttwire.Reason {
	p.t.Helper()
	list := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte(filter), Options: codec.SubscriptionOptions(level)})
	p.send(&codec.Subscribe{ID: 9, Subscriptions: list})
	ack, ok := p.receive().(*codec.Suback)
	if !ok || ack.ID != 9 || ack.Codes.Len() != 1 {
		p.t.Fatal("SUBSCRIBE is not answered with its SUBACK")
	}
	return ack.Codes.At(0)
}

// refusal is what a SUBACK says to a filter that is not allowed.
func (p *peer) refusal() mqttwire.Reason {
	if p.rules.Version == mqttwire.V311 {
		return mqttwire.UnspecifiedError
	}
	return mqttwire.NotAuthorized
}

// expectRefused asks for filters that are not granted, and stays. In 3.1 nobody
// would: TestSubscribeRefusedIn31 is about that.
func (p *peer) expectRefused(filters ...string) {
	p.t.Helper()
	for _, filter := range filters {
		if p.rules.Version == mqttwire.V31 {
			continue
		}
		if got := p.ask(filter, qos.AtLeastOnce); got != p.refusal() {
			p.t.Errorf("SUBSCRIBE to %s is answered with %#x, want %#x", filter, uint8(got), uint8(p.refusal()))
		}
	}
}

// expectDenied is expectRefused of a client with tokens, which is told why.
func (p *peer) expectDenied(code tokenauth.Code, typ tokenauth.Type, filters ...string) {
	p.t.Helper()
	for _, filter := range filters {
		if p.rules.Version != mqttwire.V31 {
			p.expectRefused(filter)
			p.expectNotice(tokenauth.Notice{Code: code, Type: typ})
		}
	}
}

func publication(topic, payload string) *codec.Publish {
	return &codec.Publish{Topic: []byte(topic), Payload: []byte(payload)}
}

func publicationAt(topic, payload string, level qos.Level, id uint16) *codec.Publish {
	p := publication(topic, payload)
	p.QoS, p.ID = level, id
	return p
}

// publish publishes at QoS 1 and is told that it was taken.
func (p *peer) publish(topic, payload string) {
	p.t.Helper()
	p.send(publicationAt(topic, payload, qos.AtLeastOnce, 5))
	ack, ok := p.receive().(*codec.Puback)
	if !ok || ack.ID != 5 || ack.Code.IsError() {
		p.t.Fatalf("PUBLISH to %s is answered with %v", topic, ack)
	}
}
