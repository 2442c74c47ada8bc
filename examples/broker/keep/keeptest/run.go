package keeptest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/qos"
)

// Run tests a Store. The function disk is called by each test for an empty place
// and returns what opens the Store there. To open it again is a start after the
// process was killed: what the Store before has not synced may be gone.
func Run(t *testing.T, disk func(t *testing.T) (open func() keep.Store)) {
	t.Run("restarts", func(t *testing.T) { testRestarts(t, disk(t)) })
	t.Run("borrows", func(t *testing.T) { testBorrows(t, disk(t)) })
	t.Run("many at once", func(t *testing.T) { testManyAtOnce(t, disk(t)) })
	t.Run("replay that is stopped", func(t *testing.T) { testReplayStops(t, disk(t)) })
	t.Run("large", func(t *testing.T) { testLarge(t, disk(t)) })
}

// Replayed returns copies of all that a Store replays.
func Replayed(t *testing.T, s keep.Store) (all []keep.Record) {
	t.Helper()
	err := s.Replay(func(r *keep.Record) error {
		all = append(all, Copy(r))
		return nil
	})
	if err != nil {
		t.Fatalf("Replay: %v", err)
	}
	return all
}

// Prefix returns how many of all the records make the State that a Store replays,
// from least on, and fails the test where none do: a record is kept whole or not
// at all, and none without those before it.
func Prefix(t *testing.T, s keep.Store, all []keep.Record, least int) int {
	t.Helper()
	got := State(Replayed(t, s))
	for n := least; n <= len(all); n++ {
		if State(all[:n]) == got {
			return n
		}
	}
	t.Fatalf("%d records were promised, of %d, and what is left is none of their states:\n%s", least, len(all), got)
	return 0
}

// Kept is what was promised, after each of many restarts, and nothing torn.
func testRestarts(t *testing.T, open func() keep.Store) {
	l := NewLife(1)
	r := rand.New(rand.NewPCG(1, 1))
	var all []keep.Record // that were ever appended, less what a restart has lost
	var lost []keep.Record
	for round := range 8 {
		s := open()
		synced := len(all)
		n := Prefix(t, s, append(all[:synced:synced], lost...), synced)
		all = append(all, lost...)
		lost = all[n:]
		all = all[:n:n]
		again := lost // the same life, from there
		for range 60 {
			x := keep.Record{}
			if len(again) > 0 {
				x, again = again[0], again[1:]
			} else {
				x = l.Next()
			}
			s.Append(&x)
			if all = append(all, x); r.IntN(5) == 0 {
				if err := s.Sync(); err != nil {
					t.Fatalf("round %d: Sync: %v", round, err)
				}
				synced = len(all)
			}
		}
		lost = append(all[synced:len(all):len(all)], again...)
		all = all[:synced:synced]
	}
}

// What a record refers to may change after Append.
func testBorrows(t *testing.T, open func() keep.Store) {
	s := open()
	Replayed(t, s)
	var want []keep.Record
	l := NewLife(2)
	for range 100 {
		x := l.Next()
		want = append(want, Copy(&x))
		s.Append(&x)
		if m := x.Message; m != nil {
			spoil(m.Topic)
			spoil(m.Payload)
			spoil(m.Properties.Bytes())
		}
		for i := range x.To {
			clear(x.To[i].SubscriptionIDs)
		}
		clear(x.To)
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if got := State(Replayed(t, open())); got != State(want) {
		t.Errorf("got\n%swant\n%s", got, State(want))
	}
}

// Append may be called while Sync waits, by many, and Sync by one after the other.
func testManyAtOnce(t *testing.T, open func() keep.Store) {
	s := open()
	Replayed(t, s)
	var syncing sync.Mutex
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			client := fmt.Sprint("client", i)
			x := keep.Record{Kind: keep.SessionKept, Client: client}
			x.State.Exists = true
			s.Append(&x)
			for n := range uint64(200) {
				s.Append(&keep.Record{Kind: keep.MessageQueued, Message: &keep.Message{Topic: []byte("t"), Payload: fmt.Append(nil, n)},
					To: []keep.Recipient{{Client: client, Key: uint64(i)<<32 | n + 1, Level: qos.AtLeastOnce}}})
				if n%20 == 0 {
					syncing.Lock()
					if err := s.Sync(); err != nil {
						t.Error(err)
					}
					syncing.Unlock()
				}
			}
		})
	}
	wait.Wait()
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, x := range Replayed(t, open()) {
		for _, to := range x.To {
			if want := fmt.Sprint(seen[to.Client]); string(x.Message.Payload) != want {
				t.Fatalf("%s has %s where it should have %s", to.Client, x.Message.Payload, want)
			}
			seen[to.Client]++
		}
	}
	for i := range 4 {
		if n := seen[fmt.Sprint("client", i)]; n != 200 {
			t.Errorf("client%d has %d of 200", i, n)
		}
	}
}

// Replay returns the error that it is stopped with.
func testReplayStops(t *testing.T, open func() keep.Store) {
	s := open()
	Replayed(t, s)
	for _, client := range []string{"a", "b", "c"} {
		x := keep.Record{Kind: keep.SessionKept, Client: client}
		x.State.Exists = true
		s.Append(&x)
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	enough, calls := errors.New("enough"), 0
	err := open().Replay(func(*keep.Record) error {
		calls++
		return enough
	})
	if err != enough || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

// A record, and what gathers between two Syncs, may be many megabytes.
func testLarge(t *testing.T, open func() keep.Store) {
	s := open()
	Replayed(t, s)
	x := keep.Record{Kind: keep.SessionKept, Client: "a"}
	x.State.Exists = true
	s.Append(&x)
	all := []keep.Record{x}
	for i := range uint64(5) {
		x := keep.Record{Kind: keep.MessageQueued, Message: &keep.Message{Topic: []byte("t"), Payload: make([]byte, 1_000_000*i)},
			To: []keep.Recipient{{Client: "a", Key: i + 1, Level: qos.ExactlyOnce}}}
		s.Append(&x)
		all = append(all, x)
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if State(Replayed(t, open())) != State(all) {
		t.Error("it is not the same")
	}
}
