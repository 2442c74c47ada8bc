package keep

// A Store keeps sessions and retained messages over a restart. The server works
// from memory: it tells the Store what happens, record by record, waits for
// Sync before it writes what the records promise, and reads them back once,
// after a start.
//
// A record is kept whole or not at all, and none without those before it. A
// Store may forget records that later ones have made void, as each kind says,
// and those of different clients and topics in any order; of each client
// SessionKept comes first.
//
// Append is called with locks held and must not block long, nor call the
// server; Sync by one goroutine at a time, beside Append, and may take its time:
// it delays the connections whose bytes the records are about, and no others.
type Store interface {
	// Append adds a record. What it refers to is read during the call only.
	Append(r *Record)
	// Sync returns when all that was appended before the call is durable. An
	// error that is [ErrFull] says that nothing was written, and that a later
	// Sync may succeed with all that has been appended by then. Any other is
	// final: nobody knows what is durable, and all later Syncs fail.
	Sync() error
	// Replay calls back with what is kept, in its order, and stops at the first
	// error, which it returns. What a record refers to is valid during the call
	// only.
	Replay(func(r *Record) error) error
}

// A Grouper is a Store that keeps records of one step together: all of them or
// none. It is not what a Store must be: over one that is none, a message of a Shared
// Subscription that moves on when a session ends may come twice, or be lost, after a
// crash right between two of its records.
type Grouper interface {
	Store
	// Begin has all that is appended until End be kept whole or not at all, with
	// what others append meanwhile. Any number of goroutines may have begun. A Sync
	// waits for their End: there is no waiting for one in between.
	Begin()
	// End ends what Begin has begun.
	End()
}
