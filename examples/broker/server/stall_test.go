package server

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// What a server does after a stop that was longer than what it gives its clients,
// such as SIGSTOP.

// A stopper is a connection on which the server stops for a while. Time passes:
// deadlines are past when it goes on.
type stopper struct {
	net.Conn
	reads []time.Duration // before each of the next
	write time.Duration   // before the next
	last  atomic.Bool     // what is read comes together with the end
}

func (s *stopper) Read(b []byte) (n int, err error) {
	if len(s.reads) > 0 {
		stop := s.reads[0]
		s.reads = s.reads[1:]
		time.Sleep(stop)
	}
	if n, err = s.Conn.Read(b); s.last.Load() && err == nil {
		err = io.EOF
	}
	return n, err
}

// before has the server stop before each of its next reads, from the next packet
// on.
func (s *stopper) before(p *peer, reads ...time.Duration) {
	p.t.Helper()
	synctest.Wait()
	s.reads = reads
	p.expectNothing() // which it has begun to read
}

func (s *stopper) Write(b []byte) (int, error) {
	stop := s.write
	s.write = 0
	time.Sleep(stop)
	return s.Conn.Write(b)
}

// stopped returns a peer, and how to stop its connection.
func stopped(t *testing.T, s *Server, v mqttwire.Version, reads ...time.Duration) (*peer, *stopper) {
	ours, theirs := net.Pipe()
	stop := &stopper{Conn: theirs, reads: reads}
	go s.ServeConn(stop)
	return newPeer(t, ours, v), stop
}

// joinStopped returns one that is in, with a Keep Alive of 10 s and a will.
func joinStopped(t *testing.T, s *Server, v mqttwire.Version) (*peer, *stopper) {
	p, stop := stopped(t, s, v)
	p.send(shortLived(v))
	if ack, ok := p.receive().(*codec.Connack); !ok || ack.Code != 0 {
		t.Fatal(ack)
	}
	return p, stop
}

func shortLived(v mqttwire.Version) *codec.Connect {
	return &codec.Connect{Version: v, CleanStart: true, ClientID: []byte("short"), KeepAlive: 10, WillFlag: true,
		Will: codec.Will{Topic: []byte("will"), Payload: []byte("gone")}}
}

// A server that was stopped hears its clients before it judges their silence,
// and again where it is stopped while it does.
func TestStall(t *testing.T) {
	const long = 100 * time.Second
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{}, func(t *testing.T, s *Server) {
			p, stop := joinStopped(t, s, v)
			for _, reads := range [][]time.Duration{{long}, {long, long}, {long, 0, long, long}} {
				stop.before(p, reads...)
				p.expectNothing()
				p.expectNothing()
			}
			time.Sleep(14 * time.Second)
			p.expectNothing()
			// Bytes without a packet, and none, are no sign of life (3.1.1
			// [MQTT-3.1.2-24], 5.0 [MQTT-3.1.2-22]).
			stop.before(p, long)
			start := time.Now()
			p.write([]byte{0xc0})
			p.expectEnd(mqttwire.KeepAliveTimeout)
			if waited := time.Since(start); waited != long+glance {
				t.Error("closed after", waited)
			}
		})
	})
}

// What came before the connection ended is handled too: who has left with a
// DISCONNECT leaves no will (3.1.1 [MQTT-3.14.4-3], 5.0 [MQTT-3.14.4-3]).
func TestStallAndEnd(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		for _, last := range []bool{false, true} {
			simulate(t, Config{}, func(t *testing.T, s *Server) {
				watcher := connected(t, s, v, "watcher")
				watcher.subscribe("#")
				p, stop := joinStopped(t, s, v)
				stop.before(p, 50*time.Second)
				synctest.Wait()
				stop.last.Store(last)
				p.send(publication("t", "before it left"), &codec.Disconnect{})
				p.conn.Close()
				watcher.expect(publication("t", "before it left"))
				synctest.Wait()
				watcher.expectNothing()
			})
		}
	})
}

// A CONNECT that has come in time is in time.
func TestStallBeforeConnect(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{}, func(t *testing.T, s *Server) {
			p, _ := stopped(t, s, v, time.Hour)
			p.send(shortLived(v))
			if ack, ok := p.receive().(*codec.Connack); !ok || ack.Code != 0 {
				t.Error(ack)
			}
			p.expectNothing()
		})
	})
}

// What is acknowledged already is not sent again.
func TestStallBeforeRetry(t *testing.T) {
	config := withOptions(func(o *session.ServerOptions) { o.Retry = 5 * time.Second })
	for _, v := range versions[:2] {
		t.Run(v.String(), func(t *testing.T) {
			simulate(t, config, func(t *testing.T, s *Server) {
				p, stop := joinStopped(t, s, v)
				p.subscribeAt("t", qos.AtLeastOnce)
				s.Inject(keep.Message{Topic: []byte("t"), Payload: []byte("1"), QoS: qos.AtLeastOnce})
				s.Inject(keep.Message{Topic: []byte("t"), Payload: []byte("2"), QoS: qos.AtLeastOnce})
				p.expect(publicationAt("t", "1", qos.AtLeastOnce, 1), publicationAt("t", "2", qos.AtLeastOnce, 2))
				stop.before(p, 50*time.Second)
				p.send(&codec.Puback{ID: 1})
				p.send(&codec.Puback{ID: 2})
				p.expectNothing()
			})
		})
	}
}

// A client that may have read meanwhile gets another chance to be written to. One
// that does not read has its time, and no more.
func TestStallWhileWriting(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{WriteTimeout: 10 * time.Second}, func(t *testing.T, s *Server) {
			p, stop := stopped(t, s, v)
			p.send(&codec.Connect{Version: v, CleanStart: true, ClientID: []byte("c")})
			p.receive()
			p.subscribe("t")
			for _, payload := range []string{"1", "2"} {
				synctest.Wait()
				stop.write = 30 * time.Second
				s.Inject(keep.Message{Topic: []byte("t"), Payload: []byte(payload)})
				time.Sleep(40*time.Second - 1)
				if payload == "1" {
					p.expect(publication("t", payload))
					p.expectNothing()
				}
			}
			synctest.Wait()
			if s.Stats().Connected != 1 {
				t.Error("it is cut too early")
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if s.Stats().Connected != 0 {
				t.Error("it is not cut")
			}
		})
	})
}
