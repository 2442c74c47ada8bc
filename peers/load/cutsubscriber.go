package main

import (
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire"
)

// cutSubscriber counts what comes to a session. It keeps what 3.1.1 §4.1 has a
// client keep: the ids of QoS 2 that it has received and that are not released.
type cutSubscriber struct {
	cutLink
	filter     string
	subscribed bool
	unreleased [1 << 16]bool

	times     []uint8       // each message was delivered
	different int           // messages delivered
	repeated  int           // deliveries after the first of the same
	last      int           // the latest message delivered
	disorder  int           // first deliveries after that of a later message
	heard     time.Time     // when something came last, or nothing was due
	stall     time.Duration // the longest without
}

func newCutSubscriber(r *cutting, i, messages int) *cutSubscriber {
	s := &cutSubscriber{
		cutLink: cutLink{run: r, id: fmt.Sprintf("cut-subscriber-%d", i)},
		filter:  fmt.Sprintf("cuts/%d/#", i),
		times:   make([]uint8, messages),
		last:    -1,
	}
	s.onUp = s.connected
	s.handle = s.packet
	return s
}

func (s *cutSubscriber) connected() {
	c := s.c
	if c.resumed {
		return
	}
	clear(s.unreleased[:])
	c.onSub = func() { s.subscribed = true }
	c.send(subscribePacket(s.run.level, s.filter))
}

func (s *cutSubscriber) packet(first byte, body []byte) {
	now := time.Now()
	if !s.heard.IsZero() {
		s.stall = max(s.stall, now.Sub(s.heard))
	}
	s.heard = now
	c := s.c
	switch first &^ 0x0f {
	case firstPublish:
		id, m, err := readMessage(first, body)
		if err != nil || int(m.number) >= len(s.times) {
			c.fail(errNotOurs)
			return
		}
		fresh := true
		switch first >> 1 & 3 {
		case 1:
			c.out = appendAck(c.out, firstPuback, id)
		case 2:
			c.out = appendAck(c.out, firstPubrec, id)
			fresh = !s.unreleased[id]
			s.unreleased[id] = true
		}
		if fresh {
			s.deliver(int(m.number))
		}
	case firstPubrel & 0xf0:
		id := ackID(body)
		s.unreleased[id] = false
		c.out = appendAck(c.out, firstPubcomp, id)
	default:
		c.fail(fmt.Errorf("unexpected %v", mqttwire.PacketType(first>>4)))
		return
	}
	c.touch()
	s.cutIfDue(s.different)
}

func (s *cutSubscriber) deliver(number int) {
	if s.times[number]++; s.times[number] > 1 {
		s.repeated++
		return
	}
	s.different++
	if number < s.last {
		s.disorder++
	}
	s.last = max(s.last, number)
}
