package session

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// Ack finishes a delivery: with a reason below 0x80 this end has taken the
// message over, from 0x80 it will not. It appends the PUBACK or PUBREC once
// those of all earlier deliveries have left, and then all that have waited for
// it [MQTT-4.6.0-2, MQTT-4.6.0-3]. Ticket 0, that of a QoS 0 message, does
// nothing. For a session that is to survive a crash, the message and the Record
// have to be durable before the next bytes are written, be they appended here
// or later.
//
// Properties are those of 5.0, a Reason String and User Properties. They are
// left out where they may not be sent, and where the acknowledgement has to
// wait for others.
//
// [mqttwire.ErrStaleTicket] is that of [qos.Inbound.Finish], also on a
// connection that is over: then use [Session.Finish]. [mqttwire.ErrNotYet] says
// that the message has not all come, see Payload.
// [mqttwire.ErrPubackCode] and [mqttwire.ErrPubrecCode] say that the reason
// may not stand there; before 5.0 it is not sent, and any will do. Other errors
// are those of the properties. The delivery is not finished then.
func (e *end) Ack(dst []byte, t qos.Ticket, reason mqttwire.Reason, properties codec.Properties, now time.Duration) ([]byte, qos.Record, error) {
	if t == 0 {
		return dst, qos.Record{}, nil
	}
	if e.phase != Connected {
		return dst, qos.Record{}, mqttwire.ErrStaleTicket
	}
	if t == e.session.coming {
		return dst, qos.Record{}, mqttwire.ErrNotYet // see Payload
	}
	if e.version == mqttwire.V50 {
		kind, err := mqttwire.PUBACK, mqttwire.ErrPubackCode
		if t.Level() == qos.ExactlyOnce {
			kind, err = mqttwire.PUBREC, mqttwire.ErrPubrecCode
		}
		if !reason.SentBy(e.role, kind) {
			return dst, qos.Record{}, err // [MQTT-3.4.2-1], [MQTT-3.5.2-1]
		}
		if err := properties.Check(kind); err != nil {
			return dst, qos.Record{}, err
		}
	}
	r, err := e.session.in.Finish(t, reason)
	if err != nil {
		return dst, r, err
	}
	for {
		a, ok := e.session.in.NextAck()
		switch {
		case !ok:
			return dst, r, nil
		case a.ID == t.ID() && properties.Size() != 0:
			dst = e.appendExplained(dst, a, properties)
			e.wrote(now)
		default:
			dst = e.appendAck(dst, a, now)
		}
	}
}

// appendAcks appends the acknowledgements that are due.
func (e *end) appendAcks(dst []byte, now time.Duration) []byte {
	for {
		a, ok := e.session.in.NextAck()
		if !ok {
			return dst
		}
		dst = e.appendAck(dst, a, now)
	}
}

// appendAck appends the PUBACK, PUBREC, PUBREL or PUBCOMP of an Action, if it
// has one, in its shortest form (5.0 §3.4.2.1). It always fits.
func (e *end) appendAck(dst []byte, a qos.Action, now time.Duration) []byte {
	if a.Packet == 0 {
		return dst
	}
	e.wrote(now)
	return appendShort(dst, a)
}

func appendShort(dst []byte, a qos.Action) []byte {
	switch {
	case a.Reason == mqttwire.Success:
		return append(dst, byte(a.Packet)<<4|a.Flags, 2, byte(a.ID>>8), byte(a.ID))
	}
	return append(dst, byte(a.Packet)<<4|a.Flags, 3, byte(a.ID>>8), byte(a.ID), byte(a.Reason))
}

// appendExplained appends a PUBACK or PUBREC with properties, which have been
// checked, or without where the client must not have them.
func (e *end) appendExplained(dst []byte, a qos.Action, properties codec.Properties) []byte {
	if e.version != mqttwire.V50 || e.terse && e.role == mqttwire.Server {
		return appendShort(dst, a) // [MQTT-3.1.2-29]
	}
	out, err := dst, error(nil)
	if a.Packet == mqttwire.PUBACK {
		out, err = (&codec.Puback{ID: a.ID, Code: a.Reason, Properties: properties}).Append(dst, e.own())
	} else {
		out, err = (&codec.Pubrec{ID: a.ID, Code: a.Reason, Properties: properties}).Append(dst, e.own())
	}
	if err != nil || !e.fits(len(out)-len(dst)) {
		return appendShort(dst, a) // [MQTT-3.4.2-2, MQTT-3.4.2-3, MQTT-3.5.2-2, MQTT-3.5.2-3]
	}
	return out
}
