// Package outbox holds the bytes on their way to one peer: what has gathered and
// is not written yet, in its order, what must be durable before it may be, and
// who waits for progress. It knows nothing of MQTT, of sockets or of time: the
// write is somebody else's, who takes a [Batch], writes it, and says that it is
// over. One is under way at a time, so that the order stays.
//
// It imports the standard library only, and no net; it has no lock, starts no
// goroutine and reads no clock.
//
// Its words: bytes are *gathered*; a batch is *taken* and *wrote*; it *owes* a
// mark that has to be durable; an outbox that can write no more is *lost*.
package outbox
