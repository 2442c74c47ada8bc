package brokers

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// msg is a message to publish, or one that is to come, on a topic of the check's
// own.
func (b *bench) msg(topic, payload string, level qos.Level) *codec.Publish {
	return &codec.Publish{Topic: []byte(b.topic(topic)), Payload: []byte(payload), QoS: level}
}

func retained(p *codec.Publish) *codec.Publish {
	q := *p
	q.Retain = true
	return &q
}

// at is p at another QoS.
func at(level qos.Level, p *codec.Publish) *codec.Publish {
	q := *p
	q.QoS = level
	return &q
}

func dup(p *codec.Publish) *codec.Publish {
	q := *p
	q.Dup = true
	return &q
}

func withID(id uint16, p *codec.Publish) *codec.Publish {
	q := *p
	q.ID = id
	return &q
}

func with(properties codec.Properties, p *codec.Publish) *codec.Publish {
	q := *p
	q.Properties = properties
	return &q
}

// user is a block of User Properties: name, value, name, value ...
func user(pairs ...string) codec.Properties {
	var p codec.Properties
	for i := 0; i < len(pairs); i += 2 {
		p = codec.AppendUserProperty(p, pairs[i], pairs[i+1])
	}
	return p
}

// same reports whether two are the same message: of one topic and payload.
func same(p, q *codec.Publish) bool {
	return bytes.Equal(p.Topic, q.Topic) && bytes.Equal(p.Payload, q.Payload)
}

// show describes all that two copies of a message have in common: not the
// Packet Identifier, and of the properties not the order, except for that of the
// User Properties.
func show(p *codec.Publish) string {
	text := fmt.Sprintf("PUBLISH %v, DUP %v, RETAIN %v, topic %s, payload %s", p.QoS, p.Dup, p.Retain, brief(p.Topic), brief(p.Payload))
	var properties, users []string
	for x := range p.Properties.All() {
		if x.ID == codec.UserProperty {
			users = append(users, x.String())
		} else {
			properties = append(properties, x.String())
		}
	}
	if len(properties)+len(users) > 0 {
		slices.Sort(properties)
		text += ", properties " + strings.Join(append(properties, users...), ", ")
	}
	return text
}

// brief is a text to print and compare.
func brief(b []byte) string {
	if len(b) > 200 {
		return fmt.Sprintf("of %d bytes, %x", len(b), sha256.Sum256(b))
	}
	return fmt.Sprintf("%q", b)
}

func shows(messages []*codec.Publish) string {
	if len(messages) == 0 {
		return "nothing"
	}
	var all []string
	for _, p := range messages {
		all = append(all, show(p))
	}
	return strings.Join(all, "; ")
}

// judge holds a message that came against the one that was to come, attribute by
// attribute: each has a rule of its own. The two are the same message.
func (b *bench) judge(got, want *codec.Publish) {
	if got.QoS != want.QoS {
		b.Faultf(cQoS, fmt.Sprintf("%v for %s", want.QoS, brief(want.Payload)), "%v", got.QoS)
	}
	if got.Dup != want.Dup {
		rule := cDupNot
		if want.Dup {
			rule = cDup
		}
		b.Faultf(rule, fmt.Sprintf("DUP %v in %s", want.Dup, show(want)), "DUP %v", got.Dup)
	}
	if got.Retain != want.Retain {
		rule := cRetainNot
		if want.Retain {
			rule = cRetain
		}
		b.Faultf(rule, fmt.Sprintf("RETAIN %v in %s", want.Retain, show(want)), "RETAIN %v", got.Retain)
	}
	b.judgeProperties(got.Properties, want.Properties)
}

// judgeProperties compares properties by their identifiers: each has the rule
// that it goes with the message as it came.
func (b *bench) judgeProperties(got, want codec.Properties) {
	had, has := byID(want), byID(got)
	for id, list := range had {
		switch {
		case slices.Equal(has[id], list):
		case id == codec.UserProperty && slices.Equal(slices.Sorted(slices.Values(has[id])), slices.Sorted(slices.Values(list))):
			b.Fault(cUserOrder, "in this order: "+strings.Join(list, ", "), strings.Join(has[id], ", "))
		default:
			b.Faultf(cProperty[id], strings.Join(list, ", "), "%q", has[id])
		}
	}
	for id, list := range has {
		if had[id] != nil {
			continue
		}
		switch id {
		case codec.MessageExpiryInterval, codec.UserProperty:
			// No rule says that a server adds none.
			b.Advise(cProperty[id], "no "+id.String()+", as it was published", strings.Join(list, ", "))
		default:
			b.Fault(cProperty[id], "no "+id.String(), strings.Join(list, ", "))
		}
	}
}

func byID(p codec.Properties) map[codec.PropertyID][]string {
	by := map[codec.PropertyID][]string{}
	for x := range p.All() {
		by[x.ID] = append(by[x.ID], x.String())
	}
	return by
}
