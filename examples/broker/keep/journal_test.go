package keep_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
)

// A Sync that fails is the last: one that would succeed later would cover what
// the failed one has lost.
func TestFailedSyncIsFinal(t *testing.T) {
	store, broken := new(keeptest.Recorder), errors.New("input/output error")
	var j keep.Journal
	failures := 0
	j.Open(store, func(err error) {
		if failures++; err != broken {
			t.Errorf("fail is told %v", err)
		}
	})
	j.Append(&keep.Record{Kind: keep.SessionEnded, Client: "a"})
	kept := j.Mark()
	if err := j.Sync(kept); err != nil {
		t.Fatal(err)
	}
	store.Fail(broken)
	for range 3 {
		j.Append(&keep.Record{Kind: keep.SessionEnded, Client: "b"})
		if err := j.Sync(j.Mark()); err != broken {
			t.Errorf("Sync returned %v", err)
		}
		store.Fail(nil)
	}
	if err := j.Sync(kept); err != nil {
		t.Errorf("what was durable before is not: %v", err)
	}
	if failures != 1 {
		t.Errorf("fail was called %d times", failures)
	}
}

// A Sync that finds no room is tried again, with all that has gathered.
func TestFullIsTriedAgain(t *testing.T) {
	store := new(keeptest.Recorder)
	var j keep.Journal
	j.Open(store, func(err error) { t.Errorf("it has failed: %v", err) })
	j.Append(&keep.Record{Kind: keep.SessionEnded, Client: "a"})
	store.Fail(fmt.Errorf("/var/lib: %w", keep.ErrFull))
	if err := j.Sync(j.Mark()); !errors.Is(err, keep.ErrFull) || !j.Full() {
		t.Errorf("Sync returned %v, and Full %v", err, j.Full())
	}
	j.Append(&keep.Record{Kind: keep.SessionEnded, Client: "b"})
	store.Fail(nil)
	if err := j.Sync(j.Mark()); err != nil || j.Full() {
		t.Errorf("Sync returned %v, and Full %v", err, j.Full())
	}
	if _, synced := store.Counts(); synced != 2 {
		t.Errorf("%d records are durable, want 2", synced)
	}
}

// A Sync waits for the Store only where none has covered its mark.
func TestSyncOnce(t *testing.T) {
	store := new(keeptest.Recorder)
	syncs := 0
	store.While(func() { syncs++ })
	var j keep.Journal
	j.Open(store, nil)
	for range 3 {
		j.Append(&keep.Record{Kind: keep.SessionEnded, Client: "a"})
	}
	for _, want := range []uint64{0, 3, 2, 1} {
		if err := j.Sync(want); err != nil {
			t.Fatal(err)
		}
	}
	if syncs != 1 {
		t.Errorf("%d Syncs, want 1", syncs)
	}
}

// The number of a node stands above those of its messages.
func TestKeyOf(t *testing.T) {
	for _, node := range []uint16{0, 1, keep.MaxNode} {
		for _, count := range []uint64{1, 1 << 20, keep.MaxCount} {
			key := keep.KeyOf(node, count)
			if n, c := keep.SplitKey(key); n != node || c != count {
				t.Errorf("KeyOf(%d, %d) is split into %d, %d", node, count, n, c)
			}
			r := keep.Record{Kind: keep.MessageQueued, Message: &keep.Message{Topic: []byte("t")}, To: []keep.Recipient{{Key: key, Level: 1}}}
			if err := r.Check(); err != nil {
				t.Errorf("key %d: %v", key, err)
			}
		}
	}
}

// What is appended while a Sync runs waits for the next.
func TestSyncCoversItsOwn(t *testing.T) {
	store := new(keeptest.Recorder)
	var j keep.Journal
	j.Open(store, nil)
	j.Append(&keep.Record{Kind: keep.SessionEnded, Client: "a"})
	store.While(func() { j.Append(&keep.Record{Kind: keep.SessionEnded, Client: "b"}) })
	if err := j.Sync(j.Mark()); err != nil {
		t.Fatal(err)
	}
	store.While(nil)
	if err := j.Sync(j.Mark()); err != nil {
		t.Fatal(err)
	}
	if appended, synced := store.Counts(); synced != appended {
		t.Errorf("%d of %d records are durable", synced, appended)
	}
}
