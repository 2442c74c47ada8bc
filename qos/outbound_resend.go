package qos

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// NextResend returns what a resumed session has to send next: the PUBRELs in
// the order of their PUBRECs, then the PUBLISHes in their original order, DUP
// set, each with its original id and once a connection [MQTT-4.4.0-1,
// MQTT-4.6.0-1, MQTT-4.6.0-4]. The PUBLISHes count against the quota: ok is
// false when there is no more, or no more before the next acknowledgement.
//
// It changes nothing: the packet stays next, and Publish says ErrResuming, until
// Resend says that it goes out, or GiveUp that it never will.
func (o *Outbound) NextResend() (a Action, ok bool) {
	if s := o.next(); s != nil {
		return o.again(s), true
	}
	return Action{}, false
}

// next returns what is to be sent again next, or nil.
func (o *Outbound) next() *slot {
	switch {
	case o.nextRelease != 0:
		return o.window.at(o.nextRelease)
	case o.nextPublish != 0 && o.quota != 0:
		return o.window.at(o.nextPublish)
	}
	return nil
}

// Resend says that the packet that NextResend or Poll gave goes out now, and
// returns it. [mqttwire.ErrNotConnected] and [mqttwire.ErrStaleTicket], for an
// id whose turn it is not, say that nothing has happened.
func (o *Outbound) Resend(id uint16, now time.Duration) (Action, error) {
	if !o.up {
		return Action{}, mqttwire.ErrNotConnected
	}
	s := o.next()
	switch {
	case s == nil || s.id != id:
		if s = o.window.find(id); s == nil || s.flags&due == 0 {
			return Action{}, mqttwire.ErrStaleTicket
		}
		s.flags &^= due
		o.timers.again(s)
		return o.again(s), nil
	case s.state == uint8(AwaitPubcomp):
		o.nextRelease = s.next
		s.flags |= released
	default:
		o.nextPublish = s.next
		s.flags |= carried
		o.quota--
	}
	if o.timers != nil {
		o.timers.start(&o.window, s, now)
	}
	return o.again(s), nil
}

// again returns the packet that an exchange is waiting on, as a repetition.
func (o *Outbound) again(s *slot) Action {
	a := Action{Token: s.token, ID: s.id, ToWrite: ToWrite{Packet: mqttwire.PUBREL, Flags: 0b0010}}
	switch {
	case s.state != uint8(AwaitPubcomp):
		a.Packet, a.Flags = mqttwire.PUBLISH, s.state<<1|fixedheader.FlagDup
	case o.version == mqttwire.V31:
		a.Flags |= fixedheader.FlagDup // 3.1 §2.1: a PUBREL has one too
	}
	return a
}

// GiveUp ends the sending of a message that this connection has not carried, as
// one that it cannot carry, or that the caller has no more. The event is
// GivenUp: an earlier connection may have delivered the message.
//
//   - At QoS 1 its id is free: the Record is Forget.
//   - At QoS 2 the receiver may hold the id, and would take the next message
//     with it for this one. So the message ends with a PUBREL instead of a
//     PUBLISH: the Record is Release, and Forget comes with the PUBCOMP, where
//     Completed says that the id is free, not that the message arrived. In its
//     turn the PUBREL is the packet to write; else NextResend gives it. This
//     bends [MQTT-4.3.3-3], which asks for the PUBLISH until a PUBREC has come,
//     for the sake of [MQTT-3.1.2-25], which makes a message that is too large
//     as good as delivered.
//
// [mqttwire.ErrAwaitingAck] says that this connection has carried the message:
// its acknowledgement is to come. [mqttwire.ErrStaleTicket] is for an id that is
// of no message, or past its PUBREC. Then nothing has happened.
func (o *Outbound) GiveUp(id uint16, now time.Duration) (Action, error) {
	s := o.window.find(id)
	switch {
	case s == nil || s.state != uint8(AwaitPuback) && s.state != uint8(AwaitPubrec):
		return Action{}, mqttwire.ErrStaleTicket
	case s.flags&carried != 0:
		return Action{}, mqttwire.ErrAwaitingAck
	case s.state == uint8(AwaitPuback):
		a := o.finish(&o.publish, s, mqttwire.Success)
		a.Event = GivenUp
		return a, nil
	}
	a := Action{Token: s.token, ID: id, ToTell: ToTell{Event: GivenUp, Change: sentRelease.at(ExactlyOnce)}}
	o.unlink(&o.publish, s)
	s.state = uint8(AwaitPubcomp)
	o.window.push(&o.release, s)
	o.sendRelease(&a, s, now)
	return a, nil
}

// sendRelease puts the PUBREL of s, the last of its list, into a, unless earlier
// ones are still to be resumed: then NextResend comes to it [MQTT-4.6.0-4].
func (o *Outbound) sendRelease(a *Action, s *slot, now time.Duration) {
	if !o.up || o.nextRelease != 0 {
		return
	}
	a.Packet, a.Flags = mqttwire.PUBREL, 0b0010
	s.flags |= released
	if o.timers != nil {
		o.timers.start(&o.window, s, now)
	}
}

// Poll returns a PUBLISH or PUBREL that was sent Connection.Retry ago or more
// and is not acknowledged, with DUP set, the oldest first, and counts it as sent
// now: say Resend when it goes out. ok is false when none is due. Call it until
// then, at Deadline or at any other time.
//
// What was sent more than once at QoS 1 may be acknowledged more than once, and
// a PUBACK too many must not hit another message: the id stays out of use
// until as many have come, or the connection has ended.
func (o *Outbound) Poll(now time.Duration) (a Action, ok bool) {
	if o.timers == nil {
		return Action{}, false
	}
	s := o.timers.due(&o.window, now)
	if s == nil {
		return Action{}, false
	}
	s.flags |= due
	return o.again(s), true
}

// Deadline returns when Poll has something to return unless it is acknowledged
// before. ok is false when nothing waits, and always unless Connection.Retry is
// set.
func (o *Outbound) Deadline() (at time.Duration, ok bool) {
	if o.timers == nil {
		return 0, false
	}
	return o.timers.deadline()
}
