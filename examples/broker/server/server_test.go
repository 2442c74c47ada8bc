package server

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// listen serves on a port of the loopback interface until the test ends.
func listen(t *testing.T, config Config) (s *Server, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = New(config)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s, l.Addr().String()
}

func dial(t *testing.T, address string, v mqttwire.Version, id string) *peer {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, conn, v)
	p.send(&codec.Connect{Version: v, CleanStart: true, ClientID: []byte(id)})
	if ack, ok := p.receive().(*codec.Connack); !ok || ack.Code != 0 {
		t.Fatal(ack)
	}
	return p
}

// Shutdown tells every client, returns when all have gone, and leaves no
// goroutine behind.
func TestShutdown(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("serve", func(t *testing.T) {
		s, address := listen(t, Config{Linger: time.Minute})
		var peers []*peer
		for _, v := range versions {
			peers = append(peers, dial(t, address, v, "c"+v.String()))
		}
		silent, err := net.Dial("tcp", address) // without CONNECT
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- s.Shutdown(context.Background()) }()
		for _, p := range peers {
			p.expectEnd(mqttwire.ServerShuttingDown)
			p.conn.Close()
		}
		silent.SetReadDeadline(time.Now().Add(time.Minute))
		if n, _ := silent.Read(make([]byte, 1)); n != 0 {
			t.Error("a connection without CONNECT is sent something")
		}
		silent.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			t.Error("still listening")
		}
	})
	// What has ended may take a moment to be gone.
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			b := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, b[:runtime.Stack(b, true)])
		}
	}
}

// A Shutdown that runs out of time cuts who is left.
func TestShutdownCut(t *testing.T) {
	s, address := listen(t, Config{Linger: time.Hour})
	p := dial(t, address, mqttwire.V50, "stays")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(ctx) }()
	p.expectEnd(mqttwire.ServerShuttingDown) // the server's direction; p keeps its own open
	cancel()
	if err := <-done; err != context.Canceled {
		t.Error(err)
	}
}

// A client that is still sending when the server ends the connection reads
// why: no reset takes the DISCONNECT away.
func TestReasonArrives(t *testing.T) {
	_, address := listen(t, Config{Linger: time.Minute})
	for i := range 20 {
		p := dial(t, address, mqttwire.V50, fmt.Sprint("c", i))
		more := bytes.Repeat([]byte("x"), 1<<20)
		go func() {
			p.conn.Write(append([]byte{0xc1, 0x00}, more...))
			p.conn.(*net.TCPConn).CloseWrite()
		}()
		p.expectEnd(mqttwire.MalformedPacket)
	}
}

// Publishers at once: each one's messages arrive complete and in their order.
func TestOrder(t *testing.T) {
	_, address := listen(t, Config{})
	const publishers, n = 4, 500
	p := dial(t, address, mqttwire.V50, "subscriber")
	p.subscribe("+")
	var sending sync.WaitGroup
	for i := range publishers {
		from := dial(t, address, versions[i%3], fmt.Sprint("publisher", i))
		sending.Go(func() {
			for k := range n {
				b, _ := publication(fmt.Sprint(i), fmt.Sprint(k)).Append(nil, from.rules)
				if _, err := from.conn.Write(b); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	next := map[string]int{}
	for range publishers * n {
		m := p.receive().(*codec.Publish)
		if got, want := string(m.Payload), fmt.Sprint(next[string(m.Topic)]); got != want {
			t.Fatalf("publisher %s: message %s, want %s", m.Topic, got, want)
		}
		next[string(m.Topic)]++
	}
	sending.Wait()
}
