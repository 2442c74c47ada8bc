package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/server"
	"github.com/mqttwire/mqttwire/qos"
)

// A bed is a broker as some settings have it, on pipes instead of sockets.
type bed struct {
	t      *testing.T
	server *server.Server
	ends   []net.Conn // of clients
}

// inBed runs a broker in a bubble, where time passes only while everything waits.
func inBed(t *testing.T, args []string, do func(b *bed)) {
	t.Helper()
	inBedWith(t, args, func(*server.Config) {}, do)
}

func inBedWith(t *testing.T, args []string, change func(c *server.Config), do func(b *bed)) {
	t.Helper()
	s := mustParse(t, args...)
	g, err := s.gate()
	if err != nil {
		t.Fatal(err)
	}
	s.server.Authenticator, s.server.Handlers = g, g.Handlers()
	s.server.Log = nil
	change(&s.server)
	synctest.Test(t, func(t *testing.T) {
		b := &bed{t: t, server: server.New(s.server)}
		do(b)
		for _, c := range b.ends {
			c.Close()
		}
		if err := b.server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// A duplex is an end of a connection whose directions are closed each for itself,
// as those of TCP are.
type duplex struct {
	net.Conn          // what is read
	out      net.Conn // what is written
}

func (d duplex) Write(b []byte) (int, error)         { return d.out.Write(b) }
func (d duplex) SetWriteDeadline(at time.Time) error { return d.out.SetWriteDeadline(at) }
func (d duplex) CloseWrite() error                   { return d.out.Close() }

func (d duplex) SetDeadline(at time.Time) error {
	return errors.Join(d.Conn.SetDeadline(at), d.out.SetDeadline(at))
}

func (d duplex) Close() error { return errors.Join(d.Conn.Close(), d.out.Close()) }

// A caller is a client of a bed. It holds what comes to no rule.
type caller struct {
	bed  *bed
	conn net.Conn
	in   codec.Framer
	out  codec.Rules
	dec  codec.Decoder
}

// call connects, and sends nothing.
func (b *bed) call(v mqttwire.Version) *caller {
	up, theirs := net.Pipe()
	down, ours := net.Pipe()
	c := &caller{bed: b, conn: duplex{down, up}, out: codec.Rules{Version: v, From: mqttwire.Client, Unchecked: true}}
	c.in.Rules = codec.Rules{Version: v, From: mqttwire.Server}
	b.ends = append(b.ends, c.conn)
	go b.server.ServeConn(duplex{theirs, ours})
	return c
}

// join connects with a CONNECT of 5.0, or what change makes of it, and returns
// what answers it.
func (b *bed) join(id string, change func(c *codec.Connect)) (*caller, string) {
	x := &codec.Connect{Version: mqttwire.V50, CleanStart: true, ClientID: []byte(id)}
	if change != nil {
		change(x)
	}
	c := b.call(x.Version)
	c.say(x)
	return c, c.hear()
}

// in is join of who is let in.
func (b *bed) in(id string, change func(c *codec.Connect)) *caller {
	b.t.Helper()
	c, answer := b.join(id, change)
	if !strings.HasPrefix(answer, "CONNACK 00") {
		b.t.Fatalf("%s is answered with %s", id, answer)
	}
	return c
}

// keep has a session last.
func keep(c *codec.Connect) {
	c.CleanStart = false
	c.Properties = c.Properties.Append(codec.Property{ID: codec.SessionExpiryInterval, Number: 1000})
}

// v311 is keep before 5.0.
func v311(c *codec.Connect) { c.Version, c.CleanStart = mqttwire.V311, false }

func (c *caller) say(packets ...codec.Packet) {
	c.bed.t.Helper()
	var b []byte
	for _, x := range packets {
		var err error
		if b, err = x.Append(b, c.out); err != nil {
			c.bed.t.Fatal(err)
		}
	}
	c.conn.Write(b) // who is refused sees it where it listens
}

// leave closes the connection, and lets the server see it.
func (c *caller) leave() {
	c.conn.Close()
	synctest.Wait()
}

// receive returns what comes within some time.
func (c *caller) receive(wait time.Duration) (codec.Packet, error) {
	c.conn.SetReadDeadline(time.Now().Add(wait))
	for {
		h, body, ok, err := c.in.Next()
		switch {
		case err != nil:
			return nil, err
		case ok:
			return c.dec.Decode(c.in.Rules, h, body)
		}
		n, err := c.conn.Read(c.in.Buffer())
		c.in.Filled(n)
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

// hear says in a word what comes within ten seconds.
func (c *caller) hear() string { return c.hearFor(10 * time.Second) }

func (c *caller) hearFor(wait time.Duration) string {
	x, err := c.receive(wait)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "silence"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe):
		return "closed"
	case err != nil:
		return err.Error()
	}
	switch x := x.(type) {
	case *codec.Connack:
		s := fmt.Sprintf("CONNACK %02x", uint8(x.Code))
		if x.SessionPresent {
			s += " present"
		}
		return s
	case *codec.Publish:
		return "PUBLISH " + string(x.Topic)
	case *codec.Puback:
		return fmt.Sprintf("PUBACK %02x", uint8(x.Code))
	case *codec.Pubrec:
		return fmt.Sprintf("PUBREC %02x", uint8(x.Code))
	case *codec.Suback:
		return fmt.Sprintf("SUBACK % x", x.Codes.Bytes())
	case *codec.Disconnect:
		return fmt.Sprintf("DISCONNECT %02x", uint8(x.Code))
	}
	return x.String()
}

// hearAll says what comes until ten seconds pass, or the end.
func (c *caller) hearAll() string {
	var all []string
	for {
		x := c.hear()
		if x == "silence" {
			return strings.Join(all, ", ")
		}
		all = append(all, x)
		if x == "closed" {
			return strings.Join(all, ", ")
		}
	}
}

// subscribe says how that is answered.
func (c *caller) subscribe(filter string, options codec.SubscriptionOptions) string {
	c.bed.t.Helper()
	c.say(&codec.Subscribe{ID: 1, Subscriptions: codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte(filter), Options: options})})
	return c.hear()
}

// publish says how a PUBLISH is answered.
func (c *caller) publish(topic string, level qos.Level, payload int, change func(p *codec.Publish)) string {
	c.bed.t.Helper()
	p := &codec.Publish{Topic: []byte(topic), QoS: level, Payload: make([]byte, payload)}
	if level > 0 {
		p.ID = 1
	}
	if change != nil {
		change(p)
	}
	c.say(p)
	return c.hear()
}
