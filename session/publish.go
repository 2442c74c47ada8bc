package session

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/internal/binary"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/varint"
)

// Publish appends a PUBLISH to dst. Of p it ignores ID and Dup, gives a Packet
// Identifier from QoS 1 up, and puts a Topic Alias in place of the topic where
// that helps; p itself is not changed, and not kept. Before 5.0 its properties
// are left out. token is what the caller wants to hear, in Released, Completed,
// Rejected and GivenUp, in Resend after a lost connection, and from
// [Session.NextDropped]. The Action has the identifier and the Record of a
// message above QoS 0.
//
// With an error nothing has happened:
//
//   - [mqttwire.ErrNotConnected], [mqttwire.ErrResuming],
//     [mqttwire.ErrSendQuota] and [mqttwire.ErrPacketIDsExhausted] say to wait,
//     as for [qos.Outbound.Publish]; QoS 0 waits for a connection only. So does
//     [mqttwire.ErrNotYet], while a payload is being written: see PublishHead.
//   - [mqttwire.ErrPacketTooLarge]: the peer takes no such packet. A server
//     goes on as if the message had been delivered [MQTT-3.1.2-25].
//   - [mqttwire.ErrQoSNotSupported], [mqttwire.ErrRetainNotSupported]: the
//     server announced that it lacks it [MQTT-3.2.2-11, MQTT-3.2.2-14].
//   - [mqttwire.ErrTopicAliasRange]: p has an alias of its own that the peer
//     does not take. Give none where [Limits] has this end do it. A received
//     message has none.
//   - The others say what is wrong with p; see [codec.Publish.Append].
func (e *end) Publish(dst []byte, p *codec.Publish, token uint64, now time.Duration) ([]byte, qos.Action, error) {
	return e.publish(dst, p, withPayload, token, now)
}

// withPayload stands for the size of a payload that is appended too.
const withPayload = -1

// publish is Publish, or PublishHead with a payload of so many bytes.
func (e *end) publish(dst []byte, p *codec.Publish, size int, token uint64, now time.Duration) ([]byte, qos.Action, error) {
	if err := e.mayPublish(p.QoS, p.Retain, 0); err != nil {
		return dst, qos.Action{}, err
	}
	alias, known, err := e.aliasFor(p)
	if err != nil {
		return dst, qos.Action{}, err
	}
	var q codec.Publish // a literal would be built elsewhere and copied
	q.Topic, q.QoS, q.Retain = p.Topic, p.QoS, p.Retain
	if size == withPayload {
		q.Payload = p.Payload
	}
	if e.version == mqttwire.V50 {
		q.Properties = p.Properties
	}
	if q.QoS != qos.AtMostOnce {
		if e.session.out.Quota() == 0 {
			a, err := e.session.out.Publish(q.QoS, token, now)
			return dst, a, err
		}
		q.ID = 1 // until the message is known to be sent
	}
	var out []byte
	if alias == 0 && e.maxSend == 0 && size == withPayload { // as always before 5.0
		out, err = q.Append(dst, e.own())
	} else {
		out, alias, err = e.appendPublish(dst, &q, size, alias, known)
	}
	if err != nil {
		return dst, qos.Action{}, err
	}
	var a qos.Action
	if q.QoS != qos.AtMostOnce {
		if a, err = e.session.out.Publish(q.QoS, token, now); err != nil {
			return dst, a, err
		}
		binary.BigEndian.PutUint16(afterTopic(out[len(dst):]), a.ID)
	}
	if alias != 0 {
		if e.given == nil {
			e.given = given{}
		}
		e.given[string(q.Topic)] = alias
		e.givenBytes += len(q.Topic)
	}
	e.wrote(now)
	return out, a, nil
}

// afterTopic returns what follows the topic of a PUBLISH.
func afterTopic(b []byte) []byte {
	n := 1
	for b[n] >= 0x80 {
		n++
	}
	b = b[n+1:]
	return b[2+int(binary.BigEndian.Uint16(b)):]
}

// PublishHead is Publish without the payload, for one that is too large to hold:
// of it only the size is taken, in bytes, and p.Payload is ignored. Write what is
// in dst, then the payload, from wherever it is, and say so with PayloadSent; what
// other steps append meanwhile has to be written after it. Steps that begin
// something wait: Publish, PublishHead, Reserve, Resend, ResendHead, Ping and
// Disconnect say [mqttwire.ErrNotYet], Poll has neither a PINGREQ nor a message
// due again, and a connection that fails does so without a word, which would be
// taken for the payload.
//
// A payload that cannot be written to its end leaves nothing except to close the
// connection. The message is in flight then as any other: a resumed session asks
// for it with Resend. It panics where size is negative.
func (e *end) PublishHead(dst []byte, p *codec.Publish, size int, token uint64, now time.Duration) ([]byte, qos.Action, error) {
	if size < 0 {
		panic("session: PublishHead of a payload of negative size")
	}
	out, a, err := e.publish(dst, p, size, token, now)
	if err == nil {
		e.outgoing = size
	}
	return out, a, err
}

// PayloadSent says that the next n bytes of the payload of PublishHead or
// ResendHead have been written. They count for the Keep Alive. It panics where n
// is negative or more than Outgoing.
func (e *end) PayloadSent(n int, now time.Duration) {
	if n < 0 || n > e.outgoing {
		panic("session: PayloadSent of more than the payload")
	}
	e.outgoing -= n
	e.wrote(now)
}

// Outgoing returns how many bytes of a payload are still to be written, 0 where
// none is.
func (e *end) Outgoing() int { return e.outgoing }

// Reserve is Publish for a caller that encodes the PUBLISH itself, once for
// many peers: it takes level and RETAIN flag, the size of the packet in bytes,
// and appends nothing. The Action has what differs between peers: the Packet
// Identifier. The packet must be written as it is told here, without a Topic
// Alias.
func (e *end) Reserve(level qos.Level, retain bool, size int, token uint64, now time.Duration) (qos.Action, error) {
	if err := e.mayPublish(level, retain, size); err != nil {
		return qos.Action{}, err
	}
	var a qos.Action
	if level != qos.AtMostOnce {
		var err error
		if a, err = e.session.out.Publish(level, token, now); err != nil {
			return a, err
		}
	}
	e.wrote(now)
	return a, nil
}

func (e *end) mayPublish(level qos.Level, retain bool, size int) error {
	switch {
	case e.phase != Connected:
		return mqttwire.ErrNotConnected
	case e.outgoing != 0:
		return mqttwire.ErrNotYet
	case !e.fits(size):
		return mqttwire.ErrPacketTooLarge // [MQTT-3.1.2-24, MQTT-3.2.2-15]
	}
	return e.features.message(level, retain && e.role == mqttwire.Client)
}

// aliasFor returns the alias that the topic of p is to have, 0 for none, and
// whether the peer knows it.
func (e *end) aliasFor(p *codec.Publish) (alias uint16, known bool, err error) {
	if e.version != mqttwire.V50 {
		return 0, false, nil
	}
	if own, ok := p.Properties.TopicAlias(); ok {
		if own > e.aliasPeer {
			err = mqttwire.ErrTopicAliasRange // [MQTT-3.3.2-9, MQTT-3.3.2-11]
		}
	} else if maximum := min(e.aliasPeer, e.limits.TopicAliases); maximum != 0 {
		alias, known = e.given.alias(p.Topic, maximum)
	}
	return alias, known, err
}

// appendPublish appends a PUBLISH within the size that the peer takes, with an
// alias that is not 0 if that fits: as a whole, or its head with the size of its
// payload. fresh is the alias that the peer learns by it.
func (e *end) appendPublish(dst []byte, p *codec.Publish, size int, alias uint16, known bool) (out []byte, fresh uint16, err error) {
	if size == withPayload {
		size = len(p.Payload)
	}
	head, err := p.AppendHead(dst, e.own(), size)
	if err != nil {
		return dst, 0, err
	}
	if alias != 0 {
		if out = appendAliased(dst, p, size, alias, known); out != nil && e.fits(len(out)-len(dst)+size-len(p.Payload)) {
			if known {
				alias = 0
			}
			return out, alias, nil
		}
		// Larger than without; what dst has room for may have been written.
		head, _ = p.AppendHead(dst, e.own(), size)
	}
	if !e.fits(len(head) - len(dst) + size) {
		return dst, 0, mqttwire.ErrPacketTooLarge // [MQTT-3.1.2-24, MQTT-3.2.2-15]
	}
	return append(head, p.Payload...), 0, nil
}

// appendAliased appends a PUBLISH that is known to be right, with an alias
// behind its properties, and without its topic where the peer knows it. It
// returns nil where that is more than a packet can hold.
func appendAliased(dst []byte, p *codec.Publish, size int, alias uint16, known bool) []byte {
	topic := p.Topic
	if known {
		topic = nil
	}
	properties := p.Properties.Size() + 3
	length := 2 + len(topic) + varint.Size(uint32(properties)) + properties + size
	first := byte(mqttwire.PUBLISH)<<4 | byte(p.QoS)<<1
	if p.QoS != qos.AtMostOnce {
		length += 2
	}
	if p.Retain {
		first |= 1
	}
	if length > varint.Max {
		return nil
	}
	out, _ := varint.Append(append(dst, first), uint32(length))
	out = append(out, byte(len(topic)>>8), byte(len(topic)))
	out = append(out, topic...)
	if p.QoS != qos.AtMostOnce {
		out = append(out, 0, 0)
	}
	out, _ = varint.Append(out, uint32(properties))
	out = append(append(out, p.Properties.Bytes()...), byte(codec.TopicAlias), byte(alias>>8), byte(alias))
	return append(out, p.Payload...)
}
