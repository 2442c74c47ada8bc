package qos

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// NextResend hands out what a resumed session has to send again, one packet a
// call: the PUBRELs in the order of their PUBRECs, then the PUBLISHes in their
// original order, DUP set, each with its original id and once a connection
// [MQTT-4.4.0-1, MQTT-4.6.0-1, MQTT-4.6.0-4]. The PUBLISHes count against the
// quota: ok is false when there is no more, or no more before the next
// acknowledgement.
func (o *Outbound) NextResend(now time.Duration) (a Action, ok bool) {
	var s *slot
	switch {
	case o.nextRelease != 0:
		s = o.window.at(o.nextRelease)
		o.nextRelease = s.next
		s.flags |= released
	case o.nextPublish != 0 && o.quota != 0:
		s = o.window.at(o.nextPublish)
		o.nextPublish = s.next
		s.flags |= carried
		o.quota--
	default:
		return Action{}, false
	}
	if o.timers != nil {
		o.timers.start(&o.window, s, now)
	}
	return o.again(s), true
}

// again returns the packet that an exchange is waiting on, as a repetition.
func (o *Outbound) again(s *slot) Action {
	a := Action{Token: s.token, ID: s.id, Packet: Packet{Reply: mqttwire.PUBREL, Flags: 0b0010}}
	switch {
	case s.state != uint8(AwaitPubcomp):
		a.Reply, a.Flags = mqttwire.PUBLISH, s.state<<1|fixedheader.FlagDup
	case o.version == mqttwire.V31:
		a.Flags |= fixedheader.FlagDup // 3.1 §2.1: a PUBREL has one too
	}
	return a
}

// Poll hands out a PUBLISH or PUBREL that was sent Connection.Retry ago or more
// and is not acknowledged, with DUP set, the oldest first. ok is false when
// none is due. Call it until then, at Deadline or at any other time.
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
	return o.again(s), true
}

// Deadline returns when Poll has something to hand out unless it is
// acknowledged before. ok is false when nothing waits, and always unless
// Connection.Retry is set.
func (o *Outbound) Deadline() (at time.Duration, ok bool) {
	if o.timers == nil {
		return 0, false
	}
	return o.timers.deadline()
}
