package hub

import (
	"bytes"
	"slices"
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/qos"
)

// A message is what somebody has published and the server keeps: for a session
// that cannot take it yet, or might need it again, or to be retained. Nothing
// in it changes, so that all who have it share it.
type message struct {
	topic      []byte
	payload    []byte
	properties codec.Properties // as published, without a Topic Alias
	from       string           // the Client Identifier of the publisher
	at         time.Duration    // when it came
	expiry     uint32           // Message Expiry Interval, seconds
	expires    bool
	level      qos.Level
	number     uint64   // of a retained message: how many were before
	timer      *timer   // of a retained message that expires
	payer      *account // of a retained message
	warrant    string   // by what right it is, see Auditor

	older, newer *message // of the same payer, both retained

	holders atomic.Int32 // accounts whose sessions hold it
	first   holding      // by one of them
}

// size is what it counts for in a queue, in bytes.
func (m *message) size() int {
	return len(m.topic) + len(m.payload) + m.properties.Size() + messageSize
}

// messageSize is what a message takes besides its bytes.
const messageSize = 250

var slash = []byte("/")

// waited returns for how many whole seconds the server has had the message,
// and whether that is as long as the publisher allows (5.0 §3.3.2.3.3).
func (m *message) waited(now time.Duration) (seconds uint32, expired bool) {
	if !m.expires {
		return 0, false
	}
	// It may be before the message came, where the clock was set back over a restart.
	seconds = uint32(min(max(now-m.at, 0)/time.Second, 1<<32-1))
	return seconds, seconds >= m.expiry
}

// ends returns when the message is too old.
func (m *message) ends() time.Duration { return ends(m.at, m.expiry) }

func ends(at time.Duration, expiry uint32) time.Duration {
	return at + time.Duration(expiry)*time.Second
}

// propertiesAfter returns the properties as they are sent so many seconds
// later, with the Subscription Identifiers of a subscriber: the publisher's, in
// their order, and no others (5.0 [MQTT-3.3.2-6, MQTT-3.3.4-3]).
func propertiesAfter(p codec.Properties, waited uint32, ids []uint32, scratch codec.Properties) codec.Properties {
	if waited == 0 && len(ids) == 0 {
		return p
	}
	q := codec.Edit{Waited: waited}.Append(scratch.Reset(), p)
	for _, id := range ids {
		q = codec.AppendSubscriptionIdentifier(q, id)
	}
	return q
}

// A delivery is a message on its way to a client.
type delivery struct {
	m      *message
	held   *holding   // what is charged while it waits and is in flight
	to     *recipient // nil: nothing to say
	key    uint64     // in the Store, 0 for none
	level  qos.Level
	retain bool // RETAIN as it is sent
}

// A recipient is what a delivery carries of the subscriptions it is for.
type recipient struct {
	ids   []uint32 // Subscription Identifiers
	share *share   // the Shared Subscription, nil for others
}

func (d *delivery) ids() []uint32 {
	if d.to == nil {
		return nil
	}
	return d.to.ids
}

func (d *delivery) share() *share {
	if d.to == nil {
		return nil
	}
	return d.to.share
}

// delivery returns an intent as a delivery, which borrows nothing.
func (in *intent) delivery(pub *posting) delivery {
	held := pub.holding(in.client.account)
	d := delivery{m: held.m, held: held, key: in.key, level: in.level, retain: in.retain}
	if len(in.ids) > 0 || in.share != nil {
		d.to = &recipient{slices.Clone(in.ids), in.share}
	}
	return d
}

// A posting is a message on its way through the server. It borrows the
// packet it came in, and encodes itself once for all who get it.
type posting struct {
	topic      []byte
	payload    []byte
	properties codec.Properties
	from       string
	level      qos.Level
	retain     bool
	now        time.Duration

	tellable bool     // its publisher can be told that it is refused
	payer    *account // of the publisher, nil for the server and other nodes
	warrant  string   // by what right it publishes, see Auditor
	kept     *message // shared by all who have to keep it
	last     *holding // by the account that it was last given to

	holdings map[*account]*holding
	encoded  [4]encoding
	scratch  codec.Properties
}

// encoding is a PUBLISH, without its first byte and Packet Identifier.
type encoding struct {
	b  []byte
	id int // where the Packet Identifier stands

	expiry int // where the Message Expiry Interval stands, 0 for nowhere
}

// set describes a PUBLISH, which it borrows. What was encoded before is gone,
// its memory is used again.
func (pub *posting) set(p *codec.Publish, from string, now time.Duration) {
	pub.topic, pub.payload, pub.properties = p.Topic, p.Payload, p.Properties
	pub.from, pub.level, pub.retain, pub.now = from, p.QoS, p.Retain, now
	pub.kept, pub.payer, pub.warrant, pub.tellable = nil, nil, "", false
	if pub.last != nil {
		pub.last = nil
		if len(pub.holdings) > 0 {
			clear(pub.holdings)
		}
	}
	for i := range pub.encoded {
		pub.encoded[i].b = pub.encoded[i].b[:0]
	}
	if _, ok := p.Properties.TopicAlias(); ok {
		// An alias is the connection's, not the message's (5.0 §3.3.2.3.4).
		pub.scratch = codec.Edit{Without: []codec.PropertyID{codec.TopicAlias}}.Append(pub.scratch.Reset(), p.Properties)
		pub.properties = pub.scratch
	}
}

// republish describes a message that the server has kept.
func (pub *posting) republish(m *message, now time.Duration) {
	pub.set(&codec.Publish{Topic: m.topic, Payload: m.payload, Properties: m.properties, QoS: m.level}, m.from, now)
	pub.kept = m
}

// ends returns when the publication is too old, and whether it ever is.
func (pub *posting) ends() (time.Duration, bool) {
	if m := pub.kept; m != nil {
		return m.ends(), m.expires
	}
	expiry, ok := pub.properties.MessageExpiryInterval()
	return ends(pub.now, expiry), ok
}

// keep returns the publication as a message that outlives the packet.
func (pub *posting) keep() *message {
	if pub.kept == nil {
		m := &message{from: pub.from, at: pub.now, level: pub.level}
		b := make([]byte, 0, len(pub.topic)+len(pub.payload))
		b = append(append(b, pub.topic...), pub.payload...)
		m.topic, m.payload = b[:len(pub.topic):len(pub.topic)], b[len(pub.topic):]
		m.properties = pub.properties.Clone()
		m.expiry, m.expires = m.properties.MessageExpiryInterval()
		pub.kept = m
	}
	return pub.kept
}

// encode returns the PUBLISH for one version, with or without a Packet
// Identifier. It is nil where the message is too long for any packet.
func (pub *posting) encode(rules codec.Rules, acknowledged bool) *encoding {
	p := codec.Publish{Topic: pub.topic, Payload: pub.payload}
	i := 0
	if rules.Version == v5 {
		p.Properties = pub.properties
		i = 2
	}
	if acknowledged {
		p.QoS, p.ID = qos.AtLeastOnce, 1
		i++
	}
	e := &pub.encoded[i]
	if len(e.b) == 0 {
		b, err := p.Append(e.b, rules)
		if err != nil {
			return nil
		}
		_, head, _ := fixedheader.Consume(b)
		e.b, e.id, e.expiry = b, head+2+len(p.Topic), 0
		if p.Properties.Len() > 0 {
			e.expiry = expiryAt(b)
		}
	}
	return e
}

// publish returns the delivery as a PUBLISH, with properties where five.
func (d *delivery) publish(five bool, now time.Duration) codec.Publish {
	m := d.m
	p := codec.Publish{Topic: m.topic, Payload: m.payload, QoS: d.level, Retain: d.retain}
	if five {
		waited, _ := m.waited(now)
		p.Properties = propertiesAfter(m.properties, waited, d.ids(), codec.Properties{})
	}
	return p
}

func tooDeep(topic []byte, maxLevels int) bool { return bytes.Count(topic, slash) >= maxLevels }
