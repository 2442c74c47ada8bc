package server

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// A client that does not read delays nobody: what does not fit its queue is
// dropped and counted, the rest arrives in order.
func TestSlowReader(t *testing.T) {
	simulate(t, Config{MaxQueue: 1000}, func(t *testing.T, s *Server) {
		const n = 100
		slow, fast, p := connected(t, s, mqttwire.V311, "slow"), connected(t, s, mqttwire.V311, "fast"), connected(t, s, mqttwire.V311, "p")
		slow.subscribe("#")
		fast.subscribe("#")
		var sent []codec.Packet
		for i := range n {
			m := publication("a", strings.Repeat("x", 50+i))
			sent = append(sent, m)
			p.send(m)
			fast.expect(m)
			synctest.Wait() // the first has left the queue, for the pipe
		}
		p.expectNothing()
		dropped := int(s.Stats().MessagesDropped)
		if dropped == 0 || dropped == n {
			t.Fatalf("%d of %d messages were dropped", dropped, n)
		}
		slow.expect(sent[:n-dropped]...)
		slow.expectNothing()
	})
}

// A client that asks and does not read is not read from, and when even one
// write has waited too long it is cut.
func TestRequestsWithoutReading(t *testing.T) {
	simulate(t, Config{MaxQueue: 1000, WriteTimeout: time.Minute}, func(t *testing.T, s *Server) {
		p := connected(t, s, mqttwire.V311, "p")
		start := time.Now()
		pings := []byte(strings.Repeat("\xc0\x00", 100))
		n := 0
		for {
			if _, err := p.conn.Write(pings); err != nil {
				break
			}
			if n += len(pings); n > 100_000 {
				t.Fatal("the server buffers without limit")
			}
		}
		if waited := time.Since(start); waited != time.Minute {
			t.Error("cut after", waited)
		}
		synctest.Wait()
	})
}

// A message that is larger than the queue fits where it is empty.
func TestMessageLargerThanQueue(t *testing.T) {
	simulate(t, Config{MaxQueue: 10}, func(t *testing.T, s *Server) {
		p := connected(t, s, mqttwire.V311, "p")
		p.subscribe("a")
		m := publication("a", strings.Repeat("x", 1000))
		p.send(m)
		p.expect(m)
	})
}
