package outbox

import (
	"encoding/binary"
	"sync"
	"time"
)

// A Batch is what one write carries. Its memory is used again after
// [Outbox.Wrote].
type Batch struct {
	Bytes  []byte
	Parts  int    // as they were gathered
	Owes   uint64 // the mark that has to be durable before a byte is written
	memory *memory
}

// memory is what bytes gather in.
type memory struct {
	b      []byte
	counts []count // of what stands in the bytes, in their order
}

var memories = sync.Pool{New: func() any { return &memory{b: make([]byte, 0, 1024)} }}

const (
	maxBytes  = 64 << 10 // the largest memory that is used again
	maxCounts = 1 << 10
)

// count is a number of seconds that is counted down until it is written.
type count struct {
	at   int           // where it stands
	ends time.Duration // when it is 0
}

// CountDown says that at a place in what Bytes returned there is a big-endian
// number of seconds, of 32 bits, which is written as what is left of them until
// a moment.
func (o *Outbox) CountDown(at int, ends time.Duration) {
	o.memory.counts = append(o.memory.counts, count{at, ends})
}

// Age counts down what stands in the batch from a place on. It never counts up.
func (b *Batch) Age(from int, now time.Duration) {
	for _, x := range b.memory.counts {
		if x.at >= from {
			left := max(x.ends-now+time.Second-1, 0) / time.Second // only whole seconds count as waited
			value := b.Bytes[x.at:]
			binary.BigEndian.PutUint32(value, min(uint32(min(left, 1<<32-1)), binary.BigEndian.Uint32(value)))
		}
	}
}

// Ages reports whether there is anything to count down.
func (b *Batch) Ages() bool { return len(b.memory.counts) > 0 }

func (b *Batch) free() {
	m := b.memory
	if m == nil {
		return
	}
	if cap(b.Bytes) <= maxBytes {
		m.b = b.Bytes[:0]
	}
	if m.counts = m.counts[:0]; cap(m.counts) > maxCounts {
		m.counts = nil
	}
	memories.Put(m)
}
