package fuzz

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// Unchecked draws a packet whose fields hold whatever they can hold, forbidden
// or not, for an Append of r with Unchecked set: a Packet Identifier of 0, QoS
// 3, topics and properties that are no such thing, any code. What no bytes can
// say is not drawn.
func Unchecked(src *Source, r codec.Rules) codec.Packet {
	p := Packet(src, r)
	for range 1 + src.Intn(3) {
		spoil(src, r, p)
	}
	return p
}

// junk draws bytes that are seldom UTF-8 and may have wildcards.
func junk(src *Source) []byte {
	if src.Bool() {
		return text(src, "a\x00\xff\x80\xc0/+#$", src.Intn(8))
	}
	return src.Bytes(src.Intn(8))
}

// spoil gives a field of p a value that may be forbidden.
func spoil(src *Source, r codec.Rules, p codec.Packet) {
	junkBlock := func() codec.Properties {
		switch {
		case r.Version != mqttwire.V50:
			return codec.Properties{}
		case src.Bool():
			return codec.PropertiesOf(junk(src))
		}
		var b codec.Properties
		for range src.Intn(4) {
			b = property(src, b, pick(src, properties...))
		}
		return b
	}
	anyCode := func() mqttwire.Reason {
		if r.Version != mqttwire.V50 {
			return 0
		}
		return mqttwire.Reason(src.Byte())
	}
	switch p := p.(type) {
	case *codec.Connect:
		switch src.Intn(5) {
		case 0:
			p.ClientID = junk(src)
		case 1:
			p.UserNameFlag, p.UserName = true, junk(src)
		case 2:
			p.UserNameFlag, p.UserName, p.PasswordFlag = false, nil, true
		case 3:
			if p.Version == mqttwire.V50 {
				r.Version = p.Version
				p.Properties = junkBlock()
			}
		case 4:
			p.Will.QoS, p.Will.Retain = 3, src.Bool()
			if p.WillFlag {
				p.Will.Topic = junk(src)
			}
		}
	case *codec.Connack:
		switch src.Intn(3) {
		case 0:
			*(*uint8)(&p.Code) = src.Byte()
		case 1:
			p.Properties = junkBlock()
		case 2:
			p.SessionPresent = r.Version != mqttwire.V31
		}
	case *codec.Publish:
		switch src.Intn(5) {
		case 0:
			p.Topic = junk(src)
		case 1:
			p.ID = 0
		case 2:
			p.QoS = 3
		case 3:
			p.Dup = true
		case 4:
			p.Properties = junkBlock()
		}
	case *codec.Subscribe:
		switch src.Intn(3) {
		case 0:
			p.ID = 0
		case 1:
			p.Properties = junkBlock()
		case 2:
			p.Subscriptions = codec.SubscriptionsOf(junk(src))
		}
	case *codec.Unsubscribe:
		switch src.Intn(3) {
		case 0:
			p.ID = 0
		case 1:
			p.Properties = junkBlock()
		case 2:
			p.Filters = codec.FiltersOf(junk(src))
		}
	case *codec.Suback:
		p.Properties, p.Codes = junkBlock(), codec.ReasonCodesOf(junk(src))
	case *codec.Unsuback:
		p.Properties = junkBlock()
		if r.Version == mqttwire.V50 {
			p.Codes = codec.ReasonCodesOf(junk(src))
		}
	case *codec.Puback:
		spoilAck(src, p, anyCode(), junkBlock())
	case *codec.Pubrec:
		spoilAck(src, (*codec.Puback)(p), anyCode(), junkBlock())
	case *codec.Pubrel:
		spoilAck(src, (*codec.Puback)(p), anyCode(), junkBlock())
	case *codec.Pubcomp:
		spoilAck(src, (*codec.Puback)(p), anyCode(), junkBlock())
	case *codec.Disconnect:
		p.Code, p.Properties = anyCode(), junkBlock()
	case *codec.Auth:
		p.Code, p.Properties = anyCode(), junkBlock()
	}
}

func spoilAck(src *Source, p *codec.Puback, c mqttwire.Reason, b codec.Properties) {
	switch src.Intn(3) {
	case 0:
		p.ID = 0
	case 1:
		p.Code = c
	case 2:
		p.Properties = b
	}
}
