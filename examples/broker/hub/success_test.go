package hub

import (
	"fmt"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
	"github.com/mqttwire/mqttwire/qos"
)

// A trial is one client that is told of success, and what holds afterwards.
type trial struct {
	*stage
	disk *keeptest.Recorder // nil without a Store
	v    mqttwire.Version
	x    *wire // lasts, and has a session
}

// hold holds that something is so now, and after a crash where there is a Store.
func (p *trial) hold(what string, so func(s *stage) bool) {
	p.t.Helper()
	if !so(p.stage) {
		p.t.Errorf("told as done: %s", what)
	}
	if p.disk != nil && !so(p.restarted(p.disk)) {
		p.t.Errorf("told as done, and after a crash it is not: %s", what)
	}
}

// told sends a packet and reports whether the answer is success, as the version has it.
func (p *trial) told(c codec.Packet) bool {
	p.t.Helper()
	p.x.send(c)
	switch ack := p.x.next().(type) {
	case *codec.Suback:
		return ack.Codes.Len() == 1 && ack.Codes.Bytes()[0] < 0x80
	case *codec.Unsuback:
		return p.v != mqttwire.V50 || ack.Codes.Bytes()[0] == 0
	case *codec.Puback:
		return ack.Code == 0
	case *codec.Pubrec:
		id := ack.ID
		if ack.Code != 0 {
			return false
		}
		p.x.send(&codec.Pubrel{ID: id})
		comp, ok := p.x.next().(*codec.Pubcomp)
		return ok && comp.Code == 0
	}
	return false
}

func (s *stage) queued(id string) int {
	if cl := s.hub.clients[id]; cl != nil {
		return cl.waiting.n
	}
	return -1
}

func (s *stage) kept(topic string) string {
	m, ok := s.hub.retained.messages.Get([]byte(topic))
	if !ok {
		return ""
	}
	return string(m.payload)
}

// Whatever is answered with success has happened, at once and after a crash: in each
// version, with a Store and without, within the limits and over them. Over them 5.0
// says that it has not; before that an acknowledgement says no more than that a message
// was received ([MQTT-3.3.5-2] has one that is not let through acknowledged too), and
// what becomes of it then is held too.
func TestSuccessMeansDone(t *testing.T) {
	for _, v := range versions {
		for _, stored := range []bool{false, true} {
			begin := func(t *testing.T, c Config) *trial {
				p := &trial{v: v}
				if stored {
					p.disk = keeptest.NewRecorder()
					c.Store = p.disk
				}
				p.stage = newStage(t, c)
				p.x = p.join(lasting(v, "x"))
				return p
			}
			run := func(name string, c Config, test func(p *trial)) {
				t.Run(fmt.Sprint(v, "/", stored, "/", name), func(t *testing.T) { test(begin(t, c)) })
			}
			subscribe := func(filter string) *codec.Subscribe {
				return &codec.Subscribe{ID: 1, Subscriptions: codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte(filter), Options: 1})}
			}
			subscribed := func(s *stage) bool { return len(s.hub.subscriptions.AppendMatches(nil, []byte("t"))) == 1 }

			run("CONNACK", Config{}, func(p *trial) {
				p.hold("a session", func(s *stage) bool { return s.queued("x") == 0 })
			})
			run("Session Present", Config{}, func(p *trial) {
				p.told(subscribe("t"))
				p.x.close()
				x := p.open(p.v)
				x.send(lasting(p.v, "x"))
				ack := x.next().(*codec.Connack)
				if ack.Code != 0 || p.v != mqttwire.V31 && !ack.SessionPresent { // 3.1 has no such flag
					p.t.Errorf("answered %v", ack)
				}
				p.hold("what the session had", subscribed)
				x.close()
				c := lasting(p.v, "x")
				c.CleanStart = true
				if p.join(c); len(p.hub.subscriptions.AppendMatches(nil, []byte("t"))) != 0 {
					p.t.Error("a session that is new has subscriptions")
				}
			})
			run("SUBACK", Config{MaxSubscriptions: 1}, func(p *trial) {
				if !p.told(subscribe("t")) {
					p.t.Fatal("refused")
				}
				p.hold("a subscription", subscribed)
				if p.told(subscribe("more")) {
					p.t.Error("one too many is told as granted")
				}
			})
			run("UNSUBACK", Config{}, func(p *trial) {
				p.told(subscribe("t"))
				if !p.told(&codec.Unsubscribe{ID: 2, Filters: codec.Filters{}.Append([]byte("t"))}) {
					p.t.Fatal("refused")
				}
				p.hold("no subscription", func(s *stage) bool { return !subscribed(s) })
			})
			for _, level := range []qos.Level{qos.AtLeastOnce, qos.ExactlyOnce} {
				run(fmt.Sprint("PUBLISH at ", level), Config{MaxQueuedMessages: 2}, func(p *trial) {
					p.away("absent", "t")
					live := p.connected(p.v, "live")
					live.subscribeAt("t", qos.AtLeastOnce)
					for i := range 2 {
						if !p.told(publicationAt("t", "x", level, uint16(i+1))) {
							p.t.Fatal("refused")
						}
					}
					p.hold("messages wait for who is away", func(s *stage) bool { return s.queued("absent") == 2 })
					if got := live.take(5); got != 2 {
						p.t.Errorf("who is there has %d", got)
					}
					live.close()
					if told := p.told(publicationAt("t", "x", level, 3)); told != (p.v != mqttwire.V50) {
						p.t.Errorf("one that nobody has room for is told as done: %v", told)
					}
					if p.hub.Stats().MessagesRefused == 0 {
						p.t.Error("it is not counted")
					}
				})
				run(fmt.Sprint("RETAIN at ", level), Config{MaxRetained: 2, MaxLevels: 3}, func(p *trial) {
					retain := func(topic, payload string) bool {
						m := publicationAt(topic, payload, level, 1)
						m.Retain = true
						p.x.send(m)
						switch ack := p.x.next().(type) {
						case *codec.Puback:
							return !ack.Code.IsError()
						case *codec.Pubrec:
							if !ack.Code.IsError() {
								p.x.send(&codec.Pubrel{ID: 1})
								p.x.next()
							}
							return !ack.Code.IsError()
						}
						p.t.Fatal("no answer")
						return false
					}
					for _, payload := range []string{"1", "2"} {
						if !retain("a", payload) {
							p.t.Fatal("refused")
						}
						p.hold("the last message is retained", func(s *stage) bool { return s.kept("a") == payload })
					}
					retain("b", "1")
					for _, topic := range []string{"c", "a/a/a/a"} {
						if told := retain(topic, "1"); told != (p.v != mqttwire.V50) {
							p.t.Errorf("%s, over a limit, is told as done: %v", topic, told)
						}
					}
					if !retain("a", "") {
						p.t.Error("it is not cleared")
					}
					p.hold("a retained message is cleared", func(s *stage) bool { return s.kept("a") == "" })
				})
			}
			run("RETAIN without room", Config{MaxAccountBytes: 20_000}, func(p *trial) {
				p.x.publish("a", "old", true)
				big := publicationAt("a", mega[:50_000], qos.AtMostOnce, 0)
				big.Retain = true
				p.x.send(big)
				// [MQTT-3.3.1-7] of 3.1.1, 5.0 §3.3.1.3: then there is none, and not the one before
				p.hold("the last message is not retained, and none before it", func(s *stage) bool { return s.kept("a") == "" })
			})
			run("DISCONNECT", Config{}, func(p *trial) {
				c := lasting(p.v, "w")
				c.WillFlag, c.Will = true, codec.Will{Topic: []byte("will"), Payload: []byte("x"), Retain: true}
				w := p.join(c)
				w.send(&codec.Disconnect{})
				p.wait(time.Second)
				p.hold("no will", func(s *stage) bool { return s.kept("will") == "" })
			})
			run("PUBREC twice", Config{}, func(p *trial) {
				p.away("absent", "t")
				m := publicationAt("t", "x", qos.ExactlyOnce, 7)
				p.x.send(m)
				m.Dup = true
				p.x.send(m)
				p.hold("one message of two PUBLISHes of QoS 2", func(s *stage) bool { return s.queued("absent") == 1 })
			})
		}
	}
}
