package keeplog_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeplog"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeplog/simlog"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
	"github.com/mqttwire/mqttwire/internal/race"
)

var simSeeds = flag.Int("keeplog.seeds", 1, "how many lives the store is crashed in")

// tiny has the cleaner work all the time.
func tiny(incarnation uint64) keeplog.Config {
	return keeplog.Config{Incarnation: incarnation, MaxBatch: 300, Segment: 300, Slack: 1000}
}

// replayed opens the log of a disk and returns what it has, and the Store.
func replayed(disk *simlog.Disk, log *simlog.Log, incarnation uint64) (*keeplog.Store, []keep.Record, error) {
	s, err := keeplog.Open(context.Background(), log, tiny(incarnation))
	if err != nil {
		return nil, nil, err
	}
	var all []keep.Record
	err = s.Replay(func(r *keep.Record) error {
		all = append(all, keeptest.Copy(r))
		return nil
	})
	return s, all, err
}

// A life of records over a log that fails now and then. Wherever the process ends,
// before, amid or after any operation, what is left is all that was promised, and
// of the rest a part without a gap.
func TestStoreCrashes(t *testing.T) {
	for seed := range uint64(*simSeeds) {
		if race.Enabled && seed > 0 {
			break // each takes so much longer
		}
		all := make([]keep.Record, 300)
		l := keeptest.NewLife(seed)
		l.Busy = 1 + int(seed%3)
		for i := range all {
			all[i] = l.Next()
		}
		// Without a crash, to know how many operations there are, and that the
		// cleaner has worked.
		states := map[int]string{}
		w := &world{t: t, all: all, seed: seed, crashAt: -1, states: states}
		if w.run(); w.purges == 0 || w.copied == 0 {
			t.Fatalf("seed %d: %d purges, %d bytes copied", seed, w.purges, w.copied)
		}
		for at := range w.ops {
			for fate := simlog.CrashBefore; fate <= simlog.CrashAfter; fate++ {
				x := &world{t: t, all: all, seed: seed, crashAt: at, fate: fate, states: states}
				if x.run(); t.Failed() {
					t.Fatalf("seed %d, operation %d of %d, fate %d", seed, at, w.ops, fate)
				}
			}
		}
	}
}

// A world is a life of a Store, with one crash, or with many.
type world struct {
	t       *testing.T
	all     []keep.Record
	seed    uint64
	states  map[int]string // of the first so many of all
	crashAt int
	fate    simlog.Fate

	disk     simlog.Disk
	ops      int
	purges   int
	copied   int64
	log      *simlog.Log
	store    *keeplog.Store
	appended int // of all, by this process
	synced   int
	runs     uint64
	r        *rand.Rand
}

func (w *world) open() bool {
	w.runs++
	w.log = w.disk.Open()
	w.log.Fate = w.decide
	s, got, err := replayed(&w.disk, w.log, w.runs)
	if errors.Is(err, simlog.ErrCrashed) {
		return w.open()
	}
	if err != nil {
		w.t.Errorf("run %d: %v", w.runs, err)
		return false
	}
	// What is left is one of the states between what was promised and what was
	// appended.
	state := keeptest.State(got) + "."
	for n := w.synced; n <= w.appended; n++ {
		if w.state(n) == state {
			w.store, w.appended, w.synced = s, n, n
			return true
		}
	}
	w.t.Errorf("run %d: %d to %d records, and this is left of none of them: %s", w.runs, w.synced, w.appended, cmp.Diff(w.state(w.synced), state))
	return false
}

func (w *world) state(n int) string {
	if w.states[n] == "" {
		w.states[n] = keeptest.State(w.all[:n]) + "."
	}
	return w.states[n]
}

func (w *world) decide(op simlog.Op) simlog.Fate {
	w.ops++
	if op == simlog.Purge {
		w.purges++
	}
	if w.ops-1 == w.crashAt {
		return w.fate
	}
	if op == simlog.Append {
		switch w.r.IntN(20) {
		case 0:
			return simlog.Lost
		case 1:
			return simlog.Unheard
		case 2:
			return simlog.Full
		}
	}
	return simlog.Done
}

func (w *world) run() {
	w.r = rand.New(rand.NewPCG(w.seed, 5))
	if !w.open() {
		return
	}
	for w.synced < len(w.all) {
		if w.appended < len(w.all) {
			w.store.Append(&w.all[w.appended])
			w.appended++
		}
		if w.appended < len(w.all) && w.r.IntN(4) > 0 {
			continue
		}
		switch err := w.store.Sync(); {
		case err == nil:
			w.synced = w.appended
		case errors.Is(err, keep.ErrFull):
		case errors.Is(err, simlog.ErrCrashed):
			if !w.open() {
				return
			}
		default:
			w.t.Errorf("Sync: %v", err)
			return
		}
	}
	f := w.store.Figures()
	w.copied += f.CopiedBytes
	w.open()
}

// What is appended between Begin and End is in one batch: a Sync waits.
func TestGroupIsOneBatch(t *testing.T) {
	disk := new(simlog.Disk)
	s, _, err := replayed(disk, disk.Open(), 1)
	if err != nil {
		t.Fatal(err)
	}
	r := keep.Record{Kind: keep.RetainedRemoved, Message: &keep.Message{Topic: []byte("t")}}
	s.Begin()
	s.Append(&r)
	synced := make(chan error)
	go func() { synced <- s.Sync() }()
	select {
	case <-synced:
		t.Error("a Sync has not waited")
	case <-time.After(20 * time.Millisecond):
		s.Append(&r)
		s.End()
		if err := <-synced; err != nil {
			t.Error(err)
		}
	}
	if n := len(disk.Positions()); n != 1 {
		t.Errorf("%d batches", n)
	}
}

// A message that many sessions wait for is in the log once, before and after it was
// written again.
func TestBodyOnce(t *testing.T) {
	const sessions, body = 1000, 100_000
	disk := new(simlog.Disk)
	c := keeplog.Config{Incarnation: 1, Segment: 50_000, Slack: 1}
	s, err := keeplog.Open(context.Background(), disk.Open(), c)
	if err != nil {
		t.Fatal(err)
	}
	r := keep.Record{Kind: keep.MessageQueued, Message: &keep.Message{Topic: []byte("t"), Payload: make([]byte, body)}}
	for i := range sessions {
		x := keep.Record{Kind: keep.SessionKept, Client: fmt.Sprint("client", i)}
		x.State.Exists = true
		s.Append(&x)
		r.To = append(r.To, keep.Recipient{Client: x.Client, Key: uint64(i) + 1, Level: 1})
	}
	s.Append(&r)
	for i := range 100 {
		s.Append(&keep.Record{Kind: keep.MessageRetained, Message: &keep.Message{Topic: []byte("noise"), Payload: make([]byte, 10_000)}})
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		if n := s.Figures().AliveBytes; n > body+sessions*50+11_000 {
			t.Fatalf("%d: %d bytes count", i, n)
		}
	}
	if f := s.Figures(); f.CopiedBytes < body || f.LogBytes > 3*body+3*sessions*50 {
		t.Errorf("%+v", f)
	}
}

// The log stays in proportion to what counts.
func TestLogBound(t *testing.T) {
	for _, busy := range []int{1, 2, 5} {
		t.Run(fmt.Sprint(busy), func(t *testing.T) {
			l := keeptest.NewLife(uint64(busy))
			l.Clients, l.Busy = 30, busy
			disk := new(simlog.Disk)
			c := keeplog.Config{Segment: 4 << 10, Slack: 64 << 10, Incarnation: 1}
			s, err := keeplog.Open(context.Background(), disk.Open(), c)
			if err != nil {
				t.Fatal(err)
			}
			// What counts may become less at once, with the end of a session. The
			// cleaner follows while as much as an eighth of the log is written.
			type moment struct{ written, alive int64 }
			var recent []moment
			sync := func() {
				if err := s.Sync(); err != nil {
					t.Fatal(err)
				}
				f := s.Figures()
				recent = append(recent, moment{f.WrittenBytes, f.AliveBytes})
				for recent[0].written < f.WrittenBytes-f.LogBytes/8-int64(c.Segment) {
					recent = recent[1:]
				}
				most := int64(0)
				for _, x := range recent {
					most = max(most, x.alive)
				}
				if f.LogBytes > 2*most+c.Slack {
					t.Fatalf("%d bytes counted: %+v", most, f)
				}
			}
			for range 25_000 {
				r := l.Next()
				if s.Append(&r); l.Rand.IntN(3) == 0 {
					sync()
				}
			}
			sync()
			f := s.Figures()
			if got := int64(disk.Bytes()); got != f.LogBytes {
				t.Errorf("the log is %d bytes long, and said to be %d", got, f.LogBytes)
			}
			if f.CopiedBytes == 0 {
				t.Error("nothing was written again")
			}
			t.Logf("written %.2f times: %+v", float64(f.WrittenBytes)/float64(f.WrittenBytes-f.CopiedBytes), f)
		})
	}
}

// What waits for long keeps its place, however often it is written again.
func TestOrderOfCopies(t *testing.T) {
	disk := new(simlog.Disk)
	s, _, err := replayed(disk, disk.Open(), 1)
	if err != nil {
		t.Fatal(err)
	}
	session := keep.Record{Kind: keep.SessionKept, Client: "a"}
	session.State.Exists = true
	s.Append(&session)
	all := []keep.Record{session}
	for i := range 1500 {
		r := keep.Record{Kind: keep.MessageRetained, Message: &keep.Message{Topic: []byte("noise"), Payload: make([]byte, 40)}}
		if i%100 == 0 {
			r = keep.Record{Kind: keep.MessageQueued, Message: &keep.Message{Topic: []byte("t")}, To: []keep.Recipient{{Client: "a", Key: uint64(i) + 1, Level: 1}}}
		}
		s.Append(&r)
		all = append(all, r)
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	if f := s.Figures(); f.CopiedBytes < 10*f.AliveBytes {
		t.Errorf("it was not written again often enough: %+v", f)
	}
	_, got, err := replayed(disk, disk.Open(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(keeptest.State(all), keeptest.State(got)); diff != "" {
		t.Error(diff)
	}
}
