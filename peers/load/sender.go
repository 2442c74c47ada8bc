package main

import (
	"fmt"

	"github.com/mqttwire/mqttwire"
)

// maxUnacked is how many messages of QoS 1 and 2 a publisher leaves
// unacknowledged.
const maxUnacked = 64

// sender publishes as fast as its windows allow: so many messages may be on
// their way to all subscribers, and so many be unacknowledged. It waits until
// half of that is free, so that what it writes are batches, and the same ones
// for every broker as far as that is possible.
type sender struct {
	c       *conn
	message message
	index   uint32
	level   byte
	window  int // most messages between sent and received
	copies  int // deliveries of each message

	sent     int
	received int // deliveries
	unacked  int
	id       uint16
	touched  bool // is on the flow's list of those to fill
}

// free is how many messages may be sent now.
func (s *sender) free() int {
	n := s.window - (s.sent - s.received/s.copies)
	if s.level > 0 {
		n = min(n, maxUnacked-s.unacked)
	}
	return n
}

// fill sends what the windows allow.
func (s *sender) fill() {
	most := s.window
	if s.level > 0 {
		most = min(most, maxUnacked)
	}
	free := min(s.free(), most) // more where what was given up came after all
	if 2*free < most {
		return
	}
	for range free {
		s.id++
		if s.id == 0 {
			s.id = 1
		}
		s.c.out = s.message.append(s.c.out, s.id, stamp{sender: s.index, number: uint32(s.sent)})
		s.sent++
	}
	if s.level > 0 {
		s.unacked += free
	}
	s.c.touch()
}

// outstanding is how many deliveries have not come yet.
func (s *sender) outstanding() int { return s.sent*s.copies - s.received }

// ack takes an acknowledgement and answers it.
func (s *sender) ack(first byte, body []byte) error {
	switch {
	case first == firstPubrec && s.level == 2:
		s.c.out = appendAck(s.c.out, firstPubrel, ackID(body))
		s.c.touch()
	case first == firstPuback && s.level == 1, first == firstPubcomp && s.level == 2:
		s.unacked--
	default:
		return fmt.Errorf("unexpected %v", mqttwire.PacketType(first>>4))
	}
	return nil
}
