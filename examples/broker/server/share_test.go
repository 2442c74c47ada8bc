package server

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// members are clients of a group, at QoS 2 each.
func members(t *testing.T, s *Server, v mqttwire.Version, n int) (all []*peer) {
	for i := range n {
		p := connected(t, s, v, fmt.Sprint("member", i))
		p.subscribeAt("$share/g/a", qos.ExactlyOnce)
		all = append(all, p)
	}
	return all
}

// payloads receives what has come, messages only, and acknowledges it.
func (p *peer) payloads() (all []string) {
	p.t.Helper()
	p.send(&codec.Pingreq{})
	for {
		switch x := p.receive().(type) {
		case *codec.Publish:
			all = append(all, string(x.Payload))
			switch x.QoS {
			case qos.AtLeastOnce:
				p.send(&codec.Puback{ID: x.ID})
			case qos.ExactlyOnce:
				p.send(&codec.Pubrec{ID: x.ID})
			}
		case *codec.Pubrel:
			p.send(&codec.Pubcomp{ID: x.ID})
		case *codec.Pingresp:
			return all
		default:
			p.t.Fatal(x)
		}
	}
}

// Members take turns, and every message goes to one of them.
func TestShareTurns(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		for level := range qos.Level(3) {
			simulate(t, Config{}, func(t *testing.T, s *Server) {
				const each = 20
				all := members(t, s, v, 3)
				plain := connected(t, s, v, "plain")
				plain.subscribe("a")
				p := connected(t, s, v, "p")
				for i := range each * len(all) {
					p.send(publicationAt("a", fmt.Sprint(i), level, uint16(min(level, 1))*uint16(i+1)))
					if level > 0 {
						p.receive()
					}
				}
				p.expectNothing()
				got := map[string]bool{}
				for i, m := range all {
					list := m.payloads()
					if n := len(list); n < each/2 || n > each*2 {
						t.Errorf("member %d got %d of %d messages", i, n, each*len(all))
					}
					for _, x := range list {
						if got[x] {
							t.Errorf("message %s came twice", x)
						}
						got[x] = true
					}
				}
				if len(got) != each*len(all) {
					t.Errorf("%d of %d messages came", len(got), each*len(all))
				}
				if n := len(plain.payloads()); n != each*len(all) {
					t.Errorf("who is in no group got %d of %d messages", n, each*len(all))
				}
			})
		}
	})
}

// A member that leaves, in whatever way, gets nothing more, and a group that
// is empty does not keep anything; joined again it goes on.
func TestShareLeave(t *testing.T) {
	leave := map[string]func(p *peer){
		"unsubscribes": func(p *peer) {
			filters := codec.Filters{}.Append([]byte("$share/g/a"))
			p.send(&codec.Unsubscribe{ID: 8, Filters: filters})
			if _, ok := p.receive().(*codec.Unsuback); !ok {
				p.t.Fatal("no UNSUBACK")
			}
		},
		"disconnects": func(p *peer) { p.send(&codec.Disconnect{}); p.drained() },
		"is lost":     func(p *peer) { p.conn.Close() },
	}
	for name, leave := range leave {
		t.Run(name, func(t *testing.T) {
			simulate(t, Config{}, func(t *testing.T, s *Server) {
				all := members(t, s, mqttwire.V50, 2)
				p := connected(t, s, mqttwire.V50, "p")
				publish := func(payload string, code mqttwire.Reason) {
					t.Helper()
					p.send(publicationAt("a", payload, qos.AtLeastOnce, 1))
					p.expect(&codec.Puback{ID: 1, Code: code})
				}
				leave(all[0])
				synctest.Wait()
				publish("1", mqttwire.Success)
				publish("2", mqttwire.Success)
				if got := fmt.Sprint(all[1].payloads()); got != "[1 2]" {
					t.Error(got)
				}
				leave(all[1])
				synctest.Wait()
				publish("3", mqttwire.NoMatchingSubscribers)
				back := connected(t, s, mqttwire.V50, "back")
				back.subscribeAt("$share/g/a", qos.AtLeastOnce)
				back.expectNothing()
				publish("4", mqttwire.Success)
				if got := fmt.Sprint(back.payloads()); got != "[4]" {
					t.Error(got)
				}
			})
		})
	}
}

// What a lost member has not taken over goes to another: of QoS 1 what it has
// not acknowledged and what waits, of QoS 2 only what it has not been sent
// [MQTT-4.8.2-4, MQTT-4.8.2-5].
func TestShareLost(t *testing.T) {
	tests := []struct {
		name    string
		level   qos.Level
		connect codec.Connect // of the member that is lost
		moved   string
		late    time.Duration
	}{
		{"QoS 1, ends with its connection", qos.AtLeastOnce, codec.Connect{Version: mqttwire.V311, CleanStart: true}, "[1 2 3 4]", 0},
		{"QoS 1, 5.0", qos.AtLeastOnce, codec.Connect{Version: mqttwire.V50}, "[1 2 3 4]", 0},
		{"QoS 1, lasting", qos.AtLeastOnce, *lasting(mqttwire.V50, "", 10), "[1 2 3 4]", 10 * time.Second},
		{"QoS 2, ends with its connection", qos.ExactlyOnce, codec.Connect{Version: mqttwire.V311, CleanStart: true}, "[3 4]", 0},
		{"QoS 2, lasting", qos.ExactlyOnce, *lasting(mqttwire.V50, "", 10), "[3 4]", 10 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			simulate(t, withOptions(func(o *session.ServerOptions) { o.OutboundWindow = 2 }), func(t *testing.T, s *Server) {
				connect := tt.connect
				connect.ClientID = []byte("lost")
				lost := join(t, s, &connect)
				lost.subscribeAt("$share/g/a", qos.ExactlyOnce)
				p := connected(t, s, mqttwire.V311, "p")
				for i := range uint16(4) { // two are in flight, two wait
					p.send(publicationAt("a", fmt.Sprint(i+1), tt.level, i+1))
					p.receive()
				}
				other := connected(t, s, mqttwire.V50, "other")
				other.subscribeAt("$share/g/a", qos.ExactlyOnce)
				other.expectNothing()
				lost.conn.Close()
				synctest.Wait()
				if tt.late > 0 {
					time.Sleep(tt.late - 1)
					other.expectNothing()
					time.Sleep(time.Nanosecond)
					synctest.Wait()
				}
				got := other.payloads()
				for range 3 { // the window of two
					got = append(got, other.payloads()...)
				}
				if fmt.Sprint(got) != tt.moved {
					t.Errorf("moved: %v, want %s", got, tt.moved)
				}
			})
		})
	}
}

// A message that is handed on says how long it has waited, and does not go on
// when that is too long.
func TestShareLostExpiry(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		lost := connected(t, s, mqttwire.V50, "lost")
		lost.subscribeAt("$share/g/a", qos.AtLeastOnce)
		p := connected(t, s, mqttwire.V50, "p")
		for i, seconds := range []uint32{20, 100} {
			m := publicationAt("a", fmt.Sprint(seconds), qos.AtLeastOnce, uint16(i+1))
			m.Properties = codec.AppendMessageExpiryInterval(codec.Properties{}, seconds)
			p.send(m)
			p.receive()
		}
		time.Sleep(30 * time.Second)
		other := connected(t, s, mqttwire.V50, "other")
		other.subscribeAt("$share/g/a", qos.AtLeastOnce)
		lost.conn.Close()
		synctest.Wait()
		m := publicationAt("a", "100", qos.AtLeastOnce, 1)
		m.Properties = codec.AppendMessageExpiryInterval(codec.Properties{}, 70)
		other.expect(m)
		other.expectNothing()
	})
}

// Where nobody is left what a lost member had is gone, and nothing stays.
func TestShareLostLast(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		lost := connected(t, s, mqttwire.V50, "lost")
		lost.subscribeAt("$share/g/a", qos.AtLeastOnce)
		p := connected(t, s, mqttwire.V50, "p")
		p.send(publicationAt("a", "1", qos.AtLeastOnce, 1))
		p.expect(&codec.Puback{ID: 1})
		lost.conn.Close()
		synctest.Wait()
		if n := s.Stats().QueuedBytes; n != 0 {
			t.Errorf("%d bytes are kept", n)
		}
		back := connected(t, s, mqttwire.V50, "back")
		back.subscribeAt("$share/g/a", qos.AtLeastOnce)
		back.expectNothing()
	})
}

// A member that is away gets messages only where nobody else is there.
func TestShareOffline(t *testing.T) {
	for _, v := range versions {
		t.Run(v.String(), func(t *testing.T) {
			simulate(t, Config{}, func(t *testing.T, s *Server) {
				away := join(t, s, lasting(v, "away", 1000))
				away.subscribeAt("$share/g/a", qos.AtLeastOnce)
				away.conn.Close()
				synctest.Wait()
				there := connected(t, s, v, "there")
				there.subscribeAt("$share/g/a", qos.AtLeastOnce)
				p := connected(t, s, v, "p")
				publish := func(from, to int) {
					for i := from; i <= to; i++ {
						p.send(publicationAt("a", fmt.Sprint(i), qos.AtLeastOnce, uint16(i)))
						p.expect(&codec.Puback{ID: uint16(i)})
					}
				}
				publish(1, 4)
				if got := fmt.Sprint(there.payloads()); got != "[1 2 3 4]" {
					t.Error(got)
				}
				there.conn.Close()
				synctest.Wait()
				publish(5, 6)
				c := lasting(v, "away", 1000)
				away = pipe(t, s, v)
				away.send(c)
				away.receive()
				if got := fmt.Sprint(away.payloads()); got != "[5 6]" {
					t.Error(got)
				}
			})
		})
	}
}

// A member that does not read or acknowledge has no turn while another can send.
func TestShareStalled(t *testing.T) {
	config := withOptions(func(o *session.ServerOptions) { o.OutboundWindow = 1 })
	config.MaxQueuedMessages = 2
	simulate(t, config, func(t *testing.T, s *Server) {
		all := members(t, s, mqttwire.V50, 2)
		p := connected(t, s, mqttwire.V50, "p")
		const n = 20
		var got []string
		for i := range uint16(n) {
			p.send(publicationAt("a", fmt.Sprint(i), qos.AtLeastOnce, i+1))
			p.expect(&codec.Puback{ID: i + 1})
			got = append(got, all[1].payloads()...) // the other one reads nothing
			synctest.Wait()                         // what is acknowledged is received
		}
		if len(got) != n-1 { // one in flight
			t.Errorf("%d of %d messages came to who reads", len(got), n)
		}
		synctest.Wait()
		all[0].conn.Close()
		synctest.Wait()
		for range 4 {
			got = append(got, all[1].payloads()...)
		}
		if len(got) != n {
			t.Errorf("%d of %d messages came in the end: %v", len(got), n, got)
		}
	})
}

// Each Shared Subscription is a reason of its own to deliver, with its own
// Subscription Identifier, and none brings retained messages (5.0 §4.8.2).
func TestShareBesides(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		p, c := connected(t, s, mqttwire.V50, "p"), connected(t, s, mqttwire.V50, "c")
		p.send(retainedPublication("a", "1"))
		p.expectNothing()
		c.subscribeWith(codec.Subscription{Filter: []byte("$share/g/a")}, identifier(1))
		c.subscribeWith(codec.Subscription{Filter: []byte("$share/h/+")}, identifier(2))
		c.expectNothing()
		c.subscribeWith(codec.Subscription{Filter: []byte("#"), Options: codec.DoNotSendRetained}, identifier(3))
		p.send(publication("a", "2"))
		got := map[uint32]bool{}
		for range 3 {
			m := c.receive().(*codec.Publish)
			n := 0
			for x := range m.Properties.All() {
				if x.ID == codec.SubscriptionIdentifier {
					got[x.Number] = true
					n++
				}
			}
			if n != 1 || string(m.Payload) != "2" {
				t.Error(m)
			}
		}
		if len(got) != 3 {
			t.Error("Subscription Identifiers", got)
		}
		c.expectNothing()
	})
}
