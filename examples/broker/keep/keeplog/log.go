// Package keeplog is a [keep.Store] over a log: one sequence of batches that only
// grows at its end and is cut at its beginning. A restart reads it all; a Sync is
// one batch, and one at a time; what is old and counts still is written again, so
// that the log stays in proportion to what counts. That order of things is all
// there is: see [Store].
//
// It knows no engine, and starts no goroutine. Package simlog is an engine for
// tests, examples/broker/durable has one that lasts.
package keeplog

import (
	"context"
	"fmt"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
)

// A Log is what an engine has to offer. Batches have positions that grow, from 1,
// in the order in which they were appended.
type Log interface {
	// Append adds a batch, and returns when it is durable, with its position. The
	// id is that of no other batch. The error is one that wraps [keep.ErrFull]
	// where nothing was written, or [ErrUnknown] where it may have been: the same
	// id again adds nothing if it was, and returns its position. After any other
	// error the Log is not to be written to.
	Append(ctx context.Context, id string, batch []byte) (pos uint64, err error)
	// Read calls back with the batches from a position on, or from the first there
	// is, in their order, until the last there is when it is called or the first
	// error, which it returns. A batch is valid during the call only.
	Read(ctx context.Context, from uint64, f func(pos uint64, batch []byte) error) error
	// Last returns the position of the last batch, 0 for none.
	Last(ctx context.Context) (uint64, error)
	// Purge forgets the batches below a position, from the first on: a crash may
	// leave some of the last of them, but none without those between.
	Purge(ctx context.Context, below uint64) error
}

// An Error is an error of a Log that this package knows.
type Error uint8

// ErrUnknown says that a batch may have been appended, and may not.
const ErrUnknown Error = 1

// Error returns what is wrong.
func (e Error) Error() string {
	if e == ErrUnknown {
		return "keeplog: nobody knows whether the batch was appended"
	}
	return "keeplog: unknown error"
}

// A DamageError is a Log that cannot be what was written.
type DamageError struct {
	Pos uint64 // of the batch that does not fit
	Err error  // such as keep.ErrDamaged, keep.ErrGap, keep.ErrVersion
}

// Error returns where, and what is wrong.
func (e *DamageError) Error() string { return fmt.Sprintf("position %d of the log: %v", e.Pos, e.Err) }

// Unwrap returns what is wrong.
func (e *DamageError) Unwrap() error { return e.Err }

var _ keep.Grouper = (*Store)(nil)
