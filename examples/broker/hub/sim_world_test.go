package hub_test

import (
	"container/heap"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeplog"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeplog/simlog"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
)

// The simulation runs the hub and its clients, each a session.Client in one of
// the three versions, over connections that delay, cut, stall and swallow what is
// written, in virtual time and from a seed: the same seed is the same run. The
// broker's process is suspended and crashes, at any record, and starts again with
// what its Store had promised. What each client saw is held against what MQTT
// promises: see history.
type world struct {
	planned
	rng     *rand.Rand
	now     time.Duration
	agenda  agenda
	order   int
	hub     *hub.Hub // nil while the broker is down
	boot    time.Duration
	frozen  time.Duration // the process is suspended until then
	disk    *disk         // nil without a Store
	pipes   []*pipe
	players []*player
	history history
	quiet   bool // nothing disturbs any more
	figures figures
}

// planned is what a seed decides before it begins.
type planned struct {
	seed    uint64
	players int
	seconds int // of virtual time in which messages are published
	store   bool
	crashes int
	retry   time.Duration // of the server, before 5.0
	queue   int           // MaxQueue
}

func plan(seed uint64) planned {
	rng := rand.New(rand.NewPCG(seed, 1))
	p := planned{seed: seed, players: 5 + rng.IntN(12), seconds: 20 + rng.IntN(40), store: rng.IntN(4) > 0}
	if p.store {
		p.crashes = rng.IntN(5)
	}
	if rng.IntN(3) == 0 {
		p.queue = 100 + rng.IntN(1000)
	}
	if rng.IntN(3) == 0 {
		p.retry = time.Duration(1+rng.IntN(4)) * time.Second
	}
	return p
}

// figures are what happened in a world, or in several.
type figures struct {
	connections, takeovers, cuts, stalls, crashes, freezes int
	published, delivered, again, wills, retained, records  int
	hash                                                   uint64
}

func (f *figures) add(g figures) {
	f.connections, f.takeovers, f.cuts, f.stalls = f.connections+g.connections, f.takeovers+g.takeovers, f.cuts+g.cuts, f.stalls+g.stalls
	f.crashes, f.freezes, f.published, f.delivered = f.crashes+g.crashes, f.freezes+g.freezes, f.published+g.published, f.delivered+g.delivered
	f.again, f.wills, f.retained, f.records = f.again+g.again, f.wills+g.wills, f.retained+g.retained, f.records+g.records
	f.hash ^= g.hash
}

func (f figures) String() string {
	return fmt.Sprintf("%d connections (%d takeovers, %d cuts, %d stalls), %d crashes, %d suspensions, %d published, %d delivered (%d again), %d wills, %d retained, %d records, hash %x",
		f.connections, f.takeovers, f.cuts, f.stalls, f.crashes, f.freezes, f.published, f.delivered, f.again, f.wills, f.retained, f.records, f.hash)
}

// A violation is what MQTT does not allow.
type violation string

func (w *world) fail(format string, args ...any) {
	panic(violation(fmt.Sprintf("%v: ", w.now) + fmt.Sprintf(format, args...)))
}

// epoch is the moment 0 of a world.
var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// simulate runs a world to its end.
func simulate(p planned) (f figures, err error) {
	w := &world{planned: p, rng: rand.New(rand.NewPCG(p.seed, 2))}
	w.figures.hash = 14695981039346656037
	defer func() {
		if x := recover(); x != nil {
			v, ok := x.(violation)
			if !ok {
				panic(x)
			}
			f, err = w.figures, fmt.Errorf("%s", string(v))
		}
	}()
	if p.store {
		w.disk = &disk{Recorder: keeptest.NewRecorder()}
		if p.seed%2 == 0 {
			w.disk.medium = new(simlog.Disk)
			w.mount()
		}
	}
	w.start()
	for n := range p.players {
		w.join(n)
	}
	end := time.Duration(p.seconds) * time.Second
	for range p.crashes {
		if at := w.between(time.Second, end); w.rng.IntN(2) == 0 {
			w.at(at/8, w.lightFuse)
		} else {
			w.at(at, w.lightFuse)
		}
	}
	for range w.rng.IntN(4) {
		w.at(w.between(time.Second, end), w.freeze)
	}
	w.run(end)
	w.quiet = true
	if w.disk != nil {
		w.disk.fuse = 0
	}
	w.run(end + 3*time.Minute)
	w.history.check(w)
	w.inspectRetained()
	w.run(w.now + time.Minute)
	w.history.checkRetained(w)
	for _, p := range w.players {
		p.goAway()
	}
	w.run(w.now + 3*time.Minute)
	if left := w.hub.Leftover(); left != "" {
		w.fail("all have left, and there is still: %s", left)
	}
	w.figures.published = len(w.history.messages)
	if w.disk != nil {
		w.figures.records, _ = w.disk.Counts()
	}
	return w.figures, nil
}

// entry is something that will happen.
type entry struct {
	at    time.Duration
	order int
	do    func()
}

type agenda []entry

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].order < a[j].order
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(entry)) }
func (a *agenda) Pop() any {
	last := len(*a) - 1
	e := (*a)[last]
	(*a)[last] = entry{}
	*a = (*a)[:last]
	return e
}

// at has something happen, now at the earliest.
func (w *world) at(at time.Duration, do func()) {
	w.order++
	heap.Push(&w.agenda, entry{max(at, w.now), w.order, do})
}

func (w *world) later(d time.Duration, do func()) { w.at(w.now+d, do) }

// run has happen what is to come by a moment.
func (w *world) run(until time.Duration) {
	for len(w.agenda) > 0 && w.agenda[0].at <= until {
		e := heap.Pop(&w.agenda).(entry)
		w.now = e.at
		w.step(e.do)
	}
	w.now = until
}

// step lets one thing happen, in which the broker may crash.
func (w *world) step(do func()) {
	defer func() {
		if x := recover(); x == (crash{}) {
			w.crash()
		} else if x != nil {
			panic(x)
		}
	}()
	do()
}

// between returns a duration.
func (w *world) between(from, to time.Duration) time.Duration {
	return from + time.Duration(w.rng.Int64N(int64(to-from)+1))
}

// log adds to the hash of all that happened.
func (w *world) log(v ...uint64) {
	w.figures.hash = (w.figures.hash ^ uint64(w.now)) * 1099511628211
	for _, x := range v {
		w.figures.hash = (w.figures.hash ^ x) * 1099511628211
	}
}

// clock is the hub's time.
func (w *world) clock() time.Duration { return w.now - w.boot }

// start starts the broker.
func (w *world) start() {
	c := hub.Config{ServerOptions: hub.DefaultOptions(), SysInterval: -1}
	c.Retry, c.MaxQueue = w.retry, w.queue
	c.ReceiveMaximum, c.TopicAliasMaximum, c.OutboundWindow = 20, 4, 30
	c.MaximumPacketSize = 4 << 10
	if w.disk != nil {
		c.Store = w.disk
	}
	m := &machine{w: w, boot: w.now}
	w.boot = w.now
	m.hub = hub.New(c, epoch.Add(w.now), m)
	w.hub = m.hub
	k := w.hub.Worker(0)
	if err := w.hub.Restore(k); err != nil {
		w.fail("Restore: %v", err)
	}
	k.Finish()
}

// A machine is what a hub runs on until it crashes.
type machine struct {
	w    *world
	hub  *hub.Hub
	boot time.Duration
}

// Alarm has the hub polled.
func (m *machine) Alarm(at time.Duration) { m.w.at(m.boot+at, func() { m.w.poll(m.hub) }) }

// Failed is not called: this Store does not fail.
func (m *machine) Failed(err error) { m.w.fail("the Store has failed: %v", err) }

// poll does what is due at the hub.
func (w *world) poll(h *hub.Hub) {
	switch {
	case w.hub != h:
	case w.now < w.frozen:
		w.at(w.frozen, func() { w.poll(h) })
	default:
		k := h.Worker(w.clock())
		h.Poll(k)
		k.Finish()
	}
}

// freeze suspends the broker's process. What comes meanwhile waits in its sockets.
func (w *world) freeze() {
	if w.quiet {
		return
	}
	w.figures.freezes++
	w.frozen = w.now + w.between(time.Second, 30*time.Second)
}

// A disk is a Store on which the broker crashes. In some worlds it is a log too,
// with a cleaner that is always at work, and what a crash leaves is what that has.
type disk struct {
	*keeptest.Recorder
	fuse int // the crash comes after so many records more, 0 for none

	medium *simlog.Disk // nil for no log
	log    *keeplog.Store
}

// mount opens the log, and returns what it has.
func (w *world) mount() (kept []keep.Record) {
	c := keeplog.Config{Incarnation: uint64(w.figures.crashes) + 1, MaxBatch: 2000, Segment: 1000, Slack: 10_000}
	log, err := keeplog.Open(context.Background(), w.disk.medium.Open(), c)
	if err == nil {
		err = log.Replay(func(r *keep.Record) error {
			kept = append(kept, keeptest.Copy(r))
			return nil
		})
	}
	if err != nil {
		w.fail("the log: %v", err)
	}
	w.disk.log = log
	return kept
}

type crash struct{}

func (d *disk) Append(r *keep.Record) {
	d.Recorder.Append(r)
	if d.log != nil {
		d.log.Append(r)
	}
	d.burn()
}

func (d *disk) Begin() {
	d.Recorder.Begin()
	if d.log != nil {
		d.log.Begin()
	}
}

func (d *disk) End() {
	d.Recorder.End()
	if d.log != nil {
		d.log.End()
	}
}

func (d *disk) Sync() error {
	d.burn()
	if d.log != nil {
		if err := d.log.Sync(); err != nil {
			return err
		}
	}
	return d.Recorder.Sync()
}

func (d *disk) burn() {
	if d.fuse > 0 {
		if d.fuse--; d.fuse == 0 {
			panic(crash{})
		}
	}
}

func (w *world) lightFuse() { w.disk.fuse = 1 + w.rng.IntN(10) }

// crash ends the broker where it stands. Of what the Store had not promised it may
// have kept the beginning.
func (w *world) crash() {
	w.figures.crashes++
	w.hub, w.frozen = nil, min(w.frozen, w.now)
	all := w.disk.Records()
	_, synced := w.disk.Counts()
	left := all[:w.disk.Whole(synced+w.rng.IntN(len(all)-synced+1))]
	if w.rng.IntN(2) == 0 {
		var err error
		if left, err = keep.Compact(left); err != nil {
			w.fail("Compact: %v", err)
		}
	}
	medium := w.disk.medium
	w.disk = &disk{medium: medium}
	if medium != nil {
		left = w.mount()
	}
	w.figures.records += len(all) - len(left)
	w.disk.Recorder = keeptest.NewRecorder(left...)
	w.log(9, uint64(len(left)))
	for _, p := range slices.Clone(w.pipes) {
		p.conn = nil
		p.hangUp()
	}
	w.later(w.between(100*time.Millisecond, 5*time.Second), w.start)
}

// sync waits for the Store, as the bytes to be written want it.
func (w *world) sync(owes uint64) error {
	if w.disk == nil || owes == 0 {
		return nil
	}
	return w.hub.Sync(owes)
}

var versions = [...]mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50}
