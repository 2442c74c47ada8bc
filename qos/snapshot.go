package qos

import (
	"hash/crc32"
	"slices"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/internal/binary"
)

// A snapshot is what outlives a connection and a process: no quota, no request,
// no delivery that is not decided, since its Ticket is gone, and none that was
// refused, since its Record says Forget. All numbers are big-endian. Equal
// states are equal bytes: messages stand in the order in which they would be
// resumed, ids of an Inbound in rising order.
//
//	Outbound: 'O' version last(2) count(4) { id(2) state(1) token(8) }… crc(4)
//	Inbound:  'I' version serial(4) count(4) { id(2) reason(1) }… crc(4)
const (
	snapshotVersion = 1

	outboundHeader = 1 + 1 + 2 + 4
	outboundRecord = 2 + 1 + 8
	inboundHeader  = 1 + 1 + 4 + 4
	inboundRecord  = 2 + 1
	snapshotSum    = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal appends the checksum of what was appended from start on.
func seal(dst []byte, start int) []byte {
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// unseal checks all that is alike in both snapshots, and returns the records.
func unseal(b []byte, kind byte, header, record int) (records []byte, ok bool) {
	n := len(b) - snapshotSum
	if n < header || b[0] != kind || b[1] != snapshotVersion ||
		binary.BigEndian.Uint32(b[n:]) != crc32.Checksum(b[:n], castagnoli) {
		return nil, false
	}
	records = b[header:n]
	count := binary.BigEndian.Uint32(b[header-4:])
	return records, count < maxSlots && len(records) == int(count)*record
}

// AppendSnapshot appends the state of the session to dst and returns the
// result. It may be taken at any time, also between steps of a connection. It
// costs 12 bytes, and 11 for each message in flight or dropped.
func (o *Outbound) AppendSnapshot(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, 'O', snapshotVersion)
	dst = binary.BigEndian.AppendUint16(dst, o.window.last)
	count := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	n := uint32(0)
	for _, l := range [...]list{o.release, o.publish, o.dropped} {
		for id := l.head; id != 0; {
			s := o.window.at(id)
			id = s.next
			if s.state > dropped|uint8(AwaitPubcomp) {
				continue // a request, of no interest once its connection is gone
			}
			dst = binary.BigEndian.AppendUint16(dst, s.id)
			dst = append(dst, s.state)
			dst = binary.BigEndian.AppendUint64(dst, s.token)
			n++
		}
	}
	binary.BigEndian.PutUint32(dst[count:], n)
	return seal(dst, start)
}

// Restore makes the machine what AppendSnapshot saw, without a connection. A
// snapshot that is cut, altered, of an Inbound or of another version is
// [mqttwire.ErrSnapshot], and then nothing has changed. It takes at most 2 MiB
// of memory, whatever b says.
func (o *Outbound) Restore(b []byte) error {
	records, ok := unseal(b, 'O', outboundHeader, outboundRecord)
	if !ok {
		return mqttwire.ErrSnapshot
	}
	r := Outbound{window: window{last: binary.BigEndian.Uint16(b[2:])}}
	var l *list
	for ; len(records) != 0; records = records[outboundRecord:] {
		id, state := binary.BigEndian.Uint16(records), records[2]
		// The lists stand in one order only.
		switch {
		case state == uint8(AwaitPubcomp) && (l == nil || l == &r.release):
			l = &r.release
			r.held++
		case (state == uint8(AwaitPuback) || state == uint8(AwaitPubrec)) && l != &r.dropped:
			l = &r.publish
			r.held++
		case state > dropped && state <= dropped|uint8(AwaitPubcomp):
			l = &r.dropped
		default:
			return mqttwire.ErrSnapshot
		}
		if id == 0 {
			return mqttwire.ErrSnapshot
		}
		s := r.window.claim(id)
		if s == nil {
			return mqttwire.ErrSnapshot // twice
		}
		s.state, s.token = state, binary.BigEndian.Uint64(records[3:])
		r.window.push(l, s)
	}
	*o = r
	return nil
}

// AppendSnapshot appends the state of the session to dst and returns the
// result. It may be taken at any time, also between steps of a connection. It
// costs 14 bytes, and 3 for each id of a QoS 2 message that was taken over. A
// delivery that is not decided, or refused and not acknowledged, is not in it:
// after a Restore the message is delivered again.
func (in *Inbound) AppendSnapshot(dst []byte) []byte {
	ids := make([]uint32, 0, 32) // id and reason; on the stack, if few
	for i := range in.index.entries {
		if e := &in.index.entries[i]; e.id != 0 && e.held() {
			ids = append(ids, uint32(e.id)<<8|uint32(e.reason))
		}
	}
	slices.Sort(ids)
	start := len(dst)
	dst = append(dst, 'I', snapshotVersion)
	dst = binary.BigEndian.AppendUint32(dst, in.serial)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(ids)))
	for _, v := range ids {
		dst = append(dst, byte(v>>16), byte(v>>8), byte(v))
	}
	return seal(dst, start)
}

// Restore makes the machine what AppendSnapshot saw, without a connection. All
// earlier tickets are stale. A snapshot that is cut, altered, of an Outbound or
// of another version is [mqttwire.ErrSnapshot], and then nothing has changed.
// It takes at most 1 MiB of memory, whatever b says.
func (in *Inbound) Restore(b []byte) error {
	records, ok := unseal(b, 'I', inboundHeader, inboundRecord)
	if !ok {
		return mqttwire.ErrSnapshot
	}
	// Tickets that this machine has given since then are not given again.
	r := Inbound{serial: max(binary.BigEndian.Uint32(b[2:]), in.serial)}
	last := uint16(0)
	for ; len(records) != 0; records = records[inboundRecord:] {
		id := binary.BigEndian.Uint16(records)
		if id <= last {
			return mqttwire.ErrSnapshot
		}
		last = id
		e := &r.index.entries[r.index.insert(id)]
		e.state, e.reason = twice|decided, records[2]
		if !e.held() {
			return mqttwire.ErrSnapshot
		}
	}
	*in = r
	return nil
}
