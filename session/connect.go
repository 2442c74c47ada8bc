package session

import (
	"slices"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/qos"
)

// asked is what a CONNECT says that matters until it is answered.
type asked struct {
	expiry         uint32 // seconds; Never for a session without Clean Session
	willDelay      uint32 // seconds
	keepAlive      uint16 // seconds
	receiveMaximum uint16
	cleanStart     bool
	noClientID     bool
	will           bool
	willRetain     bool
	willQoS        qos.Level
	information    bool // Request Response Information is 1
}

// receiveConnect takes the first packet of a connection.
func (s *Server) receiveConnect(dst []byte, d *codec.Decoder, h fixedheader.Header, body []byte) ([]byte, Event, error) {
	if h.Type != mqttwire.CONNECT {
		return s.failed(dst, h.Type, mqttwire.ErrConnectFirst) // [MQTT-3.1.0-1]
	}
	packet, err := s.decode(d, h, body)
	p, _ := packet.(*codec.Connect)
	if err != nil {
		if p != nil {
			s.version = p.Version
		}
		return s.failed(dst, h.Type, err)
	}
	s.version = p.Version
	s.maxReceive = s.options.MaximumPacketSize
	s.asked = asked{
		keepAlive:  p.KeepAlive,
		cleanStart: p.CleanStart,
		noClientID: len(p.ClientID) == 0,
		will:       p.WillFlag,
		willRetain: p.Will.Retain,
		willQoS:    p.Will.QoS,
	}
	s.phase = Connecting
	if p.Version != mqttwire.V50 {
		if !p.CleanStart {
			s.asked.expiry = Never
		}
		return dst, Event{Kind: Connect, Type: h.Type, Packet: p}, nil
	}
	s.readConnect(p)
	if s.hasMethod && !slices.Contains(s.options.AuthenticationMethods, s.method) {
		return s.failed(dst, h.Type, mqttwire.ErrAuthMethodUnsupported) // [MQTT-4.12.0-1]
	}
	f := s.options.features()
	if err := s.judgeWill(&f); err != nil {
		return s.failed(dst, h.Type, err)
	}
	return dst, Event{Kind: Connect, Type: h.Type, Packet: p}, nil
}

// readConnect reads the properties of a CONNECT (5.0 §3.1.2.11).
func (s *Server) readConnect(p *codec.Connect) {
	s.asked.expiry, _ = p.Properties.SessionExpiryInterval()
	s.asked.willDelay, _ = p.Will.Properties.WillDelayInterval()
	s.asked.receiveMaximum, _ = p.Properties.ReceiveMaximum()
	wanted, _ := p.Properties.RequestResponseInformation()
	s.asked.information = wanted == 1
	wanted, ok := p.Properties.RequestProblemInformation()
	s.terse = ok && wanted == 0
	s.noExpiry = s.asked.expiry == 0
	s.maxSend, _ = p.Properties.MaximumPacketSize()
	s.aliasPeer, _ = p.Properties.TopicAliasMaximum()
	if method, ok := p.Properties.AuthenticationMethod(); ok {
		s.hasMethod, s.method = true, string(method)
	}
}

func (s *Server) judgeWill(f *features) error {
	if !s.asked.will {
		return nil
	}
	return f.message(s.asked.willQoS, s.asked.willRetain) // [MQTT-3.2.2-12, MQTT-3.2.2-13]
}

// sessionExpiry bounds what a client asks for.
func (o *ServerOptions) sessionExpiry(seconds uint32) uint32 {
	if o.MaximumSessionExpiry != 0 {
		return min(seconds, o.MaximumSessionExpiry)
	}
	return seconds
}

// Accept answers the CONNECT with a CONNACK that accepts, and puts the session
// on the connection. The session is that of the Client Identifier, or a new
// one: whether it is resumed, and what becomes of it if not, is decided here.
// Afterwards SessionPresent of ack says so; pull the session's Poll, for the
// will and the end of a session before this, and only then keep the new will;
// its NextDropped; and NextResend. The session's State has changed. For one that
// is to survive a crash, keep the Record, Clear where a session has ended, then
// the State, before what is appended is written.
//
// A session on another connection is to be taken over first: Disconnect that
// one with [mqttwire.SessionTakenOver], and Close it [MQTT-3.1.4-3].
//
// ack may have properties of 5.0, built into memory that may be appended to;
// nil stands for none. What it does not say of the server is added from the
// options, so that it is what is sent; what it says overrules them. Before 5.0
// properties are left out, in any version Response Information that was not
// asked for [MQTT-3.1.2-28], and Reason String and User Properties that do not
// fit [MQTT-3.2.2-19, MQTT-3.2.2-20].
//
// [mqttwire.ErrPhase], [mqttwire.ErrSessionInUse] and
// [mqttwire.ErrAssignedClientID], where CONNECT had no Client Identifier and
// ack assigns none or the other way round [MQTT-3.2.2-16], are the caller's
// mistakes, and so are properties that may not stand in CONNACK: nothing has
// happened then. Otherwise the connection is over, and the session as it was:
// the will is not supported by what ack says, which the client is told, or the
// client takes no packet of the size of CONNACK ([mqttwire.ErrPacketTooLarge]).
func (s *Server) Accept(dst []byte, session *Session, ack *codec.Connack, now time.Duration) ([]byte, qos.Record, error) {
	if s.phase != Connecting {
		return dst, qos.Record{}, mqttwire.ErrPhase
	}
	if session.life == online {
		return dst, qos.Record{}, mqttwire.ErrSessionInUse // [MQTT-3.1.4-3; 3.1.1 MQTT-3.1.4-2]
	}
	session.settle(now)
	if ack == nil {
		ack = new(codec.Connack)
	}
	present := session.life == offline && !s.asked.cleanStart
	ack.Code = connack.Success
	ack.SessionPresent = present && s.version != mqttwire.V31
	if s.version != mqttwire.V50 {
		ack.Properties = codec.Properties{}
	} else if err := s.negotiate(ack); err != nil {
		return dst, qos.Record{}, err
	}
	f := featuresOf(ack.Properties)
	if err := s.judgeWill(&f); err != nil && s.version == mqttwire.V50 {
		return s.Fail(dst, mqttwire.CONNECT, err), qos.Record{}, err
	}
	out, err := s.appendConnack(dst, ack)
	if err == mqttwire.ErrPacketTooLarge {
		s.phase = Closing
	}
	if err != nil {
		return dst, qos.Record{}, err
	}
	return out, qos.Record{Change: s.start(session, ack, present, now)}, nil
}

// offer is a property that a CONNACK of 5.0 says of the server.
type offer struct {
	id     codec.PropertyID
	number uint32
	wanted bool // it is not what the client takes where nothing is said
}

// offers are what the options say to this client (5.0 §3.2.2.3).
func (s *Server) offers() [10]offer {
	o, f := s.options, s.options.features()
	expiry := o.sessionExpiry(s.asked.expiry)
	// A Keep Alive of 0 is the longest: 65,535 after the subtraction.
	keepAlive := o.MaximumKeepAlive != 0 && s.asked.keepAlive-1 >= o.MaximumKeepAlive
	return [...]offer{
		{codec.SessionExpiryInterval, expiry, expiry != s.asked.expiry},
		{codec.ReceiveMaximum, uint32(o.ReceiveMaximum), o.ReceiveMaximum != 0},
		{codec.MaximumQoS, uint32(f.maximumQoS()), f.noLevels > 0}, // [MQTT-3.2.2-9]
		{codec.RetainAvailable, 0, f.noRetain},
		{codec.MaximumPacketSize, o.MaximumPacketSize, o.MaximumPacketSize != 0},
		{codec.TopicAliasMaximum, uint32(o.TopicAliasMaximum), o.TopicAliasMaximum != 0},
		{codec.WildcardSubscriptionAvailable, 0, f.noWildcard},
		{codec.SubscriptionIdentifierAvailable, 0, f.noSubscriptionID},
		{codec.SharedSubscriptionAvailable, 0, f.noShared},
		{codec.ServerKeepAlive, uint32(o.MaximumKeepAlive), keepAlive},
	}
}

// negotiate adds to a CONNACK of 5.0 what the options say and it does not.
func (s *Server) negotiate(ack *codec.Connack) error {
	if _, ok := ack.Properties.AssignedClientIdentifier(); ok != s.asked.noClientID {
		return mqttwire.ErrAssignedClientID // [MQTT-3.2.2-16]
	}
	if _, ok := ack.Properties.ResponseInformation(); ok && !s.asked.information {
		edit := codec.Edit{Without: []codec.PropertyID{codec.ResponseInformation}} // [MQTT-3.1.2-28]
		ack.Properties = edit.Append(codec.Properties{}, ack.Properties)
	}
	p := ack.Properties
	said := uint64(0) // a bit for each PropertyID
	for x := range p.All() {
		said |= 1 << (x.ID & 63)
	}
	for _, x := range s.offers() {
		if x.wanted && said>>x.id&1 == 0 {
			p = p.Append(codec.Property{ID: x.id, Number: x.number})
		}
	}
	if method, ok := p.AuthenticationMethod(); !ok && s.hasMethod {
		p = codec.AppendAuthenticationMethod(p, s.method) // [MQTT-4.12.0-5]
	} else if ok && (!s.hasMethod || string(method) != s.method) {
		return mqttwire.ErrAuthMethod // [MQTT-4.12.0-6]
	}
	if err := p.Check(mqttwire.CONNACK); err != nil {
		return err
	}
	ack.Properties = p
	return nil
}

// start begins the connection that ack has accepted, and returns Clear where
// that ends a session.
func (s *Server) start(session *Session, ack *codec.Connack, present bool, now time.Duration) qos.Change {
	p := ack.Properties
	s.features = featuresOf(p)
	out, in := s.limits.outbound(), s.limits.inbound()
	out.Version, in.Version = s.version, s.version
	out.Resumed, in.Resumed = present, present
	out.ReceiveMaximum = s.asked.receiveMaximum
	in.ReceiveMaximum, _ = p.ReceiveMaximum()
	s.aliasReceive, _ = p.TopicAliasMaximum()
	if size, ok := p.MaximumPacketSize(); ok {
		s.maxReceive = size
	}
	keepAlive := s.asked.keepAlive
	if v, ok := p.ServerKeepAlive(); ok {
		keepAlive = v // [MQTT-3.2.2-21]
	}
	expiry := s.options.sessionExpiry(s.asked.expiry)
	if v, ok := p.SessionExpiryInterval(); ok {
		expiry = v
	}
	change := session.join(out, in, expiry)
	if s.asked.will {
		session.arm(s.asked.willDelay)
	}
	s.session = session
	s.alive.Start(now, keepAlive)
	s.authStep = false
	s.phase = Connected
	return change
}

// Refuse answers the CONNECT with a CONNACK that refuses, for a reason in either
// numbering, and ends the connection. Before 5.0 the code is translated, and
// where none fits nothing is sent (3.1.1 [MQTT-3.2.2-6]); so with properties.
// Reason String and User Properties are left out where they do not fit
// [MQTT-3.2.2-19, MQTT-3.2.2-20].
//
// [mqttwire.ErrPhase], [mqttwire.ErrConnackCode] for a code that is not a
// refusal, and what is wrong with the properties say that nothing has happened.
func (s *Server) Refuse(dst []byte, code connack.Code, properties codec.Properties) ([]byte, error) {
	if s.phase != Connecting {
		return dst, mqttwire.ErrPhase
	}
	if code == connack.Success || !code.ValidIn(0) {
		return dst, mqttwire.ErrConnackCode // [MQTT-3.2.2-8]
	}
	if err := properties.Check(mqttwire.CONNACK); err != nil {
		return dst, err
	}
	s.phase = Closing
	return s.appendRefusal(dst, code, properties), nil
}

// appendRefusal appends a CONNACK that refuses, if there is one.
func (e *end) appendRefusal(dst []byte, code connack.Code, properties codec.Properties) []byte {
	code, ok := code.In(e.version)
	if !ok {
		return dst // 3.1.1 [MQTT-3.2.2-6]
	}
	ack := codec.Connack{Code: code}
	if e.version == mqttwire.V50 {
		ack.Properties = properties
	}
	out, err := e.appendConnack(dst, &ack)
	if err != nil {
		return dst
	}
	return out
}

// appendConnack appends a CONNACK, without what may be left out if need be.
func (e *end) appendConnack(dst []byte, ack *codec.Connack) ([]byte, error) {
	out, err := ack.Append(dst, e.own())
	if err != nil || e.fits(len(out)-len(dst)) {
		return out, err
	}
	dst, tail := scratch(dst, ack.Size(e.version))
	short := codec.Connack{SessionPresent: ack.SessionPresent, Code: ack.Code, Properties: essential(ack.Properties, tail)}
	if out, err = short.Append(dst, e.own()); err == nil && !e.fits(len(out)-len(dst)) {
		return dst, mqttwire.ErrPacketTooLarge // [MQTT-3.1.2-24]
	}
	return out, err
}
