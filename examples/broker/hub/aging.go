package hub

import (
	"encoding/binary"
	"time"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/varint"
)

// expires notes when the message ends whose PUBLISH stands at start: the client is
// told what is left when it is written (5.0 [MQTT-3.3.2-6]).
func (c *Conn) expires(start int, ends time.Duration) {
	if c.machine.Version() != v5 {
		return
	}
	if at := expiryAt(c.out.Bytes()[start:]); at > 0 {
		c.out.CountDown(start+at, ends)
	}
}

// expiryAt returns where the value of the Message Expiry Interval stands in a
// PUBLISH of 5.0, 0 for nowhere.
func expiryAt(b []byte) int {
	h, at, _ := fixedheader.Consume(b)
	at += 2 + int(binary.BigEndian.Uint16(b[at:]))
	if h.QoS() > 0 {
		at += 2
	}
	length, width, _ := varint.Consume(b[at:])
	at += width
	for p := codec.PropertiesOf(b[at : at+int(length)]); ; {
		x, rest, ok := p.Next()
		switch {
		case !ok:
			return 0
		case x.ID == codec.MessageExpiryInterval:
			return at + 1
		}
		at += len(p.Bytes()) - len(rest.Bytes())
		p = rest
	}
}
