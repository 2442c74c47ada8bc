package server

import (
	"bytes"
	"encoding/binary"
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
	expiryAt   int       // where in properties the Message Expiry Interval is, 0 for none
	number     uint64    // of a retained message
}

func newMessage(from string, p *codec.Publish) *message {
	m := &message{topic: p.Topic, payload: p.Payload, properties: p.Properties, retain: p.Retain, from: from, at: time.Now()}
	for x, rest, ok := m.properties.Next(); ok; x, rest, ok = rest.Next() {
		if x.ID == codec.MessageExpiryInterval {
			m.expiryAt = len(m.properties) - len(rest) - 4
		}
	}
	return m
}

// newWill returns the message that a CONNECT leaves with the server, a copy.
func newWill(from string, w *codec.Will) *message {
	p := codec.Publish{Topic: bytes.Clone(w.Topic), Payload: bytes.Clone(w.Payload), Retain: w.Retain}
	for x := range w.Properties.All() {
		if x.ID != codec.WillDelayInterval { // for the server, not for the PUBLISH
			p.Properties, _ = codec.AppendProperty(p.Properties, x)
		}
	}
	return newMessage(from, &p)
}

// clone returns a copy that outlives the packet the message came in.
func (m *message) clone() *message {
	c := *m
	c.topic, c.payload, c.properties = bytes.Clone(m.topic), bytes.Clone(m.payload), bytes.Clone(m.properties)
	return &c
}

// waited returns for how many whole seconds the server has had the message,
// and whether that is more than its publisher allows (5.0 §3.3.2.3.3).
func (m *message) waited() (seconds uint32, expired bool) {
	if m.expiryAt == 0 {
		return 0, false
	}
	seconds = uint32(time.Since(m.at) / time.Second)
	return seconds, seconds >= m.expiry()
}

func (m *message) expiry() uint32 { return binary.BigEndian.Uint32(m.properties[m.expiryAt:]) }

// appendProperties appends the properties for a client: the publisher's, in
// their order, less the seconds waited, and the client's own Subscription
// Identifiers.
func (m *message) appendProperties(dst codec.Properties, routes []route, waited uint32) codec.Properties {
	start := len(dst)
	dst = append(dst, m.properties...)
	if waited > 0 {
		binary.BigEndian.PutUint32(dst[start+m.expiryAt:], m.expiry()-waited)
	}
	for _, r := range routes {
		if r.sub.id != 0 {
			dst, _ = codec.AppendSubscriptionIdentifier(dst, r.sub.id)
		}
	}
	return dst
}
