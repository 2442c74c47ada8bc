package session

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/internal/binary"
	"github.com/mqttwire/mqttwire/qos"
)

// Request is what a Subscribe or Unsubscribe event of a Server carries and
// [Server.Suback] or [Server.Unsuback] takes: the Packet Identifier, the packet
// type, and how many Topic Filters there are. The zero Request is none.
type Request uint64

func requestOf(t mqttwire.PacketType, id uint16, filters int) Request {
	return Request(filters)<<32 | Request(t)<<16 | Request(id)
}

// ID returns the Packet Identifier.
func (r Request) ID() uint16 { return uint16(r) }

// Filters returns the number of Topic Filters, and so of the codes of the
// answer [MQTT-3.8.4-6, MQTT-3.11.3-2].
func (r Request) Filters() int { return int(r >> 32) }

func (r Request) packet() mqttwire.PacketType { return mqttwire.PacketType(r >> 16 & 15) }

// Suback appends the SUBACK to a Subscribe event, whose Request it takes: its
// Packet Identifier, whatever that of p, and a code for each subscription, in
// their order [MQTT-3.8.4-6, MQTT-3.9.3-1]. Codes are those of 5.0; before, all
// failures become 0x80, and properties are left out, as they are where the
// client must not have them [MQTT-3.1.2-29, MQTT-3.9.2-1, MQTT-3.9.2-2].
//
// [mqttwire.ErrNotInVersion]: 3.1 cannot say that a subscription failed; grant
// it QoS 0, and send nothing. [mqttwire.ErrPacketTooLarge]: the client takes no
// such packet; disconnect it. [mqttwire.ErrAckCount]: there are more codes than
// subscriptions, or fewer. [mqttwire.ErrStaleTicket]: the Request is of no
// SUBSCRIBE, or none is open; Requests are counted, not kept one by one. Other
// errors are those of [codec.Suback.Append], and [mqttwire.ErrPhase]. With an
// error nothing has happened.
func (s *Server) Suback(dst []byte, r Request, p *codec.Suback) ([]byte, error) {
	if err := s.answers(r, mqttwire.SUBSCRIBE, s.subscribes, p.Codes.Len()); err != nil {
		return dst, err
	}
	q := *p
	q.ID = r.ID()
	if err := q.Downgrade(s.version); err != nil {
		return dst, err
	}
	if s.terse || !s.fits(q.Size(s.version)) {
		q.Properties = codec.Properties{}
	}
	out, err := q.Append(dst, s.own())
	return s.answered(dst, out, err, &s.subscribes)
}

// Unsuback appends the UNSUBACK to an Unsubscribe event, as Suback does a
// SUBACK. Before 5.0 it has no codes, and they are left out.
func (s *Server) Unsuback(dst []byte, r Request, p *codec.Unsuback) ([]byte, error) {
	codes := p.Codes.Len()
	if s.version != mqttwire.V50 {
		codes = r.Filters()
	}
	if err := s.answers(r, mqttwire.UNSUBSCRIBE, s.unsubscribes, codes); err != nil {
		return dst, err
	}
	q := *p
	q.ID = r.ID()
	if err := q.Downgrade(s.version); err != nil {
		return dst, err
	}
	if s.terse || !s.fits(q.Size(s.version)) {
		q.Properties = codec.Properties{}
	}
	out, err := q.Append(dst, s.own())
	return s.answered(dst, out, err, &s.unsubscribes)
}

// answers reports what is wrong with an answer to a Request of packet type t, of
// which so many are open.
func (s *Server) answers(r Request, t mqttwire.PacketType, open uint32, codes int) error {
	switch {
	case s.phase != Connected:
		return mqttwire.ErrPhase
	case r.packet() != t || open == 0:
		return mqttwire.ErrStaleTicket
	case codes != r.Filters():
		return mqttwire.ErrAckCount // [MQTT-3.8.4-6, MQTT-3.11.3-2; 3.1.1 MQTT-3.8.4-5]
	}
	return nil
}

// answered ends Suback and Unsuback.
func (s *Server) answered(dst, out []byte, err error, open *uint32) ([]byte, error) {
	if out, err = s.checked(dst, out, err); err == nil {
		*open--
	}
	return out, err
}

// checked returns out if it is right and fits, else dst.
func (e *end) checked(dst, out []byte, err error) ([]byte, error) {
	switch {
	case err != nil:
		return dst, err
	case !e.fits(len(out) - len(dst)):
		return dst, mqttwire.ErrPacketTooLarge // [MQTT-3.1.2-24, MQTT-3.2.2-15]
	}
	return out, nil
}

// Subscribe appends a SUBSCRIBE with a Packet Identifier of its own, which it
// returns; p's is ignored, and p not changed. token comes back with Subscribed,
// or from [Session.NextDropped] if the connection is lost before.
//
// With an error nothing has happened: [mqttwire.ErrNotConnected],
// [mqttwire.ErrPacketIDsExhausted], [mqttwire.ErrPacketTooLarge], what the
// server lacks ([mqttwire.ErrWildcardNotSupported],
// [mqttwire.ErrSharedNotSupported], [mqttwire.ErrSubscriptionIDNotSupported]),
// or the errors of [codec.Subscribe.Append].
func (c *Client) Subscribe(dst []byte, p *codec.Subscribe, token uint64, now time.Duration) ([]byte, uint16, error) {
	if c.phase != Connected {
		return dst, 0, mqttwire.ErrNotConnected
	}
	if err := c.features.subscribe(p); err != nil {
		return dst, 0, err
	}
	q := *p
	q.ID = 1
	out, err := q.Append(dst, c.own())
	if out, err = c.checked(dst, out, err); err != nil {
		return dst, 0, err
	}
	a, err := c.session.out.Subscribe(token)
	return c.requested(dst, out, q.Subscriptions.Len(), a, err, now)
}

// Unsubscribe appends an UNSUBSCRIBE, as Subscribe does a SUBSCRIBE.
func (c *Client) Unsubscribe(dst []byte, p *codec.Unsubscribe, token uint64, now time.Duration) ([]byte, uint16, error) {
	if c.phase != Connected {
		return dst, 0, mqttwire.ErrNotConnected
	}
	q := *p
	q.ID = 1
	out, err := q.Append(dst, c.own())
	if out, err = c.checked(dst, out, err); err != nil {
		return dst, 0, err
	}
	a, err := c.session.out.Unsubscribe(token)
	return c.requested(dst, out, q.Filters.Len(), a, err, now)
}

// requested ends Subscribe and Unsubscribe: out has the packet, except for the
// Packet Identifier that a has given it.
func (c *Client) requested(dst, out []byte, filters int, a qos.Action, err error, now time.Duration) ([]byte, uint16, error) {
	if err != nil {
		return dst, 0, err
	}
	putID(out[len(dst):], a.ID)
	if c.filters == nil {
		c.filters = map[uint16]int{}
	}
	c.filters[a.ID] = filters
	c.wrote(now)
	return out, a.ID, nil
}

// putID writes the Packet Identifier that follows the fixed header.
func putID(packet []byte, id uint16) {
	i := 1
	for packet[i] >= 0x80 {
		i++
	}
	binary.BigEndian.PutUint16(packet[i+1:], id)
}
