package server

import (
	"fmt"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
)

func TestRetained(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{}, func(t *testing.T, s *Server) {
			p := connected(t, s, v, "c")
			p.subscribe("live")
			p.send(retainedPublication("live", "1"))
			p.expect(publication("live", "1")) // it was there before
			p.send(retainedPublication("kept", "1"), retainedPublication("kept", "2"), publication("kept", "3"),
				retainedPublication("removed", "1"), retainedPublication("removed", ""))
			s.Inject(keep.Message{Topic: []byte("$kept"), Payload: []byte("1"), Retain: true})
			for range 2 { // again whenever it subscribes
				p.subscribe("+") // expects the SUBACK before what it brings
				got := map[string]bool{}
				for range 2 {
					m := p.receive().(*codec.Publish)
					got[fmt.Sprintf("%s %s %v", m.Topic, m.Payload, m.Retain)] = true
				}
				if len(got) != 2 || !got["kept 2 true"] || !got["live 1 true"] {
					t.Error("retained:", got)
				}
				p.expectNothing()
			}
			p.subscribe("$kept")
			p.expect(retainedPublication("$kept", "1"))
			p.send(retainedPublication("live", "")) // is sent on like any other
			p.expect(publication("live", ""))
		})
	})
}

func TestRetainHandling(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		p := connected(t, s, mqttwire.V50, "c")
		p.send(retainedPublication("a", "1"))
		sub := func(h codec.SubscriptionOptions) {
			t.Helper()
			p.subscribeWith(codec.Subscription{Filter: []byte("a"), Options: h}, codec.Properties{})
		}
		sub(codec.DoNotSendRetained)
		p.expectNothing()
		sub(codec.SendRetainedIfNew) // it is there already
		p.expectNothing()
		sub(codec.SendRetained)
		p.expect(retainedPublication("a", "1"))
		p.subscribeWith(codec.Subscription{Filter: []byte("+"), Options: codec.SendRetainedIfNew}, identifier(5))
		want := retainedPublication("a", "1")
		want.Properties = identifier(5)
		p.expect(want)
	})
}

func TestRetainAsPublished(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		p := connected(t, s, mqttwire.V50, "c")
		p.subscribeWith(codec.Subscription{Filter: []byte("a"), Options: codec.RetainAsPublished}, codec.Properties{})
		p.send(retainedPublication("a", "1"), publication("a", "2"))
		p.expect(retainedPublication("a", "1"), publication("a", "2"))
	})
}

// A retained message is sent with what is left of its Message Expiry Interval,
// and then no more (5.0 [MQTT-3.3.2-5], [MQTT-3.3.2-6]).
func TestRetainedExpiry(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		p := connected(t, s, mqttwire.V50, "c")
		m := retainedPublication("a", "1")
		m.Properties = codec.AppendMessageExpiryInterval(codec.AppendPayloadFormatIndicator(codec.Properties{}, 1), 100)
		p.send(m)
		time.Sleep(30 * time.Second)
		m.Properties = codec.AppendMessageExpiryInterval(codec.AppendPayloadFormatIndicator(codec.Properties{}, 1), 70)
		p.subscribe("a")
		p.expect(m)
		time.Sleep(70 * time.Second)
		p.subscribe("a")
		p.expectNothing()
		if s.Stats().Retained != 0 {
			t.Error("the message is still there")
		}
	})
}

// What a retained message has waited for a slow client counts, too.
func TestRetainedExpiryWhileWaiting(t *testing.T) {
	simulate(t, Config{MaxQueue: 1, WriteTimeout: time.Minute}, func(t *testing.T, s *Server) {
		const n = 10
		p := connected(t, s, mqttwire.V50, "c")
		for i := range n {
			m := retainedPublication(fmt.Sprint("a/", i), "1")
			m.Properties = codec.AppendMessageExpiryInterval(codec.Properties{}, 100)
			p.send(m)
		}
		p.subscribe("a/#")
		time.Sleep(30 * time.Second) // one is being written
		for i := range n {
			want := uint32(100)
			if i >= 1 {
				want = 70
			}
			if got, _ := p.receive().(*codec.Publish).Properties.MessageExpiryInterval(); got != want {
				t.Errorf("message %d: Message Expiry Interval %d, want %d", i, got, want)
			}
		}
	})
}

// Retained messages wait for a client that is slow to read them: none is
// dropped.
func TestRetainedForSlowReader(t *testing.T) {
	simulate(t, Config{MaxQueue: 1000}, func(t *testing.T, s *Server) {
		const n = 500
		p := connected(t, s, mqttwire.V50, "p")
		for i := range n {
			p.send(retainedPublication(fmt.Sprint("a/", i), "0123456789"))
		}
		p.subscribe("a/#")
		for range n {
			if m := p.receive().(*codec.Publish); !m.Retain {
				t.Fatal(m)
			}
		}
		p.expectNothing()
	})
}

// What a client has published itself it gets neither live nor retained where it
// asks for No Local (5.0 [MQTT-3.8.3-3]).
func TestRetainedNoLocal(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		p, other := connected(t, s, mqttwire.V50, "c"), connected(t, s, mqttwire.V50, "other")
		p.send(retainedPublication("own", "1"))
		p.expectNothing()
		other.send(retainedPublication("others", "2"))
		other.expectNothing()
		p.subscribeWith(codec.Subscription{Filter: []byte("+"), Options: codec.NoLocal}, codec.Properties{})
		p.expect(retainedPublication("others", "2"))
		p.expectNothing()
	})
}

// What waits for a subscription goes with it.
func TestRetainedUnsubscribed(t *testing.T) {
	simulate(t, Config{MaxQueue: 100}, func(t *testing.T, s *Server) {
		p := connected(t, s, mqttwire.V311, "c")
		for i := range 50 {
			s.Inject(keep.Message{Topic: fmt.Append(nil, "t/", i), Payload: []byte("0123456789"), Retain: true})
		}
		var filters codec.Filters
		filters = filters.Append([]byte("#"))
		p.send(subscribeTo(t, "#"), &codec.Unsubscribe{ID: 2, Filters: filters})
		n := 0
		for {
			x := p.receive()
			if _, done := x.(*codec.Unsuback); done {
				break
			}
			n++
		}
		p.expectNothing()
		if n > 40 {
			t.Errorf("%d packets came before the UNSUBACK", n)
		}
	})
}
