// Package codec is the wire format of all control packets of MQTT 3.1, 3.1.1
// and 5.0: one Go type a packet, the version as an argument.
//
// # Reading
//
// [Framer] cuts a byte stream into packets, [Split] does the same for callers
// that keep their own buffer. Both give a fixed header and a body; [Decoder]
// or the Decode method of a packet type turns them into fields.
//
// Decode fills a struct that the caller reuses and borrows the bytes: every
// slice in it aliases the body and is valid until the caller reuses that.
// Clone detaches a packet. After an error the packet is zero.
//
// What the standard forbids is refused. A deviation that exists in the field and
// harms nobody is taken where [Rules].Lenient names it: see [Leniencies].
//
// # Looking on
//
// Decode stops at the first thing that is wrong, as an end of a connection must.
// Inspect does not: for sniffers and proxies it reads any bytes as far as they
// go, by a version that it guesses where nobody knows it, names every fault with
// its offset and its clause, and says where the next packet begins. Resync finds
// the first one in a capture that begins in the middle.
//
// # Writing
//
// Append writes a packet to the end of a slice, Size says how long it will be.
// Append validates what it is given: a packet that Decode would refuse cannot
// be appended, unless [Rules].Unchecked asks for it. On an error the slice is
// returned as it was.
//
// # Lists
//
// [Properties], [Subscriptions], [Filters] and [ReasonCodes] are lists over
// bytes in wire format. The zero value is an empty list. What Decode gives is
// validated, aliases the decoded bytes and lives as long as they do. All four
// have the same methods:
//
//	Append  appends copies of items and returns the list, as append does
//	All     walks the items, in a range
//	Next    returns the first item and the list after it
//	Len     is the number of items
//	Size    is the number of bytes, and Bytes are these
//	Reset   returns an empty list in the same memory
//	Clone   returns a copy in memory of its own
//
// Append returns no error. An item that cannot be encoded is left out, the
// others are not, and the list remembers why; Append of the packet returns that
// error, also with Rules.Unchecked. Clone keeps it, Reset forgets it.
//
// All does not allocate where the range stands in a plain function. Where it
// stands in a function literal that is inlined into its caller, such as one that
// a short constructor returns, the compiler (of Go 1.26) puts the walk's closures
// on the heap: three allocations a walk. Next never allocates, wherever it stands:
//
//	for s, rest, ok := list.Next(); ok; s, rest, ok = rest.Next() {
//		...
//	}
//
// # Errors
//
// Every error is a [mqttwire.Error], or an error that the documentation of the
// call names. What it breaks is err.Clause, what to answer err.Answer.
//
// Nothing in this package allocates except Clone, String, Inspect and its walks,
// Resync, the buffer of a Framer, and the growth of a slice that is appended to.
package codec
