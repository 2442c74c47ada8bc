package qos

import "github.com/mqttwire/mqttwire"

// Replay applies a line that a journal kept to a machine without a connection:
// the Journal, ID and Token of an Action, and the level of the message. A
// session comes back from its lines in their order, from the zero Outbound or
// from a snapshot on; Store, Release and Forget are the lines of an Outbound.
//
// A line that does not fit what was replayed before is [mqttwire.ErrSnapshot],
// and changes nothing.
func (o *Outbound) Replay(op Op, id uint16, level Level, token uint64) error {
	s := o.window.find(id)
	switch {
	case o.up:
	case op == Store && s == nil && id != 0 && (level == AtLeastOnce || level == ExactlyOnce):
		if s = o.window.claim(id); s == nil {
			break // to be dropped
		}
		s.token, s.state = token, uint8(level)
		o.window.push(&o.publish, s)
		o.window.last = id
		o.held++
		return nil
	case op == Release && s != nil && s.state == uint8(AwaitPubrec):
		o.window.remove(&o.publish, s)
		s.state = uint8(AwaitPubcomp)
		o.window.push(&o.release, s)
		return nil
	case op == Forget && s != nil:
		l := &o.publish
		if s.state == uint8(AwaitPubcomp) {
			l = &o.release
		}
		o.window.remove(l, s)
		o.window.give(s)
		o.held--
		return nil
	}
	return mqttwire.ErrSnapshot
}

// Replay applies a line that a journal kept to a machine without a connection,
// as [Outbound.Replay] does. Accept and Forget are the lines of an Inbound. An
// Accept of QoS 1 changes nothing: there is no id to keep. A second Accept of
// an id, for a PUBREC that left again, changes nothing either, nor a Forget of
// one that is not held.
func (in *Inbound) Replay(op Op, id uint16, level Level) error {
	p := in.index.find(id)
	switch {
	case in.up, id == 0, level != AtLeastOnce && level != ExactlyOnce:
	case op == Accept:
		if p == 0 && level == ExactlyOnce {
			in.index.entries[in.index.insert(id)].state = twice | decided
		}
		return nil
	case op == Forget:
		if p != 0 {
			in.index.remove(p)
		}
		return nil
	}
	return mqttwire.ErrSnapshot
}
