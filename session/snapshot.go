package session

import (
	"hash/crc32"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/internal/binary"
)

// A snapshot is what outlives a process. All numbers are big-endian; equal
// states are equal bytes.
//
//	'S' version state(1) will(1) expiry(4) willDelay(4) lostAgo(8)
//	outLength(4) out… in… crc(4)
const (
	snapshotVersion = 2
	snapshotHeader  = 2 + 2 + 4 + 4 + 8 + 4
	snapshotSum     = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Bits of the state byte.
const (
	snapshotDue    = 1 << 4
	snapshotEnded  = 1 << 5
	snapshotUnkept = 1 << 6
)

// AppendSnapshot appends the state of the session at the moment now, on a
// connection or not, and returns the result: 54 bytes, and those of the two
// machines for each message in flight.
func (s *Session) AppendSnapshot(dst []byte, now time.Duration) []byte {
	start := len(dst)
	state := byte(s.life)
	if s.due {
		state |= snapshotDue
	}
	if s.ended {
		state |= snapshotEnded
	}
	if s.unkept {
		state |= snapshotUnkept
	}
	dst = append(dst, 'S', snapshotVersion, state, byte(s.will))
	dst = binary.BigEndian.AppendUint32(dst, s.expiry)
	dst = binary.BigEndian.AppendUint32(dst, s.willDelay)
	ago := time.Duration(0)
	if s.life == offline {
		ago = now - s.lostAt
	}
	dst = binary.BigEndian.AppendUint64(dst, uint64(ago))
	length := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = s.out.AppendSnapshot(dst)
	binary.BigEndian.PutUint32(dst[length:], uint32(len(dst)-length-4))
	dst = s.in.AppendSnapshot(dst)
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// Restore makes the session what AppendSnapshot saw, without a connection: one
// that it had is taken to be lost at the moment now. Deadlines count on from
// there: to have the time count during which nothing ran, give a now that lies
// so much earlier. A snapshot that is cut, altered or of another version is
// [mqttwire.ErrSnapshot], a session on a connection [mqttwire.ErrSessionInUse],
// and then nothing has changed.
func (s *Session) Restore(b []byte, now time.Duration) error {
	if s.life == online {
		return mqttwire.ErrSessionInUse
	}
	n := len(b) - snapshotSum
	if n < snapshotHeader || b[0] != 'S' || b[1] != snapshotVersion ||
		binary.BigEndian.Uint32(b[n:]) != crc32.Checksum(b[:n], castagnoli) {
		return mqttwire.ErrSnapshot
	}
	state, w := b[2], will(b[3])
	was := life(state &^ (snapshotDue | snapshotEnded | snapshotUnkept))
	machines := b[snapshotHeader:n]
	split := binary.BigEndian.Uint32(b[snapshotHeader-4:])
	if was > offline || w > waiting || uint64(split) > uint64(len(machines)) ||
		(was == absent) && w != noWill || (w == armed) && was != online || (w == waiting) && was != offline {
		return mqttwire.ErrSnapshot
	}
	r := Session{
		in:        s.in, // its tickets are not given again
		expiry:    binary.BigEndian.Uint32(b[4:]),
		willDelay: binary.BigEndian.Uint32(b[8:]),
		life:      was,
		will:      w,
		due:       state&snapshotDue != 0,
		ended:     state&snapshotEnded != 0,
		unkept:    state&snapshotUnkept != 0,
		lostAt:    now - time.Duration(binary.BigEndian.Uint64(b[12:])),
	}
	if err := r.out.Restore(machines[:split]); err != nil {
		return err
	}
	if err := r.in.Restore(machines[split:]); err != nil {
		return err
	}
	if was == online {
		// Poll lets happen what the time has come for: Records that follow, and
		// a State, may say that it has not.
		r.life, r.lostAt = offline, now
		if w == armed {
			r.will = waiting
		}
	}
	*s = r
	return nil
}
