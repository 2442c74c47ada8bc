package interop

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
)

var logLinks = flag.Bool("link.log", false, "show what the links of a failed test have seen")

// A packet is what a link has seen.
type packet struct {
	fixedheader.Header
	conn int // which connection of the link, from 0
	from mqttwire.Role
	raw  []byte // of a large one the beginning only, once it has passed
}

const largePacket = 64 << 10

func (p *packet) qos() byte { return p.Flags & fixedheader.FlagQoS >> 1 }
func (p *packet) dup() bool { return p.Flags&fixedheader.FlagDup != 0 }
func (p *packet) body() []byte {
	_, n, _ := fixedheader.Consume(p.raw)
	return p.raw[n:]
}

// is reports whether the packet is of a type, from a role.
func (p *packet) is(t mqttwire.PacketType, from mqttwire.Role) bool {
	return p.Type == t && p.from == from
}

// id returns the Packet Identifier, of a packet that has one.
func (p *packet) id() uint16 {
	b := p.body()
	if p.Type == mqttwire.PUBLISH {
		b = b[2+binary.BigEndian.Uint16(b):]
	}
	return binary.BigEndian.Uint16(b)
}

// publish decodes a PUBLISH.
func (p *packet) publish(t *testing.T, v mqttwire.Version) *codec.Publish {
	t.Helper()
	var x codec.Publish
	if err := x.Decode(codec.Rules{Version: v, From: p.from}, p.Header, p.body()); err != nil {
		t.Fatalf("% x: %v", p.raw, err)
	}
	return &x
}

// A verdict is what a link does with a packet.
type verdict int

const (
	pass    verdict = iota
	swallow         // and let the sender believe that it has gone
	cut             // the connection, instead of passing the packet on
)

// A rule judges each packet before it is passed on, one at a time.
type rule func(*packet) verdict

// A link passes on what goes between a client and the broker.
type link struct {
	t        *testing.T
	address  string
	to       string
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	changed sync.Cond
	rule    rule
	packets []packet
	conns   []*hop
	once    bool // further connections are refused
	closed  bool
	failed  error
}

// A hop is one connection through a link.
type hop struct {
	client, server *net.TCPConn
	dead           bool // it has been cut
	over           bool // the broker has closed it
}

// startLink starts a link to an address. rule may be nil.
func startLink(t *testing.T, to string, rule rule) *link {
	t.Helper()
	l := &link{t: t, to: to, rule: rule}
	l.changed.L = &l.mu
	var err error
	if l.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	l.address = l.listener.Addr().String()
	l.running.Go(l.accept)
	t.Cleanup(l.close)
	return l
}

func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	l.listener.Close()
	for _, h := range l.conns {
		h.client.Close()
		h.server.Close()
	}
	l.changed.Broadcast()
	l.mu.Unlock()
	l.running.Wait()
	if l.failed != nil {
		l.t.Error("link:", l.failed)
	}
	if l.t.Failed() && *logLinks {
		l.log()
	}
}

// log shows what has passed.
func (l *link) log() {
	var b strings.Builder
	for _, p := range l.packets {
		fmt.Fprintf(&b, "%d %-6v % x\n", p.conn, p.from, p.raw)
	}
	l.t.Logf("%s:\n%s", l.address, b.String())
}

func (l *link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.mu.Lock()
		refuse := l.closed || l.once && len(l.conns) > 0
		l.mu.Unlock()
		if refuse {
			client.Close()
			continue
		}
		server, err := net.DialTimeout("tcp", l.to, patience)
		if err != nil {
			client.Close()
			continue
		}
		l.mu.Lock()
		h := &hop{client: client.(*net.TCPConn), server: server.(*net.TCPConn)}
		n := len(l.conns)
		l.conns = append(l.conns, h)
		if l.closed {
			client.Close()
			server.Close()
		}
		l.mu.Unlock()
		l.running.Go(func() { l.carry(n, h, mqttwire.Client, h.client, h.server) })
		l.running.Go(func() {
			l.carry(n, h, mqttwire.Server, h.server, h.client)
			l.mu.Lock()
			h.over = true
			l.changed.Broadcast()
			l.mu.Unlock()
		})
	}
}

// carry passes packets on in one direction until the sender has closed it.
func (l *link) carry(conn int, h *hop, from mqttwire.Role, in, out *net.TCPConn) {
	var b []byte
	buffer := make([]byte, 64<<10)
	lost := false
	for {
		n, err := in.Read(buffer)
		b = append(b, buffer[:n]...)
		var ready []byte
		for !lost {
			header, width, bad := fixedheader.Consume(b)
			size := width + int(header.Length)
			if bad != nil {
				l.fail(bad)
				lost = true
				break
			}
			if width == 0 || len(b) < size {
				break
			}
			p := packet{header, conn, from, slices.Clone(b[:size])}
			b = b[size:]
			v := l.judge(h, &p)
			if v == pass {
				ready = append(ready, p.raw...)
			}
			if v == cut {
				out.Write(ready)
				ready, lost = nil, true
				h.cut()
			}
		}
		if len(ready) > 0 {
			if _, err := out.Write(ready); err != nil {
				lost = true
			}
		}
		if err != nil {
			out.CloseWrite()
			return
		}
	}
}

// cut ends a connection for both: the client finds it lost, and the broker gets
// no DISCONNECT. What the broker still has to say is read, so that its end is
// seen.
func (h *hop) cut() {
	h.client.Close()
	h.server.CloseWrite()
}

// judge notes a packet and what is to be done with it. What comes after a cut
// has not come.
func (l *link) judge(h *hop, p *packet) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h.dead {
		return swallow
	}
	v := pass
	if l.rule != nil {
		v = l.rule(p)
	}
	h.dead = v == cut
	kept := *p
	if len(p.raw) > largePacket {
		kept.raw = slices.Clone(p.raw[:1000])
	}
	l.packets = append(l.packets, kept)
	l.changed.Broadcast()
	return v
}

func (l *link) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = errors.Join(l.failed, err)
}

// single has further connections refused, such as those of a library that comes
// back by itself.
func (l *link) single() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.once = true
}

// cut cuts what connections there are, lets no others through, and returns when
// the broker is done with them.
func (l *link) cut() {
	l.t.Helper()
	l.mu.Lock()
	l.once = true
	for _, h := range l.conns {
		h.dead = true
		h.cut()
	}
	l.mu.Unlock()
	l.waitOver()
}

// waitOver waits until the broker has closed all connections.
func (l *link) waitOver() {
	l.t.Helper()
	l.wait("end of the connection", func() bool {
		return !slices.ContainsFunc(l.conns, func(h *hop) bool { return !h.over })
	})
}

// wait waits until a condition holds, which is asked after each packet.
func (l *link) wait(what string, holds func() bool) {
	l.t.Helper()
	late := false
	timer := time.AfterFunc(patience, func() {
		l.mu.Lock()
		late = true
		l.changed.Broadcast()
		l.mu.Unlock()
	})
	defer timer.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for !holds() {
		if late || l.closed {
			l.t.Fatalf("no %s came", what)
		}
		l.changed.Wait()
	}
}

// count returns how many packets there were that match. To be used in wait.
func (l *link) count(matches func(*packet) bool) (n int) {
	for i := range l.packets {
		if matches(&l.packets[i]) {
			n++
		}
	}
	return n
}

// waitFor waits until n packets that match have passed or been swallowed.
func (l *link) waitFor(n int, what string, matches func(*packet) bool) {
	l.t.Helper()
	l.wait(what, func() bool { return l.count(matches) >= n })
}

// seen returns the packets that match.
func (l *link) seen(matches func(*packet) bool) (found []packet) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.packets {
		if matches(&l.packets[i]) {
			found = append(found, l.packets[i])
		}
	}
	return found
}

// of returns what matches a type and who sends it.
func of(t mqttwire.PacketType, from mqttwire.Role) func(*packet) bool {
	return func(p *packet) bool { return p.is(t, from) }
}
