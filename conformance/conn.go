package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// Conn is a network connection with the subject, on which a check plays the
// other end. It sends what it is told to, hands out what comes packet by packet,
// and does nothing by itself: it acknowledges nothing and answers no PINGREQ.
// One goroutine may read while another writes.
type Conn struct {
	// Name is what the exchange calls it.
	Name string
	// To are the rules of what is sent, by Send.
	To codec.Rules
	// Unjudged says that the form of what comes is not held against the subject:
	// nobody knows which version it should have.
	Unjudged bool

	t    *T
	nc   net.Conn
	in   codec.Framer
	dec  codec.Decoder
	once sync.Once
}

// Open makes a network connection with the subject, or waits for the subject to
// make one, and plays the role on it in a version, 0 where nobody knows it yet.
// Where there is no connection the check is blocked. The connection is closed
// when the check ends.
func (t *T) Open(name string, as mqttwire.Role, v mqttwire.Version) *Conn {
	c, err := t.TryOpen(name, as, v)
	if err != nil {
		t.Block("no connection: %v", err)
	}
	return c
}

// TryOpen is Open that returns why there is no connection.
func (t *T) TryOpen(name string, as mqttwire.Role, v mqttwire.Version) (*Conn, error) {
	nc, err := t.run.Open(t.ctx)
	if err != nil {
		return nil, err
	}
	c := &Conn{Name: name, t: t, nc: nc}
	c.SetVersion(as, v)
	t.mu.Lock()
	t.conns = append(t.conns, c)
	t.mu.Unlock()
	t.event(Event{Conn: name, Kind: Opened, Version: v})
	return c, nil
}

// SetVersion says which end is played, and in which version.
func (c *Conn) SetVersion(as mqttwire.Role, v mqttwire.Version) {
	c.To = codec.Rules{Version: v, From: as}
	c.in.Rules = codec.Rules{Version: v, From: other(as), Lenient: codec.AllLeniencies}
}

// SetLimit says how many bytes a packet of the subject may have, 0 for any
// number.
func (c *Conn) SetLimit(n int) { c.in.MaxSize = n }

// Rules are those of what comes, without leniencies.
func (c *Conn) Rules() codec.Rules {
	r := c.in.Rules
	r.Lenient = 0
	return r
}

func other(r mqttwire.Role) mqttwire.Role {
	switch r {
	case mqttwire.Client:
		return mqttwire.Server
	case mqttwire.Server:
		return mqttwire.Client
	}
	return r
}

// Send writes packets, at once. A packet that cannot be encoded is a bug of the
// check, and a panic. The error is that of the connection; most checks learn
// more by reading on.
func (c *Conn) Send(packets ...codec.Packet) error {
	var b []byte
	for _, p := range packets {
		var err error
		if b, err = p.Append(b, c.To); err != nil {
			panic(fmt.Sprintf("conformance: %v: %v", p, err))
		}
	}
	return c.Write(b)
}

// Write writes bytes. They are shown as the packets that they are.
func (c *Conn) Write(b []byte) error {
	c.record(Sent, c.To, b)
	c.nc.SetWriteDeadline(c.by(c.t.run.patience()))
	_, err := c.nc.Write(b)
	return err
}

// by is the time so much from now, or when the check must end.
func (c *Conn) by(within time.Duration) time.Time {
	if at := time.Now().Add(within); at.Before(c.t.deadline) {
		return at
	}
	return c.t.deadline
}

// Next returns the next packet, which is valid until the next call, or an error:
// one that IsTimeout where nothing came in time, a *Malformed where what came
// cannot be read, else why the connection ended. What deviates from the standard
// and can be read all the same is a finding, and read.
func (c *Conn) Next(within time.Duration) (codec.Packet, error) {
	c.nc.SetReadDeadline(c.by(within))
	for {
		h, body, ok, err := c.in.Next()
		if err != nil {
			return nil, c.malformed(h.Type, err)
		}
		if ok {
			raw, _ := codec.AppendRaw(nil, h, body)
			c.record(Got, c.Rules(), raw)
			if !c.t.cleaning {
				c.t.run.count(c.Rules().Version)
			}
			p, err := c.dec.Decode(c.in.Rules, h, body)
			if err != nil {
				return nil, c.malformed(h.Type, err)
			}
			if len(raw) <= 1<<16 {
				for f := range codec.Inspect(c.Rules(), raw).Faults() {
					c.deviates(f.Clause, h.Type, f.Err)
				}
			}
			return p, nil
		}
		n, err := c.nc.Read(c.in.Buffer())
		c.in.Filled(n)
		if n == 0 && err != nil {
			if !IsTimeout(err) {
				c.t.event(Event{Conn: c.Name, Kind: Ended, Text: err.Error()})
			}
			return nil, err
		}
	}
}

// Malformed is the error of bytes of the subject that cannot be read.
type Malformed struct {
	Type mqttwire.PacketType
	Err  error // a mqttwire.Error
}

// Error says what cannot be read, and why.
func (m *Malformed) Error() string { return fmt.Sprintf("a bad %v: %v", m.Type, m.Err) }

// Unwrap returns Err.
func (m *Malformed) Unwrap() error { return m.Err }

func (c *Conn) malformed(t mqttwire.PacketType, err error) error {
	clause := ""
	if e, ok := err.(mqttwire.Error); ok {
		clause, _ = e.Clause(c.Rules().Version)
	}
	c.deviates(clause, t, err)
	return &Malformed{t, err}
}

// deviates records that the subject has sent what it may not.
func (c *Conn) deviates(clause string, typ mqttwire.PacketType, err error) {
	if c.Unjudged {
		return
	}
	v := c.Rules().Version.String()
	f := Clause(v + " " + clause)
	if clause == "" {
		f = Clause(v + " form of " + typ.String())
	}
	if err == mqttwire.ErrPacketTooLarge && c.To.From == mqttwire.Client {
		f = Clause(v + " MQTT-3.1.2-24")
	}
	c.t.Fault(Clauses{f}, "a "+typ.String()+" as the standard has it", err.Error())
	c.t.run.deviation(f, typ.String()+": "+err.Error())
}

// IsTimeout reports whether an error of Next says that nothing came in time.
func IsTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// Close closes the connection, without a word.
func (c *Conn) Close() {
	c.once.Do(func() {
		c.t.event(Event{Conn: c.Name, Kind: Closed})
		c.nc.Close()
	})
}

// CloseWrite ends what is sent, and leaves what comes, where the network has
// that.
func (c *Conn) CloseWrite() error {
	if w, ok := c.nc.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}

// record keeps bytes as events, a packet each where they are packets. Bytes of
// the login's password are not kept.
func (c *Conn) record(kind EventKind, r codec.Rules, b []byte) {
	for len(b) > 0 {
		one := b
		if in := codec.Inspect(r, b); in.Size > 0 {
			one = b[:in.Size]
		}
		b = b[len(one):]
		kept := bytes.Clone(one[:min(len(one), keepBytes)])
		if l := c.t.run.Login; l != nil && len(l.Password) > 0 {
			kept = bytes.ReplaceAll(kept, l.Password, bytes.Repeat([]byte{'*'}, len(l.Password)))
		}
		c.t.event(Event{Conn: c.Name, Kind: kind, Version: r.Version, From: r.From, Data: kept, Size: len(one)})
	}
}
