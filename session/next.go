package session

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// Next takes the next packet out of a Framer: it frames it by the Rules and
// MaxSize of the connection, which it sets, receives it as Receive does, and
// answers an error of either as Fail does. Call it until ok is false, after each
// read, then write what it has appended:
//
//	n, err := conn.Read(framer.Buffer())
//	framer.Filled(n)
//	for ok := true; ok; {
//		var ev session.Event
//		out, ev, ok, err = server.Next(out, &framer, &decoder, now)
//		...
//	}
//
// ok is false where there is no packet, or it has not all come, where the next
// one has to wait until the CONNECT is answered (see Takes), and with an error.
// With an error the connection is over, as from Receive. Nothing is consumed
// where ok is false.
//
// Of a PUBLISH larger than [Limits].StreamAbove the event is Head: see Payload.
// Until all of its payload is taken the event is Streaming, and nothing is
// consumed; ok is false where none of it is there. Of a payload that the caller
// streams by itself Streaming is said always: take what [codec.Framer.Payload]
// has first.
func (s *Server) Next(dst []byte, f *codec.Framer, d *codec.Decoder, now time.Duration) (_ []byte, ev Event, ok bool, err error) {
	if s.streamAbove != 0 {
		var what found
		if dst, ev, what, err = s.nextHead(dst, f, d, now); what != other {
			if what == event {
				s.alive.Received(now)
			}
			return dst, ev, what == event, err
		}
	}
	h, body, ok, err := s.frame(f)
	switch {
	case err != nil:
		return s.Fail(dst, h.Type, err), Event{Type: h.Type}, false, err
	case !ok:
		return dst, Event{}, false, nil
	case f.Streaming():
		return dst, Event{Kind: Streaming, Type: mqttwire.PUBLISH}, true, nil
	}
	dst, ev, err = s.Receive(dst, d, h, body, now)
	return dst, ev, err == nil, err
}

// Next is [Server.Next] of a client.
func (c *Client) Next(dst []byte, f *codec.Framer, d *codec.Decoder, now time.Duration) (_ []byte, ev Event, ok bool, err error) {
	if c.streamAbove != 0 {
		var what found
		if dst, ev, what, err = c.nextHead(dst, f, d, now); what != other {
			if what == event {
				c.alive.Received(now)
			}
			return dst, ev, what == event, err
		}
	}
	h, body, ok, err := c.frame(f)
	switch {
	case err != nil:
		return c.Fail(dst, h.Type, err), Event{Type: h.Type}, false, err
	case !ok:
		return dst, Event{}, false, nil
	case f.Streaming():
		return dst, Event{Kind: Streaming, Type: mqttwire.PUBLISH}, true, nil
	}
	dst, ev, err = c.Receive(dst, d, h, body, now)
	return dst, ev, err == nil, err
}

// frame cuts the next packet out of f, if it is one for Receive. While a payload
// streams it only says that it does: ok is true.
func (e *end) frame(f *codec.Framer) (h fixedheader.Header, body []byte, ok bool, err error) {
	switch {
	case e.phase == Idle || e.phase == Closing:
		return h, nil, false, nil
	case f.Streaming():
		return h, nil, true, nil
	}
	f.Rules, f.MaxSize = e.Rules(), e.MaxSize()
	if e.phase == Connecting && e.role == mqttwire.Server {
		h, _, ok, err = f.Peek()
		if !ok || h.Type != mqttwire.AUTH {
			return h, nil, false, err // [MQTT-3.1.4-6]
		}
	}
	return f.Next()
}
