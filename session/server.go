package session

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/keepalive"
)

// Server is the server's end of one network connection: Open it, feed it what
// comes with Next or Receive, answer its events, and Close it when the connection
// is gone. The Session that it is given by Accept stays for the next one.
//
// What a server announces with the zero ServerOptions it has to do itself, or
// switch off: retained messages and Retain Handling, Shared Subscriptions,
// Subscription Identifiers in what it forwards, No Local and Retain As Published;
// and in any case the Message Expiry Interval, and the will with its properties.
//
// The zero Server is Idle. It must not be copied while it has a connection, and
// has one owner at a time.
type Server struct {
	end
	options *ServerOptions
	alive   keepalive.Server
	opened  time.Duration
	asked   asked

	subscribes, unsubscribes uint32 // how many are not answered
}

// Open starts a network connection. The options are shared by connections, and
// must not be changed while one has them.
func (s *Server) Open(o *ServerOptions, now time.Duration) {
	*s = Server{options: o, opened: now}
	s.role, s.phase = mqttwire.Server, Opened
	s.limits, s.streamAbove, s.lenient = &o.Limits, o.StreamAbove, o.Lenient
	s.maxReceive = o.MaximumConnectSize
	if s.maxReceive == 0 {
		s.maxReceive = DefaultMaximumConnectSize
	}
}

// Close says that the network connection is gone, from whatever phase. The
// session stays: pull its Poll, for a will to publish and a session that has
// ended, and its NextDropped. Before the session is given to another Server
// this one has to be closed.
func (s *Server) Close(now time.Duration) {
	s.end.close(now)
	*s = Server{}
}

// Receive takes a packet from the client, header and body as framed by Rules
// and MaxSize, and decodes it into d, which connections may share. It appends
// to dst what is to be written, which may be nothing, and returns what the
// caller has to know or decide: Connect, Auth, Deliver, Subscribe, Unsubscribe,
// Disconnect, and what became of messages sent.
//
// With an error the connection is over: what it appended says why, if the
// client is to be told; write it and close. The two exceptions change nothing:
// [mqttwire.ErrNotYet] for a packet that has to wait until the CONNECT is
// answered, feed it again then (Takes tells beforehand), or until a payload is
// taken; and
// [mqttwire.ErrPhase] after the connection is over, when nothing is to be read
// any more.
func (s *Server) Receive(dst []byte, d *codec.Decoder, h fixedheader.Header, body []byte, now time.Duration) ([]byte, Event, error) {
	switch s.phase {
	case Opened:
		return s.receiveConnect(dst, d, h, body)
	case Connecting:
		if !s.Takes(h.Type) {
			return dst, Event{}, mqttwire.ErrNotYet // [MQTT-3.1.4-6]
		}
	case Connected:
		switch {
		case s.incoming != 0:
			return dst, Event{}, mqttwire.ErrNotYet // see Payload
		case h.Type == mqttwire.CONNECT:
			return s.failed(dst, h.Type, mqttwire.ErrSecondConnect) // [MQTT-3.1.0-2]
		}
	default:
		return dst, Event{}, mqttwire.ErrPhase
	}
	p, err := s.decode(d, h, body)
	if err != nil {
		return s.failed(dst, h.Type, err)
	}
	s.alive.Received(now)
	if p, ok := p.(*codec.Publish); ok {
		return s.receivePublish(dst, p, now)
	}
	dst, ev, ok, err := s.receiveAck(dst, h.Type, p, now)
	if ok {
		return dst, ev, err
	}
	switch p := p.(type) {
	case *codec.Subscribe:
		if err := s.features.subscribe(p); err != nil {
			return s.failed(dst, h.Type, err)
		}
		s.subscribes++
		return dst, s.request(Subscribe, h.Type, p, p.ID, p.Subscriptions.Len()), nil
	case *codec.Unsubscribe:
		s.unsubscribes++
		return dst, s.request(Unsubscribe, h.Type, p, p.ID, p.Filters.Len()), nil
	case *codec.Pingreq:
		return append(dst, byte(mqttwire.PINGRESP)<<4, 0), Event{Type: h.Type}, nil // [MQTT-3.12.4-1]
	case *codec.Auth:
		return s.receiveAuth(dst, p)
	case *codec.Disconnect:
		return s.receiveDisconnect(dst, p)
	}
	return s.failed(dst, h.Type, mqttwire.ErrDirection) // a packet of a server, which decode refuses
}

func (s *Server) request(k Kind, t mqttwire.PacketType, p codec.Packet, id uint16, filters int) Event {
	return Event{Kind: k, Type: t, Packet: p, ID: id, Token: uint64(requestOf(t, id, filters))}
}

// Takes reports whether Receive takes a packet of type t now: while a CONNECT is
// not answered only AUTH (5.0 §3.1.4), and with the connection over, or a payload
// to be taken first, none. A server that answers later looks at the next packet
// with [codec.Framer.Peek], and leaves it there.
func (s *Server) Takes(t mqttwire.PacketType) bool {
	switch s.phase {
	case Connecting:
		return t == mqttwire.AUTH
	case Idle, Closing:
		return false
	}
	return s.incoming == 0
}

// receiveDisconnect takes a DISCONNECT. The will goes with a normal one only
// [MQTT-3.14.4-3].
func (s *Server) receiveDisconnect(dst []byte, p *codec.Disconnect) ([]byte, Event, error) {
	was := s.session.State()
	if seconds, ok := p.Properties.SessionExpiryInterval(); ok {
		if seconds != 0 && s.noExpiry {
			return s.failed(dst, mqttwire.DISCONNECT, mqttwire.ErrSessionExpiry) // 5.0 §3.14.2.2.2
		}
		s.session.expiry = s.options.sessionExpiry(seconds)
	}
	if p.Code == mqttwire.NormalDisconnection {
		s.session.will = noWill
	}
	s.phase = Closing
	return dst, Event{Kind: Disconnect, Type: mqttwire.DISCONNECT, Packet: p, Reason: p.Code, State: s.session.State() != was}, nil
}

// Poll does what is due by time: call it at Deadline, once what has come before
// is received, until it returns neither an event nor an error. The event may be
// Resend, see NextResend. With an error the connection is over, as from Receive:
// [mqttwire.ErrConnectTimeout] where CONNECT was not accepted in time,
// [mqttwire.ErrKeepAliveTimeout] where the client has been silent for one and a
// half times the Keep Alive [MQTT-3.1.2-22; 3.1.1 MQTT-3.1.2-24].
func (s *Server) Poll(dst []byte, now time.Duration) ([]byte, Event, error) {
	switch s.phase {
	case Opened, Connecting:
		if at, ok := s.Deadline(); ok && now >= at {
			s.phase = Closing // without a word: the client has said too little
			return dst, Event{}, mqttwire.ErrConnectTimeout
		}
	case Connected:
		if s.alive.Poll(now) == keepalive.Close {
			return s.failed(dst, 0, mqttwire.ErrKeepAliveTimeout)
		}
		dst, ev := s.retry(dst, now)
		return dst, ev, nil
	}
	return dst, Event{}, nil
}

// Deadline returns when to call Poll. It may move with every packet. ok is
// false where there is nothing to wait for.
func (s *Server) Deadline() (at time.Duration, ok bool) {
	switch s.phase {
	case Opened, Connecting:
		return s.opened + s.options.ConnectTimeout, s.options.ConnectTimeout > 0
	case Connected:
		at, ok = s.alive.Deadline()
		return s.sooner(at, ok)
	}
	return 0, false
}
