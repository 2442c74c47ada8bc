package keep

import (
	"errors"
	"sync"
	"sync/atomic"
)

// A Journal is how a server writes to its Store: it counts what it has appended,
// and waits for a Sync only where none has covered that yet. Syncs that wait for
// the same become one. Its methods may be called by many goroutines.
type Journal struct {
	store    Store
	grouper  Grouper       // the same, nil where it is none
	appended atomic.Uint64 // records that ever were
	synced   atomic.Uint64 // of them are durable
	full     atomic.Bool   // the last Sync was ErrFull

	syncing sync.Mutex
	failed  error // final
	fail    func(error)
}

// Open has the Journal write to s. The function fail is called once, with the
// error of a Sync that is final, from the goroutine that has met it.
func (j *Journal) Open(s Store, fail func(error)) {
	j.store, j.fail = s, fail
	j.grouper, _ = s.(Grouper)
}

// Begin and End have what is appended in between be kept whole or not at all, by a
// Store that can: see [Grouper].
func (j *Journal) Begin() {
	if j.grouper != nil {
		j.grouper.Begin()
	}
}

// End ends what Begin has begun.
func (j *Journal) End() {
	if j.grouper != nil {
		j.grouper.End()
	}
}

// Append adds a record. What it refers to is read during the call only.
func (j *Journal) Append(r *Record) {
	j.store.Append(r)
	j.appended.Add(1)
}

// Mark returns what Sync takes, for all that was appended so far.
func (j *Journal) Mark() uint64 { return j.appended.Load() }

// Full reports whether the Store was full when it was last tried.
func (j *Journal) Full() bool { return j.full.Load() }

// Sync returns when all is durable that had been appended at a Mark. With an
// error, what bytes about to be written promise is not, and they must not be
// written. After one that is not [ErrFull], no Sync succeeds that has something
// to wait for: one that came through would cover what the failed one has lost.
func (j *Journal) Sync(want uint64) error {
	if j.synced.Load() >= want {
		return nil
	}
	j.syncing.Lock()
	defer j.syncing.Unlock()
	if j.synced.Load() >= want {
		return nil // another's Sync was for this too
	}
	if j.failed != nil {
		return j.failed
	}
	want = j.appended.Load()
	err := j.store.Sync()
	if full := errors.Is(err, ErrFull); full || err == nil {
		j.full.Store(full)
	} else {
		j.failed = err
		j.fail(err)
	}
	if err == nil {
		j.synced.Store(want)
	}
	return err
}
