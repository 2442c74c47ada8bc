// Package hub is an MQTT broker for 3.1, 3.1.1 and 5.0 without I/O: bytes and the
// time go in, bytes come out by an [outbox.Outbox], records by a keep.Store, and
// deadlines are handed out. What the protocol is about is the library's: a
// connection is a codec.Framer and a session.Server, a client a session.Session,
// who gets what a topicmatch.Index, what is retained a topicmatch.Names. This
// package adds clients, queues, and the limits of all of them.
//
// It imports the library, outbox and keep, and no net; it starts no goroutine and
// reads no clock. Its locks are in lock.go, all of them, in their order.
//
// # Who calls what
//
// A [Host] makes a [Hub] and polls it at its Deadline. A connection is taken in
// with Open, which is given its [Carrier]: what writes, and what wakes who reads.
// One goroutine serves the [Conn]: it asks for its [Call] again and again and does
// that. Any number of goroutines may do so for as many connections; who does
// something in the hub has a [Worker] meanwhile, which in the end has everything
// written that has gathered.
//
// # Words
//
// Verbs tell where a message comes from and where it goes:
//
//	receive  from a client: receivePacket, receiveConnect, receivePublish …
//	route    who gets it: decide makes an intent for each recipient
//	execute  an intent, by a sink: live, or a plan that is journalled first
//	offer    to a client, which takes it, queues it, or refuses it
//	send     to a client, into its outbox: sendNow, sendWaiting, resend
//	inject   from another node
//
// A posting is a message on its way through, which borrows the packet it came in;
// a message is what is kept of one; a delivery is a message that waits for one
// client or is in flight to it.
//
// # How a message goes through
//
// A PUBLISH is matched, encoded once for each version and kind of QoS, and copied
// to the outbox of every client that gets it, where the Packet Identifier is
// written into the copy; what a client cannot take yet waits in its session. The
// worker has all that it has touched written at its end, acknowledgements and
// messages alike.
//
// # What is kept
//
// QoS 0 is never kept: it is dropped, and counted, where its reader is slow or
// away. QoS 1 and 2 wait in their session, up to a limit; what comes over that is
// dropped and counted, and refused, in 5.0 with 0x97, if nobody has taken it. A
// message is held once however many sessions it waits in, and not at all for
// one that ends with its connection and takes it at once. Publishers wait for a
// connected client that is behind (hold.go). Who pays for what is kept is told in
// account.go, who gives way where that is too much in relief.go, whose a session is in
// membership.go, what ends with a right in rights.go.
//
// What may be long proceeds in slices: retained messages for a new subscription
// (backlog.go), a SUBSCRIBE of very many filters, relief, and audits. Between them others
// have their turn: [Hub.Poll] yields, and is one at a time.
//
// A message that matches several subscriptions of a client is delivered to it
// once, at the highest of their levels, with all of their Subscription
// Identifiers (5.0 §3.3.4). A Shared Subscription is another reason to deliver:
// to the member whose turn it is, of those who are connected if there are any.
// In 3.1 and 3.1.1 too a filter that starts with $share/ is one: clients cannot
// use such topics for anything else (3.1.1 §4.7.2).
//
// What clients publish to topics that start with $ is refused, except for those
// that a [Handler] claims, and a bridge's own state: see bridge.go.
package hub
