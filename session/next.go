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
// consumed; ok is false where none of it is there. The same holds for a payload
// that the caller streams by itself, except that Streaming is said always: take
// what [codec.Framer.Payload] has first.
func (s *Server) Next(dst []byte, f *codec.Framer, d *codec.Decoder, now time.Duration) (_ []byte, ev Event, ok bool, err error) {
	dst, x, ok, err := s.frame(dst, f, d, now)
	switch {
	case err != nil:
		return s.Fail(dst, x.header.Type, err), Event{Type: x.header.Type}, false, err
	case !ok:
		return dst, Event{}, false, nil
	case x.streaming:
		return dst, Event{Kind: Streaming, Type: mqttwire.PUBLISH}, true, nil
	case x.head != nil:
		s.alive.Received(now)
		dst, ev, err = s.receiveHead(dst, x.head)
	default:
		dst, ev, err = s.Receive(dst, d, x.header, x.body, now)
	}
	return dst, ev, err == nil, err
}

// Next is [Server.Next] of a client.
func (c *Client) Next(dst []byte, f *codec.Framer, d *codec.Decoder, now time.Duration) (_ []byte, ev Event, ok bool, err error) {
	dst, x, ok, err := c.frame(dst, f, d, now)
	switch {
	case err != nil:
		return c.Fail(dst, x.header.Type, err), Event{Type: x.header.Type}, false, err
	case !ok:
		return dst, Event{}, false, nil
	case x.streaming:
		return dst, Event{Kind: Streaming, Type: mqttwire.PUBLISH}, true, nil
	case x.head != nil:
		c.alive.Received(now)
		dst, ev, err = c.receiveHead(dst, x.head)
	default:
		dst, ev, err = c.Receive(dst, d, x.header, x.body, now)
	}
	return dst, ev, err == nil, err
}

// framed is what Next finds in a Framer: a packet, header and body, or the head
// of one whose payload streams from here on, or that one streams already.
type framed struct {
	header    fixedheader.Header
	body      []byte
	head      *codec.Publish
	streaming bool
}

// frame cuts the next packet out of f, if it is one for Receive.
func (e *end) frame(dst []byte, f *codec.Framer, d *codec.Decoder, now time.Duration) (_ []byte, x framed, ok bool, err error) {
	switch {
	case e.phase == Idle || e.phase == Closing:
		return dst, x, false, nil
	case f.Streaming():
		x.streaming = true
		return dst, x, e.incoming == 0 || f.Buffered() > 0, nil
	case e.streams:
		if dst, err = e.arrived(dst, now); err != nil {
			x.header.Type = mqttwire.PUBLISH
			return dst, x, false, err
		}
	}
	f.Rules, f.MaxSize = e.Rules(), e.MaxSize()
	switch {
	case e.phase == Connecting && e.role == mqttwire.Server:
		x.header, _, ok, err = f.Peek()
		if !ok || x.header.Type != mqttwire.AUTH {
			return dst, x, false, err // [MQTT-3.1.4-6]
		}
	case e.phase == Connected && e.limits.StreamAbove != 0:
		if ok, err = e.frameHead(&x, f, d); !ok || x.head != nil {
			return dst, x, ok, err
		}
	}
	x.header, x.body, ok, err = f.Next()
	return dst, x, ok, err
}
