package qos

import (
	"time"

	"github.com/mqttwire/mqttwire"
)

// The errors of the steps below are the peer's doing: answer them as
// [mqttwire.Error.Answer] says and close. On a machine without a connection all
// of them return [mqttwire.ErrNotConnected]. The machine has not changed.

// Puback takes a PUBACK (5.0 §3.4): the event is Completed, or Rejected where
// reason is an error, and Unsolicited for an id that is not in flight. A PUBACK
// for anything else than a QoS 1 message is [mqttwire.ErrAckMismatch]
// [MQTT-4.3.3-4; 3.1.1 MQTT-4.3.3-1].
func (o *Outbound) Puback(id uint16, reason mqttwire.Reason) (Action, error) {
	if !o.up {
		return Action{}, mqttwire.ErrNotConnected
	}
	s := o.window.find(id)
	if s == nil {
		if o.timers != nil {
			o.timers.late(&o.window, id)
		}
		return Action{ID: id, ToTell: ToTell{Event: Unsolicited}}, nil
	}
	if s.state != uint8(AwaitPuback) {
		return Action{}, mqttwire.ErrAckMismatch
	}
	return o.finish(&o.publish, s, reason), nil
}

// Pubrec takes a PUBREC (5.0 §3.5).
//
//   - The first one of a message, below 0x80: the event is Released, the reply
//     PUBREL, the Record Release. While earlier PUBRELs are still to be
//     resumed there is no reply: NextResend hands it out in its turn
//     [MQTT-4.6.0-4].
//   - From 0x80: the exchange is over, Rejected [MQTT-4.4.0-2].
//   - A repeated one is answered with PUBREL again: Duplicate.
//   - For an id that is not in flight: Unsolicited, and below 0x80 a PUBREL, in
//     5.0 with 0x92, so that the receiver can forget the id.
//   - For a QoS 1 message or a request: [mqttwire.ErrAckMismatch].
func (o *Outbound) Pubrec(id uint16, reason mqttwire.Reason, now time.Duration) (Action, error) {
	if !o.up {
		return Action{}, mqttwire.ErrNotConnected
	}
	s := o.window.find(id)
	if s == nil {
		a := Action{ID: id, ToTell: ToTell{Event: Unsolicited}}
		if !reason.IsError() {
			a.Packet, a.Flags = mqttwire.PUBREL, 0b0010
			if o.version == mqttwire.V50 {
				a.Reason = mqttwire.PacketIdentifierNotFound
			}
		}
		return a, nil
	}
	a := Action{Token: s.token, ID: id, ToWrite: ToWrite{Flags: 0b0010}}
	switch Await(s.state) {
	case AwaitPubrec:
		if reason.IsError() {
			return o.finish(&o.publish, s, reason), nil
		}
		o.unlink(&o.publish, s)
		s.state = uint8(AwaitPubcomp)
		s.flags &^= due
		o.window.push(&o.release, s)
		a.Event, a.Change = Released, sentRelease.at(ExactlyOnce)
		a.Flags = 0
		o.sendRelease(&a, s, now)
		return a, nil
	case AwaitPubcomp:
		if reason.IsError() {
			return o.finish(&o.release, s, reason), nil
		}
		a.Event = Duplicate
		if s.flags&released == 0 {
			a.Flags = 0
			return a, nil // NextResend comes to it
		}
	default:
		return Action{}, mqttwire.ErrAckMismatch
	}
	a.Packet = mqttwire.PUBREL
	return a, nil
}

// Pubcomp takes a PUBCOMP (5.0 §3.7) of whatever reason: 0x92 too says that the
// receiver does not hold the id any more. The event is Completed, and
// Unsolicited for any id except one that waits for PUBCOMP: a PUBCOMP may be the
// late answer to the PUBREL for an id that has a new user since.
func (o *Outbound) Pubcomp(id uint16, _ mqttwire.Reason) (Action, error) {
	if !o.up {
		return Action{}, mqttwire.ErrNotConnected
	}
	s := o.window.find(id)
	if s == nil || s.state != uint8(AwaitPubcomp) {
		return Action{ID: id, ToTell: ToTell{Event: Unsolicited}}, nil
	}
	return o.finish(&o.release, s, mqttwire.Success), nil
}

// Suback takes a SUBACK: Completed, Unsolicited for an id that is not in
// flight, [mqttwire.ErrAckMismatch] for one that is not a SUBSCRIBE's
// [MQTT-2.2.1-6].
func (o *Outbound) Suback(id uint16) (Action, error) { return o.answered(id, AwaitSuback) }

// Unsuback takes an UNSUBACK, as Suback a SUBACK.
func (o *Outbound) Unsuback(id uint16) (Action, error) { return o.answered(id, AwaitUnsuback) }

func (o *Outbound) answered(id uint16, w Await) (Action, error) {
	if !o.up {
		return Action{}, mqttwire.ErrNotConnected
	}
	s := o.window.find(id)
	if s == nil {
		return Action{ID: id, ToTell: ToTell{Event: Unsolicited}}, nil
	}
	if s.state != uint8(w) {
		return Action{}, mqttwire.ErrAckMismatch
	}
	a := Action{Token: s.token, ID: id, ToTell: ToTell{Event: Completed}}
	o.window.remove(&o.requests, s)
	o.window.give(s)
	return a, nil
}

// finish ends the exchange of a message.
func (o *Outbound) finish(l *list, s *slot, reason mqttwire.Reason) Action {
	a := Action{Token: s.token, ID: s.id, ToTell: ToTell{Event: Completed, Change: sentForget.at(s.level())}}
	if reason.IsError() {
		a.Event = Rejected
	}
	// An exchange whose PUBLISH went out on an earlier connection has taken
	// nothing from this one's quota (5.0 §4.9).
	if s.flags&carried != 0 {
		o.quota++
	}
	o.held--
	o.unlink(l, s)
	if o.timers != nil && o.timers.linger(&o.window, s) {
		return a
	}
	o.window.give(s)
	return a
}

// unlink takes a message out of its list, out of the way of the resumption, and
// off the clock.
func (o *Outbound) unlink(l *list, s *slot) {
	switch s.id {
	case o.nextPublish:
		o.nextPublish = s.next
	case o.nextRelease:
		o.nextRelease = s.next
	}
	o.window.remove(l, s)
	if o.timers != nil {
		o.timers.stop(&o.window, s)
	}
}
