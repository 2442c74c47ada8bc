// Package tokenauth is token authentication over MQTT, both ends of it, as
// cloud services have it: a client shows tokens that carry their own permission
// and expiry, renews them without connecting again, and is told when one ends.
// It needs nothing that MQTT 3.1 does not have, so it works in every version.
//
// # On the wire
//
// There are three types of token: R to receive, W to publish, RW for both. A
// client holds at most one of each, and at least one in all. CONNECT carries
//
//	user name  Token|<AccessKeyId>|<InstanceId>
//	password   R|<token>|W|<token>, in any order
//
// A client replaces a token with a PUBLISH to $SYS/uploadToken at QoS 1, and
// waits for the PUBACK before it publishes or subscribes again:
//
//	{"token":"...","type":"R"}
//
// A server publishes to a client, whether it has subscribed or not:
//
//	$SYS/tokenExpireNotice   {"expireTime":1600000000000,"type":"R"}  some minutes ahead
//	$SYS/tokenInvalidNotice  {"code":2,"type":"R"}  before it disconnects the client
//
// The second also tells a client that may not do what it asked for; the server
// need not disconnect it then. Whatever is refused is acknowledged all the same,
// so that it is not sent again. [Verdict] says which type a notice has, the README
// what each code means.
//
// [Credentials], [Update] and [Notice] are these, strictly written and parsed:
// names and tokens are printable ASCII without "|", sizes are limited, and JSON
// has each of these members once. A receiver takes what it needs: the names of
// members are in any case, other members are passed over, and a number may be
// written as text, or as 1.6e12.
//
// # Machines
//
// [Client] holds a client's tokens, [Session] judges one client for a server,
// with a [Verifier] that knows genuine tokens; package hmactoken has one. They
// do no I/O and have no clock: the caller passes now in, asks Deadline when to
// come back, and polls. The diagram of a token's life is in the package's
// README, the example is the same in code.
//
// What a Session needs from its server: that it asks Publish, Subscribe and
// Deliver before it acts, hands messages to [TopicUpdate] to Update and to
// nobody else, sends the notices that Poll, Update and Recheck return to that
// client alone, and disconnects it after a final one: what it answers to an update
// or another PUBLISH comes before.
//
// Secrets stay out of logs: a token is a [Secret], which shows itself to nobody
// who does not ask for its bytes, and no error holds one.
package tokenauth
