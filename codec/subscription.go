package codec

import (
	"iter"
	"slices"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/internal/text"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// Subscription is a Topic Filter of a SUBSCRIBE with its options
// (3.1.1 §3.8.3, 5.0 §3.8.3).
type Subscription struct {
	// Filter is the Topic Filter, 1 to 65,535 bytes.
	Filter []byte
	// Options are the Subscription Options, before 5.0 the Requested QoS alone.
	Options SubscriptionOptions
}

// SubscriptionOptions is the options byte of a subscription (5.0 §3.8.3.1).
// Convert a QoS level and add what else there is:
//
//	codec.SubscriptionOptions(qos.AtLeastOnce) | codec.NoLocal
//
// Before 5.0 all bits except those of the QoS are reserved (3.1.1 §3.8.3).
type SubscriptionOptions uint8

// The options besides the QoS. The last three exclude each other.
const (
	NoLocal           SubscriptionOptions = 1 << 2 // not what the subscriber itself publishes
	RetainAsPublished SubscriptionOptions = 1 << 3 // forward with the RETAIN flag of the publisher
	SendRetained      SubscriptionOptions = 0 << 4 // send retained messages when the subscription is made
	SendRetainedIfNew SubscriptionOptions = 1 << 4 // send them only if it did not exist before
	DoNotSendRetained SubscriptionOptions = 2 << 4 // do not send them

	optionsQoS             = 0x03
	optionsRetainHandling  = 0x30
	optionsReserved        = 0xc0
	optionsReservedBefore5 = 0xff &^ optionsQoS
)

// QoS returns the Maximum QoS, in 3.1 and 3.1.1 the Requested QoS. 3 is a
// Protocol Error.
func (o SubscriptionOptions) QoS() qos.Level { return qos.Level(o & optionsQoS) }

// NoLocal reports whether the option is set.
func (o SubscriptionOptions) NoLocal() bool { return o&NoLocal != 0 }

// RetainAsPublished reports whether the option is set.
func (o SubscriptionOptions) RetainAsPublished() bool { return o&RetainAsPublished != 0 }

// RetainHandling returns SendRetained, SendRetainedIfNew or DoNotSendRetained.
// Both bits set are a Protocol Error.
func (o SubscriptionOptions) RetainHandling() SubscriptionOptions { return o & optionsRetainHandling }

// Subscriptions is the list of a SUBSCRIBE: a view of bytes in wire format, a
// Topic Filter and an options byte each (3.1.1 §3.8.3, 5.0 §3.8.3). The zero
// value is an empty list. See Lists in the package comment.
type Subscriptions struct {
	b []byte
	// unused are the bits of the options that do not count: those that 3.1
	// does not use, or that a Downgrade has dropped.
	unused SubscriptionOptions
	bad    mqttwire.Error // why the first item that is left out could not be appended
}

// SubscriptionsOf returns a list over bytes in wire format of any origin, which
// it aliases and does not judge: a walk stops at the first that is cut, and
// Append of the packet says what is wrong.
func SubscriptionsOf(b []byte) Subscriptions { return Subscriptions{b: b} }

// Append appends copies of subscriptions and returns the list. A Filter of more
// than 65,535 bytes is left out, and Append of the packet then returns
// [mqttwire.ErrTopicTooLong]. Append of the packet also judges all others.
func (l Subscriptions) Append(items ...Subscription) Subscriptions {
	for _, s := range items {
		if len(s.Filter) > maxField {
			l.bad = mqttwire.ErrTopicTooLong // [MQTT-4.7.3-3]
			continue
		}
		l.b = append(appendField(l.b, s.Filter), byte(s.Options&^l.unused))
	}
	return l
}

// Reset returns an empty list that reuses the memory of l, which the caller
// must own: not one that Decode gave. An error of building is forgotten.
func (l Subscriptions) Reset() Subscriptions { return Subscriptions{b: l.b[:0]} }

// Clone returns a copy that shares no memory with l. It keeps an error of
// building.
func (l Subscriptions) Clone() Subscriptions {
	l.b = slices.Clone(l.b)
	return l
}

// Bytes returns the list in wire format. It aliases the list. Options that
// Decode or a Downgrade told the list to ignore still stand in it.
func (l Subscriptions) Bytes() []byte { return l.b }

// Size returns the size of the list in bytes.
func (l Subscriptions) Size() int { return len(l.b) }

// Len returns the number of subscriptions. It walks the list.
func (l Subscriptions) Len() int {
	n := 0
	for range l.All() {
		n++
	}
	return n
}

// All walks the subscriptions in wire order. Each Filter aliases the list.
func (l Subscriptions) All() iter.Seq[Subscription] {
	return func(yield func(Subscription) bool) {
		for b := l.b; len(b) > 2; {
			n := 2 + (int(b[0])<<8 | int(b[1]))
			if n >= len(b) {
				return
			}
			if !yield(Subscription{b[2:n:n], SubscriptionOptions(b[n]) &^ l.unused}) {
				return
			}
			b = b[n+1:]
		}
	}
}

// Next returns the first subscription, whose Filter aliases the list, and the
// list after it. Where the list is empty, or cut before the end of the first,
// ok is false and the others are zero.
func (l Subscriptions) Next() (s Subscription, rest Subscriptions, ok bool) {
	filter, b, ok := cutField(l.b)
	if !ok || len(b) == 0 {
		return Subscription{}, Subscriptions{}, false
	}
	s = Subscription{filter, SubscriptionOptions(b[0]) &^ l.unused}
	l.b = b[1:]
	return s, l, true
}

// check validates the list by the rules of version v.
func (l Subscriptions) check(v mqttwire.Version, lenient Leniencies) mqttwire.Error {
	b := l.b
	if len(b) == 0 {
		return mqttwire.ErrSubscribeEmpty // 3.1.1 [MQTT-3.8.3-3], 5.0 [MQTT-3.8.3-2]
	}
	for len(b) > 0 {
		if len(b) < 2 {
			return mqttwire.ErrTruncated
		}
		n := 2 + (int(b[0])<<8 | int(b[1]))
		if n >= len(b) {
			return mqttwire.ErrTruncated
		}
		filter, o := b[2:n], SubscriptionOptions(b[n])&^l.unused
		b = b[n+1:]
		// Shared Subscriptions came with 5.0. Few filters get as far as the
		// call that looks for one.
		var e mqttwire.Error
		if v == mqttwire.V50 && len(filter) > 0 && filter[0] == '$' {
			e = text.CheckSubscription(filter)
		} else {
			e = text.CheckFilter(filter)
		}
		if e != 0 && !lenient.excusesFilter(e) {
			return e // [MQTT-3.8.3-1]
		}
		if o >= optionsQoS {
			if e := checkOptions(filter, o, v); e != 0 {
				return e
			}
		}
	}
	return 0
}

// checkOptions validates Subscription Options other than a plain QoS.
func checkOptions(filter []byte, o SubscriptionOptions, v mqttwire.Version) mqttwire.Error {
	reserved := SubscriptionOptions(optionsReservedBefore5)
	if v == mqttwire.V50 {
		reserved = optionsReserved
	}
	switch {
	case o&reserved != 0 && v == mqttwire.V31:
		return mqttwire.ErrNotInVersion // Append only: to Decode these bits are unused (3.1 §3.8)
	case o&reserved != 0:
		return mqttwire.ErrSubscribeReserved // 3.1.1 [MQTT-3.8.3-4], 5.0 [MQTT-3.8.3-5]
	case o&optionsQoS == optionsQoS:
		return mqttwire.ErrSubscribeQoS // 3.1.1 [MQTT-3.8.3-4], 5.0 §3.8.3.1
	case o&optionsRetainHandling == optionsRetainHandling:
		return mqttwire.ErrRetainHandling // 5.0 §3.8.3.1
	case o.NoLocal() && topicmatch.IsShared(filter):
		return mqttwire.ErrNoLocalShared // 5.0 [MQTT-3.8.3-4]
	}
	return 0
}
