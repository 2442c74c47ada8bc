package session

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// NextResend hands out what a resumed session has to send again: once the
// connection is accepted, and after each Completed or Rejected, until ok is
// false. A PUBREL it appends to dst itself. For a PUBLISH the event is Resend:
// give the message of its Token to Resend before anything else is sent
// [MQTT-4.4.0-1, MQTT-4.6.0-1].
func (e *end) NextResend(dst []byte, now time.Duration) (_ []byte, ev Event, ok bool) {
	if e.phase != Connected {
		return dst, Event{}, false
	}
	a, ok := e.session.out.NextResend(now)
	if !ok {
		return dst, Event{}, false
	}
	dst, ev = e.again(dst, a)
	return dst, ev, true
}

// again appends a PUBREL, and asks for the message of a PUBLISH.
func (e *end) again(dst []byte, a qos.Action) ([]byte, Event) {
	if a.Reply == mqttwire.PUBREL {
		return e.appendAck(dst, a), Event{}
	}
	return dst, Event{Kind: Resend, Token: a.Token, ID: a.ID}
}

// Resend appends the PUBLISH that a Resend event asks for: p with DUP set, the
// Packet Identifier of the event and the QoS it was sent with.
//
// A message that this connection cannot carry is given up, as if it had been
// delivered, and the error says why: [mqttwire.ErrPacketTooLarge]
// [MQTT-3.1.2-25], or [mqttwire.ErrQoSNotSupported] and
// [mqttwire.ErrRetainNotSupported] for what the server lacks now. Its Token is
// done then. p == nil gives a message up that the caller has no more.
//
// Other errors say that nothing has happened: [mqttwire.ErrStaleTicket] that
// the event is not of this connection, or its message finished, and those of
// [codec.Publish.Append] and [mqttwire.ErrTopicAliasRange], which any Topic
// Alias earns, that p is not fit to be sent.
func (e *end) Resend(dst []byte, ev Event, p *codec.Publish) ([]byte, error) {
	if e.phase != Connected {
		return dst, mqttwire.ErrStaleTicket
	}
	phase, token := e.session.out.Phase(ev.ID)
	if token != ev.Token || phase != qos.AwaitPuback && phase != qos.AwaitPubrec {
		return dst, mqttwire.ErrStaleTicket
	}
	level := qos.Level(phase) // 1 and 2
	if p == nil {
		e.giveUp(ev.ID, level)
		return dst, nil
	}
	q := *p
	q.ID, q.Dup, q.QoS = ev.ID, true, level
	// An alias would gain little: what is sent again was sent long ago.
	if _, ok := q.Properties.TopicAlias(); ok && e.version == mqttwire.V50 {
		return dst, mqttwire.ErrTopicAliasRange
	}
	out, err := q.Append(dst, e.own())
	if err != nil {
		return dst, err
	}
	if err := e.mayPublish(level, q.Retain, len(out)-len(dst)); err != nil {
		e.giveUp(ev.ID, level)
		return dst, err
	}
	return out, nil
}

// giveUp finishes a message as if the peer had.
func (e *end) giveUp(id uint16, level qos.Level) {
	if level == qos.AtLeastOnce {
		e.session.out.Puback(id, mqttwire.Success)
	} else {
		e.session.out.Pubrec(id, mqttwire.PacketTooLarge, 0)
	}
}
