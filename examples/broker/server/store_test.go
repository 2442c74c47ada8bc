package server

import (
	"context"
	"math"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// lasting is a CONNECT for a session that outlives its connection, before 5.0
// for ever.
func lasting(v mqttwire.Version, id string, seconds uint32) *codec.Connect {
	c := &codec.Connect{Version: v, ClientID: []byte(id)}
	if v == mqttwire.V50 {
		c.Properties = codec.AppendSessionExpiryInterval(c.Properties, seconds)
	}
	return c
}

// rejoin connects to a session that must be there, or must not.
func rejoin(t *testing.T, s *Server, c *codec.Connect, present bool) *peer {
	t.Helper()
	p := pipe(t, s, c.Version)
	p.send(c)
	if ack, ok := p.receive().(*codec.Connack); !ok || ack.Code != 0 || ack.SessionPresent != present {
		t.Fatalf("%v is answered with %v", c, ack)
	}
	return p
}

// crash starts another server with what is durable, some time later. The one
// before is gone for all that the new one knows.
func crash(t *testing.T, store *keeptest.Recorder, away time.Duration) *Server {
	t.Helper()
	synctest.Wait()
	left := store.Crashed()
	time.Sleep(away)
	s := New(Config{SysInterval: -1, Store: left})
	if err := s.Restore(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Of a session that ends with its connection nothing is kept.
func TestNoRecordsOfVolatileSessions(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		store := new(keeptest.Recorder)
		simulate(t, Config{Store: store}, func(t *testing.T, s *Server) {
			p := join(t, s, &codec.Connect{Version: v, CleanStart: true, ClientID: []byte("c"), WillFlag: true, Will: codec.Will{Topic: []byte("w"), QoS: 2}})
			p.subscribeAt("#", qos.ExactlyOnce)
			p.send(publicationAt("a", "1", qos.ExactlyOnce, 1))
			p.expect(publicationAt("a", "1", qos.ExactlyOnce, 1), &codec.Pubrec{ID: 1})
			p.send(&codec.Pubrec{ID: 1}, &codec.Pubrel{ID: 1}, publicationAt("a", "2", qos.AtLeastOnce, 2))
			p.expect(&codec.Pubrel{ID: 1}, &codec.Pubcomp{ID: 1}, publicationAt("a", "2", qos.AtLeastOnce, 2), &codec.Puback{ID: 2})
			p.conn.Close()
			synctest.Wait()
			if len(store.Records()) != 0 {
				t.Errorf("%v", store.Records())
			}
		})
	})
}

// A session that turns into one that ends with its connection leaves nothing.
func TestRecordsOfSessionThatTurnsVolatile(t *testing.T) {
	tests := []struct {
		name string
		turn func(t *testing.T, s *Server)
	}{
		{"by DISCONNECT", func(t *testing.T, s *Server) {
			p := rejoin(t, s, lasting(mqttwire.V50, "c", 100), true)
			p.send(&codec.Disconnect{Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, 0)})
			p.drained()
		}},
		{"by CONNECT", func(t *testing.T, s *Server) {
			rejoin(t, s, lasting(mqttwire.V50, "c", 0), true)
		}},
		{"by Clean Start", func(t *testing.T, s *Server) { connected(t, s, mqttwire.V50, "c") }},
		{"by time", func(t *testing.T, s *Server) { time.Sleep(100 * time.Second) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store := new(keeptest.Recorder)
			simulate(t, Config{Store: store}, func(t *testing.T, s *Server) {
				p := join(t, s, lasting(mqttwire.V50, "c", 100))
				p.subscribeAt("a", qos.AtLeastOnce)
				p.conn.Close()
				synctest.Wait()
				publisher := connected(t, s, mqttwire.V311, "p")
				publisher.send(publicationAt("a", "1", qos.AtLeastOnce, 1))
				publisher.expect(&codec.Puback{ID: 1})
				tt.turn(t, s)
				publisher.expectNothing()
				store.Sync() // nobody is promised that it has ended
				next := crash(t, store, 0)
				if have := next.Stats(); have.Clients != 0 || have.Subscriptions != 0 {
					t.Errorf("%d clients and %d subscriptions are back", have.Clients, have.Subscriptions)
				}
				rejoin(t, next, lasting(mqttwire.V50, "c", 100), false).expectNothing()
			})
		})
	}
}

// Nothing that a record stands for is written before that is durable.
func TestSyncBeforeWrite(t *testing.T) {
	tests := []struct {
		name   string
		ask    func(p, other *peer) // has the server record something
		want   func(p, other *peer) // and answer
		before func(p, other *peer)
	}{
		{"SUBACK", func(p, _ *peer) { p.send(subscribeTo(p.t, "x")) }, func(p, _ *peer) {
			p.expect(&codec.Suback{ID: 1, Codes: codec.ReasonCodes{}.Append(0)})
		}, nil},
		{"UNSUBACK", func(p, _ *peer) {
			filters := codec.Filters{}.Append([]byte("a"))
			p.send(&codec.Unsubscribe{ID: 1, Filters: filters})
		}, func(p, _ *peer) {
			ack := &codec.Unsuback{ID: 1}
			if p.rules.Version == mqttwire.V50 {
				ack.Codes = ack.Codes.Append(0)
			}
			p.expect(ack)
		}, nil},
		{"PUBREC", func(p, _ *peer) { p.send(publicationAt("x", "1", qos.ExactlyOnce, 9)) }, func(p, _ *peer) {
			ack := &codec.Pubrec{ID: 9}
			if p.rules.Version == mqttwire.V50 {
				ack.Code = mqttwire.NoMatchingSubscribers
			}
			p.expect(ack)
		}, nil},
		{"PUBLISH", func(_, other *peer) { other.send(publicationAt("a", "1", qos.ExactlyOnce, 9)) }, func(p, other *peer) {
			p.expect(publicationAt("a", "1", qos.ExactlyOnce, 1))
			other.expect(&codec.Pubrec{ID: 9})
		}, nil},
		{"PUBACK of a retained message", func(_, other *peer) {
			m := publicationAt("x", "1", qos.AtLeastOnce, 9)
			m.Retain = true
			other.send(m)
		}, func(p, other *peer) {
			ack := &codec.Puback{ID: 9}
			if p.rules.Version == mqttwire.V50 {
				ack.Code = mqttwire.NoMatchingSubscribers
			}
			other.expect(ack)
		}, nil},
		{"PUBREL", func(p, _ *peer) { p.send(&codec.Pubrec{ID: 1}) }, func(p, _ *peer) { p.expect(&codec.Pubrel{ID: 1}) },
			func(p, other *peer) {
				other.send(publicationAt("a", "1", qos.ExactlyOnce, 9))
				p.expect(publicationAt("a", "1", qos.ExactlyOnce, 1))
				other.expect(&codec.Pubrec{ID: 9})
			}},
		{"PUBCOMP", func(p, _ *peer) { p.send(&codec.Pubrel{ID: 9}) }, func(p, _ *peer) { p.expect(&codec.Pubcomp{ID: 9}) },
			func(p, _ *peer) {
				p.send(publicationAt("x", "1", qos.ExactlyOnce, 9))
				p.receive()
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, v := range versions[1:] {
				t.Run(v.String(), func(t *testing.T) {
					store := new(keeptest.Recorder)
					simulate(t, Config{Store: store}, func(t *testing.T, s *Server) {
						p, other := join(t, s, lasting(v, "c", 100)), connected(t, s, v, "other")
						p.subscribeAt("a", qos.ExactlyOnce)
						if tt.before != nil {
							tt.before(p, other)
						}
						var read, syncs atomic.Int32
						p.conn, other.conn = &counted{p.conn, &read}, &counted{other.conn, &read}
						store.While(func() {
							for range 1000 {
								runtime.Gosched()
							}
							if syncs.Add(1) == 1 && read.Load() > 0 {
								t.Error("something is written before Sync has returned")
							}
						})
						tt.ask(p, other)
						tt.want(p, other)
						if syncs.Load() == 0 {
							t.Error("something is written without Sync")
						}
					})
				})
			}
		})
	}
}

// counted counts what is read from a connection.
type counted struct {
	net.Conn
	read *atomic.Int32
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.read.Add(int32(n))
	return n, err
}

// A Sync that takes its time delays those only who have something to say that
// it is for.
func TestSyncDelaysNobodyElse(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		store := new(keeptest.Recorder)
		simulate(t, Config{Store: store}, func(t *testing.T, s *Server) {
			p, a, b := join(t, s, lasting(mqttwire.V50, "c", 100)), connected(t, s, v, "a"), connected(t, s, v, "b")
			a.subscribe("x")
			b.subscribe("a") // what p gets too
			p.subscribeAt("a", qos.AtLeastOnce)
			syncing, late := make(chan struct{}), make(chan struct{})
			var once sync.Once
			var done atomic.Bool
			store.While(func() {
				once.Do(func() { close(syncing) })
				for range 1_000_000 {
					if runtime.Gosched(); done.Load() {
						return
					}
				}
				close(late) // so that the test ends
				done.Store(true)
			})
			p.send(subscribeTo(t, "y"))
			<-syncing
			b.send(publication("x", "1"), &codec.Pingreq{})
			a.expect(publication("x", "1"))
			b.expect(&codec.Pingresp{})
			a.send(publicationAt("a", "2", qos.AtLeastOnce, 1)) // what p gets is recorded
			b.expect(publication("a", "2"))
			done.Store(true)
			select {
			case <-late:
				t.Error("somebody waited for Sync")
			default:
			}
			a.expect(&codec.Puback{ID: 1})
		})
	})
}

// A session outlives a crash for as long as it outlives a lost connection, and
// the time counts during which nothing ran.
func TestSessionExpiryOverCrash(t *testing.T) {
	tests := []struct {
		name    string
		expiry  uint32
		leave   func(p *peer) // before the crash, nil for not at all
		before  time.Duration // between that and the crash
		away    time.Duration // nothing runs
		after   time.Duration // the server runs again
		present bool
	}{
		{"online", 100, nil, 50 * time.Second, 50 * time.Second, 99 * time.Second, true},
		{"online, too late", 100, nil, 0, 0, 100 * time.Second, false},
		{"lost", 100, func(p *peer) { p.conn.Close() }, 50 * time.Second, 49 * time.Second, 0, true},
		{"lost, too late when it is back", 100, func(p *peer) { p.conn.Close() }, 50 * time.Second, 50 * time.Second, 0, false},
		{"lost, back, too late", 100, func(p *peer) { p.conn.Close() }, 30 * time.Second, 30 * time.Second, 40 * time.Second, false},
		{"lost, back, in time", 100, func(p *peer) { p.conn.Close() }, 30 * time.Second, 30 * time.Second, 39 * time.Second, true},
		{"for ever", session.Never, func(p *peer) { p.conn.Close() }, time.Hour, 1000 * time.Hour, time.Hour, true},
		{"longer by DISCONNECT", 10, func(p *peer) {
			p.send(&codec.Disconnect{Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, 100)})
		}, 30 * time.Second, 30 * time.Second, 39 * time.Second, true},
		{"shorter by DISCONNECT", 1000, func(p *peer) {
			p.send(&codec.Disconnect{Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, 100)})
		}, 30 * time.Second, 30 * time.Second, 40 * time.Second, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store := new(keeptest.Recorder)
			simulate(t, Config{Store: store}, func(t *testing.T, s *Server) {
				p := join(t, s, lasting(mqttwire.V50, "c", tt.expiry))
				p.subscribeAt("a", qos.AtLeastOnce)
				if tt.leave != nil {
					tt.leave(p)
					p.drained()
					synctest.Wait()
				}
				other := connected(t, s, mqttwire.V50, "other")
				other.send(publicationAt("a", "1", qos.AtLeastOnce, 1)) // has it synced
				other.expect(&codec.Puback{ID: 1})
				time.Sleep(tt.before)
				next := crash(t, store, tt.away)
				time.Sleep(tt.after)
				p = rejoin(t, next, lasting(mqttwire.V50, "c", 100), tt.present)
				if tt.present {
					m := p.receive().(*codec.Publish)
					if string(m.Payload) != "1" {
						t.Error(m)
					}
				}
				p.expectNothing()
			})
		})
	}
}

// drained waits for the end of a connection that the peer may have closed
// itself.
func (p *peer) drained() {
	for {
		if _, err := p.next(); err != nil {
			return
		}
	}
}

// The wills of those who were connected at a crash are published as if that had
// cut their connections (5.0 §3.1.2.5).
func TestWillOverCrash(t *testing.T) {
	tests := []struct {
		name   string
		v      mqttwire.Version
		expiry uint32
		delay  uint32
		leave  func(p *peer)
		away   time.Duration
		due    time.Duration // after the start, negative for never
		rejoin bool          // at once
	}{
		{"online, 3.1.1", mqttwire.V311, 0, 0, nil, time.Minute, 0, false},
		{"online", mqttwire.V50, 100, 0, nil, time.Minute, 0, false},
		{"online, delayed", mqttwire.V50, 100, 30, nil, time.Minute, 30 * time.Second, false},
		{"online, delayed, back in time", mqttwire.V50, 100, 30, nil, time.Minute, -1, true},
		{"online, delayed beyond its session", mqttwire.V50, 20, 30, nil, time.Minute, 20 * time.Second, false},
		{"lost, waiting", mqttwire.V50, 100, 30, func(p *peer) { p.conn.Close() }, 10 * time.Second, 20 * time.Second, false},
		{"lost, due while nothing ran", mqttwire.V50, 100, 30, func(p *peer) { p.conn.Close() }, time.Minute, 0, false},
		{"left", mqttwire.V50, 100, 30, func(p *peer) { p.send(&codec.Disconnect{}) }, time.Minute, -1, false},
		{"left with it", mqttwire.V50, 100, 30, func(p *peer) {
			p.send(&codec.Disconnect{Code: mqttwire.DisconnectWithWillMessage})
		}, 10 * time.Second, 20 * time.Second, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store := new(keeptest.Recorder)
			simulate(t, Config{Store: store}, func(t *testing.T, s *Server) {
				watcher := join(t, s, lasting(mqttwire.V311, "watcher", 0))
				watcher.subscribeAt("w", qos.ExactlyOnce)
				c := lasting(tt.v, "c", tt.expiry)
				c.WillFlag, c.Will = true, codec.Will{Topic: []byte("w"), Payload: []byte("gone"), QoS: 2, Retain: true}
				if tt.delay > 0 {
					c.Will.Properties = codec.AppendWillDelayInterval(codec.Properties{}, tt.delay)
				}
				p := join(t, s, c)
				if tt.leave != nil {
					tt.leave(p)
					p.drained()
					synctest.Wait()
				}
				watcher.subscribeAt("x", qos.ExactlyOnce) // has it synced
				next := crash(t, store, tt.away)
				start := time.Now()
				watcher = rejoin(t, next, lasting(mqttwire.V311, "watcher", 0), true)
				if tt.rejoin {
					rejoin(t, next, lasting(tt.v, "c", 100), true)
				}
				if tt.due < 0 {
					time.Sleep(50 * time.Second)
					watcher.expectNothing()
					return
				}
				watcher.expect(publicationAt("w", "gone", qos.ExactlyOnce, 1))
				if waited := time.Since(start); waited != tt.due {
					t.Errorf("it came after %v, want %v", waited, tt.due)
				}
				watcher.expectNothing()
				fresh := connected(t, next, mqttwire.V311, "fresh")
				fresh.subscribe("w")
				fresh.expect(retainedPublication("w", "gone"))
			})
		})
	}
}

// A server that is shut down leaves wills to its next start, where who comes
// back in time keeps its own.
func TestWillAfterShutdown(t *testing.T) {
	store := new(keeptest.Recorder)
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{SysInterval: -1, Store: store})
		watcher := join(t, s, lasting(mqttwire.V311, "watcher", 0))
		watcher.subscribeAt("w", qos.AtLeastOnce)
		for _, id := range []string{"back", "gone"} {
			c := lasting(mqttwire.V50, id, 100)
			c.WillFlag, c.Will = true, codec.Will{Topic: []byte("w"), Payload: []byte(id), QoS: 1, Properties: codec.AppendWillDelayInterval(codec.Properties{}, 30)}
			go join(t, s, c).drained()
		}
		go watcher.drained()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if appended, synced := store.Counts(); appended != synced {
			t.Errorf("%d of %d records are durable after Shutdown", synced, appended)
		}
		next := crash(t, store, time.Second)
		watcher = rejoin(t, next, lasting(mqttwire.V311, "watcher", 0), true)
		rejoin(t, next, lasting(mqttwire.V50, "back", 100), true)
		time.Sleep(20 * time.Second)
		watcher.expectNothing()
		time.Sleep(30 * time.Second)
		watcher.expect(publicationAt("w", "gone", qos.AtLeastOnce, 1))
		watcher.expectNothing()
	})
}

// What a message has waited while nothing ran counts (5.0 [MQTT-3.3.2-6]).
func TestMessageExpiryOverCrash(t *testing.T) {
	tests := []struct {
		name string
		away time.Duration
		left uint32 // 0: it is not there any more
	}{
		{"in time", 60 * time.Second, 30},
		{"too late", 90 * time.Second, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store := new(keeptest.Recorder)
			simulate(t, Config{Store: store}, func(t *testing.T, s *Server) {
				join(t, s, lasting(mqttwire.V50, "c", 1000)).subscribeAt("a", qos.AtLeastOnce)
				s.life.Lock()
				for c := range s.conns {
					c.net.Close()
				}
				s.life.Unlock()
				synctest.Wait()
				p := connected(t, s, mqttwire.V50, "p")
				m := publicationAt("a", "1", qos.AtLeastOnce, 1)
				m.Retain = true
				m.Properties = codec.AppendMessageExpiryInterval(codec.Properties{}, 100)
				p.send(m)
				p.expect(&codec.Puback{ID: 1})
				time.Sleep(10 * time.Second)
				next := crash(t, store, tt.away)
				c, fresh := rejoin(t, next, lasting(mqttwire.V50, "c", 1000), true), connected(t, next, mqttwire.V50, "fresh")
				fresh.subscribe("a")
				if tt.left > 0 {
					want := codec.AppendMessageExpiryInterval(codec.Properties{}, tt.left)
					m := publicationAt("a", "1", qos.AtLeastOnce, 1)
					m.Properties = want
					c.expect(m)
					m = retainedPublication("a", "1")
					m.Properties = want
					fresh.expect(m)
				}
				c.expectNothing()
				fresh.expectNothing()
			})
		})
	}
}

// A message that waits keeps what it was sent for: the level, the Subscription
// Identifiers, the group.
func TestDeliveryOverCrash(t *testing.T) {
	store := new(keeptest.Recorder)
	simulate(t, Config{Store: store}, func(t *testing.T, s *Server) {
		c := join(t, s, lasting(mqttwire.V50, "c", 1000))
		c.subscribeWith(codec.Subscription{Filter: []byte("a"), Options: 1 | codec.RetainAsPublished}, identifier(3))
		c.subscribeWith(codec.Subscription{Filter: []byte("$share/g/b"), Options: 2}, identifier(4))
		c.conn.Close()
		synctest.Wait()
		p := connected(t, s, mqttwire.V311, "p")
		m := publicationAt("a", "1", qos.ExactlyOnce, 1)
		m.Retain = true
		p.send(m, publicationAt("b", "2", qos.ExactlyOnce, 2))
		p.expect(&codec.Pubrec{ID: 1}, &codec.Pubrec{ID: 2})
		next := crash(t, store, time.Second)

		member := connected(t, next, mqttwire.V50, "member")
		member.subscribeAt("$share/g/b", 2)
		c = rejoin(t, next, lasting(mqttwire.V50, "c", 1000), true)
		a, b := publicationAt("a", "1", qos.AtLeastOnce, 1), publicationAt("b", "2", qos.ExactlyOnce, 2)
		a.Retain = true
		a.Properties, b.Properties = identifier(3), identifier(4)
		c.expect(a, b)
		c.expectNothing()

		// Its options are those of before, too.
		p = connected(t, next, mqttwire.V311, "p")
		m.Payload = []byte("3")
		p.send(m)
		p.expect(&codec.Pubrec{ID: 1})
		a = publicationAt("a", "3", qos.AtLeastOnce, 3)
		a.Retain, a.Properties = true, identifier(3)
		c.expect(a)
	})
}

// exchanged is a Record of a message of QoS 2 that is sent.
func exchanged(client string, key uint64, op qos.Op) keep.Record {
	return keep.Record{Kind: keep.Exchanged, Client: client, Key: key, Exchange: qos.Record{Token: 1, ID: 1, Change: op.Of(qos.Sent, qos.ExactlyOnce)}}
}

// Records that do not fit each other, and those that no server writes, are
// refused.
func TestRestoreRefuses(t *testing.T) {
	session := keep.Record{Kind: keep.SessionKept, Client: "c"}
	session.State.Exists, session.State.Connected, session.State.Expiry = true, true, 1000
	message := func(topic string) *keep.Message { return &keep.Message{Topic: []byte(topic), Payload: []byte("x")} }
	queued := func(to ...keep.Recipient) keep.Record {
		return keep.Record{Kind: keep.MessageQueued, Message: message("t"), To: to}
	}
	to := func(key uint64) keep.Recipient { return keep.Recipient{Client: "c", Key: key, Level: 2} }
	sent := func(key, token uint64, id uint16) keep.Record {
		r := exchanged("c", key, qos.Store)
		r.Exchange.Token, r.Exchange.ID = token, id
		return r
	}
	accepted := qos.Record{ID: 1, Change: qos.Accept.Of(qos.Received, qos.ExactlyOnce)}
	tests := []struct {
		name    string
		records []keep.Record
	}{
		{"a message sent that was not queued", []keep.Record{session, exchanged("c", 1, qos.Store)}},
		{"a message done that was not sent", []keep.Record{session, exchanged("c", 1, qos.Forget)}},
		{"a message released that was not sent", []keep.Record{session, exchanged("c", 1, qos.Release)}},
		{"a message released twice", []keep.Record{session, queued(to(1)), exchanged("c", 1, qos.Store), exchanged("c", 1, qos.Release), exchanged("c", 1, qos.Release)}},
		{"a message queued for QoS 0", []keep.Record{session, queued(keep.Recipient{Client: "c", Key: 1})}},
		{"a message queued for QoS 3", []keep.Record{session, queued(keep.Recipient{Client: "c", Key: 1, Level: 3})}},
		{"a message queued that is none", []keep.Record{session, {Kind: keep.MessageQueued, To: []keep.Recipient{to(1)}}}},
		{"a message of QoS 3", []keep.Record{{Kind: keep.MessageRetained, Message: &keep.Message{Topic: []byte("t"), QoS: 3}}}},
		{"key 0", []keep.Record{session, queued(to(0))}},
		{"a key that none comes after", []keep.Record{session, queued(to(math.MaxUint64))}},
		{"token 0", []keep.Record{session, queued(to(1)), sent(1, 0, 1)}},
		{"a token beyond all", []keep.Record{session, queued(to(1)), sent(1, math.MaxUint64, 1)}},
		{"a token in use", []keep.Record{session, queued(to(1), to(2)), sent(1, 1, 1), sent(2, 1, 2)}},
		{"an identifier in use", []keep.Record{session, queued(to(1), to(2)), sent(1, 1, 1), sent(2, 2, 1)}},
		{"identifier 0", []keep.Record{session, queued(to(1)), sent(1, 1, 0)}},
		{"the end of a session as an exchange", []keep.Record{session, {Kind: keep.Exchanged, Client: "c", Exchange: qos.Record{Change: qos.Clear.Of(0, 0)}}}},
		{"a message accepted for no session", []keep.Record{{Kind: keep.Exchanged, Client: "c", Exchange: accepted}}},
		{"a message accepted and queued for no session", []keep.Record{{Kind: keep.MessageQueued, Client: "c", Message: message("t"), Exchange: accepted}}},
		{"a subscription of no session", []keep.Record{{Kind: keep.SubscriptionKept, Client: "c", Filter: "a"}}},
		{"a filter that is none", []keep.Record{session, {Kind: keep.SubscriptionKept, Client: "c", Filter: "a/#/b"}}},
		{"a will of no session", []keep.Record{{Kind: keep.WillKept, Client: "c", Message: message("t")}}},
		{"a will that is none", []keep.Record{session, {Kind: keep.WillKept, Client: "c"}}},
		{"a retained message that is none", []keep.Record{{Kind: keep.MessageRetained}}},
		{"a retained message without a topic", []keep.Record{{Kind: keep.MessageRetained, Message: message("")}}},
		{"a topic that is none", []keep.Record{{Kind: keep.MessageRetained, Message: message("a/#")}}},
		{"a removal of nothing", []keep.Record{{Kind: keep.RetainedRemoved}}},
		{"no kind", []keep.Record{{Client: "c"}}},
		{"an unknown kind", []keep.Record{{Kind: 99, Client: "c"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := New(Config{Store: keeptest.NewRecorder(tt.records...)})
			if err := s.Restore(); err != mqttwire.ErrSnapshot && !strings.HasPrefix(tt.name, "a filter") || err == nil {
				t.Error(err)
			}
		})
	}
}

// A clock that was set back makes nothing expire, and nothing last for ever.
func TestRestoreAfterClockWasSet(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(1<<50, 0)} {
		synctest.Test(t, func(t *testing.T) {
			m := &keep.Message{Topic: []byte("t"), Payload: []byte("x"), Properties: codec.AppendMessageExpiryInterval(codec.Properties{}, 100)}
			session := keep.Record{Kind: keep.SessionKept, Client: "c", At: at}
			session.State.Exists, session.State.Expiry = true, 1000
			s := New(Config{SysInterval: -1, Store: keeptest.NewRecorder(session,
				keep.Record{Kind: keep.MessageQueued, Message: m, At: at, To: []keep.Recipient{{Client: "c", Key: 1, Level: 1}}})})
			if err := s.Restore(); err != nil {
				t.Fatal(err)
			}
			past := at.IsZero()
			p := rejoin(t, s, lasting(mqttwire.V50, "c", 1000), !past)
			if !past {
				p.expect(&codec.Publish{Topic: m.Topic, Payload: m.Payload, QoS: 1, ID: 1, Properties: m.Properties})
			}
			p.expectNothing()
			go p.drained()
			if err := s.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

// What a Handler has taken at QoS 2 it is not given again after a crash.
func TestHandlerOverCrash(t *testing.T) {
	store := new(keeptest.Recorder)
	calls := 0
	config := Config{SysInterval: -1, Store: store, Handlers: map[string]hub.Handler{
		"$own": func(*hub.Peer, hub.Access, qos.Level, []byte) hub.Order { calls++; return hub.Order{} },
	}}
	simulate(t, config, func(t *testing.T, s *Server) {
		p := join(t, s, lasting(mqttwire.V50, "c", 100))
		m := publicationAt("$own", "1", qos.ExactlyOnce, 1)
		p.send(m)
		p.expect(&codec.Pubrec{ID: 1})
		synctest.Wait()
		config.Store = store.Crashed()
		next := New(config)
		if err := next.Restore(); err != nil {
			t.Fatal(err)
		}
		p = rejoin(t, next, lasting(mqttwire.V50, "c", 100), true)
		m.Dup = true
		p.send(m)
		p.expect(&codec.Pubrec{ID: 1})
		if calls != 1 {
			t.Errorf("it is called %d times", calls)
		}
		p.send(&codec.Pubrel{ID: 1})
		p.expect(&codec.Pubcomp{ID: 1})
		go p.drained()
		if err := next.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
