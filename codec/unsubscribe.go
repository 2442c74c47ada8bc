package codec

import (
	"iter"
	"slices"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/internal/text"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// Unsubscribe is an UNSUBSCRIBE packet (3.1.1 §3.10, 5.0 §3.10).
type Unsubscribe struct {
	// ID is the Packet Identifier, 1 to 65,535.
	ID uint16
	// Properties of 5.0 (5.0 §3.10.2.1).
	Properties Properties
	// Filters is the payload, at least one Topic Filter.
	Filters Filters
}

// Filters is a list of Topic Filters in wire format. Empty is none.
//
// What Decode gives is validated, aliases the decoded bytes and lives as long
// as they do. Walking bytes of another origin stops at the first that are cut.
type Filters []byte

// AppendFilter appends a Topic Filter to dst. It only encodes: Append of the
// packet judges. Over 65,535 bytes it returns dst as it was and
// [mqttwire.ErrTopicTooLong].
func AppendFilter[T ~string | ~[]byte](dst Filters, filter T) (Filters, error) {
	if len(filter) > maxField {
		return dst, mqttwire.ErrTopicTooLong // [MQTT-4.7.3-3]
	}
	return appendField(dst, filter), nil
}

// Next returns the first filter and the list after it, both aliasing the list:
// a cursor for callers that cannot range over All. ok is false where the list
// is empty or its bytes are cut.
func (l Filters) Next() (filter []byte, rest Filters, ok bool) { return cutField(l) }

// All walks the filters in wire order. It does not allocate when ranged over
// directly.
func (l Filters) All() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for f, rest, ok := l.Next(); ok; f, rest, ok = rest.Next() {
			if !yield(f) {
				return
			}
		}
	}
}

// Len returns the number of filters. It walks the list.
func (l Filters) Len() int {
	n := 0
	for _, rest, ok := l.Next(); ok; _, rest, ok = rest.Next() {
		n++
	}
	return n
}

func (l Filters) check(v mqttwire.Version) mqttwire.Error {
	if len(l) == 0 {
		return mqttwire.ErrUnsubscribeEmpty // [MQTT-3.10.3-2]
	}
	for len(l) > 0 {
		filter, rest, ok := l.Next()
		if !ok {
			return mqttwire.ErrTruncated
		}
		check := text.CheckFilter[[]byte]
		if v == mqttwire.V50 { // with which Shared Subscriptions came
			check = text.CheckSubscription[[]byte]
		}
		if e := check(filter); e != 0 {
			return e // [MQTT-3.10.3-1]
		}
		l = rest
	}
	return 0
}

// Type returns mqttwire.UNSUBSCRIBE.
func (*Unsubscribe) Type() mqttwire.PacketType { return mqttwire.UNSUBSCRIBE }

// Decode fills p from the body of an UNSUBSCRIBE, which it borrows.
func (p *Unsubscribe) Decode(r Rules, h fixedheader.Header, body []byte) error {
	*p = Unsubscribe{}
	if err := r.checkHeader(mqttwire.UNSUBSCRIBE, h, body); err != nil {
		return err
	}
	var e mqttwire.Error
	if p.ID, p.Properties, body, e = cutRequest(mqttwire.UNSUBSCRIBE, r, body); e == 0 {
		p.Filters = Filters(body[:len(body):len(body)])
		e = p.Filters.check(r.Version)
	}
	if e != 0 {
		*p = Unsubscribe{}
		return e
	}
	return nil
}

// Append appends p to dst.
func (p *Unsubscribe) Append(dst []byte, r Rules) ([]byte, error) {
	e := r.checkRequest(mqttwire.UNSUBSCRIBE, p.ID, &p.Properties)
	if e == 0 && !r.Unchecked {
		e = p.Filters.check(r.Version)
	}
	if e != 0 {
		return dst, e
	}
	out, e := r.appendRequest(dst, mqttwire.UNSUBSCRIBE, p.bodySize(r.Version), p.ID, &p.Properties)
	if e != 0 {
		return dst, e
	}
	return append(out, p.Filters...), nil
}

func (p *Unsubscribe) bodySize(v mqttwire.Version) int {
	return 2 + propertiesSize(&p.Properties, v) + len(p.Filters)
}

// Size returns how many bytes Append writes in version v.
func (p *Unsubscribe) Size(v mqttwire.Version) int { return packetSize(p.bodySize(v)) }

// Clone returns a copy that shares no memory with p or the bytes it was
// decoded from.
func (p *Unsubscribe) Clone() Unsubscribe {
	return Unsubscribe{p.ID, p.Properties.Clone(), slices.Clone(p.Filters)}
}

// Downgrade removes the properties where v is before 5.0. As in
// [Subscribe.Downgrade], a Shared Subscription is [mqttwire.ErrNotInVersion]
// and leaves p alone.
func (p *Unsubscribe) Downgrade(v mqttwire.Version) error {
	if !v.Valid() {
		return mqttwire.ErrVersion
	}
	if v == mqttwire.V50 {
		return nil
	}
	for f := range p.Filters.All() {
		if topicmatch.IsShared(f) {
			return mqttwire.ErrNotInVersion // 5.0 §4.8.2
		}
	}
	p.Properties = Properties{}
	return nil
}
