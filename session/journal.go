package session

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// A session comes back after a crash from its last snapshot and the journal
// lines since then, in their order. A line is written before the bytes of its
// step are:
//
//   - for a message that is sent the Journal of the Action of Publish or
//     Reserve, Store, with its level, and that of the events of PUBACK, PUBREC
//     and PUBCOMP, Release and Forget; a Forget also for one that Resend gives
//     up. These go to ReplaySent.
//   - for a message received Accept, with the ID and Level of its ticket, when
//     it is acknowledged with a reason below 0x80, and the Journal of the event
//     of a PUBREL, Forget. These go to ReplayReceived.

// ReplaySent applies a line about a message that this end has sent, to a
// session without a connection. See [qos.Outbound.Replay].
func (s *Session) ReplaySent(op qos.Op, id uint16, level qos.Level, token uint64) error {
	if s.life != offline {
		return mqttwire.ErrSnapshot
	}
	return s.out.Replay(op, id, level, token)
}

// ReplayReceived applies a line about a message that this end has received, to
// a session without a connection. See [qos.Inbound.Replay].
func (s *Session) ReplayReceived(op qos.Op, id uint16, level qos.Level) error {
	if s.life != offline {
		return mqttwire.ErrSnapshot
	}
	return s.in.Replay(op, id, level)
}
