// Package wirejudge looks on at MQTT connections and says which clause of the
// standard either side breaks, and when: for proxies, captures and tests, of
// 3.1, 3.1.1 and 5.0.
//
// A Judge is given the bytes of both directions and the time, and calls back
// with each Packet and each Finding. It does no I/O, has no clock, starts no
// goroutine, and changes nothing. What one packet's bytes show is judged by
// [codec.Inspect]; what takes a connection or a session, here: identifiers,
// quotas, acknowledgements and their order, DUP, aliases, limits, the Keep
// Alive, what CONNACK says of the session, what a subscriber may get. Each such
// Rule has a line in a table, with its clauses and its level.
//
// # Who could know what
//
// A judge between two ends sees a packet before its receiver does, and a packet
// of the other end may already be on its way. So it holds against a sender only
// what that end must have known: an acknowledgement that the judge has not seen
// cannot have arrived, one that it has seen may not have arrived yet. For this
// to hold, give the judge what was read before you pass it on.
//
// It knows a session from its beginning, across connections, by the Client
// Identifier, as long as its connections are all given to it. Of a session that
// it meets in the middle (Session Present on the first connection it sees) it
// says nothing that rests on what came before.
//
// # Levels
//
// A Finding is Must where a numbered statement or an error rule of the standard
// is broken, Should where the standard recommends otherwise or where only a
// strict reader would object, Note for what is worth knowing and breaks nothing
// that could be held against anybody.
//
// # Bounds
//
// A judge keeps the head of a packet, at most Limits.Head bytes, never a payload;
// sessions, messages in flight, subscriptions and aliases are limited as Limits
// says, and what does not fit is not judged. No input makes it panic.
//
// # Secrets
//
// What a judge says of a packet shows no password, no Authentication Data, and
// no payload to $SYS/uploadToken, which holds a token. Packet.Fields and
// Packet.Hex mask them.
package wirejudge
