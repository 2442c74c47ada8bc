package codec

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// Pingreq is a PINGREQ packet (3.1.1 §3.12, 5.0 §3.12).
type Pingreq struct{}

// Pingresp is a PINGRESP packet (3.1.1 §3.13, 5.0 §3.13).
type Pingresp struct{}

// Type returns mqttwire.PINGREQ.
func (*Pingreq) Type() mqttwire.PacketType { return mqttwire.PINGREQ }

// Type returns mqttwire.PINGRESP.
func (*Pingresp) Type() mqttwire.PacketType { return mqttwire.PINGRESP }

// PropertyList returns nil: the packet has no properties.
func (*Pingreq) PropertyList() *Properties { return nil }

// PropertyList returns nil: the packet has no properties.
func (*Pingresp) PropertyList() *Properties { return nil }

// Decode validates the body of a PINGREQ, which has no fields.
func (*Pingreq) Decode(r Rules, h fixedheader.Header, body []byte) error {
	return r.checkEmpty(mqttwire.PINGREQ, h, body)
}

// Decode validates the body of a PINGRESP, which has no fields.
func (*Pingresp) Decode(r Rules, h fixedheader.Header, body []byte) error {
	return r.checkEmpty(mqttwire.PINGRESP, h, body)
}

// Append appends p to dst.
func (*Pingreq) Append(dst []byte, r Rules) ([]byte, error) {
	return r.appendEmpty(dst, mqttwire.PINGREQ)
}

// Append appends p to dst.
func (*Pingresp) Append(dst []byte, r Rules) ([]byte, error) {
	return r.appendEmpty(dst, mqttwire.PINGRESP)
}

// Size returns 2.
func (*Pingreq) Size(mqttwire.Version) int { return packetSize(0) }

// Size returns 2.
func (*Pingresp) Size(mqttwire.Version) int { return packetSize(0) }

// Downgrade removes nothing: all versions have the packet.
func (*Pingreq) Downgrade(v mqttwire.Version) error { return checkVersion(v) }

// Downgrade removes nothing: all versions have the packet.
func (*Pingresp) Downgrade(v mqttwire.Version) error { return checkVersion(v) }

func checkVersion(v mqttwire.Version) error {
	if !v.Valid() {
		return mqttwire.ErrVersion
	}
	return nil
}

func (r Rules) checkEmpty(t mqttwire.PacketType, h fixedheader.Header, body []byte) error {
	if err := r.checkHeader(t, h, body); err != nil {
		return err
	}
	if len(body) > 0 {
		return mqttwire.ErrTrailing // 3.1.1 §3.12.1, 5.0 §3.12.1: the Remaining Length is 0
	}
	return nil
}

func (r Rules) appendEmpty(dst []byte, t mqttwire.PacketType) ([]byte, error) {
	if e := r.checkAppend(t); e != 0 {
		return dst, e
	}
	return append(dst, byte(t)<<4, 0), nil
}
