// Package qos delivers messages at QoS 1 and 2 (3.1 §4, 3.1.1 §4.3 to §4.6, 5.0
// §4.3 to §4.9), without I/O: [Outbound] is the sending end of a session,
// [Inbound] the receiving end. An MQTT session has both at either end.
// They know Packet Identifiers, order, quota and state, over the successive
// network connections of a session; messages, packets and sockets are the
// caller's. The state diagrams are in the package's README.
//
// # Steps
//
// A method per packet received takes what matters of the packet and returns an
// [Action]: at most one packet to write, at most one event, and the [Record] that
// has to be durable before the packet is written. What can be many is pulled
// until there is none: [Outbound.NextResend], each answered by Resend or GiveUp,
// after Connect and after each acknowledgement; [Outbound.NextDropped] after
// Connect and Disconnect; [Inbound.NextAck] after Publish and Finish; and
// [Outbound.Poll] at its Deadline. To pull too often is harmless.
//
// Steps do not allocate, except where a window grows. They have no clock: now is
// a reading of a monotonic clock, as the time since a moment that the caller
// chooses once, and matters only if Connection.Retry is set.
//
// # Persistence
//
// A session outlives its process as a snapshot and the Records since then, or as
// Records alone: [Outbound.AppendSnapshot] and Restore, [Outbound.Apply], the
// same of an Inbound, and [Connection.Record] for a session that is lost. All
// and Find say what is in flight.
//
// # Trust
//
// Whatever the peer sends, in whatever order, a machine neither panics nor
// grows beyond what [Connection] allows. An error is either the caller's, and
// says to wait, or the peer's, and [mqttwire.Error.Answer] says what to answer
// before closing the connection. A step that returns an error has not changed
// the machine.
package qos
