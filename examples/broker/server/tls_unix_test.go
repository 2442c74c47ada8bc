//go:build unix

package server

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/qos"
)

// strangers are clients that trust anybody.
var strangers = &tls.Config{InsecureSkipVerify: true}

// withTLS is a listener whose connections have TLS.
type withTLS struct {
	net.Listener
	config *tls.Config
}

func (l withTLS) Accept() (net.Conn, error) {
	n, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return TLS(n, l.config), nil
}

func listenLoopback(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// spooled returns both ends of a connection with TLS, after the handshake.
func spooled(t *testing.T, version uint16) (server, client *tls.Conn) {
	t.Helper()
	ours, theirs := socketPair(t)
	server, client = TLS(theirs, selfSigned(t)), tls.Client(ours, &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
	for _, c := range []*tls.Conn{server, client} {
		c.SetDeadline(time.Now().Add(time.Minute))
		t.Cleanup(func() { c.Close() })
	}
	shaken := make(chan error, 1)
	go func() { shaken <- client.Handshake() }()
	if err := errors.Join(server.Handshake(), <-shaken); err != nil {
		t.Fatal(err)
	}
	return server, client
}

// What TLS writes goes out as far as the socket takes it, and the rest when it is
// drained, meanwhile written or not.
func TestSpoolWrites(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server, client := spooled(t, version)
		s := server.NetConn().(*spool)
		var sent []byte
		write := func(n int) {
			t.Helper()
			b := bytes.Repeat([]byte{byte('a' + len(sent)%26)}, n)
			sent = append(sent, b...)
			if err := s.write(server, b); err != nil {
				t.Fatal(err)
			}
		}
		write(10)
		if s.left() || s.memory != nil {
			t.Fatal("ten bytes are spooled")
		}
		for !s.left() { // nobody reads
			write(60_000)
		}
		write(1000)
		drained := make(chan error, 1)
		go func() { drained <- s.drain() }()
		got, err := io.ReadAll(io.LimitReader(client, int64(len(sent))))
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("read %d bytes of %d, %v", len(got), len(sent), err)
		}
		if err := <-drained; err != nil || s.left() || s.memory != nil {
			t.Errorf("drained: %v, left %v", err, s.left())
		}
	}
}

// A holder keeps what is written.
type holder struct {
	net.Conn
	holds bool
	held  []byte
}

func (h *holder) Write(b []byte) (int, error) {
	if !h.holds {
		return h.Conn.Write(b)
	}
	h.held = append(h.held, b...)
	return len(b), nil
}

// TLS reads what has come, and goes on later in the middle of a record.
func TestSpoolReads(t *testing.T) {
	ours, theirs := socketPair(t)
	held := &holder{Conn: ours}
	server, client := TLS(theirs, selfSigned(t)), tls.Client(held, strangers)
	defer server.Close()
	defer client.Close()
	server.SetDeadline(time.Now().Add(time.Minute))
	shaken := make(chan error, 1)
	go func() { shaken <- client.Handshake() }()
	if err := errors.Join(server.Handshake(), <-shaken); err != nil {
		t.Fatal(err)
	}
	held.holds = true
	for i := range 3 {
		fmt.Fprintf(client, "message %d", i)
	}
	s, waits := server.NetConn().(*spool), make(chan struct{}, 1)
	go func() { // a byte whenever the server waits
		for _, b := range held.held {
			<-waits
			ours.Write([]byte{b})
		}
	}()
	var got []byte
	waited := 0
	for b := make([]byte, 100); len(got) < 27; {
		err := s.raw.Read(func(fd uintptr) bool {
			n, err := s.readNow(fd, server, b)
			got = append(got, b[:n]...)
			if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
				waited++
				waits <- struct{}{}
				return false
			}
			if err != nil {
				t.Error(err)
			}
			return true
		})
		if err != nil || t.Failed() {
			t.Fatal(err)
		}
	}
	if want := "message 0message 1message 2"; string(got) != want || waited != len(held.held) {
		t.Errorf("got %q, want %q; waited %d times for %d bytes", got, want, waited, len(held.held))
	}
}

// A client with TLS that does not read delays nobody, and then gets all, in order.
func TestTLSSlowReader(t *testing.T) {
	s := New(Config{SysInterval: -1})
	l := withTLS{listenLoopback(t), selfSigned(t)}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		l.Close()
		<-served
	})
	join := func(id string) *peer {
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: time.Minute}, "tcp", l.Addr().String(), strangers)
		if err != nil {
			t.Fatal(err)
		}
		p := newPeer(t, conn, mqttwire.V311)
		p.send(&codec.Connect{Version: mqttwire.V311, CleanStart: true, ClientID: []byte(id)})
		if ack, ok := p.receive().(*codec.Connack); !ok || ack.Code != 0 {
			t.Fatal(ack)
		}
		return p
	}
	slow, from := join("slow"), join("from")
	slow.subscribeAt("t", qos.AtLeastOnce)
	payload := bytes.Repeat([]byte("x"), 20_000)
	const messages = 500 // more than sockets hold
	for i := range messages {
		from.send(&codec.Publish{Topic: []byte("t"), Payload: fmt.Append(payload[:len(payload):len(payload)], i), QoS: qos.AtLeastOnce, ID: uint16(i + 1)})
		from.expect(&codec.Puback{ID: uint16(i + 1)})
	}
	for i := range messages {
		p, ok := slow.receive().(*codec.Publish)
		if !ok || string(p.Payload[len(payload):]) != fmt.Sprint(i) {
			t.Fatalf("message %d is another", i)
		}
		slow.send(&codec.Puback{ID: p.ID})
	}
}

// A handshake that a client does not finish ends in time.
func TestTLSHandshakeTimeout(t *testing.T) {
	own := selfSigned(t)
	c := Config{ServerOptions: hub.DefaultOptions(), SysInterval: -1}
	c.ConnectTimeout = 50 * time.Millisecond
	s := New(c)
	l := listenLoopback(t)
	for _, start := range [][]byte{nil, {0x16}, {0x16, 3, 1, 0, 200, 1}} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write(start)
		n, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		s.ServeConn(TLS(n, own)) // returns
		conn.SetDeadline(time.Now().Add(time.Minute))
		if _, err := io.ReadAll(conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
	}
}
