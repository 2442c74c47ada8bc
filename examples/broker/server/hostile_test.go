package server

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/qos"
)

// What a client may do that costs others, and what a server must not forget
// meanwhile.

// keptConnect is a CONNECT of a session that stays.
func keptConnect(v mqttwire.Version, id string) *codec.Connect {
	c := &codec.Connect{Version: v, ClientID: []byte(id)}
	if v == mqttwire.V50 {
		c.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, 3600)
	}
	return c
}

// A client that asks without reading does not keep another from taking its
// place.
func TestTakeoverOfOneThatDoesNotRead(t *testing.T) {
	_, address := listen(t, Config{WriteTimeout: time.Hour, Linger: 10 * time.Millisecond})
	old := dial(t, address, mqttwire.V311, "c")
	pings := bytes.Repeat([]byte{0xc0, 0}, 32<<10)
	for { // until it is not read from any more
		old.conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := old.conn.Write(pings); err != nil {
			break
		}
	}
	dial(t, address, mqttwire.V311, "c")
}

// What a session has to send again goes on as the client takes it, without
// waiting for an acknowledgement [MQTT-4.4.0-1].
func TestResumeGoesOn(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{}, func(t *testing.T, s *Server) {
			const n = 60 // of 8 KB: several times what is encoded ahead
			c := join(t, s, keptConnect(v, "c"))
			c.subscribeAt("t", qos.AtLeastOnce)
			p := connected(t, s, v, "p")
			for i := range n {
				p.send(publicationAt("t", strings.Repeat("x", 8000+i), qos.AtLeastOnce, 1))
				p.expect(&codec.Puback{ID: 1})
				c.receive()
			}
			c.conn.Close()
			synctest.Wait()
			c = pipe(t, s, v)
			c.send(keptConnect(v, "c"))
			c.receive()
			for i := range n {
				if m := c.receive().(*codec.Publish); len(m.Payload) != 8000+i || !m.Dup || int(m.ID) != i+1 {
					t.Fatalf("message %d: %v", i, m)
				}
			}
		})
	})
}

// What is in flight and kept counts: a client that reads and does not
// acknowledge fills no memory.
func TestInFlightCounts(t *testing.T) {
	simulate(t, Config{MaxQueuedBytes: 10_000}, func(t *testing.T, s *Server) {
		c := join(t, s, keptConnect(mqttwire.V50, "c"))
		c.subscribeAt("t", qos.ExactlyOnce)
		p := connected(t, s, mqttwire.V50, "p")
		taken := 0
		for range 20 {
			p.send(publicationAt("t", strings.Repeat("x", 1000), qos.AtLeastOnce, 1))
			if p.receive().(*codec.Puback).Code == mqttwire.Success {
				taken++
				c.receive()
			}
		}
		if taken < 8 || taken > 11 {
			t.Errorf("%d messages of 1,000 bytes were taken", taken)
		}
		for i := range taken { // the client takes them over: there is room again
			c.send(&codec.Puback{ID: uint16(i + 1)})
		}
		c.expectNothing()
		p.send(publicationAt("t", "again", qos.AtLeastOnce, 1))
		p.expect(&codec.Puback{ID: 1})
		c.receive()
		if s.Stats().QueuedBytes > 1000 {
			t.Errorf("%d bytes are kept", s.Stats().QueuedBytes)
		}
	})
}

func TestMaxSessions(t *testing.T) {
	simulate(t, Config{MaxSessions: 2}, func(t *testing.T, s *Server) {
		for i := range 2 {
			join(t, s, keptConnect(mqttwire.V50, fmt.Sprint("c", i))).conn.Close()
		}
		synctest.Wait()
		p := pipe(t, s, mqttwire.V50)
		p.send(keptConnect(mqttwire.V50, "c2"))
		p.expect(&codec.Connack{Code: 0x97, Properties: codec.AppendReasonString(codec.Properties{}, "there are too many sessions")})
		p.expectClosed()
		connected(t, s, mqttwire.V50, "c3") // whose session ends with it
		p = pipe(t, s, mqttwire.V50)
		p.send(keptConnect(mqttwire.V50, "c1"))
		if ack := p.receive().(*codec.Connack); ack.Code != 0 || !ack.SessionPresent {
			t.Error(ack)
		}
	})
}

// A filter that is refused is refused in a share too.
func TestRefusedFilters(t *testing.T) {
	codes := map[mqttwire.Version]mqttwire.Reason{mqttwire.V311: 0x80, mqttwire.V50: 0x80}
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{RefusedFilters: []string{"secret"}}, func(t *testing.T, s *Server) {
			p := connected(t, s, v, "p")
			p.send(subscribeTo(t, "secret", "$share/g/secret", "other"))
			if v == mqttwire.V31 {
				p.expectClosed()
				return
			}
			p.expect(&codec.Suback{ID: 1, Codes: codec.ReasonCodes{}.Append(codes[v], codes[v], 0)})
			p.send(publication("secret", "x"))
			p.expectNothing()
		})
	})
}

// A message that cannot be retained for lack of room reaches who is there, and
// the publisher is told where it can be. Wills are no way round the limit.
func TestMaxRetained(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{MaxRetained: 1, SysInterval: time.Second}, func(t *testing.T, s *Server) {
			p := connected(t, s, v, "p")
			p.subscribe("+")
			for i, payload := range []string{"1", "2", "3"} {
				m := publicationAt(fmt.Sprint("t", i), payload, qos.AtLeastOnce, 1)
				m.Retain = true
				p.send(m)
				if i > 0 && v == mqttwire.V50 { // refused as a whole, as its publisher can be told so
					p.expect(&codec.Puback{ID: 1, Code: mqttwire.QuotaExceeded})
					continue
				}
				p.expect(publication(fmt.Sprint("t", i), payload), &codec.Puback{ID: 1})
			}
			lost := join(t, s, &codec.Connect{Version: v, CleanStart: true, ClientID: []byte("lost"), WillFlag: true,
				Will: codec.Will{Topic: []byte("will"), Payload: []byte("gone"), Retain: true}})
			lost.conn.Close()
			p.expect(publication("will", "gone"))
			p.send(retainedPublication("t0", "replaced")) // takes no more room
			p.expect(publication("t0", "replaced"))
			p.subscribe("#")
			p.expect(retainedPublication("t0", "replaced"))
			p.expectNothing()
		})
	})
}

// A filter that is named very often in a SUBSCRIBE is looked up once.
func TestSameFilterManyTimes(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		const n = 3
		for i := range n {
			s.Inject(keep.Message{Topic: fmt.Append(nil, "t", i), Payload: []byte("x"), Retain: true})
		}
		p := connected(t, s, mqttwire.V311, "p")
		filters := make([]string, 1000)
		for i := range filters {
			filters[i] = []string{"t0", "#", "+"}[i%3]
		}
		p.send(subscribeTo(t, filters...))
		if ack := p.receive().(*codec.Suback); ack.Codes.Len() != len(filters) {
			t.Error(ack)
		}
		for range n + n + 1 { // of each filter once
			p.receive()
		}
		p.expectNothing()
	})
}

// A SUBACK that the client takes no packet of the size of ends the connection
// before there are subscriptions [MQTT-3.1.2-24].
func TestSubackTooLarge(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		c := keptConnect(mqttwire.V50, "c")
		c.Properties = codec.AppendMaximumPacketSize(c.Properties, 60)
		p := join(t, s, c)
		p.send(subscribeTo(t, strings.Split(strings.Repeat("a ", 99)+"a", " ")...))
		p.expectEnd(mqttwire.PacketTooLarge)
		if n := s.Stats().Subscriptions; n != 0 {
			t.Errorf("%d subscriptions", n)
		}
	})
}

// stubborn is an authentication that never ends.
type stubborn struct{}

func (stubborn) Start(*hub.Peer) hub.Exchange                        { return stubborn{} }
func (stubborn) Next([]byte) ([]byte, hub.Access, hub.ExchangeState) { return nil, nil, hub.Continued }

// A client may leave while it authenticates [MQTT-3.1.2-30]: that is no offence,
// and there is nothing to answer.
func TestDisconnectWhileAuthenticating(t *testing.T) {
	simulate(t, Config{Methods: map[string]hub.Method{"m": stubborn{}}, Bans: hub.Bans{Malformed: 1}}, func(t *testing.T, s *Server) {
		p := pipe(t, s, mqttwire.V50)
		p.send(&codec.Connect{Version: mqttwire.V50, CleanStart: true, ClientID: []byte("a"), Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "m")})
		if x, ok := p.receive().(*codec.Auth); !ok {
			t.Fatal(x)
		}
		p.send(&codec.Disconnect{})
		p.expectClosed()
		connected(t, s, mqttwire.V50, "b")
	})
}

// A server that is cut while it shuts down publishes no wills either.
func TestNoWillAtCut(t *testing.T) {
	entered, block := make(chan struct{}), make(chan struct{})
	s, address := listen(t, Config{SysInterval: -1, Handlers: map[string]hub.Handler{"$h": func(*hub.Peer, hub.Access, qos.Level, []byte) hub.Order {
		close(entered)
		<-block
		return hub.Order{}
	}}})
	conn := dialRaw(t, address)
	conn.Write(append(hello(t, mqttwire.V311, "c"), encode(t, mqttwire.V311, publication("$h", ""))...))
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(ctx) }()
	for s.isClosing() == false {
		time.Sleep(time.Millisecond)
	}
	close(block)
	if err := <-done; err != context.Canceled {
		t.Error(err)
	}
	if n := s.Stats().Retained; n != 0 {
		t.Errorf("%d wills were published", n)
	}
}
