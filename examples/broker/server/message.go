package server

import (
	"bytes"
	"slices"
	"time"

	"github.com/mqttwire/mqttwire/codec"
)

// A message is what a client has published. It borrows the packet it came in.
type message struct {
	topic      []byte
	payload    []byte
	properties codec.Properties // as published
	retain     bool
	from       string    // the Client Identifier of the publisher
	at         time.Time // when it came
	number     uint64    // of a retained message
}

func newMessage(from string, p *codec.Publish) *message {
	return &message{topic: p.Topic, payload: p.Payload, properties: p.Properties, retain: p.Retain, from: from, at: time.Now()}
}

// newWill returns the message that a CONNECT leaves with the server, a copy.
func newWill(from string, w *codec.Will) *message {
	p := codec.Publish{Topic: bytes.Clone(w.Topic), Payload: bytes.Clone(w.Payload), Retain: w.Retain}
	for x := range w.Properties.All() {
		if x.ID != codec.WillDelayInterval { // for the server, not for the PUBLISH
			p.Properties = codec.AppendProperty(p.Properties, x)
		}
	}
	return newMessage(from, &p)
}

// clone returns a copy that outlives the packet the message came in.
func (m *message) clone() *message {
	c := *m
	c.topic, c.payload, c.properties = bytes.Clone(m.topic), bytes.Clone(m.payload), m.properties.Clone()
	return &c
}

// waited returns for how many whole seconds the server has had the message,
// where that matters, and whether it is as long as the publisher allows
// (5.0 §3.3.2.3.3).
func (m *message) waited() (seconds uint32, expired bool) {
	limit, ok := m.properties.MessageExpiryInterval()
	if !ok {
		return 0, false
	}
	seconds = uint32(time.Since(m.at) / time.Second)
	return seconds, seconds >= limit
}

// propertiesFor returns the properties for a client: the publisher's, in their
// order, less the seconds waited, and the client's own Subscription
// Identifiers. It may use the memory of scratch, or m's.
func (m *message) propertiesFor(matches []match, waited uint32, scratch *codec.Properties) codec.Properties {
	hasID := func(x match) bool { return x.Value.id != 0 }
	if waited == 0 && !slices.ContainsFunc(matches, hasID) {
		return m.properties
	}
	p := scratch.Reset()
	for x := range m.properties.All() {
		if x.ID == codec.MessageExpiryInterval {
			x.Number -= waited
		}
		p = codec.AppendProperty(p, x)
	}
	for _, x := range matches {
		if hasID(x) {
			p = codec.AppendSubscriptionIdentifier(p, x.Value.id)
		}
	}
	*scratch = p
	return p
}
