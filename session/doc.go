// Package session is one end of an MQTT session, over its successive network
// connections, for 3.1, 3.1.1 and 5.0, without I/O: [Server] and [Client] are
// an end of one connection, [Session] is what stays when that is gone. They
// know which packet may come when and from whom, what was negotiated, what to
// answer to each violation in each version, and compose the packages codec, qos
// and keepalive. Sockets, messages, subscriptions and wills are the caller's.
// The state diagrams are in the package's README.
//
// # Steps
//
// Next takes a packet out of a [codec.Framer], and Receive one that the caller has
// framed. They append what is to be written to a buffer of the caller's, and
// return at most one [Event]. Calls such as Accept, Publish, Ack and Disconnect
// append too: one write can carry all that a read brought. What can be many is
// pulled until there is none: NextResend, [Session.NextDropped],
// [Session.Poll].
//
// A connection goes through phases, see [Phase]:
//
//   - Server: Open; a CONNECT is the event Connect; Accept it with a Session,
//     or Refuse it. Client: Connect with a Session; the events are Accepted or
//     Refused.
//   - Once accepted: if the session was resumed pull NextResend, then publish.
//   - An error from Next, Receive or Poll ends the connection: write what was
//     appended, close. So does a DISCONNECT, sent or received.
//   - Close when the network connection is gone, however it went. What is to
//     be done about a will, and when the session ends, [Session.Poll] says, now
//     and at its Deadline.
//
// # Borrowing
//
// The packet of an event is in the Decoder given to Next or Receive, and its
// slices are in the Framer, or in the bytes given to Receive; a Topic that an
// alias stood for is in the connection. All are valid until the next packet on
// the same connection or with the same Decoder, and until the Framer's Buffer.
// Calls keep nothing of what they are given.
//
// # Large payloads
//
// A payload need not be held, in either direction. [Limits].StreamAbove has Next
// tell of a large PUBLISH by its head, and Payload takes the rest as it comes.
// PublishHead and ResendHead append a head, and the caller writes the payload
// after it, from wherever it is. Nothing is acknowledged before its last byte has
// come: what is cut off is void, and sent again.
//
// # Time
//
// There is no clock: now is a reading of a monotonic clock, as the time since a
// moment that the caller chooses once, for all sessions. Deadline says when to
// call Poll; a Poll too many does nothing. Receive what has come before a Poll:
// a process that was suspended finds its deadline past, and what would have put
// it off waiting in the socket.
//
// # Persistence
//
// A step that changes what must outlive the process says its [qos.Record], or
// that the [State] has changed. A caller whose sessions survive a crash keeps
// both in the order of the steps, each before the bytes that it allows are
// written; [qos.Record] and State say which these are. A process that starts
// again takes the last snapshot, if there is one, gives [Session.Apply] the
// Records since then, gives [Session.Resume] the last State, and pulls
// [Session.Poll].
//
// What a client has to know besides:
//
//   - Where nothing was kept, it resumes State{Exists: true, Expiry: Never}: its
//     first CONNECT may have reached the server, which then says Session Present
//     [MQTT-3.2.2-4].
//   - Subscriptions are in no Record. Subscribe on each connection of a new
//     process, or keep that the SUBACK has come.
//   - A Clear voids exchanges, not messages: those of QoS 1 that NextDropped
//     tells are to be published again, and kept for that before the Clear is.
//   - A journal becomes shorter by a snapshot, the State, and the messages of
//     Sent that are not released, in a new file that takes the place of the old.
//
// # Trust
//
// Whatever the peer sends, in whatever order, the machines do not panic, and
// hold no more than was announced: [Limits] and [ServerOptions] say how much
// that is. An error is either the peer's, and then the connection is over, or
// the caller's, and then nothing has happened.
package session
