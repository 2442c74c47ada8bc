// Package testdata holds what the tests of every MQTT implementation need and
// none should have to write again, as JSON Lines that any language can read,
// with loaders for Go.
//
// The vectors are packets, valid and invalid, each with what it must decode to
// or the rule it breaks. The clauses are the rules themselves, by the
// standards' own ids, in a wording of this project: every numbered statement of
// MQTT 3.1.1 and 5.0, every sentence of 5.0 that speaks of a Malformed Packet,
// a Protocol Error or a Reason Code, the few that no bytes can break, and the
// table of the properties. With both, a test can say which rules it covers and
// which it does not. The conversations are for state machines: bytes in and out,
// time, and what one end must tell its application. [Conversation.Play] runs one.
//
// The files are embedded. README.md beside them describes them, schema.json is a
// JSON Schema of their lines.
package testdata
