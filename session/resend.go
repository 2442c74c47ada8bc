package session

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// NextResend hands out what a resumed session has to send again: once the
// connection is accepted, and after each Completed, Rejected and GivenUp, until
// ok is false. A PUBREL it appends to dst itself. For a PUBLISH the event is
// Resend: give the message of its Token to Resend before anything else is sent
// [MQTT-4.4.0-1, MQTT-4.6.0-1]. Until Resend has appended it, or it is given up,
// NextResend says the same again, and Publish says ErrResuming.
func (e *end) NextResend(dst []byte, now time.Duration) (_ []byte, ev Event, ok bool) {
	if e.phase != Connected {
		return dst, Event{}, false
	}
	a, ok := e.session.out.NextResend()
	if !ok {
		return dst, Event{}, false
	}
	dst, ev = e.repeat(dst, a, now)
	return dst, ev, true
}

// repeat appends a PUBREL, and asks for the message of a PUBLISH.
func (e *end) repeat(dst []byte, a qos.Action, now time.Duration) ([]byte, Event) {
	if a.Packet == mqttwire.PUBREL {
		e.session.out.Resend(a.ID, now)
		return e.appendAck(dst, a, now), Event{}
	}
	return dst, Event{Kind: Resend, Token: a.Token, ID: a.ID}
}

// retry hands out one message that is due again on this connection.
func (e *end) retry(dst []byte, now time.Duration) ([]byte, Event) {
	for e.outgoing == 0 {
		a, ok := e.session.out.Poll(now)
		if !ok {
			return dst, Event{}
		}
		var ev Event
		if dst, ev = e.repeat(dst, a, now); ev.Kind != None {
			return dst, ev
		}
	}
	return dst, Event{}
}

// sooner returns the earlier of a deadline and that of the messages.
func (e *end) sooner(at time.Duration, ok bool) (time.Duration, bool) {
	retry, again := e.session.out.Deadline()
	if again && e.outgoing == 0 && (!ok || retry < at) {
		return retry, true
	}
	return at, ok
}

// Resend appends the PUBLISH that a Resend event asks for: p with DUP set, the
// Packet Identifier of the event and the QoS it was sent with. What the version
// of the connection cannot say, the properties before 5.0, is left out.
//
// A message that this connection cannot carry is given up, as GiveUp does: the
// event is GivenUp, and its Reason says why: 0x95 for a packet that is too large
// [MQTT-3.1.2-25], at a client 0x9A and 0x9B for what the server lacks now.
// p == nil gives a message up that the caller has no more. In any other case the
// event is zero.
//
// An error says that nothing has happened, and that the event comes again:
// [mqttwire.ErrStaleTicket] that it is not its turn, or of another connection,
// [mqttwire.ErrAwaitingAck] that this connection has carried the message before
// (Limits.Retry), and so it cannot be given up, [mqttwire.ErrNotYet] while a
// payload is being written (see PublishHead), [mqttwire.ErrTopicAliasRange],
// which any Topic Alias earns, and those of [codec.Publish.Append], that p is
// not fit to be sent.
func (e *end) Resend(dst []byte, ev Event, p *codec.Publish, now time.Duration) ([]byte, Event, error) {
	return e.resend(dst, ev, p, withPayload, now)
}

// ResendHead is Resend without the payload, of which only the size is taken, in
// bytes: see PublishHead. What is written is that of Outgoing, nothing where
// the message was given up. It panics where size is negative.
func (e *end) ResendHead(dst []byte, ev Event, p *codec.Publish, size int, now time.Duration) ([]byte, Event, error) {
	if size < 0 {
		panic("session: ResendHead of a payload of negative size")
	}
	return e.resend(dst, ev, p, size, now)
}

// resend is Resend, or ResendHead with a payload of so many bytes.
func (e *end) resend(dst []byte, ev Event, p *codec.Publish, size int, now time.Duration) ([]byte, Event, error) {
	if e.phase != Connected {
		return dst, Event{}, mqttwire.ErrStaleTicket
	}
	if e.outgoing != 0 {
		return dst, Event{}, mqttwire.ErrNotYet // see PublishHead
	}
	x := e.session.out.Find(ev.ID)
	if x.Token != ev.Token || x.Await != qos.AwaitPuback && x.Await != qos.AwaitPubrec {
		return dst, Event{}, mqttwire.ErrStaleTicket
	}
	if p == nil {
		return e.giveUp(dst, ev.ID, mqttwire.UnspecifiedError, now)
	}
	whole := size == withPayload
	if whole {
		size = len(p.Payload)
	}
	q := *p
	q.ID, q.Dup, q.QoS = ev.ID, true, qos.Level(x.Await) // AwaitPuback is 1, AwaitPubrec 2
	if e.version != mqttwire.V50 {
		q.Properties = codec.Properties{}
	}
	// An alias would gain little: what is sent again was sent long ago.
	if _, ok := q.Properties.TopicAlias(); ok {
		return dst, Event{}, mqttwire.ErrTopicAliasRange
	}
	out, err := q.AppendHead(dst, e.own(), size)
	if err == nil {
		err = e.mayResend(q.QoS, q.Retain, len(out)-len(dst)+size)
	}
	switch err {
	case nil:
	case mqttwire.ErrPacketTooLarge, mqttwire.ErrVarintTooLong, mqttwire.ErrQoSNotSupported, mqttwire.ErrRetainNotSupported:
		reason := err.(mqttwire.Error).Reason()
		if err == mqttwire.ErrVarintTooLong {
			reason = mqttwire.PacketTooLarge
		}
		return e.giveUp(dst, ev.ID, reason, now)
	default:
		return dst, Event{}, err
	}
	if _, err := e.session.out.Resend(ev.ID, now); err != nil {
		return dst, Event{}, err
	}
	e.wrote(now)
	if whole {
		return append(out, p.Payload...), Event{}, nil
	}
	e.outgoing = size
	return out, Event{}, nil
}

// mayResend is mayPublish for a message that the session has sent before: a
// server is not held to a Maximum QoS that it had not announced then.
func (e *end) mayResend(level qos.Level, retain bool, size int) error {
	switch {
	case !e.fits(size):
		return mqttwire.ErrPacketTooLarge // [MQTT-3.1.2-24, MQTT-3.2.2-15]
	case e.role == mqttwire.Client:
		return e.features.message(level, retain)
	}
	return nil
}

// GiveUp ends the sending of a message that this connection has not carried, as
// [qos.Outbound.GiveUp] says, and appends its PUBREL where that is in turn. The
// event is GivenUp, with its Record. The errors are those of the machine, and
// [mqttwire.ErrStaleTicket] without a connection: there use that of the Session.
func (e *end) GiveUp(dst []byte, id uint16, now time.Duration) ([]byte, Event, error) {
	if e.phase != Connected {
		return dst, Event{}, mqttwire.ErrStaleTicket
	}
	return e.giveUp(dst, id, mqttwire.UnspecifiedError, now)
}

func (e *end) giveUp(dst []byte, id uint16, reason mqttwire.Reason, now time.Duration) ([]byte, Event, error) {
	a, err := e.session.out.GiveUp(id, now)
	if err != nil {
		return dst, Event{}, err
	}
	return e.appendAck(dst, a, now), givenUp(a, reason), nil
}

// givenUp is the Event of a message that is given up.
func givenUp(a qos.Action, reason mqttwire.Reason) Event {
	ev := told(a, nil, 0)
	ev.Reason = reason
	return ev
}
