package server

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// withOptions returns the Config of a server with some other options.
func withOptions(change func(o *session.ServerOptions)) Config {
	c := Config{ServerOptions: hub.DefaultOptions()}
	change(&c.ServerOptions)
	return c
}

// simulate runs a test with a server and pipes in a bubble of its own, where
// time passes only while everything waits. The bubble fails a test that leaves
// a goroutine behind.
func simulate(t *testing.T, config Config, test func(t *testing.T, s *Server)) {
	synctest.Test(t, func(t *testing.T) {
		if config.SysInterval == 0 {
			config.SysInterval = -1
		}
		s := New(config)
		test(t, s)
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// A peer is the other end of a connection: a client that says and expects
// what a test wants.
type peer struct {
	t     *testing.T
	conn  net.Conn
	in    codec.Framer
	rules codec.Rules // of what it sends
	dec   codec.Decoder
}

// pipe returns a peer that has sent nothing yet.
func pipe(t *testing.T, s *Server, v mqttwire.Version) *peer {
	ours, theirs := net.Pipe()
	go s.ServeConn(theirs)
	return newPeer(t, ours, v)
}

func newPeer(t *testing.T, conn net.Conn, v mqttwire.Version) *peer {
	p := &peer{t: t, conn: conn}
	p.rules = codec.Rules{Version: v, From: mqttwire.Client}
	p.in.Rules = codec.Rules{Version: v, From: mqttwire.Server}
	t.Cleanup(func() { conn.Close() })
	return p
}

// connected returns a peer that is in.
func connected(t *testing.T, s *Server, v mqttwire.Version, id string) *peer {
	return join(t, s, &codec.Connect{Version: v, CleanStart: true, ClientID: []byte(id)})
}

func join(t *testing.T, s *Server, c *codec.Connect) *peer {
	t.Helper()
	p := pipe(t, s, c.Version)
	p.send(c)
	if ack, ok := p.receive().(*codec.Connack); !ok || ack.Code != 0 || ack.SessionPresent {
		t.Fatalf("%v is answered with %v", c, ack)
	}
	return p
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
	p.write(b)
}

func (p *peer) write(b []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// next returns the next packet, or why there is none.
func (p *peer) next() (codec.Packet, error) {
	p.conn.SetReadDeadline(time.Now().Add(time.Minute))
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

// expectEnd receives the end of the connection, in 5.0 after a DISCONNECT
// with the code. Before 5.0 the code is not said.
func (p *peer) expectEnd(code mqttwire.Reason) {
	p.t.Helper()
	if p.rules.Version == mqttwire.V50 {
		if d, ok := p.receive().(*codec.Disconnect); !ok || d.Code != code {
			p.t.Fatalf("got %v, want a DISCONNECT of 0x%02x", d, uint8(code))
		}
	}
	p.expectClosed()
}

func (p *peer) expectClosed() {
	p.t.Helper()
	if x, err := p.next(); !errors.Is(err, io.EOF) {
		p.t.Fatalf("the connection is not closed: %v, %v", x, err)
	}
}

func (p *peer) subscribe(filter string) {
	p.t.Helper()
	p.subscribeWith(codec.Subscription{Filter: []byte(filter)}, codec.Properties{})
}

// subscribeAt subscribes at a level, which is granted.
func (p *peer) subscribeAt(filter string, level qos.Level) {
	p.t.Helper()
	p.subscribeWith(codec.Subscription{Filter: []byte(filter), Options: codec.SubscriptionOptions(level)}, codec.Properties{})
}

func (p *peer) subscribeWith(s codec.Subscription, properties codec.Properties) {
	p.t.Helper()
	list := codec.Subscriptions{}.Append(s)
	p.send(&codec.Subscribe{ID: 7, Subscriptions: list, Properties: properties})
	p.expect(&codec.Suback{ID: 7, Codes: codec.ReasonCodesOf([]byte{byte(s.Options.QoS())})})
}

func publication(topic, payload string) *codec.Publish {
	return &codec.Publish{Topic: []byte(topic), Payload: []byte(payload)}
}

func retainedPublication(topic, payload string) *codec.Publish {
	p := publication(topic, payload)
	p.Retain = true
	return p
}

func publicationAt(topic, payload string, level qos.Level, id uint16) *codec.Publish {
	p := publication(topic, payload)
	p.QoS, p.ID = level, id
	return p
}

var versions = []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50}

func eachVersion(t *testing.T, test func(t *testing.T, v mqttwire.Version)) {
	for _, v := range versions {
		t.Run(v.String(), func(t *testing.T) { test(t, v) })
	}
}
