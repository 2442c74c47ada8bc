// Package mqttwire is the vocabulary that the packages of this module share:
// protocol versions, roles, control packet types, reason codes, and the errors
// that a packet can provoke, each with the clause of the standard it breaks
// and the answer the standard wants.
//
// It holds no behaviour of its own. The wire format is in package codec, the
// delivery state machines in package qos, topics in package topicmatch.
//
// Sections are cited as "5.0 §x" and "3.1.1 §y" for the OASIS standards and
// "3.1 §z" for the MQTT V3.1 Protocol Specification that preceded them.
package mqttwire
