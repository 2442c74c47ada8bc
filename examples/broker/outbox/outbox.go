package outbox

import "sync/atomic"

// An Outbox gathers what is to be written to one peer. It has no lock: its owner
// has, and holds it for each call, except for Lose and Lost. The zero Outbox is empty
// and ready. It must not be copied.
type Outbox struct {
	b       []byte
	memory  *memory // of b
	parts   int     // that b was gathered in
	owes    uint64
	writing bool // a batch is taken
	awaited bool
	lost    atomic.Bool
}

// Bytes returns what has gathered, to be appended to and given back with Gather.
func (o *Outbox) Bytes() []byte {
	if o.b == nil {
		o.memory = memories.Get().(*memory)
		o.b = o.memory.b[:0]
	}
	return o.b
}

// Gather takes what Bytes gave, with what was appended: one part, if anything.
func (o *Outbox) Gather(b []byte) {
	if len(b) > len(o.b) {
		o.parts++
	}
	o.b = b
}

// Len returns how many bytes have gathered.
func (o *Outbox) Len() int { return len(o.b) }

// Owe says that what has gathered may be written only when all up to a mark is
// durable. Marks never decrease.
func (o *Outbox) Owe(mark uint64) { o.owes = mark }

// Idle reports whether nothing has gathered and no write is under way.
func (o *Outbox) Idle() bool { return len(o.b) == 0 && !o.writing }

// Rest gives memory back in which nothing has gathered.
func (o *Outbox) Rest() {
	if len(o.b) == 0 {
		o.drop()
	}
}

// Await has Wrote report the end of the next write. It reports false where none
// is to come.
func (o *Outbox) Await() bool {
	if o.Idle() || o.Lost() {
		return false
	}
	o.awaited = true
	return true
}

// Take begins a write with all that has gathered. ok is false where there is
// nothing, where a write is under way, and where the outbox is lost.
func (o *Outbox) Take() (b Batch, ok bool) {
	if o.writing || len(o.b) == 0 || o.Lost() {
		return Batch{}, false
	}
	b = Batch{Bytes: o.b, Parts: o.parts, Owes: o.owes, memory: o.memory}
	o.b, o.memory, o.parts, o.writing = nil, nil, 0, true
	return b, true
}

// Wrote ends the write of a batch, whose memory is gone then. With an error the
// outbox is lost. It reports whether somebody waits for it.
func (o *Outbox) Wrote(b Batch, err error) (awaited bool) {
	b.free()
	if err != nil {
		o.Lose()
		o.drop()
	}
	awaited, o.awaited, o.writing = o.awaited, false, false
	return awaited
}

// Lose has the outbox write no more. Any goroutine may call it, without the lock.
func (o *Outbox) Lose() { o.lost.Store(true) }

// Lost reports whether Lose was called, or a write has failed. Any goroutine may
// call it, without the lock.
func (o *Outbox) Lost() bool { return o.lost.Load() }

func (o *Outbox) drop() {
	(&Batch{Bytes: o.b, memory: o.memory}).free()
	o.b, o.memory, o.parts = nil, nil, 0
}
