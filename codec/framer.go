package codec

import (
	"slices"

	"github.com/mqttwire/mqttwire/fixedheader"
)

// Framer owns the bytes of a connection between reads and cuts them into
// packets. The caller reads into it:
//
//	n, err := conn.Read(framer.Buffer())
//	framer.Filled(n)
//	for {
//		h, body, ok, err := framer.Next()
//		if !ok { break } // err != nil: what came is no packet
//		...
//	}
//
// Its memory grows with the bytes that have come, never with the length that a
// peer announces. The zero Framer is ready; Rules and MaxSize may be changed
// between packets. A Framer has a single owner.
type Framer struct {
	// Rules say what first byte a packet may have. A server starts with From
	// Client and without a Version, so that anything but a CONNECT is refused at
	// its first byte, and sets Version when CONNECT has said which.
	Rules Rules
	// MaxSize is the most bytes a packet may take, fixed header included
	// (5.0 §2.1.4), 0 for no limit.
	MaxSize int

	buf   []byte // its length is its capacity
	start int    // buf[start:end] has come and is not consumed
	end   int
	rest  int  // bytes of a streamed payload still to be taken
	given bool // buf is from Use
	peak  int  // the most that was there at once since it was last empty
}

const (
	minBuffer  = 4 << 10  // what the first Buffer holds, in bytes
	keepBuffer = 64 << 10 // a larger one is given up when little of it was used
	minRead    = 512      // the least a Buffer offers
)

// Buffer returns free space to read into, at least 512 bytes. What Next, Peek
// and Payload returned before is invalid after it.
func (f *Framer) Buffer() []byte {
	if f.start == f.end {
		// A stream of large packets keeps its buffer, a large one in between
		// does not.
		if len(f.buf) > max(keepBuffer, 4*f.peak) && !f.given {
			f.buf = nil
		}
		f.start, f.end, f.peak = 0, 0, 0
	}
	if len(f.buf)-f.end < minRead {
		f.makeRoom()
	}
	return f.buf[f.end:]
}

// makeRoom moves what is there to the front, into a larger buffer where less
// than half of this one would be free.
func (f *Framer) makeRoom() {
	pending := f.buf[f.start:f.end]
	buf := f.buf
	if size := max(minBuffer, 2*len(pending)); size > len(buf) {
		buf = slices.Grow([]byte(nil), size)
		buf = buf[:cap(buf)]
		f.given = false
	}
	f.end = copy(buf, pending)
	f.start, f.buf = 0, buf
}

// Filled says that the first n bytes of Buffer have been filled. It panics
// where n is negative or more than Buffer had.
func (f *Framer) Filled(n int) {
	if n < 0 || n > len(f.buf)-f.end {
		panic("codec: Filled with more bytes than Buffer had")
	}
	f.end += n
	f.peak = max(f.peak, f.end-f.start)
}

// Next returns the next packet, which is valid until Buffer is called. ok is
// false where there is none: err is nil if it has not all come yet, else what
// [Split] says of it, and all later calls say the same. h is then what is known
// of the header.
//
// It panics while a payload is being streamed.
func (f *Framer) Next() (h fixedheader.Header, body []byte, ok bool, err error) {
	if f.rest > 0 {
		panic("codec: Next while a payload is being streamed")
	}
	h, body, n, err := Split(f.Rules, f.buf[f.start:f.end], f.MaxSize)
	f.start += n
	return h, body, n > 0, err
}

// Peek returns the header of the next packet and as much of its body as has
// come, and consumes nothing. It is for payloads too large to hold: give part
// to [Publish.DecodeHead] and, once that has all it needs, what it returns to
// Stream. ok and err are as for Next; ok only says that the header is there.
//
// It panics while a payload is being streamed.
func (f *Framer) Peek() (h fixedheader.Header, part []byte, ok bool, err error) {
	if f.rest > 0 {
		panic("codec: Peek while a payload is being streamed")
	}
	b := f.buf[f.start:f.end]
	h, n, err := SplitHeader(f.Rules, b, f.MaxSize)
	if n == 0 {
		return h, nil, false, err
	}
	b = b[n:]
	return h, b[:min(len(b), int(h.Length))], true, nil
}

// Stream consumes the header that Peek returned and the first n bytes of the
// body, and leaves the rest to be taken with Payload. It panics where Peek has
// nothing to return, or less than n bytes.
func (f *Framer) Stream(n int) {
	h, part, ok, _ := f.Peek()
	if !ok || n < 0 || n > len(part) {
		panic("codec: Stream of more bytes than Peek returned")
	}
	_, size, _ := fixedheader.Consume(f.buf[f.start:f.end])
	f.start += size + n
	f.rest = int(h.Length) - n
}

// Payload consumes and returns what has come of the body that is being
// streamed, valid until Buffer is called, and how many bytes are still to come
// after it. At 0 the next packet follows.
func (f *Framer) Payload() (chunk []byte, rest int) {
	n := min(f.rest, f.end-f.start)
	chunk = f.buf[f.start : f.start+n : f.start+n]
	f.start += n
	f.rest -= n
	return chunk, f.rest
}

// Streaming reports whether part of a body that is being streamed is still to be
// taken with Payload.
func (f *Framer) Streaming() bool { return f.rest > 0 }

// Buffered returns how many bytes have come that are not consumed.
func (f *Framer) Buffered() int { return f.end - f.start }

// Release gives up the buffer if nothing is in it, and returns it for reuse,
// so that an idle connection holds none; else it returns nil. What Next, Peek
// and Payload returned before lies in it. The next Buffer allocates a new one
// unless Use gives it one first.
func (f *Framer) Release() []byte {
	if f.start != f.end {
		return nil
	}
	b := f.buf
	f.buf, f.start, f.end, f.given = nil, 0, 0, false
	return b
}

// Detach moves what is pending out of a buffer that Use gave, into one of the
// framer's own that is just large enough, so that the buffer is the caller's
// again: for a connection that waits for the rest of a packet. What Next, Peek
// and Payload returned before lies in the old one. Without such a buffer it does
// nothing.
func (f *Framer) Detach() {
	if !f.given {
		return
	}
	f.buf = append([]byte(nil), f.buf[f.start:f.end]...)
	f.start, f.end, f.given = 0, len(f.buf), false
	f.buf = f.buf[:cap(f.buf)]
}

// Use gives a framer without a buffer one to use, all of its capacity, until
// Release or until a packet needs a larger one. A framer that has a buffer
// keeps that; Use reports whether it took b.
func (f *Framer) Use(b []byte) bool {
	if f.buf != nil || cap(b) == 0 {
		return false
	}
	f.buf, f.given = b[:cap(b)], true
	return true
}
