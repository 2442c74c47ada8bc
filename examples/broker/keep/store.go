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
