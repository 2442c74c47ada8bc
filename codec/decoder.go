package codec

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// Decoder holds one packet of each type, for callers that want one call for
// all of them. The zero Decoder is ready.
type Decoder struct {
	connect     Connect
	connack     Connack
	publish     Publish
	puback      Puback
	pubrec      Pubrec
	pubrel      Pubrel
	pubcomp     Pubcomp
	subscribe   Subscribe
	suback      Suback
	unsubscribe Unsubscribe
	unsuback    Unsuback
	pingreq     Pingreq
	pingresp    Pingresp
	disconnect  Disconnect
	auth        Auth
}

// Decode decodes a packet into the decoder's own of that type and returns that.
// It is valid until the next packet of its type is decoded, and no longer than
// body. For a type that is not defined Decode returns nil and
// [mqttwire.ErrPacketType]. With another error it returns the packet as well: a
// Connect may know its Version.
func (d *Decoder) Decode(r Rules, h fixedheader.Header, body []byte) (Packet, error) {
	if h.Type == mqttwire.PUBLISH { // most are: without a call by way of the interface
		return &d.publish, d.publish.Decode(r, h, body)
	}
	p := d.packet(h.Type)
	if p == nil {
		return nil, mqttwire.ErrPacketType // 3.1.1 §2.2.1, 5.0 §2.1.2
	}
	return p, p.Decode(r, h, body)
}

// DecodeHead decodes all of a PUBLISH except its payload into the decoder's own
// Publish, as [Publish.DecodeHead], and returns that too. It is valid as what
// Decode returns.
func (d *Decoder) DecodeHead(r Rules, h fixedheader.Header, b []byte) (p *Publish, n int, err error) {
	n, err = d.publish.DecodeHead(r, h, b)
	return &d.publish, n, err
}

// String returns "Decoder": its fields may hold a password. It has a value
// receiver, so that printing a Decoder by value is as safe.
func (Decoder) String() string { return "Decoder" }

// GoString is String.
func (d Decoder) GoString() string { return d.String() }

func (d *Decoder) packet(t mqttwire.PacketType) Packet {
	switch t {
	case mqttwire.CONNECT:
		return &d.connect
	case mqttwire.CONNACK:
		return &d.connack
	case mqttwire.PUBLISH:
		return &d.publish
	case mqttwire.PUBACK:
		return &d.puback
	case mqttwire.PUBREC:
		return &d.pubrec
	case mqttwire.PUBREL:
		return &d.pubrel
	case mqttwire.PUBCOMP:
		return &d.pubcomp
	case mqttwire.SUBSCRIBE:
		return &d.subscribe
	case mqttwire.SUBACK:
		return &d.suback
	case mqttwire.UNSUBSCRIBE:
		return &d.unsubscribe
	case mqttwire.UNSUBACK:
		return &d.unsuback
	case mqttwire.PINGREQ:
		return &d.pingreq
	case mqttwire.PINGRESP:
		return &d.pingresp
	case mqttwire.DISCONNECT:
		return &d.disconnect
	case mqttwire.AUTH:
		return &d.auth
	}
	return nil
}
