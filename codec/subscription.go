package codec

import (
	"iter"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/internal/text"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// RetainHandling says whether a subscription wants retained messages
// (5.0 §3.8.3.1).
type RetainHandling uint8

// The retain handlings. 3 is a Protocol Error.
const (
	SendRetained      RetainHandling = 0 // when the subscription is made
	SendRetainedIfNew RetainHandling = 1 // only if it did not exist before
	DoNotSendRetained RetainHandling = 2
)

// Subscription is a Topic Filter of a SUBSCRIBE with its Subscription Options
// (3.1.1 §3.8.3, 5.0 §3.8.3.1).
type Subscription struct {
	// Filter is the Topic Filter, 1 to 65,535 bytes.
	Filter []byte
	// QoS is the Maximum QoS, in 3.1 and 3.1.1 the Requested QoS.
	QoS qos.Level
	// NoLocal, RetainAsPublished and RetainHandling are of 5.0, else zero.
	NoLocal           bool
	RetainAsPublished bool
	RetainHandling    RetainHandling
}

// Bits of the Subscription Options (5.0 §3.8.3.1). Before 5.0 all but the QoS
// are reserved.
const (
	optionsQoS             = 0x03
	optionNoLocal          = 1 << 2
	optionRetainPublished  = 1 << 3
	optionsRetainHandling  = 0x30
	shiftRetainHandling    = 4
	optionsReserved        = 0xc0
	optionsReservedBefore5 = 0xff &^ optionsQoS
)

func (s Subscription) options() byte {
	b := byte(s.QoS)&optionsQoS | byte(s.RetainHandling)<<shiftRetainHandling&optionsRetainHandling
	if s.NoLocal {
		b |= optionNoLocal
	}
	if s.RetainAsPublished {
		b |= optionRetainPublished
	}
	return b
}

// Subscriptions is the list of a SUBSCRIBE: a view of bytes in wire format, a
// Topic Filter and an options byte each. The zero value is an empty list, to
// be appended to.
//
// What Decode gives is validated, aliases the decoded bytes and lives as long
// as they do.
type Subscriptions struct {
	b []byte
	// unused are the bits of the options that do not count: those that 3.1
	// does not use, or that a Downgrade has dropped.
	unused byte
}

// Append appends a subscription and returns the list. It only encodes: Append
// of the packet judges. A Filter over 65,535 bytes is
// [mqttwire.ErrTopicTooLong], a QoS or RetainHandling over 3, which no bits
// can hold, is [mqttwire.ErrSubscribeQoS] or [mqttwire.ErrRetainHandling], and
// the list is returned as it was.
func (l Subscriptions) Append(s Subscription) (Subscriptions, error) {
	switch {
	case len(s.Filter) > maxField:
		return l, mqttwire.ErrTopicTooLong // [MQTT-4.7.3-3]
	case s.QoS > 3:
		return l, mqttwire.ErrSubscribeQoS // 3.1.1 [MQTT-3.8.3-4], 5.0 §3.8.3.1
	case s.RetainHandling > 3:
		return l, mqttwire.ErrRetainHandling // 5.0 §3.8.3.1
	}
	l.b = append(appendField(l.b, s.Filter), s.options()&^l.unused)
	return l, nil
}

// Reset returns an empty list that reuses the memory of l, which the caller
// must own: not one that Decode gave.
func (l Subscriptions) Reset() Subscriptions { return Subscriptions{b: l.b[:0]} }

// Bytes returns the list in wire format. It aliases the list.
func (l Subscriptions) Bytes() []byte { return l.b }

// SubscriptionsOf returns a list over bytes in wire format, which it does not
// judge: walking them stops at the first that is cut.
func SubscriptionsOf(b []byte) Subscriptions { return Subscriptions{b: b} }

// Len returns the number of subscriptions. It walks the list.
func (l Subscriptions) Len() int {
	n := 0
	for range l.All() {
		n++
	}
	return n
}

// All walks the subscriptions in wire order. It does not allocate when ranged
// over directly.
func (l Subscriptions) All() iter.Seq[Subscription] {
	return func(yield func(Subscription) bool) {
		for b := l.b; ; {
			s, n := cutSubscription(b, l.unused)
			if n == 0 || !yield(s) {
				return
			}
			b = b[n:]
		}
	}
}

// Next returns the first subscription, whose Filter aliases the list, and the
// list after it: a cursor for callers that cannot range over All. ok is false
// where the list is empty or its bytes are cut.
func (l Subscriptions) Next() (s Subscription, rest Subscriptions, ok bool) {
	s, n := cutSubscription(l.b, l.unused)
	return s, Subscriptions{l.b[n:], l.unused}, n > 0
}

// cutSubscription returns the first subscription of b and its size, 0 where
// there is none.
func cutSubscription(b []byte, unused byte) (s Subscription, n int) {
	if len(b) < 3 {
		return Subscription{}, 0
	}
	n = 2 + (int(b[0])<<8 | int(b[1]))
	if len(b) <= n {
		return Subscription{}, 0
	}
	o := b[n] &^ unused
	return Subscription{
		Filter:            b[2:n:n],
		QoS:               qos.Level(o & optionsQoS),
		NoLocal:           o&optionNoLocal != 0,
		RetainAsPublished: o&optionRetainPublished != 0,
		RetainHandling:    RetainHandling(o & optionsRetainHandling >> shiftRetainHandling),
	}, n + 1
}

// check validates the list by the rules of version v.
func (l Subscriptions) check(v mqttwire.Version) mqttwire.Error {
	b := l.b
	if len(b) == 0 {
		return mqttwire.ErrSubscribeEmpty // 3.1.1 [MQTT-3.8.3-3], 5.0 [MQTT-3.8.3-2]
	}
	for len(b) > 0 {
		if len(b) < 2 {
			return mqttwire.ErrTruncated
		}
		n := 2 + (int(b[0])<<8 | int(b[1]))
		if len(b) <= n {
			return mqttwire.ErrTruncated
		}
		filter, o := b[2:n], b[n]&^l.unused
		b = b[n+1:]
		if e := checkSubscribed(filter, v); e != 0 {
			return e // [MQTT-3.8.3-1]
		}
		if o > optionsQoS || o == optionsQoS {
			if e := checkOptions(filter, o, v); e != 0 {
				return e
			}
		}
	}
	return 0
}

// checkOptions validates Subscription Options other than a plain QoS.
func checkOptions(filter []byte, o byte, v mqttwire.Version) mqttwire.Error {
	reserved := byte(optionsReservedBefore5)
	if v == mqttwire.V50 {
		reserved = optionsReserved
	}
	switch {
	case o&reserved != 0:
		return mqttwire.ErrSubscribeReserved // 3.1.1 [MQTT-3.8.3-4], 5.0 [MQTT-3.8.3-5]
	case o&optionsQoS == optionsQoS:
		return mqttwire.ErrSubscribeQoS // 3.1.1 [MQTT-3.8.3-4], 5.0 §3.8.3.1
	case o&optionsRetainHandling == optionsRetainHandling:
		return mqttwire.ErrRetainHandling // 5.0 §3.8.3.1
	case o&optionNoLocal != 0 && topicmatch.IsShared(filter):
		return mqttwire.ErrNoLocalShared // 5.0 [MQTT-3.8.3-4]
	}
	return 0
}

// checkSubscribed validates a Topic Filter of a SUBSCRIBE or UNSUBSCRIBE:
// Shared Subscriptions came with 5.0.
func checkSubscribed(filter []byte, v mqttwire.Version) mqttwire.Error {
	if v == mqttwire.V50 {
		return text.CheckSubscription(filter)
	}
	return text.CheckFilter(filter)
}
