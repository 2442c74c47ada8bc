package session_test

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

var (
	simMessages = flag.Int("sim.messages", 3000, "messages of the simulation, a version")
	simSeed     = flag.Uint64("sim.seed", 1, "seed of the simulation")
)

// The simulation runs the real ends of a session over a network that delays,
// cuts and swallows what is written, in virtual time and from a seed: the same
// seed is the same run. Both ends publish numbered messages of all levels, and
// each holds of what arrives that at QoS 1 and 2 nothing is lost, at QoS 2
// nothing comes twice, at QoS 0 nothing comes twice either, and that the first
// copies come in the order they were published in.
type world struct {
	t       testing.TB
	rng     *rand.Rand
	version mqttwire.Version
	now     time.Duration
	agenda  agenda
	client  node
	server  node
	hash    uint64
	figures figures

	clientOptions session.ClientOptions
	serverOptions session.ServerOptions
	connect       codec.Connect
}

type figures struct {
	messages, duplicates, skipped           int
	connections, takeovers, timeouts, clean int
	resent, steps                           int
	bytes                                   int
	aliased, streamed                       int
	hash                                    uint64
}

// node is an end: what outlives its connections.
type node struct {
	name  string
	state session.Session
	d     codec.Decoder
	link  *link // the connection that has the session, or is being made
	next  int   // the number to publish
	total int
	seen  []uint8 // how often the peer's messages came
	last  [3]int  // the highest number that came, by level
}

// link is a network connection. Side 0 is the client's.
type link struct {
	n      int
	ends   [2]machine
	framer [2]codec.Framer
	open   [2]bool
	clock  [2]time.Duration // when the last bytes to that side arrive
	head   [2]session.Event // of a message that streams to that side,
	stream [2]codec.Publish // and what has come of it
	hole   bool             // swallows all that is written
}

const (
	clientSide = 0
	serverSide = 1
)

// entry is something that will happen.
type entry struct {
	at     time.Duration
	order  int
	what   what
	side   int
	link   *link
	bytes  []byte
	ticket qos.Ticket
}

type what uint8

const (
	arrive  what = iota // bytes reach a side
	notice              // a side learns that the connection is gone
	decide              // a side finishes a delivery
	produce             // a side publishes what it may
	wake                // a side's deadline
	disturb             // something happens to the connection
	redial              // the client connects again
)

// agenda is a heap, by time and then by order.
type agenda struct {
	entries []entry
	n       int
}

func (a *agenda) less(i, j int) bool {
	x, y := &a.entries[i], &a.entries[j]
	return x.at < y.at || x.at == y.at && x.order < y.order
}

func (a *agenda) push(e entry) {
	a.n++
	e.order = a.n
	a.entries = append(a.entries, e)
	for i := len(a.entries) - 1; i > 0 && a.less(i, (i-1)/2); i = (i - 1) / 2 {
		a.entries[i], a.entries[(i-1)/2] = a.entries[(i-1)/2], a.entries[i]
	}
}

func (a *agenda) pop() entry {
	e, last := a.entries[0], len(a.entries)-1
	a.entries[0] = a.entries[last]
	a.entries[last] = entry{}
	a.entries = a.entries[:last]
	for i := 0; ; {
		c := 2*i + 1
		if c+1 < last && a.less(c+1, c) {
			c++
		}
		if c >= last || !a.less(c, i) {
			return e
		}
		a.entries[i], a.entries[c] = a.entries[c], a.entries[i]
		i = c
	}
}

func (w *world) node(side int) *node {
	if side == clientSide {
		return &w.client
	}
	return &w.server
}

// between returns a duration of a few times the network's pace.
func (w *world) between(from, to time.Duration) time.Duration {
	return from + time.Duration(w.rng.Int64N(int64(to-from+1)))
}

func (w *world) later(d time.Duration, e entry) {
	e.at = w.now + d
	w.agenda.push(e)
}

// log adds to the hash of all that happened.
func (w *world) log(v ...uint64) {
	w.hash = (w.hash ^ uint64(w.now)) * 1099511628211
	for _, x := range v {
		w.hash = (w.hash ^ x) * 1099511628211
	}
}

// message is number n of a side, 1 and up: the token is the number.
func (w *world) message(side, n int) codec.Publish {
	topic := [...]string{"a/b", "some/longer/topic", "a", "b/c/d", "e", "f"}[n*7%6]
	p := codec.Publish{Topic: []byte(topic), QoS: qos.Level((n*5 + n/3 + side) % 3)}
	p.Payload = binary.BigEndian.AppendUint32(make([]byte, 0, 64), uint32(n))
	p.Payload = append(p.Payload, "some payload of varying length"[:n%30]...)
	if w.version == mqttwire.V50 && n%4 == 0 {
		p.Properties = codec.AppendUserProperty(codec.Properties{}, "k", "v")
	}
	return p
}

// simulate runs a world to its end.
func simulate(t testing.TB, v mqttwire.Version, seed uint64, messages int) figures {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, uint64(v))), version: v, hash: 14695981039346656037}
	half := messages / 2
	w.client = node{name: "client", total: half, seen: make([]uint8, messages-half+1)}
	w.server = node{name: "server", total: messages - half, seen: make([]uint8, half+1)}
	window := func() uint16 { return uint16(1 + w.rng.IntN(20)) }
	w.clientOptions.OutboundWindow, w.serverOptions.OutboundWindow = window(), 0
	if seed%3 != 0 {
		w.clientOptions.StreamAbove, w.serverOptions.StreamAbove = 25, 35
	}
	w.clientOptions.TopicAliases, w.serverOptions.TopicAliases = 3, 5
	w.serverOptions.ReceiveMaximum, w.serverOptions.TopicAliasMaximum = window(), 4
	w.serverOptions.MaximumPacketSize = 200
	w.serverOptions.MaximumKeepAlive = 5
	w.clientOptions.ConnectTimeout, w.serverOptions.ConnectTimeout = 5*second, 10*second
	w.connect = codec.Connect{Version: v, ClientID: []byte("sim"), KeepAlive: uint16(3 + w.rng.IntN(5))}
	if v == mqttwire.V50 {
		p := codec.AppendSessionExpiryInterval(codec.Properties{}, session.Never)
		p = codec.AppendReceiveMaximum(p, window())
		p = codec.AppendTopicAliasMaximum(p, 2)
		w.connect.Properties = codec.AppendMaximumPacketSize(p, 300)
	} else if seed%2 == 0 {
		w.clientOptions.Retry, w.serverOptions.Retry = 2*second, 3*second
	}
	w.dial()
	for !w.done() {
		if len(w.agenda.entries) == 0 {
			t.Fatalf("%v, seed %d: nothing will happen any more, after %v", v, seed, w.now)
		}
		if w.figures.steps++; w.figures.steps > 200*messages+100000 {
			t.Fatalf("%v, seed %d: no end: client %d, server %d", v, seed, w.client.next, w.server.next)
		}
		e := w.agenda.pop()
		w.now = e.at
		w.step(e)
	}
	w.check(seed)
	w.figures.messages, w.figures.hash = messages, w.hash
	return w.figures
}

func (w *world) done() bool {
	for side := range 2 {
		n := w.node(side)
		sent, received := n.state.InFlight()
		if n.next < n.total || sent != 0 || received != 0 {
			return false
		}
	}
	return w.client.link != nil && w.client.link.open[clientSide] && w.client.link.ends[clientSide].Phase() == session.Connected
}

// check looks for what is missing at the end.
func (w *world) check(seed uint64) {
	for side := range 2 {
		n := w.node(side)
		for number := 1; number < len(n.seen); number++ {
			level := w.message(1-side, number).QoS
			if n.seen[number] == 0 {
				if level != qos.AtMostOnce {
					w.t.Fatalf("%v, seed %d: the %s never got message %d of %v", w.version, seed, n.name, number, level)
				}
				w.figures.skipped++
			}
		}
	}
}

// dial makes a new connection.
func (w *world) dial() {
	w.figures.connections++
	l := &link{n: w.figures.connections, open: [2]bool{true, true}}
	client, server := new(session.Client), new(session.Server)
	l.ends = [2]machine{client, server}
	server.Open(&w.serverOptions, w.now)
	w.client.link = l
	b, err := client.Connect(nil, &w.client.state, &w.connect, &w.clientOptions, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	w.send(l, clientSide, b)
	w.later(w.between(10*time.Millisecond, 3*second), entry{what: disturb, link: l})
	w.sleep(l, clientSide)
	w.sleep(l, serverSide)
}

// send writes bytes of a side: they arrive in order, in pieces.
func (w *world) send(l *link, from int, b []byte) {
	to := 1 - from
	w.figures.bytes += len(b)
	for len(b) > 0 && !l.hole {
		n := 1 + w.rng.IntN(len(b))
		if w.rng.IntN(3) > 0 {
			n = len(b)
		}
		l.clock[to] = max(l.clock[to], w.now+w.between(time.Millisecond, 40*time.Millisecond))
		w.later(l.clock[to]-w.now, entry{what: arrive, link: l, side: to, bytes: b[:n:n]})
		b = b[n:]
	}
}

// shut closes a side of a connection.
func (w *world) shut(l *link, side int) {
	if !l.open[side] {
		return
	}
	l.open[side] = false
	l.ends[side].Close(w.now)
	n := w.node(side)
	for {
		if _, ok := n.state.NextDropped(); !ok {
			break
		}
		w.t.Fatalf("%v: the %s dropped a message", w.version, n.name)
	}
	if ev := n.state.Poll(w.now); ev.Kind != session.None {
		w.t.Fatalf("%v: the %s's session: %v", w.version, n.name, ev.Kind)
	}
	if side == clientSide {
		w.later(w.between(0, second), entry{what: redial})
	} else if n.link == l {
		n.link = nil
	}
	w.later(w.between(time.Millisecond, 500*time.Millisecond), entry{what: notice, link: l, side: 1 - side})
}

func (w *world) step(e entry) {
	l := e.link
	switch e.what {
	case redial:
		w.dial()
		return
	case decide:
		w.decide(e)
		return
	case disturb:
		w.disturb(l)
		return
	}
	if !l.open[e.side] {
		return
	}
	switch e.what {
	case notice:
		if !l.hole {
			w.shut(l, e.side)
		}
	case arrive:
		w.arrive(l, e.side, e.bytes)
	case produce:
		w.produce(l, e.side)
	case wake:
		out, ev, err := l.ends[e.side].Poll(nil, w.now)
		for ev.Kind == session.Resend {
			out = w.resend(l, e.side, out, ev)
			out, ev, err = l.ends[e.side].Poll(out, w.now)
		}
		w.send(l, e.side, out)
		if err != nil {
			w.figures.timeouts++
			w.log(1, uint64(e.side))
			w.shut(l, e.side)
			return
		}
		w.sleep(l, e.side)
	}
}

// sleep wakes a side at its deadline.
func (w *world) sleep(l *link, side int) {
	if at, ok := l.ends[side].Deadline(); ok {
		w.later(max(at-w.now, time.Millisecond), entry{what: wake, link: l, side: side})
	}
}

// disturb does something to a connection.
func (w *world) disturb(l *link) {
	if !l.open[clientSide] && !l.open[serverSide] {
		return
	}
	switch w.rng.IntN(4) {
	case 0: // what is under way arrives, then both learn of the end
		w.later(w.between(0, 50*time.Millisecond), entry{what: notice, link: l, side: w.rng.IntN(2)})
	case 1: // nothing arrives any more, and nobody is told: the Keep Alive finds out
		l.hole = true
		w.swallow(l)
	case 2: // the client notices long before the server: a takeover
		w.swallow(l)
		l.hole = true
		if l.open[clientSide] {
			w.shut(l, clientSide)
		}
	case 3: // the client says goodbye
		if !l.open[clientSide] || l.ends[clientSide].Phase() != session.Connected {
			w.later(second, entry{what: disturb, link: l})
			return
		}
		w.figures.clean++
		out, err := l.ends[clientSide].Disconnect(nil, 0, codec.Properties{})
		if err != nil {
			w.t.Fatal(err)
		}
		w.send(l, clientSide, out)
		w.shut(l, clientSide)
	}
}

// swallow loses what is under way, from some point on.
func (w *world) swallow(l *link) {
	var keep [2]bool
	keep[0], keep[1] = w.rng.IntN(2) == 0, w.rng.IntN(2) == 0
	for i := range w.agenda.entries {
		e := &w.agenda.entries[i]
		if e.what == arrive && e.link == l && !keep[e.side] {
			e.bytes = nil
		}
	}
}

// arrive gives bytes to a side.
func (w *world) arrive(l *link, side int, b []byte) {
	f := &l.framer[side]
	for len(b) > 0 {
		n := copy(f.Buffer(), b)
		f.Filled(n)
		b = b[n:]
	}
	m := l.ends[side]
	node := w.node(side)
	var out []byte
	for l.open[side] {
		var ev session.Event
		var ok bool
		var err error
		out, ev, ok, err = m.Next(out, f, &node.d, w.now)
		if err != nil {
			w.t.Fatalf("%v at %v: the %s got a %v: %v", w.version, w.now, node.name, ev.Type, err)
		}
		if !ok {
			break
		}
		w.log(2, uint64(side), uint64(ev.Kind), uint64(ev.ID), ev.Token)
		switch ev.Kind {
		case session.Connect:
			out = w.accept(l, m.(*session.Server), out)
		case session.Deliver:
			w.deliver(l, side, ev)
		case session.Head, session.Duplicate:
			if p, ok := ev.Packet.(*codec.Publish); ok {
				l.head[side], l.stream[side] = ev, p.Clone()
			}
		case session.Streaming:
			p := &l.stream[side]
			chunk, rest := m.Payload(f, w.now)
			p.Payload = append(p.Payload, chunk...)
			if ev := l.head[side]; rest == 0 && ev.Kind == session.Head {
				w.figures.streamed++
				ev.Packet = p
				w.deliver(l, side, ev)
			}
		case session.Disconnect:
			w.send(l, side, out)
			w.shut(l, side)
			return
		case session.Unsolicited:
			if w.clientOptions.Retry == 0 && ev.Type == mqttwire.PUBACK {
				w.t.Fatalf("%v: the %s got an unsolicited %v", w.version, node.name, ev.Type)
			}
		}
		switch ev.Kind {
		case session.Connect, session.Accepted:
			out = w.resume(l, side, out)
			w.sleep(l, side)
			w.later(0, entry{what: produce, link: l, side: side})
		case session.Completed, session.Rejected:
			out = w.resume(l, side, out)
		}
	}
	w.send(l, side, out)
}

// accept accepts a CONNECT, and takes the session over from an older
// connection.
func (w *world) accept(l *link, s *session.Server, out []byte) []byte {
	if old := w.server.link; old != nil && old != l {
		w.figures.takeovers++
		b, err := old.ends[serverSide].Disconnect(nil, mqttwire.SessionTakenOver, codec.Properties{})
		if err != nil {
			w.t.Fatal(err)
		}
		w.send(old, serverSide, b)
		w.shut(old, serverSide)
	}
	w.server.link = l
	out, _, err := s.Accept(out, &w.server.state, nil, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// resume sends again what there is.
func (w *world) resume(l *link, side int, out []byte) []byte {
	for {
		var ev session.Event
		var ok bool
		if out, ev, ok = l.ends[side].NextResend(out, w.now); !ok {
			return out
		}
		if ev.Kind == session.Resend {
			out = w.resend(l, side, out, ev)
		}
	}
}

func (w *world) resend(l *link, side int, out []byte, ev session.Event) []byte {
	w.figures.resent++
	w.log(3, uint64(side), ev.Token)
	p := w.message(side, int(ev.Token))
	m := l.ends[side]
	var err error
	if ev.Token%2 == 0 {
		out, _, err = m.Resend(out, ev, &p, 0)
	} else {
		out, _, err = m.ResendHead(out, ev, &p, len(p.Payload), 0)
		out = w.upload(m, out, &p)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// upload writes the payload of which a head was written, if it was.
func (w *world) upload(m machine, out []byte, p *codec.Publish) []byte {
	if n := m.Outgoing(); n > 0 {
		out = append(out, p.Payload...)
		m.PayloadSent(n/2, w.now)
		m.PayloadSent(n-n/2, w.now)
	}
	return out
}

// produce publishes a few messages.
func (w *world) produce(l *link, side int) {
	n, m := w.node(side), l.ends[side]
	if m.Phase() != session.Connected {
		return
	}
	var out []byte
	for range 1 + w.rng.IntN(10) {
		if n.next == n.total {
			break
		}
		p := w.message(side, n.next+1)
		var b []byte
		var a qos.Action
		var err error
		if n.next%3 == 0 {
			b, a, err = m.PublishHead(out, &p, len(p.Payload), uint64(n.next+1), w.now)
			b = w.upload(m, b, &p)
		} else {
			b, a, err = m.Publish(out, &p, uint64(n.next+1), w.now)
		}
		if err == mqttwire.ErrSendQuota || err == mqttwire.ErrResuming {
			break
		}
		if err != nil {
			w.t.Fatal(err)
		}
		if w.version == mqttwire.V50 && len(b)-len(out) < p.Size(w.version) {
			w.figures.aliased++
		}
		w.log(4, uint64(side), uint64(a.ID))
		out = b
		n.next++
	}
	w.send(l, side, out)
	if n.next < n.total {
		w.later(w.between(time.Millisecond, 30*time.Millisecond), entry{what: produce, link: l, side: side})
	}
}

// deliver takes a message, to finish it now or later.
func (w *world) deliver(l *link, side int, ev session.Event) {
	p, n := ev.Packet.(*codec.Publish), w.node(side)
	number := int(binary.BigEndian.Uint32(p.Payload))
	want := w.message(1-side, number)
	if string(p.Topic) != string(want.Topic) || string(p.Payload) != string(want.Payload) || p.QoS != want.QoS {
		w.t.Fatalf("%v: the %s got %v, want %v", w.version, n.name, p, &want)
	}
	if n.seen[number] != 0 {
		if !p.Dup {
			w.t.Fatalf("%v at %v: the %s got message %d again without DUP", w.version, w.now, n.name, number)
		}
		if p.QoS != qos.AtLeastOnce {
			w.t.Fatalf("%v at %v: the %s got message %d of %v twice", w.version, w.now, n.name, number, p.QoS)
		}
		w.figures.duplicates++
	} else {
		// The first copies of both levels that are never lost come in one order.
		order := 0
		if p.QoS != qos.AtMostOnce {
			order = 1
		}
		if number < n.last[order] {
			w.t.Fatalf("%v at %v: the %s got message %d of %v after %d", w.version, w.now, n.name, number, p.QoS, n.last[order])
		}
		n.last[order] = number
	}
	n.seen[number] = 1
	if t := ev.Ticket(); t != 0 {
		delay := time.Duration(0)
		if w.rng.IntN(3) == 0 {
			delay = w.between(0, 100*time.Millisecond)
		}
		w.later(delay, entry{what: decide, side: side, link: l, ticket: t})
	}
}

// decide finishes a delivery, on whichever connection there is by now.
func (w *world) decide(e entry) {
	n := w.node(e.side)
	l := n.link
	var err error
	if l == nil || !l.open[e.side] || l.ends[e.side].Phase() != session.Connected {
		_, err = n.state.Finish(e.ticket, mqttwire.Success)
	} else {
		var out []byte
		out, _, err = l.ends[e.side].Ack(nil, e.ticket, mqttwire.Success, codec.Properties{}, 0)
		w.send(l, e.side, out)
	}
	if err != nil && (err != mqttwire.ErrStaleTicket || e.link == l && l.open[e.side] || e.ticket.Level() == qos.ExactlyOnce) {
		w.t.Fatalf("%v: Ack: %v", w.version, err)
	}
}

func TestSimulation(t *testing.T) {
	for _, v := range versions {
		t.Run(v.String(), func(t *testing.T) {
			start := time.Now()
			f := simulate(t, v, *simSeed, *simMessages)
			t.Logf("%d messages, seed %d, %d connections (%d takeovers, %d timeouts, %d clean), %d sent again, %d QoS 1 duplicates, %d QoS 0 lost, %d aliased, %d streamed, %d bytes, hash %x, %.1fs",
				f.messages, *simSeed, f.connections, f.takeovers, f.timeouts, f.clean, f.resent, f.duplicates, f.skipped, f.aliased, f.streamed, f.bytes, f.hash, time.Since(start).Seconds())
		})
	}
}

// TestSimulationIsRepeatable holds that a seed is a run.
func TestSimulationIsRepeatable(t *testing.T) {
	for _, v := range versions {
		a, b, c := simulate(t, v, 7, 500), simulate(t, v, 7, 500), simulate(t, v, 8, 500)
		if a != b {
			t.Errorf("%v: two runs of one seed:\n%+v\n%+v", v, a, b)
		}
		if a.hash == c.hash {
			t.Errorf("%v: two seeds, one run", v)
		}
	}
}

// TestSimulationSeeds runs many short worlds.
func TestSimulationSeeds(t *testing.T) {
	for seed := range uint64(40) {
		for _, v := range versions {
			simulate(t, v, 100+seed, 300)
		}
	}
}
