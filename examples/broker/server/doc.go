// Package server is a small MQTT broker for 3.1, 3.1.1 and 5.0 on any
// [net.Conn]. The library does the work: a connection is a codec.Framer and
// the packets of package codec; this package adds sockets, time, and who gets
// what.
//
// It delivers at QoS 0. Subscriptions are granted QoS 0; 5.0 clients are told
// so (Maximum QoS 0) and refused with 0x9B where they publish higher all the
// same; before 5.0, where a client cannot be told, its QoS 1 and 2 handshakes
// are completed and the message is forwarded at QoS 0. A session lasts as long
// as its connection, so Session Present is always 0, and a will whose delay
// would outlast the session is published with its end (5.0 §3.1.2.5). Shared
// subscriptions and topic aliases are not offered. A Topic Filter of more than
// 128 levels is refused, and a message on such a topic is not retained.
//
// A message that matches several subscriptions of a client is delivered to it
// once, with all of their Subscription Identifiers (5.0 §3.3.4).
package server
