package session_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

var crashRuns = flag.Int("sim.crashes", 25, "runs of TestCrash, for each kind of version")

// TestCrash takes both ends of a session through random steps over a network
// that cuts and loses, and kills either end between any two of them. What a
// killed end comes back from is its journal alone: the last snapshot and what
// was kept since, or all that was kept from the start. A line of the journal
// becomes durable as late as [qos.Record] and [session.State] allow. A run is a
// seed.
//
// At the end nothing is lost at QoS 1 and 2, and nothing came twice at QoS 2,
// except for what was given up or refused: that may have come. First copies come
// in the order of publishing.
func TestCrash(t *testing.T) {
	kinds := map[string][]mqttwire.Version{"3.1": versions[:1], "3.1.1": versions[1:2], "5.0": versions[2:], "mixed": versions}
	for name, vs := range kinds {
		t.Run(name, func(t *testing.T) {
			var all crashFigures
			for seed := range uint64(*crashRuns) {
				all.add(crash(t, vs, *simSeed*1000+seed))
			}
			t.Logf("%+v", all)
			for what, n := range map[string]int{"kills": all.Kills, "snapshots": all.Snapshots, "given up": all.GivenUp,
				"withdrawn": all.Withdrawn, "abandoned": all.Abandoned, "clean starts": all.Clean, "connections": all.Connections} {
				if n == 0 {
					t.Errorf("no %s", what)
				}
			}
		})
	}
}

// TestCrashIsRepeatable holds that a seed is a run.
func TestCrashIsRepeatable(t *testing.T) {
	a, b := crash(t, versions, 3), crash(t, versions, 3)
	if a != b {
		t.Errorf("two runs of one seed:\n%+v\n%+v", a, b)
	}
}

type crashFigures struct {
	Steps, Kills, Snapshots, Connections, Clean        int
	Published, Delivered, Resent                       int
	GivenUp, Withdrawn, Abandoned, Refused, LostByUser int
}

func (f *crashFigures) add(g crashFigures) {
	for i, p := range f.fields() {
		*p += *g.fields()[i]
	}
}

func (f *crashFigures) fields() []*int {
	return []*int{&f.Steps, &f.Kills, &f.Snapshots, &f.Connections, &f.Clean, &f.Published, &f.Delivered, &f.Resent,
		&f.GivenUp, &f.Withdrawn, &f.Abandoned, &f.Refused, &f.LostByUser}
}

// line is a line of a journal: a Record, with the message that it is about, or a
// State.
type line struct {
	record qos.Record
	state  session.State
	is     lineKind
	add    int // the number of a received message that is kept with the Record
	remove int // one that is not kept any more
}

type lineKind uint8

const (
	recordLine lineKind = iota
	stateLine
	messageLine // nothing of the session
)

// crasher is an end that may be killed at any time: all that is not durable
// goes then.
type crasher struct {
	w    *crashWorld
	side int

	// What goes with the process.
	state   *session.Session
	conn    *wire // the connection that has the session, or is to have it
	fresh   *wire // Server: one whose CONNECT has not come
	tickets []heldTicket
	waiting []line // lines that are not durable
	next    int    // the message to publish, 1 and up
	pending []session.Event
	here    map[int]bool // QoS 2 messages that came and are neither refused nor forgotten

	// What stays.
	durable  []line
	snapshot []byte
	since    int // lines that the snapshot has
	kept     map[int]int
	refused  []uint16
	clean    bool // Client: the session was ended here, and the server may not know
}

type heldTicket struct {
	ticket qos.Ticket
	number int
	early  bool // the message was kept with Ticket.Record, before it was decided
}

// wire is a network connection, with the two processes' ends of it.
type wire struct {
	version mqttwire.Version
	ends    [2]machine
	framer  [2]codec.Framer
	out     [2][]byte // appended by a side, not written
	way     [2][]byte // written by the other side, not read
	open    [2]bool
	top     [2]int // the highest number that came, by side
	clean   bool
}

// crashWorld is what no crash takes: the network, and who looks on.
type crashWorld struct {
	t        testing.TB
	name     string
	rng      *rand.Rand
	versions []mqttwire.Version
	now      time.Duration
	sides    [2]*crasher
	total    int
	faults   bool // false: the run is to come to its end
	lazy     int  // one decision in so many
	figures  crashFigures
	trace    []string

	clientOptions session.ClientOptions
	serverOptions session.ServerOptions

	first   [2]int          // the highest number that came first, by the receiving side
	came    [2]map[int]bool // what came at all
	excused [2]map[int]bool // given up, refused, or lost with a session, by the receiving side
}

func (w *crashWorld) fatalf(format string, args ...any) {
	w.t.Helper()
	from := max(0, len(w.trace)-100)
	for _, s := range w.trace[from:] {
		w.t.Log(s)
	}
	w.t.Fatalf(w.name+": "+format, args...)
}

func (w *crashWorld) note(side int, format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("%d %s: ", w.figures.Steps, [...]string{"client", "server"}[side])+fmt.Sprintf(format, args...))
}

// odds is true one time in n, and never once the run is to end.
func (w *crashWorld) odds(n int) bool { return w.rng.IntN(n) == 0 && w.faults }

func crash(t testing.TB, vs []mqttwire.Version, seed uint64) crashFigures {
	w := &crashWorld{t: t, versions: vs, rng: rand.New(rand.NewPCG(seed, uint64(vs[0]))), total: 60, faults: true}
	w.name = fmt.Sprintf("%v, seed %d", vs, seed)
	w.serverOptions.MaximumPacketSize = 100
	w.clientOptions.AdoptSession = true // it knows that its state is empty
	w.lazy = 1 + w.rng.IntN(20)
	w.serverOptions.ReceiveMaximum = uint16(1 + w.rng.IntN(8))
	w.clientOptions.OutboundWindow = uint16(w.rng.IntN(8))
	w.serverOptions.OutboundWindow = uint16(w.rng.IntN(8))
	if w.rng.IntN(3) == 0 {
		w.clientOptions.Retry, w.serverOptions.Retry = 50*second, 40*second
	}
	for side := range w.sides {
		w.came[side], w.excused[side] = map[int]bool{}, map[int]bool{}
		c := &crasher{w: w, side: side, kept: map[int]int{}}
		w.sides[side] = c
		c.start()
	}
	for w.figures.Steps < 4000 {
		w.step()
	}
	w.faults = false
	for limit := w.figures.Steps + 20000; !w.done(); w.step() {
		if w.figures.Steps > limit {
			w.fatalf("no end: %s; %s", w.sides[0].text(), w.sides[1].text())
		}
	}
	w.check()
	return w.figures
}

func (c *crasher) text() string {
	s := fmt.Sprintf("%s, next %d, %d tickets, %v", exchanges(c.state), c.next, len(c.tickets), c.state.State())
	if c.conn != nil {
		s += " " + c.conn.ends[c.side].Phase().String()
	}
	return s
}

func (w *crashWorld) done() bool {
	for _, c := range w.sides {
		sent, received := c.state.InFlight()
		if c.next <= w.total || sent+received != 0 {
			return false
		}
	}
	return true
}

func (w *crashWorld) check() {
	for side, c := range w.sides {
		c.flush(len(c.waiting))
		for n := 1; n <= w.total; n++ {
			kept, level := c.kept[n], w.message(1-side, n).QoS
			switch {
			case kept == 0 && !w.excused[side][n]:
				w.fatalf("message %d of %v is lost at side %d", n, level, side)
			case kept > 1 && level == qos.ExactlyOnce:
				w.fatalf("message %d of %v is there %d times at side %d", n, level, kept, side)
			}
		}
	}
}

// message is number n of a side; its number is its token.
func (w *crashWorld) message(side, n int) *codec.Publish {
	p := publish(qos.AtLeastOnce+qos.Level((n+n/3+side)%2), 0)
	p.Payload = binary.BigEndian.AppendUint32(nil, uint32(n))
	return p
}

// step lets one thing happen.
func (w *crashWorld) step() {
	w.figures.Steps++
	w.now += time.Duration(w.rng.IntN(2000)) * time.Millisecond
	side := w.rng.IntN(2)
	c := w.sides[side]
	switch n := w.rng.IntN(100); {
	case n < 25:
		c.read()
	case n < 45:
		c.write()
	case n < 57:
		c.publish()
	case n < 70:
		c.decide()
	case n < 80:
		c.resume()
	case n < 84:
		c.poll()
	case n < 86:
		if w.faults || w.sides[clientSide].conn == nil {
			w.dial()
		}
	case n < 90:
		if k := len(c.waiting); k != 0 {
			c.flush(1 + w.rng.IntN(k)) // a journal may be durable sooner
		}
	case n < 92:
		if w.odds(2) {
			c.snap()
		}
	case n < 94:
		if w.odds(2) {
			c.giveUpAny()
		}
	case n < 96:
		if w.odds(3) {
			c.lose()
		}
	case n < 98:
		if w.odds(3) {
			c.kill()
		}
	default:
		c.hangUp()
	}
}

// start is a process that comes up with what is durable.
func (c *crasher) start() {
	last := session.State{}
	whole, short := new(session.Session), new(session.Session)
	if c.snapshot != nil {
		if err := short.Restore(c.snapshot, c.w.now); err != nil {
			c.w.fatalf("%v", err)
		}
	}
	c.next = 1
	for i, l := range c.durable {
		switch l.is {
		case stateLine:
			last = l.state
		case recordLine:
			if l.record.Op() == qos.Store {
				c.next = max(c.next, int(l.record.Token)+1)
			}
			if err := whole.Apply(l.record); err != nil {
				c.w.fatalf("%v: %v", l.record, err)
			}
			if i >= c.since {
				if err := short.Apply(l.record); err != nil {
					c.w.fatalf("after the snapshot: %v: %v", l.record, err)
				}
			}
		}
	}
	for _, s := range []*session.Session{whole, short} {
		if err := s.Resume(last, c.w.now); err != nil {
			c.w.fatalf("%v", err)
		}
	}
	if a, b := c.held(whole), c.held(short); a != b || whole.State() != short.State() {
		c.w.fatalf("from all Records %s %+v\nfrom a snapshot %s %+v", a, whole.State(), b, short.State())
	}
	if c.state = whole; c.w.rng.IntN(2) == 0 {
		c.state = short
	}
	c.conn, c.fresh, c.tickets, c.waiting, c.pending = nil, nil, nil, nil, nil
	c.here = map[int]bool{}
	for n, kept := range c.kept {
		c.here[n] = kept > 0
	}
	if c.state.Exists() && c.state.Expiry() == 0 {
		c.excuse() // it was to end with its connection
	}
	c.happened()
}

// held tells all that is in flight, except for ids of messages that were refused:
// a connection before 5.0 cannot say so, and has such an id kept without a Record
// (see [qos.Inbound.Finish]).
func (c *crasher) held(s *session.Session) string {
	all := strings.Split(exchanges(s), ", ")
	return strings.Join(slices.DeleteFunc(all, func(x string) bool {
		return slices.ContainsFunc(c.refused, func(id uint16) bool { return x == fmt.Sprintf("received %d %v", id, qos.AwaitPubrel) })
	}), ", ")
}

// kill ends the process.
func (c *crasher) kill() {
	c.w.figures.Kills++
	for _, l := range []*wire{c.conn, c.fresh} {
		if l != nil {
			l.open[c.side] = false
		}
	}
	c.start()
	c.w.note(c.side, "killed, back with %s", c.text())
}

// say adds to the journal.
func (c *crasher) say(r qos.Record, add, remove int) {
	l := line{record: r, add: add, remove: remove}
	if r == (qos.Record{}) {
		if add+remove == 0 {
			return
		}
		l.is = messageLine
	}
	c.waiting = append(c.waiting, l)
}

func (c *crasher) sayState() {
	c.waiting = append(c.waiting, line{is: stateLine, state: c.state.State()})
}

func (c *crasher) flush(n int) {
	for _, l := range c.waiting[:n] {
		if l.add != 0 {
			c.kept[l.add]++
		}
		if l.remove != 0 {
			c.kept[l.remove]--
		}
	}
	c.durable = append(c.durable, c.waiting[:n]...)
	c.waiting = slices.Clone(c.waiting[n:])
}

// snap takes a snapshot, which makes all lines before it durable.
func (c *crasher) snap() {
	c.w.figures.Snapshots++
	c.flush(len(c.waiting))
	c.snapshot, c.since = c.state.AppendSnapshot(nil, c.w.now), len(c.durable)
	// It lacks what is not decided, so that has to be kept again.
	for _, x := range c.tickets {
		if x.early && x.ticket.Level() == qos.ExactlyOnce {
			c.say(x.ticket.Record(), 0, 0)
		}
	}
	c.flush(len(c.waiting))
}

// must flushes the lines that have to be durable before b is written.
func (c *crasher) must(l *wire, b []byte) {
	n := 0
	written := map[[2]int]bool{}
	role := mqttwire.Client
	if c.side == serverSide {
		role = mqttwire.Server
	}
	for _, p := range decodeAll(c.w.t, l.version, role, b) {
		switch p := p.(type) {
		case *codec.Publish:
			written[[2]int{int(qos.Sent), int(p.ID)}] = true
		case *codec.Pubrel:
			written[[2]int{int(qos.Sent), int(p.ID)}] = true
		case *codec.Puback:
			written[[2]int{int(qos.Received), int(p.ID)}] = true
		case *codec.Pubrec:
			written[[2]int{int(qos.Received), int(p.ID)}] = true
		case *codec.Pubcomp:
			written[[2]int{int(qos.Received), int(p.ID)}] = true
		}
	}
	for i, l := range c.waiting {
		r := l.record
		if l.is == stateLine || r.Op() == qos.Clear || l.is == recordLine && written[[2]int{int(r.Direction()), int(r.ID)}] {
			n = i + 1
		}
	}
	c.flush(n)
}

// links are the connections of a side.
func (c *crasher) links() []*wire {
	var all []*wire
	for _, l := range []*wire{c.conn, c.fresh} {
		if l != nil {
			all = append(all, l)
		}
	}
	return all
}

// write writes what a side has appended.
func (c *crasher) write() {
	for _, l := range c.links() {
		if b := l.out[c.side]; len(b) != 0 {
			c.must(l, b)
			l.way[1-c.side] = append(l.way[1-c.side], b...)
			l.out[c.side] = nil
		}
	}
}

// dial has the client connect anew.
func (w *crashWorld) dial() {
	c, s := w.sides[clientSide], w.sides[serverSide]
	if c.conn != nil {
		if !w.odds(3) {
			return
		}
		c.close(c.conn)
	}
	w.figures.Connections++
	server, client := new(session.Server), new(session.Client)
	l := &wire{version: w.versions[w.rng.IntN(len(w.versions))], ends: [2]machine{client, server}, open: [2]bool{true, true}}
	hello := &codec.Connect{Version: l.version, ClientID: []byte("c")}
	// A client that has ended its session goes on with that until it is heard.
	hello.CleanStart = c.clean || w.odds(60)
	if l.version == mqttwire.V50 {
		if !c.state.Exists() && !hello.CleanStart {
			if err := c.state.Resume(session.State{Exists: true, Expiry: session.Never}, w.now); err != nil {
				w.fatalf("%v", err)
			}
		}
		hello.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, session.Never)
		hello.Properties = codec.AppendReceiveMaximum(hello.Properties, uint16(1+w.rng.IntN(8)))
		hello.Properties = codec.AppendMaximumPacketSize(hello.Properties, 100)
	}
	if hello.CleanStart {
		w.figures.Clean++
		c.excuse()
	}
	l.clean, c.clean = hello.CleanStart, hello.CleanStart
	b, err := client.Connect(nil, c.state, hello, &w.clientOptions, w.now)
	if err != nil {
		w.fatalf("%v", err)
	}
	c.happened()
	if hello.CleanStart && (c.state.Exists() || c.state.State() != session.State{}) {
		w.fatalf("%+v after a Clean Start", c.state.State())
	}
	w.note(clientSide, "dials with %v, clean %v", l.version, hello.CleanStart)
	l.out[clientSide] = b
	c.conn = l
	if s.fresh != nil {
		s.close(s.fresh)
	}
	server.Open(&w.serverOptions, w.now)
	s.fresh = l
}

// excuse notes that what is in flight is about to be lost, as the caller wants.
func (c *crasher) excuse() {
	for x := range c.state.Sent() {
		c.w.excused[1-c.side][int(x.Token)] = true
	}
}

// happened pulls what a session has to tell.
func (c *crasher) happened() {
	for ev := c.state.Poll(c.w.now); ev.Kind != session.None; ev = c.state.Poll(c.w.now) {
		c.say(ev.Record(), 0, 0)
		if ev.State {
			c.sayState()
		}
		if ev.Kind == session.Ended {
			c.ended()
		}
	}
	for {
		d, ok := c.state.NextDropped()
		if !ok {
			return
		}
		c.w.figures.LostByUser++
		if !c.w.excused[1-c.side][int(d.Token)] {
			c.w.fatalf("message %d is dropped by side %d", d.Token, c.side)
		}
	}
}

// ended is the end of a session: nobody decides its deliveries any more.
func (c *crasher) ended() {
	for _, x := range c.tickets {
		if x.early {
			c.say(qos.Record{}, 0, x.number)
		}
		delete(c.here, x.number)
		c.w.excused[c.side][x.number] = true
	}
	c.tickets = nil
}

// close says that a connection is gone.
func (c *crasher) close(l *wire) {
	l.open[c.side] = false
	if had := l.ends[c.side].Session(); had != nil {
		if had.Expiry() == 0 {
			c.excuse()
		}
		defer c.happened()
		defer c.sayState()
	}
	l.ends[c.side].Close(c.w.now)
	if c.conn == l {
		c.conn = nil
	}
	if c.fresh == l {
		c.fresh = nil
	}
}

// lose ends a connection at one side; part of what was under way is lost.
func (c *crasher) lose() {
	l := c.conn
	if l == nil {
		return
	}
	for i := range l.way {
		l.way[i] = l.way[i][:c.w.rng.IntN(len(l.way[i])+1)]
	}
	c.w.note(c.side, "loses the connection")
	c.close(l)
}

// hangUp notices that the other side has closed, once all is read.
func (c *crasher) hangUp() {
	for _, l := range c.links() {
		if !l.open[1-c.side] && (len(l.way[c.side]) == 0 || c.w.odds(2)) {
			c.close(l)
		}
	}
}

// read takes one packet of what has come.
func (c *crasher) read() {
	for _, l := range c.links() {
		m, f := l.ends[c.side], &l.framer[c.side]
		if n := len(l.way[c.side]); n != 0 {
			n = 1 + c.w.rng.IntN(n)
			n = copy(f.Buffer(), l.way[c.side][:n])
			f.Filled(n)
			l.way[c.side] = l.way[c.side][n:]
		}
		var d codec.Decoder
		out, ev, ok, err := m.Next(l.out[c.side], f, &d, c.w.now)
		if err != nil {
			c.w.fatalf("side %d: %v %v", c.side, ev.Type, err)
		}
		l.out[c.side] = out
		if ok {
			c.event(l, ev)
		}
	}
}

// event acts upon an event.
func (c *crasher) event(l *wire, ev session.Event) {
	w := c.w
	w.note(c.side, "%v %v id %d token %d", ev.Type, ev.Kind, ev.ID, ev.Token)
	if ev.Kind != session.Deliver && ev.Kind != session.Withdrawn {
		c.say(ev.Record(), 0, 0)
	}
	if ev.State {
		c.sayState()
	}
	switch ev.Kind {
	case session.Connect:
		if old := c.conn; old != nil {
			if old.ends[c.side].Phase() == session.Connected {
				old.out[c.side], _ = old.ends[c.side].Disconnect(old.out[c.side], mqttwire.SessionTakenOver, codec.Properties{})
			}
			c.write()
			c.close(old)
		}
		if l.clean {
			c.excuse()
		}
		out, r, err := l.ends[c.side].(*session.Server).Accept(l.out[c.side], c.state, nil, w.now)
		if err != nil {
			w.fatalf("%v", err)
		}
		l.out[c.side] = out
		c.conn, c.fresh = l, nil
		c.say(r, 0, 0)
		c.happened()
		c.sayState()
	case session.Accepted:
		c.clean = false
		c.happened()
	case session.Disconnect:
		c.close(l)
	case session.Deliver:
		c.deliver(l, ev)
	case session.Withdrawn:
		w.figures.Withdrawn++
		c.withdrawn(l, ev)
	case session.Completed, session.Released, session.Freed, session.Duplicate, session.Rejected:
	case session.Unsolicited:
		// The other end has forgotten to forget, or sends twice.
	default:
		w.fatalf("side %d: %v %v", c.side, ev.Type, ev.Kind)
	}
}

// deliver takes a message in.
func (c *crasher) deliver(l *wire, ev session.Event) {
	w, p := c.w, ev.Packet.(*codec.Publish)
	w.figures.Delivered++
	n := int(binary.BigEndian.Uint32(p.Payload))
	if want := w.message(1-c.side, n); p.QoS != want.QoS {
		w.fatalf("side %d: %v, want %v", c.side, p, want)
	}
	if c.here[n] && p.QoS == qos.ExactlyOnce {
		w.fatalf("side %d: message %d of %v came twice", c.side, n, p.QoS)
	}
	if n <= l.top[c.side] && !(p.Dup && w.clientOptions.Retry != 0 && l.version != mqttwire.V50) {
		w.fatalf("side %d: message %d after %d on one connection", c.side, n, l.top[c.side])
	}
	l.top[c.side] = max(n, l.top[c.side])
	if !w.came[c.side][n] {
		// One that was given up comes late where that was not durable.
		if n < w.first[c.side] && !w.excused[c.side][n] {
			w.fatalf("side %d: message %d came first after %d", c.side, n, w.first[c.side])
		}
		w.first[c.side], w.came[c.side][n] = max(n, w.first[c.side]), true
	}
	c.here[n] = true
	x := heldTicket{ticket: ev.Ticket(), number: n}
	if w.rng.IntN(3) == 0 {
		x.early = true
		c.say(x.ticket.Record(), n, 0)
	}
	c.tickets = append(c.tickets, x)
}

// withdrawn is a delivery that nobody has to decide any more.
func (c *crasher) withdrawn(l *wire, ev session.Event) {
	i := slices.IndexFunc(c.tickets, func(x heldTicket) bool {
		return x.ticket.ID() == ev.ID && x.ticket.Level() == qos.ExactlyOnce
	})
	if i < 0 {
		c.w.fatalf("side %d: nothing to withdraw", c.side)
	}
	x := c.tickets[i]
	c.tickets = slices.Delete(c.tickets, i, i+1)
	c.drop(x, ev.Record())
	if !c.w.excused[c.side][x.number] {
		c.w.fatalf("side %d: message %d is withdrawn, and was not given up", c.side, x.number)
	}
	if _, _, err := l.ends[c.side].Ack(nil, x.ticket, 0, codec.Properties{}, c.w.now); err != mqttwire.ErrStaleTicket {
		c.w.fatalf("a withdrawn ticket: %v", err)
	}
}

// drop is the end of a delivery that was not taken over.
func (c *crasher) drop(x heldTicket, r qos.Record) {
	delete(c.here, x.number)
	remove := 0
	if x.early {
		remove = x.number
	}
	c.say(r, 0, remove)
}

// decide finishes a delivery, or does not.
func (c *crasher) decide() {
	w := c.w
	if len(c.tickets) == 0 {
		return
	}
	i := w.rng.IntN(len(c.tickets))
	if w.faults && w.rng.IntN(w.lazy) != 0 {
		return
	}
	x := c.tickets[i]
	c.tickets = slices.Delete(c.tickets, i, i+1)
	l := c.conn
	up := l != nil && l.ends[c.side].Phase() == session.Connected
	if w.odds(12) {
		r, err := c.state.Abandon(x.ticket)
		if err == mqttwire.ErrStaleTicket {
			c.stale(x)
			return
		}
		w.figures.Abandoned++
		w.note(c.side, "abandons %d", x.number)
		c.drop(x, r)
		if up {
			c.close(l)
		}
		return
	}
	reason := mqttwire.Success
	if w.odds(10) {
		reason = mqttwire.QuotaExceeded
	}
	var r qos.Record
	var err error
	if up {
		l.out[c.side], r, err = l.ends[c.side].Ack(l.out[c.side], x.ticket, reason, codec.Properties{}, w.now)
	} else {
		r, err = c.state.Finish(x.ticket, reason)
	}
	w.note(c.side, "decides %d: %v, %v, %v", x.number, reason, r, err)
	switch {
	case err == mqttwire.ErrStaleTicket:
		c.stale(x)
	case err != nil:
		w.fatalf("%v", err)
	case reason.IsError():
		w.figures.Refused++
		c.refused = append(c.refused, x.ticket.ID())
		w.excused[c.side][x.number] = true
		c.drop(x, r)
		if r.Op() == qos.Accept {
			c.here[x.number] = true // before 5.0 the sender is told that all is well
		}
	case x.early:
		c.say(r, 0, 0)
	default:
		c.say(r, x.number, 0)
	}
}

// stale is a delivery that the message will come again for.
func (c *crasher) stale(x heldTicket) {
	if x.ticket.Level() == qos.ExactlyOnce {
		c.w.fatalf("side %d: the ticket of message %d is stale", c.side, x.number)
	}
	c.drop(x, qos.Record{})
}

// publish publishes a message, unless it has to wait.
func (c *crasher) publish() {
	w, l := c.w, c.conn
	if l == nil || c.next > w.total {
		return
	}
	out, a, err := l.ends[c.side].Publish(l.out[c.side], w.message(c.side, c.next), uint64(c.next), w.now)
	switch err {
	case nil:
	case mqttwire.ErrNotConnected, mqttwire.ErrResuming, mqttwire.ErrSendQuota:
		return
	default:
		w.fatalf("%v", err)
	}
	w.figures.Published++
	w.note(c.side, "publishes %d with id %d", c.next, a.ID)
	l.out[c.side] = out
	c.say(a.Record(), 0, 0)
	c.next++
}

// resume sends again what is next.
func (c *crasher) resume() {
	w, l := c.w, c.conn
	if l == nil {
		return
	}
	var ev session.Event
	l.out[c.side], ev, _ = l.ends[c.side].NextResend(l.out[c.side], w.now)
	if ev.Kind == session.Resend {
		c.resend(l, ev)
	}
}

func (c *crasher) resend(l *wire, ev session.Event) {
	w := c.w
	w.figures.Resent++
	p := w.message(c.side, int(ev.Token))
	switch {
	case w.odds(20):
		return // it comes again
	case w.odds(20):
		p = nil
	case l.version == mqttwire.V50 && w.odds(20):
		p.Payload = make([]byte, 100) // what fitted before does not fit now
	}
	given := p == nil || len(p.Payload) > 4
	out, up, err := l.ends[c.side].Resend(l.out[c.side], ev, p, w.now)
	w.note(c.side, "sends %d again: %v, %v", ev.Token, up.Kind, err)
	if given && err == mqttwire.ErrAwaitingAck && w.clientOptions.Retry != 0 {
		return
	}
	if err != nil || given != (up.Kind == session.GivenUp) {
		w.fatalf("side %d: %v, %v", c.side, up.Kind, err)
	}
	l.out[c.side] = out
	c.givenUp(up)
}

func (c *crasher) givenUp(ev session.Event) {
	if ev.Kind != session.GivenUp {
		return
	}
	c.w.figures.GivenUp++
	c.w.excused[1-c.side][int(ev.Token)] = true
	c.say(ev.Record(), 0, 0)
}

// giveUpAny gives up whichever message may be.
func (c *crasher) giveUpAny() {
	w, l := c.w, c.conn
	var all []qos.Exchange
	for x := range c.state.Sent() {
		all = append(all, x)
	}
	if len(all) == 0 {
		return
	}
	x := all[w.rng.IntN(len(all))]
	var ev session.Event
	var err error
	if l != nil && l.ends[c.side].Phase() == session.Connected {
		l.out[c.side], ev, err = l.ends[c.side].GiveUp(l.out[c.side], x.ID, w.now)
	} else if ev, err = c.state.GiveUp(x.ID); err == mqttwire.ErrSessionInUse {
		return // the connection is closing
	}
	w.note(c.side, "gives up %d: %v, %v", x.Token, ev.Kind, err)
	if err != nil && err != mqttwire.ErrAwaitingAck && err != mqttwire.ErrStaleTicket {
		w.fatalf("%v", err)
	}
	c.givenUp(ev)
}

// poll does what is due by time.
func (c *crasher) poll() {
	w, l := c.w, c.conn
	if l == nil {
		return
	}
	out, ev, err := l.ends[c.side].Poll(l.out[c.side], w.now)
	if err != nil {
		w.fatalf("%v", err)
	}
	if l.out[c.side] = out; ev.Kind == session.Resend {
		c.resend(l, ev)
	}
}
