package fuzz

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
)

// Rules draws a version and a sender: a client, a server, or either.
func Rules(src *Source) codec.Rules {
	return codec.Rules{
		Version: pick(src, mqttwire.V50, mqttwire.V311, mqttwire.V31),
		From:    pick(src, mqttwire.Either, mqttwire.Client, mqttwire.Server),
	}
}

// Packet draws a valid packet of any type that may be sent under r: every
// field, property, option and code can come up. Its Append under r succeeds.
//
// Where r has no Version, it is a CONNECT of any version: nothing else can come
// before one. It panics where r has no Version and r.From is the server.
func Packet(src *Source, r codec.Rules) codec.Packet {
	if r.Version == 0 {
		r.Version = Rules(src).Version
		return PacketOf(src, r, mqttwire.CONNECT)
	}
	return PacketOf(src, r, pick(src, types(r)...))
}

// types returns the packet types that may be sent under r, those with the most
// to say first.
func types(r codec.Rules) (ts []mqttwire.PacketType) {
	for _, t := range [...]mqttwire.PacketType{mqttwire.PUBLISH, mqttwire.CONNECT, mqttwire.SUBSCRIBE, mqttwire.CONNACK,
		mqttwire.SUBACK, mqttwire.UNSUBSCRIBE, mqttwire.UNSUBACK, mqttwire.DISCONNECT, mqttwire.AUTH, mqttwire.PUBACK,
		mqttwire.PUBREC, mqttwire.PUBREL, mqttwire.PUBCOMP, mqttwire.PUBLISH, mqttwire.PINGREQ, mqttwire.PINGRESP} {
		if t.SentBy(r.From, r.Version) {
			ts = append(ts, t)
		}
	}
	return ts
}

// PacketOf is Packet for one type. It panics where the type does not exist in
// r.Version or r.From may not send it.
func PacketOf(src *Source, r codec.Rules, t mqttwire.PacketType) codec.Packet {
	if !r.Version.Valid() || !t.SentBy(r.From, r.Version) {
		panic("fuzz: PacketOf of a type that the rules do not allow")
	}
	switch t {
	case mqttwire.CONNECT:
		return connect(src, r)
	case mqttwire.CONNACK:
		return connackPacket(src, r)
	case mqttwire.PUBLISH:
		return publish(src, r)
	case mqttwire.SUBSCRIBE:
		return subscribe(src, r)
	case mqttwire.SUBACK:
		return suback(src, r)
	case mqttwire.UNSUBSCRIBE:
		return unsubscribe(src, r)
	case mqttwire.UNSUBACK:
		return unsuback(src, r)
	case mqttwire.PINGREQ:
		return &codec.Pingreq{}
	case mqttwire.PINGRESP:
		return &codec.Pingresp{}
	case mqttwire.DISCONNECT:
		p := &codec.Disconnect{}
		if r.Version == mqttwire.V50 {
			p.Code, p.Properties = code(src, r, t), Properties(src, t, r.From)
		}
		return p
	case mqttwire.AUTH:
		return auth(src, r)
	}
	return ack(src, r, t)
}

// propertiesIn is Properties, none before 5.0.
func propertiesIn(src *Source, r codec.Rules, in mqttwire.PacketType) codec.Properties {
	if r.Version != mqttwire.V50 {
		return codec.Properties{}
	}
	return Properties(src, in, r.From)
}

// code draws a Reason Code that r.From may send in packets of type t, often 0
// where that is one.
func code(src *Source, r codec.Rules, t mqttwire.PacketType) mqttwire.Reason {
	var all []mqttwire.Reason
	for c := range 256 {
		if mqttwire.Reason(c).SentBy(r.From, t) {
			all = append(all, mqttwire.Reason(c))
		}
	}
	if !src.Bool() {
		return all[0]
	}
	return pick(src, all...)
}

// packetID draws a Packet Identifier, which is not 0.
func packetID(src *Source) uint16 { return max(src.Uint16(), 1) }

func level(src *Source) qos.Level { return qos.Level(src.Intn(3)) }

func connect(src *Source, r codec.Rules) *codec.Connect {
	p := &codec.Connect{
		Version:      r.Version,
		Bridge:       r.Version != mqttwire.V50 && src.OneIn(8),
		CleanStart:   src.Bool(),
		WillFlag:     src.Bool(),
		UserNameFlag: src.Bool(),
		PasswordFlag: src.Bool(),
		KeepAlive:    src.Uint16(),
		Properties:   propertiesIn(src, r, mqttwire.CONNECT),
		ClientID:     clientID(src, r.Version),
	}
	if len(p.ClientID) == 0 && r.Version == mqttwire.V311 {
		p.CleanStart = true // [MQTT-3.1.3-7]
	}
	if p.WillFlag {
		p.Will = codec.Will{
			Topic:      TopicName(src),
			Payload:    src.Bytes(src.Length()),
			Properties: propertiesIn(src, r, codec.WillProperties),
			QoS:        level(src),
			Retain:     src.Bool(),
		}
	}
	if p.PasswordFlag && r.Version != mqttwire.V50 {
		p.UserNameFlag = true // 3.1.1 [MQTT-3.1.2-22]
	}
	if p.UserNameFlag {
		p.UserName = Text(src)
	}
	if p.PasswordFlag {
		p.Password = src.Bytes(src.Length())
	}
	return p
}

// clientID draws a Client Identifier: in 3.1 of 1 to 23 characters.
func clientID(src *Source, v mqttwire.Version) []byte {
	id := Text(src)
	if v != mqttwire.V31 {
		return id
	}
	if len(id) == 0 {
		return []byte{'a'}
	}
	return []byte(string([]rune(string(id))[:min(23, len([]rune(string(id))))]))
}

func connackPacket(src *Source, r codec.Rules) *codec.Connack {
	var codes []connack.Code
	for c := range 256 {
		if connack.Code(c).ValidIn(r.Version) {
			codes = append(codes, connack.Code(c))
		}
	}
	p := &codec.Connack{Properties: propertiesIn(src, r, mqttwire.CONNACK)}
	if src.Bool() {
		p.Code = pick(src, codes...)
	}
	p.SessionPresent = p.Code == 0 && r.Version != mqttwire.V31 && src.Bool()
	return p
}

func publish(src *Source, r codec.Rules) *codec.Publish {
	p := &codec.Publish{
		QoS:        level(src),
		Retain:     src.Bool(),
		Topic:      TopicName(src),
		Properties: propertiesIn(src, r, mqttwire.PUBLISH),
		Payload:    src.Bytes(src.Length()),
	}
	if p.QoS > 0 {
		p.ID = packetID(src)
	}
	if p.QoS > 0 || r.Version == mqttwire.V31 {
		p.Dup = src.Bool()
	}
	if _, ok := p.Properties.TopicAlias(); ok && src.Bool() {
		p.Topic = nil // 5.0 §3.3.2.3.4
	}
	return p
}

func ack(src *Source, r codec.Rules, t mqttwire.PacketType) codec.Packet {
	p := codec.Puback{ID: packetID(src)}
	if r.Version == mqttwire.V50 {
		p.Code, p.Properties = code(src, r, t), Properties(src, t, r.From)
	}
	switch t {
	case mqttwire.PUBREC:
		return (*codec.Pubrec)(&p)
	case mqttwire.PUBREL:
		return (*codec.Pubrel)(&p)
	case mqttwire.PUBCOMP:
		return (*codec.Pubcomp)(&p)
	}
	return &p
}

// many draws how often something stands in a list: at least once.
func many(src *Source) int {
	if src.OneIn(32) {
		return 1 + src.Intn(200)
	}
	return 1 + src.Intn(5)
}

func subscribe(src *Source, r codec.Rules) *codec.Subscribe {
	p := &codec.Subscribe{ID: packetID(src), Properties: propertiesIn(src, r, mqttwire.SUBSCRIBE)}
	for range many(src) {
		s := codec.Subscription{Options: codec.SubscriptionOptions(level(src))}
		shared := r.Version == mqttwire.V50 && src.OneIn(4)
		if r.Version == mqttwire.V50 {
			if !shared && src.Bool() {
				s.Options |= codec.NoLocal // [MQTT-3.8.3-4]
			}
			if src.Bool() {
				s.Options |= codec.RetainAsPublished
			}
			s.Options |= pick(src, codec.SendRetained, codec.SendRetainedIfNew, codec.DoNotSendRetained)
		}
		s.Filter = filter(src, shared)
		p.Subscriptions = p.Subscriptions.Append(s)
	}
	return p
}

func filter(src *Source, shared bool) []byte {
	if shared {
		return SharedFilter(src)
	}
	return TopicFilter(src)
}

func unsubscribe(src *Source, r codec.Rules) *codec.Unsubscribe {
	p := &codec.Unsubscribe{ID: packetID(src), Properties: propertiesIn(src, r, mqttwire.UNSUBSCRIBE)}
	for range many(src) {
		p.Filters = p.Filters.Append(filter(src, r.Version == mqttwire.V50 && src.OneIn(4)))
	}
	return p
}

func suback(src *Source, r codec.Rules) *codec.Suback {
	p := &codec.Suback{ID: packetID(src), Properties: propertiesIn(src, r, mqttwire.SUBACK)}
	for range many(src) {
		var c mqttwire.Reason
		if r.Version == mqttwire.V50 {
			c = code(src, r, mqttwire.SUBACK)
		} else {
			c = pick(src, mqttwire.GrantedQoS0, mqttwire.GrantedQoS1, mqttwire.GrantedQoS2, mqttwire.UnspecifiedError)
		}
		p.Codes = p.Codes.Append(c)
	}
	return p
}

func unsuback(src *Source, r codec.Rules) *codec.Unsuback {
	p := &codec.Unsuback{ID: packetID(src), Properties: propertiesIn(src, r, mqttwire.UNSUBACK)}
	if r.Version == mqttwire.V50 {
		for range many(src) {
			p.Codes = p.Codes.Append(code(src, r, mqttwire.UNSUBACK))
		}
	}
	return p
}

func auth(src *Source, r codec.Rules) *codec.Auth {
	p := &codec.Auth{Code: code(src, r, mqttwire.AUTH), Properties: Properties(src, mqttwire.AUTH, r.From)}
	if _, ok := p.Properties.AuthenticationMethod(); !ok {
		p.Properties = property(src, p.Properties, codec.AuthenticationMethod) // 5.0 §3.15.2.2.2
	}
	return p
}
