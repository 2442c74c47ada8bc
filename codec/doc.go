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
// Clone detaches a packet. Lists and properties are views of the bytes, walked
// with All. After an error the packet is zero.
//
// # Writing
//
// Append writes a packet to the end of a slice, Size says how long it will be.
// Append validates what it is given: a packet that Decode would refuse cannot
// be appended, unless [Rules].Unchecked asks for it. On an error the slice is
// returned as it was.
//
// # Errors
//
// Every error is a [mqttwire.Error], or an error that the documentation of the
// call names. What it breaks is err.Clause, what to answer err.Answer.
//
// Nothing in this package allocates, but Clone, the buffer of a Framer, and
// the growth of a slice that is appended to.
package codec
