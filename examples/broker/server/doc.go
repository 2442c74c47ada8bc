// Package server runs a hub, which is an MQTT broker for 3.1, 3.1.1 and 5.0, over
// any [net.Conn]: it accepts, reads, writes, and has the deadlines. It knows
// nothing of what the bytes mean.
//
// It imports net, hub, outbox and keep. Its words: a connection is *served* by a
// goroutine of its own, which *reads* it; it is *flushed* by who has something for
// its client, and what the socket does not take at once a goroutine of that
// connection writes, so that nobody waits for a slow reader. An *alarm* has the
// hub polled.
//
// A connection that is a plain socket is waited for without a buffer, and read and
// written without waiting; others are read into a buffer of their own, and written
// by that goroutine.
//
// # A process that was stopped
//
// SIGSTOP, a frozen container: when the server goes on its deadlines are past.
// Each connection is read before it is judged, so that a client whose packets
// have come stays connected, and one whose DISCONNECT has come leaves no will; a
// connection that cannot be read without waiting, such as one with TLS, is looked
// at for 20 ms. A write to a socket that was interrupted so is tried once more,
// for as long as WriteTimeout says; with TLS the connection is lost, since a
// record cannot be written twice. What no packet can put off happens at once: a
// Will Delay Interval or a Session Expiry Interval that is over by now, though the
// client may be waiting to be accepted, the expiry of messages and of an Access,
// and the end of Linger, which can cost a client the last word of the server.
package server
