package hub

import (
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// A stage is a hub in virtual time, and the clients that are connected to it. No
// goroutine runs but the test's own.
type stage struct {
	t   testing.TB
	hub *Hub
	now time.Duration
	all []*wire

	from string // where clients come from
}

func newStage(t testing.TB, c Config) *stage {
	if c.SysInterval == 0 {
		c.SysInterval = -1
	}
	s := &stage{t: t, from: innocent}
	s.hub = New(c, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), s)
	return s
}

func (s *stage) Alarm(time.Duration) {}
func (s *stage) Failed(err error)    { s.t.Error(err) }

// wait lets time pass, and all be done that is due meanwhile.
func (s *stage) wait(d time.Duration) {
	for end := s.now + d; ; {
		s.settle()
		next := end
		if at, ok := s.hub.Deadline(); ok {
			next = min(next, at)
		}
		for _, x := range s.all {
			if at, ok := x.c.Deadline(); ok && !x.gone && x.c.Call() == Read {
				next = min(next, at)
			}
		}
		s.now = max(s.now, next)
		w := s.hub.Worker(s.now)
		s.hub.Poll(w)
		for _, x := range s.all {
			if at, ok := x.c.Deadline(); ok && at <= s.now && !x.gone && x.c.Call() == Read {
				x.c.Poll(w, s.now)
			}
		}
		if w.Finish(); s.now >= end {
			s.settle()
			return
		}
	}
}

// settle does what the hub calls for, until it calls for nothing.
func (s *stage) settle() {
	for again := true; again; {
		again = false
		for _, x := range s.all {
			again = x.serve() || again
		}
	}
}

// A wire is the other end of a connection, and what carries it: a client that says
// and expects what a test wants.
type wire struct {
	s     *stage
	c     *Conn
	rules codec.Rules  // of what it sends
	in    codec.Framer // what the hub has written
	dec   codec.Decoder
	sent  []byte // and not received by the hub
	stuck bool   // nothing can be written
	gone  bool
}

func (x *wire) Wake() {}

func (x *wire) Flush() {
	if x.stuck {
		return
	}
	for b, ok := x.c.Take(); ok; {
		b.Age(0, x.s.now)
		for rest := b.Bytes; len(rest) > 0; {
			n := copy(x.in.Buffer(), rest)
			x.in.Filled(n)
			rest = rest[n:]
		}
		b, ok = x.c.Wrote(b, nil, x.s.now)
	}
}

// serve does what is called for, and reports whether that was anything.
func (x *wire) serve() bool {
	if x.gone {
		return false
	}
	w := x.s.hub.Worker(x.s.now)
	defer w.Finish()
	call := x.c.Call()
	switch call {
	case Attend:
		x.c.Attend(w)
		return true
	case Over:
		x.c.Leave(w)
		w.Flush()
		x.Flush()
		x.c.Closed()
		x.gone = true
		return true
	case Hear:
		x.c.Receive(w, 0, x.s.now)
	case Wait:
		return false
	}
	did := call == Hear
	for len(x.sent) > 0 && x.c.Call() == call {
		n := copy(x.c.Buffer(w), x.sent)
		x.sent = x.sent[n:]
		x.c.Receive(w, n, x.s.now)
		did = true
	}
	if x.c.Park(w); call == Hear {
		x.c.Heard(w)
	}
	return did
}

// open returns a client that has sent nothing yet.
func (s *stage) open(v mqttwire.Version) *wire {
	x := &wire{s: s}
	x.rules = codec.Rules{Version: v, From: mqttwire.Client}
	x.in.Rules = codec.Rules{Version: v, From: mqttwire.Server}
	if x.c = s.hub.Open(x, s.from, s.now); x.c == nil {
		s.t.Fatal("refused at the door")
	}
	s.all = append(s.all, x)
	return x
}

// join returns one that is in.
func (s *stage) join(c *codec.Connect) *wire {
	s.t.Helper()
	x := s.open(c.Version)
	x.send(c)
	if ack, ok := x.next().(*codec.Connack); !ok || ack.Code != 0 {
		s.t.Fatalf("%v is answered with %v", c, ack)
	}
	return x
}

func (s *stage) connected(v mqttwire.Version, id string) *wire {
	return s.join(&codec.Connect{Version: v, CleanStart: true, ClientID: []byte(id)})
}

func (x *wire) send(packets ...codec.Packet) {
	x.s.t.Helper()
	for _, p := range packets {
		var err error
		if x.sent, err = p.Append(x.sent, x.rules); err != nil {
			x.s.t.Fatalf("%v: %v", p, err)
		}
	}
	x.s.settle()
}

// next returns the next packet, nil for none.
func (x *wire) next() codec.Packet {
	x.s.t.Helper()
	h, body, ok, err := x.in.Next()
	if err == nil && !ok {
		return nil
	}
	var p codec.Packet
	if err == nil {
		p, err = x.dec.Decode(x.in.Rules, h, body)
	}
	if err != nil {
		x.s.t.Fatal(err)
	}
	return p
}

// expect takes packets that must be these and no others, byte for byte.
func (x *wire) expect(want ...codec.Packet) {
	x.s.t.Helper()
	for _, p := range want {
		got := x.next()
		if got == nil {
			x.s.t.Fatalf("got nothing, want %v", p)
		}
		a, err := got.Append(nil, x.in.Rules)
		b, err2 := p.Append(nil, x.in.Rules)
		if err != nil || err2 != nil {
			x.s.t.Fatal(err, err2)
		}
		if string(a) != string(b) {
			x.s.t.Fatalf("got  %v\nwant %v", got, p)
		}
	}
	if p := x.next(); p != nil {
		x.s.t.Fatalf("got %v besides", p)
	}
}

// close closes the connection at the client's end.
func (x *wire) close() {
	x.c.Lost("closed by the client")
	x.s.settle()
}

func (x *wire) subscribeAt(filter string, level qos.Level) {
	x.s.t.Helper()
	list := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte(filter), Options: codec.SubscriptionOptions(level)})
	x.send(&codec.Subscribe{ID: 7, Subscriptions: list})
	x.expect(&codec.Suback{ID: 7, Codes: codec.ReasonCodesOf([]byte{byte(level)})})
}

func publicationAt(topic, payload string, level qos.Level, id uint16) *codec.Publish {
	return &codec.Publish{Topic: []byte(topic), Payload: []byte(payload), QoS: level, ID: id}
}

// lasting is a CONNECT whose session outlives the connection.
func lasting(v mqttwire.Version, id string) *codec.Connect {
	c := &codec.Connect{Version: v, ClientID: []byte(id)}
	if v == mqttwire.V50 {
		c.Properties = codec.AppendSessionExpiryInterval(c.Properties, 1000)
	}
	return c
}

var versions = []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50}

func eachVersion(t *testing.T, test func(t *testing.T, v mqttwire.Version)) {
	for _, v := range versions {
		t.Run(v.String(), func(t *testing.T) { test(t, v) })
	}
}
