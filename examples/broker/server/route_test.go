package server

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/qos"
)

// A sink is a connection that says what it is given, and then nothing until it
// is closed, and takes everything.
type sink struct {
	net.Conn
	said   []byte
	closed chan struct{}
	close  func()
}

func newSink(said []byte) *sink {
	k := &sink{said: said, closed: make(chan struct{})}
	k.close = sync.OnceFunc(func() { close(k.closed) })
	return k
}

func (k *sink) Read(b []byte) (int, error) {
	if len(k.said) == 0 {
		<-k.closed
		return 0, io.EOF
	}
	n := copy(b, k.said)
	k.said = k.said[n:]
	return n, nil
}

func (k *sink) Write(b []byte) (int, error)      { return len(b), nil }
func (k *sink) Close() error                     { k.close(); return nil }
func (k *sink) SetReadDeadline(time.Time) error  { return nil }
func (k *sink) SetWriteDeadline(time.Time) error { return nil }
func (k *sink) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

// subscribers are n clients, each with a filter of its own and one of all.
func subscribers(tb testing.TB, n int, v mqttwire.Version, level qos.Level, properties codec.Properties) *Server {
	s := New(Config{SysInterval: -1})
	rules := codec.Rules{Version: v, From: mqttwire.Client}
	for i := range n {
		var list codec.Subscriptions
		for _, filter := range []string{fmt.Sprint("a/+/", i), "all/#"} {
			list = list.Append(codec.Subscription{Filter: []byte(filter), Options: codec.SubscriptionOptions(level)})
		}
		said, err := (&codec.Connect{CleanStart: true, ClientID: fmt.Append(nil, i)}).Append(nil, rules)
		if err == nil {
			said, err = (&codec.Subscribe{ID: 1, Subscriptions: list, Properties: properties}).Append(said, rules)
		}
		if err != nil {
			tb.Fatal(err)
		}
		k := newSink(said)
		done := make(chan struct{})
		go func() { defer close(done); s.ServeConn(k) }()
		tb.Cleanup(func() { k.Close(); <-done })
	}
	ready := func() bool {
		for _, cl := range s.all() {
			cl.mu.Lock()
			busy := cl.conn == nil || cl.conn.touched || cl.conn.writing || len(cl.conn.out) > 0 // with a SUBACK
			cl.mu.Unlock()
			if busy {
				return false
			}
		}
		return s.subscriptions.Len() == 2*n
	}
	for deadline := time.Now().Add(time.Minute); !ready(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatal("they have not subscribed")
		}
	}
	return s
}

// route takes a message to all who want it, throws away what they would be
// sent, and has it acknowledged.
func route(w *worker, d *codec.Decoder, p *codec.Publish) (n int) {
	s := w.server
	w.pub.set(p, "publisher", w.now)
	s.publishHere(w, &w.pub)
	n = len(w.flushes)
	for _, c := range w.flushes {
		c.lock()
		if p.QoS > 0 {
			e := w.pub.encode(codec.Rules{Version: c.machine.Version(), From: mqttwire.Server}, true)
			id := c.out[len(c.out)-len(e.b)+e.id:][:2]
			var err error
			if _, _, err = c.machine.Receive(nil, d, fixedheader.Header{Type: mqttwire.PUBACK, Length: 2, Width: 1}, id, w.now); err != nil {
				panic(err)
			}
		}
		c.out, c.touched = c.out[:0], false
		c.unlock()
	}
	w.flushes = w.flushes[:0]
	return n
}

// A message that is on its way at once allocates nothing, at whatever level, in
// whatever version, with Subscription Identifiers too.
func TestRouteAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, v := range versions {
		for level := range qos.ExactlyOnce {
			for _, properties := range []codec.Properties{{}, identifier(7)} {
				if v != mqttwire.V50 && properties.Size() > 0 || level > 0 && properties.Size() > 0 {
					continue
				}
				t.Run(fmt.Sprint(v, level, properties.Size()), func(t *testing.T) {
					s := subscribers(t, 10, v, level, properties)
					w := s.worker()
					var d codec.Decoder
					m := publicationAt("all/x", "0123456789", level, min(uint16(level), 1))
					if n := testing.AllocsPerRun(100, func() {
						if route(w, &d, m) != 10 {
							t.Fatal("not all are there")
						}
					}); n != 0 {
						t.Errorf("%v allocations", n)
					}
				})
			}
		}
	}
}

// A message for one client, who is one of many with a filter of their own, and
// a message for all of them.
func BenchmarkRoute(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		for level := range qos.ExactlyOnce {
			s := subscribers(b, n, mqttwire.V311, level, codec.Properties{})
			w := s.worker()
			var d codec.Decoder
			for _, topic := range []string{"a/b/0", "all"} {
				b.Run(fmt.Sprintf("%s/%d/qos%d", topic, n, level), func(b *testing.B) {
					m := publicationAt(topic, "0123456789", level, min(uint16(level), 1))
					b.ReportAllocs()
					for b.Loop() {
						route(w, &d, m)
					}
				})
			}
		}
	}
}
