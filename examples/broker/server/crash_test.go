package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
	"github.com/mqttwire/mqttwire/internal/race"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// What a client knows that keeps to the standard: what it has sent and not been
// told of, which identifiers of QoS 2 it holds, what it has been given.
type mind struct {
	admitted   bool // it has had a CONNACK
	pending    []owed
	held       map[uint16]bool
	delivered  []string
	asked      map[uint16]string // filters by Packet Identifier
	subscribed map[string]bool   // as acknowledged
	doubtful   map[string]bool   // asked for, or given back, and not told
	admissions int
	givenUp    int // of QoS 2 by the server, which it has never had
}

// owed is a message whose exchange is not over.
type owed struct {
	p        codec.Publish
	released bool
}

func newMind() *mind {
	return &mind{held: map[uint16]bool{}, asked: map[uint16]string{}, subscribed: map[string]bool{}, doubtful: map[string]bool{}}
}

func (m *mind) sent(p codec.Packet) {
	switch p := p.(type) {
	case *codec.Publish:
		if p.QoS > qos.AtMostOnce {
			m.pending = append(m.pending, owed{p: *p})
		}
	case *codec.Subscribe:
		for x := range p.Subscriptions.All() {
			m.asked[p.ID] = string(x.Filter)
			m.doubtful[string(x.Filter)] = true
		}
	case *codec.Unsubscribe:
		for f := range p.Filters.All() {
			m.asked[p.ID] = string(f)
			m.doubtful[string(f)] = true
		}
	}
}

func (m *mind) got(p codec.Packet) (reply codec.Packet) {
	switch p := p.(type) {
	case *codec.Connack:
		m.admitted = true
		m.admissions++
	case *codec.Publish:
		if p.QoS != qos.ExactlyOnce || !m.held[p.ID] {
			m.delivered = append(m.delivered, string(p.Payload))
		}
		switch p.QoS {
		case qos.AtLeastOnce:
			return &codec.Puback{ID: p.ID}
		case qos.ExactlyOnce:
			m.held[p.ID] = true
			return &codec.Pubrec{ID: p.ID}
		}
	case *codec.Pubrel:
		if !m.held[p.ID] {
			m.givenUp++
		}
		delete(m.held, p.ID)
		return &codec.Pubcomp{ID: p.ID}
	case *codec.Puback:
		m.done(p.ID)
	case *codec.Pubrec:
		for i := range m.pending {
			if m.pending[i].p.ID == p.ID {
				m.pending[i].released = true
			}
		}
		return &codec.Pubrel{ID: p.ID}
	case *codec.Pubcomp:
		m.done(p.ID)
	case *codec.Suback:
		m.subscribed[m.asked[p.ID]] = true
		delete(m.doubtful, m.asked[p.ID])
	case *codec.Unsuback:
		delete(m.subscribed, m.asked[p.ID])
		delete(m.doubtful, m.asked[p.ID])
	}
	return nil
}

func (m *mind) done(id uint16) {
	m.pending = slices.DeleteFunc(m.pending, func(o owed) bool { return o.p.ID == id })
}

func (m *mind) id() uint16 {
	for id := uint16(1); ; id++ { // at once again, so that a crash finds it in use
		if !slices.ContainsFunc(m.pending, func(o owed) bool { return o.p.ID == id }) && m.asked[id] == "" {
			return id
		}
	}
}

// An actor is a client whose packets are read as they come, and handled when
// the test says so.
type actor struct {
	saga  *saga
	index int
	name  string
	v     mqttwire.Version
	mind  *mind
	peer  *peer // nil while it is away
	small bool  // it takes no large packets this time

	mu    sync.Mutex
	inbox []arrival
}

// An arrival is a packet that is read, and how many records were durable then.
type arrival struct {
	p      codec.Packet
	synced int
}

// A saga is the life of some clients with a server, written down.
type saga struct {
	t      *testing.T
	store  *keeptest.Recorder
	server *Server
	actors []*actor
	events []event

	givenUp int // in its lives after this one
}

// An event is a packet that a client sends, or handles.
type event struct {
	who              int
	out              bool
	p                codec.Packet
	appended, synced int // records, by then; synced when it was read
}

func (s *saga) actor(name string, v mqttwire.Version) *actor {
	a := &actor{saga: s, index: len(s.actors), name: name, v: v, mind: newMind()}
	s.actors = append(s.actors, a)
	return a
}

func (s *saga) note(a *actor, out bool, p codec.Packet) {
	appended, synced := s.store.Counts()
	s.events = append(s.events, event{a.index, out, p, appended, synced})
}

func (a *actor) join() (present bool) {
	s := a.saga
	a.peer = pipe(s.t, s.server, a.v)
	c := &codec.Connect{Version: a.v, ClientID: []byte(a.name)}
	if a.v == mqttwire.V50 {
		c.Properties = codec.AppendSessionExpiryInterval(c.Properties, session.Never)
		if a.small {
			c.Properties = codec.AppendMaximumPacketSize(c.Properties, smallPacket)
		}
	}
	if a.index == dying {
		c.WillFlag, c.Will = true, codec.Will{Topic: []byte("t/will"), Payload: []byte("gone"), QoS: qos.AtLeastOnce}
	}
	a.peer.send(c)
	ack, ok := a.peer.receive().(*codec.Connack)
	if !ok || ack.Code != 0 {
		s.t.Fatalf("%s: %v", a.name, ack)
	}
	s.note(a, false, &codec.Connack{})
	present = ack.SessionPresent
	a.mind.got(ack)
	a.inbox = nil
	go a.read(a.peer)
	// All that is not over, in its order [MQTT-4.4.0-1].
	for _, o := range a.mind.pending {
		if o.released {
			a.peer.send(&codec.Pubrel{ID: o.p.ID})
			continue
		}
		p := o.p
		p.Dup = true
		a.peer.send(&p)
	}
	return present
}

func (a *actor) read(p *peer) {
	for {
		x, err := p.next()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			return
		}
		b, _ := x.Append(nil, p.in.Rules)
		h, body, _, _ := codec.Split(p.in.Rules, b, 0)
		x, err = new(codec.Decoder).Decode(p.in.Rules, h, body)
		if err != nil {
			p.t.Error(err)
			return
		}
		_, synced := a.saga.store.Counts()
		a.mu.Lock()
		if a.peer == p {
			a.inbox = append(a.inbox, arrival{x, synced})
		}
		a.mu.Unlock()
	}
}

func (a *actor) leave() {
	a.mu.Lock()
	a.peer.conn.Close()
	a.peer, a.inbox = nil, nil
	a.mu.Unlock()
}

func (a *actor) send(p codec.Packet) {
	a.saga.note(a, true, p)
	a.mind.sent(p)
	a.peer.send(p)
}

// handle handles one packet, if there is any.
func (a *actor) handle() bool {
	a.mu.Lock()
	if a.peer == nil || len(a.inbox) == 0 {
		a.mu.Unlock()
		return false
	}
	x := a.inbox[0]
	a.inbox = a.inbox[1:]
	a.mu.Unlock()
	a.saga.note(a, false, x.p)
	a.saga.events[len(a.saga.events)-1].synced = x.synced
	if reply := a.mind.got(x.p); reply != nil {
		a.peer.send(reply)
	}
	return true
}

func (a *actor) publish(topic, payload string, level qos.Level, retain bool) {
	p := publicationAt(topic, payload, level, a.mind.id())
	p.Retain = retain
	a.send(p)
}

func (a *actor) subscribe(t *testing.T, filter string, level qos.Level) {
	list := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte(filter), Options: codec.SubscriptionOptions(level)})
	a.send(&codec.Subscribe{ID: a.mind.id(), Subscriptions: list})
}

func (a *actor) unsubscribe(t *testing.T, filter string) {
	list := codec.Filters{}.Append([]byte(filter))
	a.send(&codec.Unsubscribe{ID: a.mind.id(), Filters: list})
}

// settle has everybody handle everything.
func (s *saga) settle() {
	for busy := true; busy; {
		synctest.Wait()
		busy = false
		for _, a := range s.actors {
			for a.handle() {
				busy = true
			}
		}
	}
}

// The actors, and at which level those that subscribe do.
var cast = []struct {
	name  string
	v     mqttwire.Version
	level int // of its subscription, -1 for a publisher
}{
	{"publisher5", mqttwire.V50, -1},
	{"publisher3", mqttwire.V311, -1},
	{"subscriber5", mqttwire.V50, 2},
	{"subscriber3", mqttwire.V311, 2},
	{"atLeastOnce5", mqttwire.V50, 1},
	{"goesAway5", mqttwire.V50, 2},
	{"goesAway3", mqttwire.V311, 1},
	{"changes5", mqttwire.V50, -1},
	{"narrow5", mqttwire.V50, 2},
	{"dies5", mqttwire.V50, -1},
}

const (
	changing = 7 // the one that subscribes and unsubscribes
	narrowed = 8 // the one that takes large packets at some times only
	dying    = 9 // the one with a will

	smallPacket = 100
)

// isLarge reports whether a payload does not fit a small packet.
func isLarge(payload string) bool { return len(payload) > smallPacket }

// live has the clients connect, subscribe, and publish and handle in an order
// that r chooses.
func (s *saga) live(r *rand.Rand, steps int) {
	for _, c := range cast {
		a := s.actor(c.name, c.v)
		a.join()
		if c.level >= 0 {
			a.subscribe(s.t, "t/#", qos.Level(c.level))
		}
	}
	s.settle()
	n := 0
	for range steps {
		a := s.actors[r.IntN(len(s.actors))]
		switch k := r.IntN(20); {
		case k < 7: // a publisher, if it may
			a = s.actors[r.IntN(2)]
			if a.peer == nil || len(a.mind.pending) > 5 {
				continue
			}
			level := qos.Level(1 + r.IntN(2))
			n++
			switch {
			case k == 0 && a.index == 0:
				payload := fmt.Sprintf("%s/%d/%d", a.name, level, n)
				if r.IntN(3) == 0 {
					payload = ""
				}
				a.publish(fmt.Sprint("r/", r.IntN(3)), payload, level, true)
			default:
				payload := fmt.Sprintf("%s/%d/%d", a.name, level, n)
				if r.IntN(3) == 0 {
					payload += strings.Repeat(".", smallPacket)
				}
				a.publish("t/x", payload, level, false)
			}
		case k == 7:
			a = s.actors[changing]
			filter := fmt.Sprint("u/", r.IntN(3))
			switch {
			case a.peer == nil || a.mind.doubtful[filter]:
			case a.mind.subscribed[filter]:
				a.unsubscribe(s.t, filter)
			default:
				a.subscribe(s.t, filter, 1)
			}
		case k == 8 && a.peer != nil && a.index != changing:
			a.leave()
		case k <= 10 && a.peer == nil:
			synctest.Wait() // it has left
			a.small = a.index == narrowed && r.IntN(2) == 0
			a.join()
		default:
			a.handle()
		}
		if r.IntN(3) > 0 {
			synctest.Wait()
		}
	}
	synctest.Wait()
}

// again starts another server with the records, takes the clients back to an
// earlier moment of their lives, and has them all connect and finish.
func (s *saga) again(t *testing.T, records []keep.Record, until []event, r *rand.Rand) {
	next := &saga{t: t, store: keeptest.NewRecorder(records...)}
	next.server = New(Config{SysInterval: -1, Store: next.store})
	if err := next.server.Restore(); err != nil {
		t.Fatal("Restore: ", err)
	}
	for _, a := range s.actors {
		next.actor(a.name, a.v)
	}
	type sent struct {
		who     int
		payload string
	}
	var expected []sent
	retained := map[string]string{}
	for _, e := range until {
		m := next.actors[e.who].mind
		if !e.out {
			m.got(e.p)
			continue
		}
		m.sent(e.p)
		if p, ok := e.p.(*codec.Publish); ok {
			if p.Retain {
				retained[string(p.Topic)] = string(p.Payload)
			} else {
				expected = append(expected, sent{e.who, string(p.Payload)})
			}
		}
	}
	next.actors[narrowed].small = r.IntN(2) == 0
	deaths := next.actors[dying].mind.admissions
	for _, i := range r.Perm(len(next.actors)) {
		a := next.actors[i]
		admitted := a.mind.admitted
		if present := a.join(); admitted && !present {
			t.Errorf("%s: its session is lost", a.name)
		}
		if r.IntN(2) == 0 {
			synctest.Wait()
		}
	}
	next.settle()
	s.givenUp += next.actors[narrowed].mind.givenUp

	for i, c := range cast {
		a := next.actors[i]
		if len(a.mind.pending) > 0 || len(a.mind.held) > 0 {
			t.Errorf("%s: not finished: %v, %v", a.name, a.mind.pending, a.mind.held)
		}
		if c.level < 0 || !a.mind.subscribed["t/#"] {
			continue
		}
		wills := 0
		for _, payload := range a.mind.delivered {
			if payload == "gone" {
				wills++
			}
		}
		if wills < deaths {
			t.Errorf("%s got %d wills of %d", a.name, wills, deaths)
		}
		for who := range 2 {
			for level := 1; level <= 2; level++ {
				prefix := fmt.Sprintf("%s/%d/", cast[who].name, level)
				var want, got []string
				for _, e := range expected {
					if strings.HasPrefix(e.payload, prefix) && !(i == narrowed && isLarge(e.payload)) {
						want = append(want, e.payload)
					}
				}
				seen := map[string]int{}
				for _, payload := range a.mind.delivered {
					if strings.HasPrefix(payload, prefix) {
						if seen[payload]++; i == narrowed && isLarge(payload) {
							if seen[payload] > 1 && level == 2 {
								t.Errorf("%s got %s twice", a.name, payload)
							}
						} else if seen[payload] == 1 || min(level, c.level) == 2 {
							got = append(got, payload)
						}
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s got %v\nwant %v", a.name, got, want)
				}
			}
		}
	}

	// What is subscribed to, and retained.
	p := connected(t, next.server, mqttwire.V50, "fresh")
	p.send(publication("t/now", "now"))
	for i := range 3 {
		p.send(publication(fmt.Sprint("u/", i), fmt.Sprint("u/", i)))
	}
	p.expectNothing()
	next.settle()
	for i, c := range cast {
		m := next.actors[i].mind
		if c.level >= 0 && m.subscribed["t/#"] && !slices.Contains(m.delivered, "now") {
			t.Errorf("%s: its subscription is lost", c.name)
		}
	}
	m := next.actors[changing].mind
	for i := range 3 {
		filter := fmt.Sprint("u/", i)
		if got := slices.Contains(m.delivered, filter); !m.doubtful[filter] && got != m.subscribed[filter] {
			t.Errorf("%s is subscribed: %v, but as acknowledged %v", filter, got, m.subscribed[filter])
		}
	}
	p.subscribe("r/#")
	for _, payload := range retained {
		if payload != "" {
			x := p.receive().(*codec.Publish)
			if want := retained[string(x.Topic)]; want != string(x.Payload) {
				t.Errorf("%s has %s retained, want %s", x.Topic, x.Payload, want)
			}
		}
	}
	p.expectNothing()

	for _, a := range next.actors {
		a.leave()
	}
	p.conn.Close()
	if err := next.server.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// After a crash at any moment the clients get what they were promised: QoS 1
// and 2 of persistent sessions, subscriptions and retained messages.
func TestCrash(t *testing.T) {
	tests := []struct {
		name string
		torn bool // the Store kept more than it had promised
		kept func([]keep.Record) []keep.Record
	}{
		{"at a Sync", false, func(r []keep.Record) []keep.Record { return r }},
		{"between two", true, func(r []keep.Record) []keep.Record { return r }},
		{"compacted", false, func(r []keep.Record) []keep.Record {
			least, err := keep.Compact(r)
			if err != nil {
				t.Fatal(err)
			}
			return least
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seeds := uint64(6)
			if race.Enabled {
				seeds = 2 // each takes so much longer
			}
			givenUp := 0
			for seed := range seeds {
				synctest.Test(t, func(t *testing.T) {
					r := rand.New(rand.NewPCG(seed, 1))
					s := &saga{t: t, store: new(keeptest.Recorder)}
					s.server = New(Config{SysInterval: -1, Store: s.store})
					s.live(r, 150)
					for _, a := range s.actors {
						if a.peer != nil {
							a.leave()
						}
					}
					synctest.Wait()
					// What is recorded while all leave is not looked at.
					all := s.events[len(s.events)-1].appended
					for p := range all + 1 {
						if slices.Contains(s.store.Marks(), p) == tt.torn {
							continue
						}
						// A crash that leaves p records comes after that one was
						// appended, and before more of them were durable. What a
						// client has read by then it may have handled.
						var early, late []event
						behind := map[int]bool{}
						for i, e := range s.events {
							if e.appended < p {
								early = s.events[:i+1]
							}
							if behind[e.who] = behind[e.who] || e.synced > p; !behind[e.who] {
								late = append(late, e)
							}
						}
						records := tt.kept(s.store.Records()[:p])
						for _, until := range [][]event{early, late} {
							s.again(t, records, until, r)
							if t.Failed() {
								t.Fatalf("seed %d, %d of %d records, %d of %d events", seed, p, all, len(until), len(s.events))
							}
						}
					}
					givenUp += s.givenUp
					if err := s.server.Shutdown(context.Background()); err != nil {
						t.Error(err)
					}
				})
			}
			if givenUp == 0 {
				t.Error("no message was given up")
			}
		})
	}
}
