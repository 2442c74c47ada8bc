package codec

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/internal/text"
)

// Leniencies are deviations from the standard that exist in the field and harm
// nobody, a bit each: a receiver that turns one on takes what it refuses
// otherwise. They are about reading only. What Decode takes on account of one
// says what the packet says; Append writes it as the standard wants it, or
// refuses it with the error that Decode has without the leniency.
//
// The zero value is none of them.
type Leniencies uint16

const (
	// LongClientID takes a Client Identifier of more than 23 characters in 3.1
	// (3.1 §3.1), up to the 65,535 bytes of a string. Clients of 3.1.1 that are
	// told to speak 3.1 send them.
	LongClientID Leniencies = 1 << iota
	// PasswordWithoutUserName takes a CONNECT of 3.1 and 3.1.1 whose flags have
	// a password and no user name (3.1.1 [MQTT-3.1.2-22]), as 5.0 does.
	PasswordWithoutUserName
	// ReservedFlags ignores the reserved flags in the fixed header of every
	// packet except PUBLISH (3.1.1 [MQTT-2.2.2-2], 5.0 [MQTT-2.1.3-1]): PUBREL,
	// SUBSCRIBE and UNSUBSCRIBE with 0000, or sent again with the DUP flag of
	// 3.1, and acknowledgements with 0010.
	ReservedFlags
	// DupQoS0 takes a PUBLISH of QoS 0 with the DUP flag (3.1.1 and 5.0
	// [MQTT-3.3.1-2]), as 3.1 does. Dup says that it was there.
	DupQoS0
	// RepeatWithoutDup takes a PUBLISH of QoS 1, with an id that is not
	// acknowledged yet, for the same message sent again, though the DUP flag is
	// not set [MQTT-3.3.1-1]. It is a matter of state, see package qos; here it
	// changes nothing.
	RepeatWithoutDup
	// MaximumQoS2 takes a CONNACK of 5.0 with a Maximum QoS of 2, which says
	// what its absence says (5.0 §3.2.2.3.4).
	MaximumQoS2
	// EmptyAuth takes an AUTH of a server that has Success and no properties,
	// most often f0 00: 5.0 §3.15.2.1 describes it, 5.0 §3.15.2.2.2 wants an
	// Authentication Method in it.
	EmptyAuth
	// BadFilter takes a SUBSCRIBE and an UNSUBSCRIBE with strings that are no
	// Topic Filters: empty [MQTT-4.7.3-1], with a wildcard in the wrong place (5.0
	// [MQTT-4.7.1-1, MQTT-4.7.1-2], 3.1.1 [MQTT-4.7.1-2, MQTT-4.7.1-3]), or with
	// a wrong ShareName (5.0 [MQTT-4.8.2-1, MQTT-4.8.2-2]). The receiver
	// judges each by itself, with CheckFilter, and answers it with a failure.
	BadFilter

	// AllLeniencies is all there are.
	AllLeniencies Leniencies = 1<<iota - 1
)

// leniencyNames are the names of the bits, from the lowest on.
var leniencyNames = [...]string{"long-client-id", "password-without-user-name", "reserved-flags", "dup-qos-0",
	"repeat-without-dup", "maximum-qos-2", "empty-auth", "bad-filter"}

// Has reports whether l has all of x.
func (l Leniencies) Has(x Leniencies) bool { return l&x == x }

// LeniencyNamed returns the leniency with a name, as in "dup-qos-0" for
// DupQoS0: that of its constant in lower case, with dashes. ok is false where
// there is none.
func LeniencyNamed(name string) (l Leniencies, ok bool) {
	for i, n := range leniencyNames {
		if n == name {
			return 1 << i, true
		}
	}
	return 0, false
}

// String returns the names, with commas between, in the order of the constants,
// "none" for none. Bits that stand for nothing are left out.
func (l Leniencies) String() string {
	var s []byte
	for i, n := range leniencyNames {
		if l>>i&1 != 0 {
			if len(s) > 0 {
				s = append(s, ',')
			}
			s = append(s, n...)
		}
	}
	if len(s) == 0 {
		return "none"
	}
	return string(s)
}

// CheckFilter validates what a SUBSCRIBE or UNSUBSCRIBE of version v may ask
// for: a Topic Filter, in 5.0 a Shared Subscription too. Decode has done so,
// except with BadFilter. It returns nil or an error of
// [topicmatch.CheckSubscription].
func CheckFilter(v mqttwire.Version, filter []byte) error {
	if e := checkFilter(v, filter); e != 0 {
		return e // [MQTT-3.8.3-1], [MQTT-3.10.3-1]
	}
	return nil
}

func checkFilter(v mqttwire.Version, filter []byte) mqttwire.Error {
	switch {
	case len(filter) > maxField:
		return mqttwire.ErrTopicTooLong // [MQTT-4.7.3-3]
	case v == mqttwire.V50: // with which Shared Subscriptions came
		return text.CheckSubscription(filter)
	}
	return text.CheckFilter(filter)
}

// excusesFilter reports whether e, what is wrong with a filter, is excused: it
// is a string, all the same.
func (l Leniencies) excusesFilter(e mqttwire.Error) bool {
	return l.Has(BadFilter) && e != mqttwire.ErrUTF8 && e != mqttwire.ErrNUL
}

// checkFirst is h.CheckFirst as far as the leniencies go.
func (r Rules) checkFirst(h fixedheader.Header) error {
	err := h.CheckFirst(r.Version, r.From)
	if err != nil && r.Lenient&(ReservedFlags|DupQoS0) != 0 {
		return r.checkLenientFirst(h)
	}
	return err
}

// checkLenientFirst judges a first byte as if its sender had known the flags.
func (r Rules) checkLenientFirst(h fixedheader.Header) error {
	switch {
	case h.Type != mqttwire.PUBLISH:
		if r.Lenient.Has(ReservedFlags) {
			h.Flags = fixedheader.ReservedFlags(h.Type)
		}
	case h.QoS() == 0 && r.Lenient.Has(DupQoS0):
		h.Flags &^= fixedheader.FlagDup
	}
	return h.CheckFirst(r.Version, r.From)
}

// excuseMaximumQoS goes on with the properties of a CONNACK whose Maximum QoS is
// wrong, if it is 2: p is the list up to and with that one judged. The list
// keeps the error, for Append.
func (p *Properties) excuseMaximumQoS() mqttwire.Error {
	for b := p.b; ; {
		x, n := cutProperty(b)
		b = b[n:]
		if x.ID != MaximumQoS {
			continue
		}
		if x.Number != 2 {
			return mqttwire.ErrMaximumQoSValue // 5.0 §3.2.2.3.4
		}
		seen, e := checkProperties(b, mqttwire.CONNACK)
		if e == 0 && seen&p.known.seen()&^(1<<UserProperty) != 0 {
			e = mqttwire.ErrPropertyDuplicate // "more than once" in the property's section
		}
		p.known |= knowledge(seen) | knowledge(mqttwire.ErrMaximumQoSValue)<<badShift
		return e
	}
}
