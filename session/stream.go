package session

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/internal/binary"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/varint"
)

// maxHead is how many bytes of topic and properties are held of a PUBLISH whose
// payload streams, where StreamAbove is not more: the longest topic and half as
// much for properties.
const maxHead = 128 << 10

// stream is what an end knows of the payloads that are on their way.
type stream struct {
	incoming    int    // bytes still to be taken
	outgoing    int    // bytes still to be written
	awaited     int    // of a head that has not all come, how many bytes are to be there before it is looked at again
	streamAbove uint32 // that of Limits
	// streams says that a head was told by Next and what follows from its last
	// byte is not done.
	streams bool
	again   struct { // the Duplicate that streams: its id, else 0
		id    uint16
		level qos.Level
		dup   bool
	}
}

// Payload takes what has come of the payload of a Head event, and says how many
// bytes are still to come after it. Call it where Next says Streaming. The bytes
// are valid until the Framer's Buffer. They count for the Keep Alive.
//
// Before the last byte the delivery cannot be decided: Ack and [Session.Finish]
// say [mqttwire.ErrNotYet]. Everything else goes on, except that nothing else
// comes from the peer. If the connection is lost the delivery is void, at any
// QoS, and its Ticket stale: the peer sends the message again, and it is
// delivered anew, from its first byte. So do not keep Ticket.Record before the
// last byte is there.
//
// The payload of a Duplicate streams too, if it is large: take it, and forget it.
// It is acknowledged, if that is due, by the next call of Next after its last
// byte.
func (s *Server) Payload(f *codec.Framer, now time.Duration) (chunk []byte, rest int) {
	chunk, rest = f.Payload()
	if len(chunk) > 0 {
		s.alive.Received(now)
	}
	s.took(rest)
	return chunk, rest
}

// Payload is [Server.Payload] of a client.
func (c *Client) Payload(f *codec.Framer, now time.Duration) (chunk []byte, rest int) {
	chunk, rest = f.Payload()
	if len(chunk) > 0 {
		c.alive.Received(now)
	}
	c.took(rest)
	return chunk, rest
}

// Incoming returns how many bytes of a payload are still to be taken with
// Payload: after a Head event that is all of its payload; 0 where none streams.
func (e *end) Incoming() int { return e.incoming }

// found is what nextHead finds.
type found uint8

const (
	other   found = iota // what streaming has nothing to do with
	nothing              // less than there has to be
	event
	failure
)

// nextHead is Next as far as payloads stream: it does what follows from the last
// byte of one, and takes the head of the next PUBLISH where that is to stream.
func (e *end) nextHead(dst []byte, f *codec.Framer, d *codec.Decoder, now time.Duration) (_ []byte, ev Event, what found, err error) {
	switch {
	case e.phase != Connected:
		return dst, ev, other, nil
	case f.Streaming():
		if e.incoming != 0 && f.Buffered() == 0 {
			return dst, ev, nothing, nil
		}
		return dst, ev, other, nil
	case e.streams:
		if dst, err = e.arrived(dst, now); err != nil {
			dst, ev, err = e.failed(dst, mqttwire.PUBLISH, err)
			return dst, ev, failure, err
		}
	}
	f.Rules, f.MaxSize = e.Rules(), e.MaxSize()
	h, part, ok, _ := f.Peek() // an error comes again
	if !ok || h.Type != mqttwire.PUBLISH || uint64(h.Size())+uint64(h.Length) <= uint64(e.streamAbove) {
		return dst, ev, other, nil
	}
	most := max(maxHead, int(min(e.streamAbove, codec.MaxPacketSize)))
	if len(part) < min(e.awaited, most) {
		return dst, ev, nothing, nil
	}
	p, n, err := d.DecodeHead(f.Rules, h, part)
	e.awaited = 0
	if err == nil && (n > most || n == 0 && len(part) >= most) {
		err = mqttwire.ErrPacketTooLarge // a limit of this end's: 5.0 §3.14.2.1
	}
	switch {
	case err != nil:
		dst, ev, err = e.failed(dst, h.Type, err)
		return dst, ev, failure, err
	case n == 0:
		e.awaited = headSize(f.Rules.Version, h, part)
		return dst, ev, nothing, nil
	case n == int(h.Length): // there is no payload
		return dst, ev, other, nil
	}
	f.Stream(n)
	e.incoming, e.streams = int(h.Length)-n, true
	if dst, ev, err = e.receiveHead(dst, p); err != nil {
		return dst, ev, failure, err
	}
	return dst, ev, event, nil
}

// headSize returns how many bytes the head of a PUBLISH has that begins with part,
// as far as that is to be seen: at least so many. A peer that sends its topic in
// one piece and the rest a byte at a time has the topic looked at a few times.
func headSize(v mqttwire.Version, h fixedheader.Header, part []byte) int {
	if len(part) < 2 {
		return 2
	}
	n := 2 + int(binary.BigEndian.Uint16(part))
	if qos.Level(h.QoS()) != qos.AtMostOnce {
		n += 2
	}
	if v != mqttwire.V50 || len(part) < n {
		return n
	}
	length, width, _ := varint.Consume(part[n:])
	if width == 0 {
		return len(part) + 1
	}
	return n + width + int(length)
}

// receiveHead takes the head of a PUBLISH whose payload streams.
func (e *end) receiveHead(dst []byte, p *codec.Publish) ([]byte, Event, error) {
	if e.version == mqttwire.V50 {
		if err := e.judgePublish(p); err != nil {
			return e.failed(dst, mqttwire.PUBLISH, err)
		}
	}
	ev := Event{Kind: Head, Type: mqttwire.PUBLISH, Packet: p}
	switch {
	case p.QoS == qos.AtMostOnce:
	case e.session.in.Knows(p.ID, p.QoS, p.Dup):
		// The machine hears of it with the last byte: it would acknowledge it.
		e.again.id, e.again.level, e.again.dup = p.ID, p.QoS, p.Dup
		ev.Kind, ev.ID = Duplicate, p.ID
	default:
		a, err := e.session.in.Publish(p.ID, p.QoS, p.Dup)
		if err != nil {
			return e.failed(dst, mqttwire.PUBLISH, err)
		}
		if ev = told(a, p, mqttwire.PUBLISH); ev.Kind == Deliver {
			ev.Kind = Head
			e.session.coming = ev.Ticket()
		}
	}
	return dst, ev, nil
}

// took notes that so many bytes of a payload are still to come.
func (e *end) took(rest int) {
	if !e.streams {
		return // the caller's own
	}
	e.incoming = rest
	if rest == 0 && e.session != nil {
		e.session.coming = 0
	}
}

// arrived does what follows from the last byte of a payload.
func (e *end) arrived(dst []byte, now time.Duration) ([]byte, error) {
	again := e.again
	e.took(0)
	e.streams, e.again.id = false, 0
	// What has been acknowledged or freed since the head is not acknowledged twice.
	if again.id == 0 || !e.session.in.Knows(again.id, again.level, again.dup) {
		return dst, nil
	}
	if _, err := e.session.in.Publish(again.id, again.level, again.dup); err != nil {
		return dst, err
	}
	return e.appendAcks(dst, now), nil
}
