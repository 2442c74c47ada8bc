package server

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// hello returns a CONNECT with a will and what more a client says at once,
// without waiting for an answer.
func hello(t *testing.T, v mqttwire.Version, id string, more ...codec.Packet) []byte {
	t.Helper()
	b := encode(t, v, &codec.Connect{Version: v, CleanStart: true, ClientID: []byte(id), WillFlag: true,
		Will: codec.Will{Topic: []byte("will/" + id), Payload: []byte("gone"), Retain: true}})
	for _, p := range more {
		b = append(b, encode(t, v, p)...)
	}
	return b
}

func subscribeTo(t *testing.T, filters ...string) *codec.Subscribe {
	t.Helper()
	p := &codec.Subscribe{ID: 1}
	for _, f := range filters {
		p.Subscriptions = p.Subscriptions.Append(codec.Subscription{Filter: []byte(f)})
	}
	return p
}

func dialRaw(t *testing.T, address string) *net.TCPConn {
	conn, err := net.DialTimeout("tcp", address, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(time.Minute))
	return conn.(*net.TCPConn)
}

// A session is answered the same however its bytes are cut, and none of them
// has to wait for the CONNACK.
func TestCutAnywhere(t *testing.T) {
	_, address := listen(t, Config{Linger: time.Minute})
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		said := []codec.Packet{subscribeTo(t, "x/#", "x/+"), publication("x/y", "1"), publication("x", ""), &codec.Pingreq{}}
		if v != mqttwire.V50 {
			m := publicationAt("x/y", "2", qos.ExactlyOnce, 3)
			said = append(said, m, m, &codec.Pubrel{ID: 3}, publicationAt("x/y", "3", qos.AtLeastOnce, 3))
		}
		b := hello(t, v, "c", append(said, &codec.Pingreq{}, &codec.Disconnect{})...)
		var want []byte
		for _, size := range []int{len(b), 1, 3, 7} {
			conn := dialRaw(t, address)
			go func() {
				for rest := b; len(rest) > 0; rest = rest[min(size, len(rest)):] {
					conn.Write(rest[:min(size, len(rest))])
					runtime.Gosched()
				}
			}()
			got, err := io.ReadAll(conn)
			conn.Close()
			switch {
			case err != nil:
				t.Fatal(err)
			case want == nil:
				want = got
			case !bytes.Equal(got, want):
				t.Errorf("in pieces of %d bytes: got %x, want %x", size, got, want)
			}
		}
		if !bytes.HasSuffix(want, []byte{0xd0, 0}) {
			t.Errorf("got %x", want)
		}
	})
}

// A client that disconnects and is back at once, on another connection, has
// left in order: there is no will, though the server may hear of its new
// connection before it has read the DISCONNECT (5.0 [MQTT-3.14.4-3]).
func TestBackAtOnce(t *testing.T) {
	_, address := listen(t, Config{})
	watcher := dial(t, address, mqttwire.V50, "watcher")
	watcher.subscribe("will/#")
	for i := range 300 {
		v := versions[i%3]
		conn := dialRaw(t, address)
		conn.Write(hello(t, v, "c"))
		p := newPeer(t, conn, v)
		p.receive()
		p.send(&codec.Disconnect{})
		conn.Close()
	}
	watcher.expectNothing()
}

// The will of a client whose place is taken comes before what the new one
// does, whose retained state would be replaced by it.
func TestWillBeforeSuccessor(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{}, func(t *testing.T, s *Server) {
			watcher := connected(t, s, v, "watcher")
			watcher.subscribe("will/c")
			for range 2 {
				p := pipe(t, s, v)
				go func() {
					for _, err := p.next(); err == nil; _, err = p.next() {
					}
				}()
				p.write(hello(t, v, "c", retainedPublication("will/c", "back")))
				watcher.expect(publication("will/c", "back"))
				next := pipe(t, s, v)
				next.write(hello(t, v, "c", retainedPublication("will/c", "again")))
				next.receive()
				watcher.expect(publication("will/c", "gone"), publication("will/c", "again"))
				next.send(&codec.Disconnect{})
				next.expectClosed()
			}
		})
	})
}

// Clients that leave while messages for them are dropped.
func TestLeavingWhileDropping(t *testing.T) {
	_, address := listen(t, Config{MaxQueue: 10})
	p := dial(t, address, mqttwire.V311, "p")
	stop := make(chan struct{})
	var publishing sync.WaitGroup
	publishing.Go(func() {
		b := bytes.Repeat(encode(t, mqttwire.V311, publication("x", "0123456789")), 100)
		for {
			select {
			case <-stop:
				return
			default:
				p.conn.Write(b)
			}
		}
	})
	for range 50 {
		c := dialRaw(t, address)
		c.Write(hello(t, mqttwire.V311, "c", subscribeTo(t, "#", "x")))
		io.CopyN(io.Discard, c, 100)
		c.Close()
	}
	close(stop)
	publishing.Wait()
}

// Clients that say anything, in any version, at once and under the same
// identifiers, and leave in every way: nothing of them is left behind.
func TestStorm(t *testing.T) {
	before := runtime.NumGoroutine()
	s, address := listen(t, Config{Linger: 10 * time.Millisecond, MaxQueue: 10_000})
	all := vectors(t)
	var storm sync.WaitGroup
	for i := range 4 {
		storm.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for range 150 {
				conn := dialRaw(t, address)
				b := hello(t, versions[r.IntN(3)], fmt.Sprint(r.IntN(5)), subscribeTo(t, "#", "a/#", "+/+"), retainedPublication("a/b", "x"))
				for range r.IntN(10) {
					x := bytes.Clone(all[r.IntN(len(all))].Bytes())
					if r.IntN(2) == 0 {
						x[r.IntN(len(x))] ^= 1 << r.IntN(8)
					}
					b = append(b, x...)
				}
				conn.Write(b)
				switch r.IntN(3) {
				case 0:
					conn.SetLinger(0) // has Close reset the connection
				case 1:
					conn.Read(make([]byte, 100))
				}
				conn.Close()
			}
		})
	}
	storm.Wait()
	left := func() string {
		s.life.Lock()
		conns := len(s.conns)
		s.life.Unlock()
		have := s.Stats()
		// Serve, and who waits for it.
		if have.Clients+conns+have.Subscriptions == 0 && runtime.NumGoroutine() <= before+1 {
			return ""
		}
		return fmt.Sprintf("%d clients, %d connections, %d subscriptions and %d goroutines, %d before",
			have.Clients, conns, have.Subscriptions, runtime.NumGoroutine(), before)
	}
	for deadline := time.Now().Add(10 * time.Second); left() != ""; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("left behind: ", left())
		}
	}
}
