//go:build unix

package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// A halt stops the one connection of a server between a look at its socket that
// finds nothing and the wait for more, or before it looks. Much time passes.
type halt struct {
	s       *Server
	c       *conn
	stopped atomic.Int64 // in all

	mu      sync.Mutex
	stops   []bool // to come: whether it is before a look
	entered chan struct{}
	resume  chan struct{}
}

func newHalt(t *testing.T) *halt {
	h := &halt{s: New(Config{SysInterval: -1}), entered: make(chan struct{}), resume: make(chan struct{})}
	running := h.s.now
	h.s.now = func() time.Duration { return running() + time.Duration(h.stopped.Load()) }
	t.Cleanup(func() {
		if err := h.s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *halt) at(before bool) {
	h.mu.Lock()
	stop := len(h.stops) > 0 && h.stops[0] == before
	if stop {
		h.stops = h.stops[1:]
	}
	h.mu.Unlock()
	if stop {
		h.entered <- struct{}{}
		<-h.resume
	}
}

// A haltingRaw is the socket of a connection that stops.
type haltingRaw struct {
	syscall.RawConn
	h *halt
}

func (r haltingRaw) Read(f func(fd uintptr) bool) error {
	return r.RawConn.Read(func(fd uintptr) bool {
		r.h.at(true)
		done := f(fd)
		if !done {
			r.h.at(false)
		}
		return done
	})
}

// A haltingConn is the same below TLS. Where the deadline is past it does not
// look.
type haltingConn struct {
	net.Conn
	h *halt
}

func (c haltingConn) Read(b []byte) (int, error) {
	c.h.at(true)
	return c.Conn.Read(b)
}

// join connects, over TLS if there is a configuration for that.
func (h *halt) join(t *testing.T, secure *tls.Config, c *codec.Connect) *peer {
	ours, theirs := socketPair(t)
	if secure != nil {
		ours, theirs = tls.Client(ours, &tls.Config{InsecureSkipVerify: true}), tls.Server(haltingConn{theirs, h}, secure)
	}
	h.c = h.s.take(theirs)
	if h.c.raw != nil {
		h.c.raw = haltingRaw{h.c.raw, h}
	}
	go h.c.serve()
	p := newPeer(t, ours, c.Version)
	p.send(c)
	if ack, ok := p.receive().(*codec.Connack); !ok || ack.Code != 0 {
		t.Fatal(ack)
	}
	return p
}

// during stops the server where it would wait, and then each time that it is
// about to look, calls the next of do, and lets it go on 100 s later, when what
// do has sent is in its socket.
func (h *halt) during(p *peer, do ...func()) {
	p.t.Helper()
	plain := h.c.net
	secure, ok := plain.(*tls.Conn)
	if ok {
		plain = secure.NetConn().(haltingConn).Conn
	}
	raw, err := plain.(*net.TCPConn).SyscallConn()
	if err != nil {
		p.t.Fatal(err)
	}
	h.mu.Lock()
	h.stops = slices.Repeat([]bool{true}, len(do))
	h.stops[0] = ok
	h.mu.Unlock()
	p.send(publication("t", "")) // has it look
	for _, do := range do {
		<-h.entered
		do()
		for n := 0; n <= 0; runtime.Gosched() {
			raw.Control(func(fd uintptr) {
				n, _, _ = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			})
		}
		h.stopped.Add(int64(100 * time.Second))
		h.c.net.SetReadDeadline(time.Unix(1, 0)) // its deadline is past
		h.resume <- struct{}{}
	}
}

// socketPair returns two ends of a TCP connection.
func socketPair(t *testing.T) (ours, theirs net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if ours, err = net.Dial("tcp", l.Addr().String()); err == nil {
		theirs, err = l.Accept()
	}
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

func selfSigned(t *testing.T) *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// TestStall with sockets.
func TestStallOfSocket(t *testing.T) {
	for name, secure := range map[string]*tls.Config{"TCP": nil, "TLS": selfSigned(t)} {
		t.Run(name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, v mqttwire.Version) {
				h := newHalt(t)
				p := h.join(t, secure, shortLived(v))
				h.during(p, func() { p.send(&codec.Pingreq{}) })
				p.expect(&codec.Pingresp{})
				h.during(p, func() { p.send(&codec.Pingreq{}) }, func() { p.send(publication("t", "")) })
				p.expect(&codec.Pingresp{})
				p.expectNothing()
				h.during(p, func() { p.write([]byte{0xc0}) })
				p.expectEnd(mqttwire.KeepAliveTimeout)
			})
		})
	}
}

// TestStallAndEnd with sockets.
func TestStallAndEndOfSocket(t *testing.T) {
	for name, secure := range map[string]*tls.Config{"TCP": nil, "TLS": selfSigned(t)} {
		t.Run(name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, v mqttwire.Version) {
				h := newHalt(t)
				c := shortLived(v)
				c.Will.Retain = true
				p := h.join(t, secure, c)
				h.during(p, func() {
					p.send(retainedPublication("t", "before it left"), &codec.Disconnect{})
					if half, ok := p.conn.(interface{ CloseWrite() error }); ok {
						half.CloseWrite()
					}
				})
				io.Copy(io.Discard, p.conn)
				fresh := h.join(t, nil, &codec.Connect{Version: v, CleanStart: true, ClientID: []byte("fresh")})
				fresh.subscribe("#")
				fresh.expect(retainedPublication("t", "before it left"))
				fresh.expectNothing()
			})
		})
	}
}
