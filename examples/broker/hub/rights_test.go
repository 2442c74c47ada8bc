package hub

import (
	"fmt"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
	"github.com/mqttwire/mqttwire/qos"
)

// A court says who may do what: everybody anything, until it is taken away.
type court struct {
	gone   map[string]bool // warrants
	denied map[string]bool // warrant and topic
	over   map[string]bool // warrants that have expired
}

func newCourt() *court {
	return &court{map[string]bool{}, map[string]bool{}, map[string]bool{}}
}

func (j *court) Authenticate(who *Peer, p *codec.Connect) (Access, connack.Code, string) {
	if !p.UserNameFlag {
		return nil, connack.Success, ""
	}
	warrant := "warrant " + string(p.UserName)
	if j.gone[warrant] || j.over[warrant] {
		return nil, connack.NotAuthorized, "gone"
	}
	who.Principal = "user " + string(p.UserName)
	return &defendant{j, warrant}, connack.Success, ""
}

func (j *court) Keeps(warrant, _ string, to Right, topic []byte) bool {
	return !j.gone[warrant] && (to == ToStay || !j.denied[warrant+string(topic)])
}

type defendant struct {
	court   *court
	warrant string
}

func (d *defendant) Publish(topic []byte) mqttwire.Reason {
	if !d.Receive(topic) {
		return mqttwire.NotAuthorized
	}
	return mqttwire.Success
}

func (d *defendant) Subscribe([]byte) mqttwire.Reason { return mqttwire.Success }
func (d *defendant) Warrant() string                  { return d.warrant }
func (d *defendant) Receive(topic []byte) bool {
	return !d.court.gone[d.warrant] && !d.court.denied[d.warrant+string(topic)]
}

func (d *defendant) Recheck() (o Order) {
	if d.court.gone[d.warrant] || d.court.over[d.warrant] {
		o.End = mqttwire.NotAuthorized
	}
	return o
}

// What waits on a right that is taken away goes: whatever it is, whether its client is
// there, away, or was away while the hub was started anew. What waits on one that has
// merely expired stays.
func TestWhatWaitsOnARight(t *testing.T) {
	type state uint8
	const (
		online state = iota
		absent
		restored
	)
	alice := func() *codec.Connect { return by("alice", lasting(mqttwire.V50, "alice")) }
	takings := map[string]func(j *court){
		"removed": func(j *court) { j.gone["warrant alice"] = true },
		"denied":  func(j *court) { j.denied["warrant alice"+"a"] = true },
		"expired": func(j *court) { j.over["warrant alice"] = true },
		"nothing": func(*court) {},
	}
	for taking, take := range takings {
		goes := taking == "removed" || taking == "denied"
		for _, in := range []state{online, absent, restored} {
			// begin has alice come, subscribe, and have a will; after has the right taken
			// away in the state that is tried.
			begin := func(t *testing.T, delay uint32, filters ...string) (s *stage, j *court, x *wire, after func() *stage) {
				j = newCourt()
				disk := keeptest.NewRecorder()
				o := DefaultOptions()
				o.OutboundWindow = 1
				s = newStage(t, Config{ServerOptions: o, Authenticator: j, Store: disk})
				c := alice()
				c.WillFlag, c.Will = true, codec.Will{Topic: []byte("a"), Payload: []byte("will"), QoS: qos.AtLeastOnce, Retain: true}
				c.Will.Properties = codec.AppendWillDelayInterval(codec.Properties{}, delay)
				x = s.join(c)
				for _, f := range filters {
					x.subscribeAt(f, qos.AtLeastOnce)
				}
				return s, j, x, func() *stage {
					again := s
					if in != online && !x.gone {
						x.close()
					}
					if in == restored {
						again = s.restarted(disk)
					}
					take(j)
					w := again.hub.Worker(again.now)
					again.hub.Recheck(w)
					w.Finish()
					again.wait(5 * time.Second)
					return again
				}
			}
			name := fmt.Sprintf("%s/%d/", taking, in)
			t.Run(name+"retained", func(t *testing.T) {
				_, _, x, after := begin(t, 900)
				x.publish("a", "kept", true)
				x.publish("b", "kept", true)
				s := after()
				_, a := s.hub.retained.messages.Get([]byte("a"))
				_, b := s.hub.retained.messages.Get([]byte("b"))
				if a == goes || b == (taking == "removed") {
					t.Errorf("retained: a %v, b %v", a, b)
				}
			})
			t.Run(name+"will", func(t *testing.T) {
				delay := uint32(2)
				if in == online {
					delay = 0
				}
				_, _, x, after := begin(t, delay)
				s := after()
				if x.close(); in == online {
					s.wait(5 * time.Second)
				}
				if _, there := s.hub.retained.messages.Get([]byte("a")); there == goes {
					t.Errorf("the will is published: %v", there)
				}
			})
			t.Run(name+"session", func(t *testing.T) {
				_, _, _, after := begin(t, 900, "a", "b")
				s := after()
				if there := s.hub.clients["alice"] != nil; there == (taking == "removed") {
					t.Errorf("the session is there: %v", there)
				}
				if left := s.hub.subscriptions.Len(); (left > 0) == (taking == "removed") {
					t.Errorf("%d subscriptions are left", left)
				}
			})
			t.Run(name+"queued and in flight", func(t *testing.T) {
				s, j, x, after := begin(t, 900, "a", "b")
				bob := s.join(by("bob", lasting(mqttwire.V50, "bob")))
				for range 3 {
					bob.publish("a", "waits", false) // the first is in flight
					bob.publish("b", "waits", false)
				}
				if x.next() == nil {
					t.Fatal("nothing is in flight")
				}
				dropped := s.hub.Stats().MessagesDropped
				s = after()
				if in == restored {
					dropped = 0
				}
				cl := s.hub.clients["alice"]
				want := map[string]int{"removed": 0, "denied": 3, "expired": 5, "nothing": 5}[taking]
				if in == online && taking == "denied" {
					want = 3
				}
				if got := 0; cl != nil && cl.waiting.n != want || cl == nil && want != got {
					t.Errorf("%d messages wait, want %d", cl.waiting.n, want)
				}
				if taking == "denied" && s.hub.Stats().MessagesDropped-dropped != 2 {
					t.Errorf("%d are counted as dropped", s.hub.Stats().MessagesDropped-dropped)
				}
				if taking == "removed" && s.hub.kept.Load() != 0 {
					t.Errorf("%d bytes are kept", s.hub.kept.Load())
				}
				if taking != "denied" || in == online {
					return
				}
				x = s.open(mqttwire.V50) // what is in flight is not sent again
				x.send(by("alice", lasting(mqttwire.V50, "alice")))
				for p := x.next(); p != nil; p = x.next() {
					if m, ok := p.(*codec.Publish); ok {
						if string(m.Topic) == "a" {
							t.Error("it gets what it may not have")
						}
						x.send(&codec.Puback{ID: m.ID})
					}
				}
				_ = j
			})
			t.Run(name+"shared", func(t *testing.T) {
				s, _, x, after := begin(t, 900, "$share/g/a")
				if in != online {
					x.close()
				}
				bob := s.join(by("bob", lasting(mqttwire.V50, "bob")))
				for range 3 {
					bob.publish("a", "waits", false)
				}
				carol := s.join(by("carol", lasting(mqttwire.V50, "carol")))
				carol.subscribeAt("$share/g/a", qos.AtLeastOnce)
				carol.close()
				s = after()
				got := 0
				if cl := s.hub.clients["carol"]; cl != nil {
					got = cl.waiting.n
				}
				want := map[string]int{"removed": 3, "denied": 3, "expired": 0, "nothing": 0}[taking]
				if in == online && taking == "denied" {
					want = 2 // one is in flight
				}
				if got != want {
					t.Errorf("%d messages go to another of the group, want %d", got, want)
				}
			})
		}
	}
}

// What is left behind is judged in slices, and told in one line.
func TestAuditInSlices(t *testing.T) {
	j := newCourt()
	s := newStage(t, Config{Authenticator: j})
	x := s.join(by("alice", lasting(mqttwire.V50, "alice")))
	x.subscribeAt("q/#", qos.AtLeastOnce)
	x.close()
	x = s.join(by("alice", lasting(mqttwire.V50, "p")))
	for i := range 1000 {
		x.publish(fmt.Sprint("kept/", i), "x", true)
		x.publish(fmt.Sprint("q/", i%2), "x", false)
	}
	j.denied["warrant alice"+"q/1"] = true
	slices := countSlices(t)
	w := s.hub.Worker(s.now)
	s.hub.Recheck(w)
	w.Finish()
	for range 20 {
		s.poll()
	}
	if n := slices(); n < 8 || n > 12 {
		t.Errorf("%d slices for 1000 retained messages and 1000 that wait", n)
	}
	if n := s.hub.clients["alice"].waiting.n; n != 500 {
		t.Errorf("%d messages wait", n)
	}
	j.gone["warrant alice"] = true
	w = s.hub.Worker(s.now)
	s.hub.Recheck(w)
	w.Finish()
	s.wait(time.Second)
	if left := s.hub.Stats(); left.Retained != 0 || left.Clients != 0 || left.Charged != 0 {
		t.Errorf("left are %+v", left)
	}
}
