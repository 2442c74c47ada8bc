// Package mqttwire is the vocabulary that the packages of this module share:
// protocol versions, roles, control packet types, reason codes, and the errors
// that a packet can provoke, each with the clause of the standard it breaks
// and the answer the standard wants.
//
// It holds no behaviour of its own. That is in the packages beside it:
//
//   - [github.com/mqttwire/mqttwire/session]: one end of an MQTT session over its
//     successive connections, client or server. Programs begin here.
//   - [github.com/mqttwire/mqttwire/codec]: the wire format, all 15 packets.
//   - [github.com/mqttwire/mqttwire/qos]: the delivery of QoS 1 and 2.
//   - [github.com/mqttwire/mqttwire/keepalive]: when to ping, and to give up.
//   - [github.com/mqttwire/mqttwire/topicmatch]: topics, filters, indexes.
//   - [github.com/mqttwire/mqttwire/tokenauth]: token credentials.
//   - [github.com/mqttwire/mqttwire/connack]: the codes of CONNACK.
//   - [github.com/mqttwire/mqttwire/testdata] and
//     [github.com/mqttwire/mqttwire/fuzz]: vectors and generators for tests.
//
// The programs in examples are there to be read and copied: hello, client, tiny,
// a broker in one file, and the full reference broker.
//
// Sections are cited as "5.0 §x" and "3.1.1 §y" for the OASIS standards and
// "3.1 §z" for the MQTT V3.1 Protocol Specification that preceded them.
package mqttwire
