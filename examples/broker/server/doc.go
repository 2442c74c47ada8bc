// Package server is an MQTT broker for 3.1, 3.1.1 and 5.0 on any [net.Conn],
// made of this module's parts. What the protocol is about is theirs: a
// connection is a codec.Framer and a session.Server, a client a
// session.Session, who gets what a topicmatch.Index, what is retained a
// topicmatch.Names. This package adds sockets, time, queues, and the limits of
// all of them.
//
// # How a message goes through
//
// A goroutine reads from each connection. It waits without a buffer; when
// something has come it takes a worker, which has one, reads, and handles all
// packets that are there. A PUBLISH is matched, encoded once for each version
// and kind of QoS, and copied to the connection of every client that gets it,
// where the Packet Identifier is written into the copy; what a client cannot
// take yet waits in its session. Then the goroutine lets others run, writes
// what has gathered on every connection that it has touched, acknowledgements
// and messages alike, and reads again. What a socket does not take at once a
// goroutine of that connection writes, so that nobody waits for a slow reader.
//
// # Where what is
//
//   - Config, hooks, Store and Router: what a deployment sets and swaps.
//   - Server has the clients and the connections; a client has the session, its
//     queue and its messages in flight; a conn has the socket.
//   - receive, connect, subscribe, publish: what comes. deliver, write: what
//     leaves. share, retained, takeover, restore, bans, stats: each its subject.
//
// # What is kept
//
// QoS 0 is never kept: it is dropped, and counted, where its reader is slow or
// away. QoS 1 and 2 wait in their session, up to a limit; over that a message
// is refused: a publisher of 5.0 is answered 0x97, even where others got it. A
// message is held once however many sessions it waits in, and not at all for
// one that ends with its connection and takes it at once.
//
// A message that matches several subscriptions of a client is delivered to it
// once, at the highest of their levels, with all of their Subscription
// Identifiers (5.0 §3.3.4). A Shared Subscription is another reason to deliver:
// to the member whose turn it is, of those who are connected if there are any.
// In 3.1 and 3.1.1 too a filter that starts with $share/ is one: clients cannot
// use such topics for anything else (3.1.1 §4.7.2).
//
// What clients publish to topics that start with $ is refused, except for those
// that a [Handler] claims.
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
