package session_test

import (
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

const second = time.Second

var versions = []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50}

// machine is what both ends can do.
type machine interface {
	Phase() session.Phase
	Version() mqttwire.Version
	Session() *session.Session
	Rules() codec.Rules
	MaxSize() int
	Quota() int
	Receive(dst []byte, d *codec.Decoder, h fixedheader.Header, body []byte, now time.Duration) ([]byte, session.Event, error)
	Fail(dst []byte, t mqttwire.PacketType, err error) []byte
	Publish(dst []byte, p *codec.Publish, token uint64, now time.Duration) ([]byte, qos.Action, error)
	Reserve(level qos.Level, retain bool, size int, token uint64, now time.Duration) (qos.Action, error)
	NextResend(dst []byte, now time.Duration) ([]byte, session.Event, bool)
	Resend(dst []byte, ev session.Event, p *codec.Publish, now time.Duration) ([]byte, session.Event, error)
	GiveUp(dst []byte, id uint16, now time.Duration) ([]byte, session.Event, error)
	Payload(f *codec.Framer, now time.Duration) (chunk []byte, rest int)
	Incoming() int
	PublishHead(dst []byte, p *codec.Publish, size int, token uint64, now time.Duration) ([]byte, qos.Action, error)
	ResendHead(dst []byte, ev session.Event, p *codec.Publish, size int, now time.Duration) ([]byte, session.Event, error)
	PayloadSent(n int, now time.Duration)
	Outgoing() int
	Next(dst []byte, f *codec.Framer, d *codec.Decoder, now time.Duration) ([]byte, session.Event, bool, error)
	Ack(dst []byte, t qos.Ticket, reason mqttwire.Reason, properties codec.Properties, now time.Duration) ([]byte, qos.Record, error)
	Auth(dst []byte, code mqttwire.Reason, data []byte, properties codec.Properties, now time.Duration) ([]byte, error)
	Disconnect(dst []byte, code mqttwire.Reason, properties codec.Properties) ([]byte, error)
	Poll(dst []byte, now time.Duration) ([]byte, session.Event, error)
	Deadline() (time.Duration, bool)
	Close(now time.Duration)
}

// server is a Server under test, its session, and what it has to say.
type server struct {
	session.Server
	t       testing.TB
	d       codec.Decoder
	options session.ServerOptions
	state   session.Session
	now     time.Duration
	last    session.Event
}

// feed gives the machine packets of its peer and returns what it answers and
// the last error. It stops at the first error.
func feed(m machine, d *codec.Decoder, now time.Duration, in []byte, on func(session.Event)) (out []byte, err error) {
	for len(in) > 0 {
		h, body, n, err := codec.Split(m.Rules(), in, m.MaxSize())
		if err != nil {
			return m.Fail(out, h.Type, err), err
		}
		if n == 0 {
			break
		}
		in = in[n:]
		var ev session.Event
		out, ev, err = m.Receive(out, d, h, body, now)
		if err != nil {
			return out, err
		}
		on(ev)
	}
	return out, nil
}

func (s *server) feed(in []byte) ([]byte, error) {
	s.last = session.Event{}
	return feed(&s.Server, &s.d, s.now, in, func(ev session.Event) { s.last = ev })
}

// encode encodes packets of one sender.
func encode(t testing.TB, v mqttwire.Version, from mqttwire.Role, packets ...codec.Packet) (b []byte) {
	t.Helper()
	for _, p := range packets {
		var err error
		if b, err = p.Append(b, codec.Rules{Version: v, From: from, Unchecked: true}); err != nil {
			t.Fatalf("%v: %v", p, err)
		}
	}
	return b
}

// opened returns a server that waits for a CONNECT.
func opened(t testing.TB, o session.ServerOptions) *server {
	if o.AuthenticationMethods == nil {
		o.AuthenticationMethods = []string{"m"}
	}
	s := &server{t: t, options: o}
	s.Open(&s.options, s.now)
	return s
}

// asked returns a server that has received a CONNECT.
func asked(t testing.TB, o session.ServerOptions, p *codec.Connect) *server {
	t.Helper()
	s := opened(t, o)
	s.connect(p)
	return s
}

func (s *server) connect(p *codec.Connect) {
	s.t.Helper()
	if out, err := s.feed(encode(s.t, p.Version, mqttwire.Client, p)); err != nil || len(out) != 0 || s.last.Kind != session.Connect {
		s.t.Fatalf("CONNECT: %v, %v, % x", s.last.Kind, err, out)
	}
}

// connected returns a server that has accepted a CONNECT.
func connected(t testing.TB, o session.ServerOptions, p *codec.Connect) *server {
	t.Helper()
	s := asked(t, o, p)
	s.accept(&codec.Connack{})
	return s
}

// accept accepts, and returns the CONNACK.
func (s *server) accept(ack *codec.Connack) *codec.Connack {
	s.t.Helper()
	out, _, err := s.Accept(nil, &s.state, ack, s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	p, ok := decodeAll(s.t, s.Version(), mqttwire.Server, out)[0].(*codec.Connack)
	if !ok || p.Code != connack.Success {
		s.t.Fatalf("no CONNACK that accepts: % x", out)
	}
	return p
}

// send gives the server a packet of its client.
func (s *server) send(p ...codec.Packet) ([]byte, error) {
	s.t.Helper()
	return s.feed(encode(s.t, s.Version(), mqttwire.Client, p...))
}

// suback answers a SUBSCRIBE of id 1, which it sends where none came last.
func (s *server) suback(p *codec.Suback) ([]byte, error) {
	if s.last.Kind != session.Subscribe && s.Phase() == session.Connected {
		subs := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("a")})
		s.send(&codec.Subscribe{ID: 1, Subscriptions: subs})
	}
	return s.Suback(nil, s.last.Request(), p)
}

// unsuback is suback for an UNSUBSCRIBE.
func (s *server) unsuback(p *codec.Unsuback) ([]byte, error) {
	if s.last.Kind != session.Unsubscribe && s.Phase() == session.Connected {
		filters := codec.Filters{}.Append([]byte("a"))
		s.send(&codec.Unsubscribe{ID: 1, Filters: filters})
	}
	return s.Unsuback(nil, s.last.Request(), p)
}

// decodeAll decodes what a sender has written: all of it, and rightly.
func decodeAll(t testing.TB, v mqttwire.Version, from mqttwire.Role, b []byte) (packets []codec.Packet) {
	t.Helper()
	for len(b) > 0 {
		r := codec.Rules{Version: v, From: from}
		h, body, n, err := codec.Split(r, b, 0)
		if err != nil || n == 0 {
			t.Fatalf("cannot split % x: %v", b, err)
		}
		p, err := new(codec.Decoder).Decode(r, h, body)
		if err != nil {
			t.Fatalf("cannot decode % x: %v", b[:n], err)
		}
		packets = append(packets, p)
		b = b[n:]
	}
	return packets
}

// connect is a CONNECT of a version, with a clean start.
func connect(v mqttwire.Version) *codec.Connect {
	return &codec.Connect{Version: v, CleanStart: true, ClientID: []byte("c"), KeepAlive: 10}
}

func publish(level qos.Level, id uint16) *codec.Publish {
	return &codec.Publish{Topic: []byte("t"), Payload: []byte("p"), QoS: level, ID: id}
}

// client is a Client under test.
type client struct {
	session.Client
	t       testing.TB
	d       codec.Decoder
	options session.ClientOptions
	state   session.Session
	now     time.Duration
	last    session.Event
}

// dialled returns a client that has sent its CONNECT.
func dialled(t testing.TB, p *codec.Connect) *client {
	t.Helper()
	c := &client{t: t}
	c.dial(p)
	return c
}

func (c *client) dial(p *codec.Connect) {
	c.t.Helper()
	if _, err := c.Connect(nil, &c.state, p, &c.options, c.now); err != nil {
		c.t.Fatal(err)
	}
}

// accepted returns a client that a server has accepted.
func accepted(t testing.TB, p *codec.Connect, ack *codec.Connack) *client {
	t.Helper()
	c := dialled(t, p)
	if _, err := c.send(ack); err != nil || c.last.Kind != session.Accepted {
		t.Fatalf("CONNACK: %v, %v", c.last.Kind, err)
	}
	return c
}

// send gives the client a packet of its server.
func (c *client) send(p ...codec.Packet) ([]byte, error) {
	c.t.Helper()
	c.last = session.Event{}
	return feed(&c.Client, &c.d, c.now, encode(c.t, c.Version(), mqttwire.Server, p...), func(ev session.Event) { c.last = ev })
}

// fixedHeaderOf is the header of a packet without a body.
func fixedHeaderOf(first byte) fixedheader.Header {
	return fixedheader.Header{Type: mqttwire.PacketType(first >> 4), Flags: first & 15, Width: 1}
}
