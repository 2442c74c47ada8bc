package codec

import (
	"strconv"
	"unicode/utf8"

	"github.com/mqttwire/mqttwire"
)

// shownBytes is how much of a payload or of another binary field is shown.
const shownBytes = 32

// A line is the description of a packet in the making: its name and fields.
type line []byte

func describe(t mqttwire.PacketType) line { return append(line(nil), t.String()...) }

func (l line) name(name string) line {
	l = append(l, ' ')
	l = append(l, name...)
	return append(l, '=')
}

func (l line) number(name string, v int) line {
	return strconv.AppendInt(l.name(name), int64(v), 10)
}

func (l line) flag(name string, v bool) line {
	if !v {
		return l
	}
	return append(append(l, ' '), name...)
}

func (l line) text(name string, v []byte) line {
	return strconv.AppendQuote(l.name(name), string(v))
}

func (l line) binary(name string, v []byte) line { return l.name(name).bytes(v) }

// bytes shows the size of v and its beginning, as text where it is that.
func (l line) bytes(v []byte) line {
	l = strconv.AppendInt(l, int64(len(v)), 10)
	l = append(l, " bytes"...)
	if len(v) == 0 {
		return l
	}
	shown := v[:min(len(v), shownBytes)]
	for i := 0; i < utf8.UTFMax-1 && len(v) > len(shown) && !utf8.Valid(shown); i++ {
		shown = shown[:len(shown)-1] // a character that the cut went through
	}
	l = append(l, ' ')
	if utf8.Valid(shown) {
		l = strconv.AppendQuote(l, string(shown))
	} else {
		l = append(l, "0x"...)
		for _, b := range v[:min(len(v), shownBytes)] {
			l = append(l, hexDigits[b>>4], hexDigits[b&15])
		}
	}
	if len(v) > shownBytes {
		l = append(l, "..."...)
	}
	return l
}

// secret shows that there is a field, and nothing of it.
func (l line) secret(name string) line { return append(l.name(name), "***"...) }

func (l line) code(c uint8, name string) line {
	l = append(l.name("code"), "0x"...)
	l = append(l, hexDigits[c>>4], hexDigits[c&15], ' ')
	return strconv.AppendQuote(l, name)
}

func (l line) reason(t mqttwire.PacketType, c mqttwire.Reason) line {
	return l.code(uint8(c), c.Name(t))
}

const hexDigits = "0123456789abcdef"

func (l line) properties(p Properties) line {
	if len(p.b) == 0 {
		return l
	}
	return l.name("properties").propertyList(p)
}

func (l line) propertyList(p Properties) line {
	l = append(l, '{')
	first := true
	for x := range p.All() {
		if !first {
			l = append(l, ", "...)
		}
		first = false
		l = l.property(x)
	}
	return append(l, '}')
}

// String describes the properties: {name: value, ...}. It shows no
// Authentication Data.
func (p Properties) String() string {
	if len(p.b) == 0 {
		return "{}"
	}
	return string(line(nil).propertyList(p))
}

// GoString is String, so that %#v shows no Authentication Data either.
func (p Properties) GoString() string { return p.String() }

// String describes the property: name: value. It shows no Authentication Data.
func (x Property) String() string { return string(line(nil).property(x)) }

// GoString is String, so that %#v shows no Authentication Data either.
func (x Property) GoString() string { return x.String() }

func (l line) property(x Property) line {
	l = append(append(l, x.ID.String()...), ": "...)
	switch x.ID.Type() {
	case UTF8String:
		return strconv.AppendQuote(l, string(x.Value))
	case UTF8StringPair:
		l = append(strconv.AppendQuote(l, string(x.Key)), '=')
		return strconv.AppendQuote(l, string(x.Value))
	case BinaryData:
		if x.ID == AuthenticationData {
			return append(l, "***"...)
		}
		l = strconv.AppendInt(l, int64(len(x.Value)), 10)
		return append(l, " bytes"...)
	}
	return strconv.AppendUint(l, uint64(x.Number), 10)
}

// String describes p in a line, without the password. It has a value receiver,
// so that printing a Connect by value is as safe.
func (p Connect) String() string {
	l := describe(mqttwire.CONNECT)
	l = append(l.name("version"), p.Version.String()...)
	l = l.text("client", p.ClientID).number("keepalive", int(p.KeepAlive))
	l = l.flag("bridge", p.Bridge).flag("clean", p.CleanStart)
	if p.UserNameFlag {
		l = l.text("user", p.UserName)
	}
	if p.PasswordFlag {
		l = l.secret("password")
	}
	l = l.properties(p.Properties)
	if p.WillFlag {
		l = l.text("will", p.Will.Topic).number("qos", int(p.Will.QoS)).flag("retain", p.Will.Retain)
		l = l.binary("payload", p.Will.Payload).properties(p.Will.Properties)
	}
	return string(l)
}

// GoString is String, so that %#v shows no password either.
func (p Connect) GoString() string { return p.String() }

// String describes p in a line.
func (p *Connack) String() string {
	l := describe(mqttwire.CONNACK).flag("session-present", p.SessionPresent)
	return string(l.code(uint8(p.Code), p.Code.String()).properties(p.Properties))
}

// String describes p in a line, with the beginning of the payload.
func (p *Publish) String() string {
	l := describe(mqttwire.PUBLISH).text("topic", p.Topic).number("qos", int(p.QoS))
	if p.QoS > 0 {
		l = l.number("id", int(p.ID))
	}
	l = l.flag("dup", p.Dup).flag("retain", p.Retain).binary("payload", p.Payload)
	return string(l.properties(p.Properties))
}

// String describes p in a line.
func (p *Puback) String() string { return (*ack)(p).describe(mqttwire.PUBACK) }

// String describes p in a line.
func (p *Pubrec) String() string { return (*ack)(p).describe(mqttwire.PUBREC) }

// String describes p in a line.
func (p *Pubrel) String() string { return (*ack)(p).describe(mqttwire.PUBREL) }

// String describes p in a line.
func (p *Pubcomp) String() string { return (*ack)(p).describe(mqttwire.PUBCOMP) }

func (p *ack) describe(t mqttwire.PacketType) string {
	return string(describe(t).number("id", int(p.ID)).reason(t, p.Code).properties(p.Properties))
}

// String describes p in a line.
func (p *Subscribe) String() string {
	l := describe(mqttwire.SUBSCRIBE).number("id", int(p.ID)).properties(p.Properties)
	for s := range p.Subscriptions.All() {
		l = l.text("filter", s.Filter).number("qos", int(s.Options.QoS()))
		l = l.flag("no-local", s.Options.NoLocal()).flag("retain-as-published", s.Options.RetainAsPublished())
		if h := s.Options.RetainHandling(); h != SendRetained {
			l = l.number("retain-handling", int(h>>4))
		}
	}
	return string(l)
}

// String describes p in a line.
func (p *Suback) String() string {
	return string(p.Codes.describe(mqttwire.SUBACK, describe(mqttwire.SUBACK).number("id", int(p.ID))).properties(p.Properties))
}

// String describes p in a line.
func (p *Unsuback) String() string {
	return string(p.Codes.describe(mqttwire.UNSUBACK, describe(mqttwire.UNSUBACK).number("id", int(p.ID))).properties(p.Properties))
}

func (l ReasonCodes) describe(t mqttwire.PacketType, to line) line {
	for i := range l.Len() {
		to = to.reason(t, l.At(i))
	}
	return to
}

// String describes p in a line.
func (p *Unsubscribe) String() string {
	l := describe(mqttwire.UNSUBSCRIBE).number("id", int(p.ID)).properties(p.Properties)
	for f := range p.Filters.All() {
		l = l.text("filter", f)
	}
	return string(l)
}

// String returns "PINGREQ".
func (*Pingreq) String() string { return mqttwire.PINGREQ.String() }

// String returns "PINGRESP".
func (*Pingresp) String() string { return mqttwire.PINGRESP.String() }

// String describes p in a line.
func (p *Disconnect) String() string {
	return string(describe(mqttwire.DISCONNECT).reason(mqttwire.DISCONNECT, p.Code).properties(p.Properties))
}

// String describes p in a line, without the authentication data.
func (p *Auth) String() string {
	return string(describe(mqttwire.AUTH).reason(mqttwire.AUTH, p.Code).properties(p.Properties))
}
