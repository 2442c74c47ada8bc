package server

import (
	"encoding/binary"
	"time"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/varint"
)

// A buffer is memory for what gathers while a client reads.
type buffer struct {
	b     []byte
	aging []aging // of what stands in the bytes, in their order
}

// aging is a Message Expiry Interval that waits to be written: the client is
// told what is left of it when it is (5.0 [MQTT-3.3.2-6]).
type aging struct {
	at   int           // where it stands
	ends time.Duration // when the message is too old
}

// maxAging is how many a buffer that is used again has room for.
const maxAging = 1 << 10

// expires notes when the message ends whose PUBLISH stands at start.
func (c *conn) expires(start int, ends time.Duration) {
	if c.machine.Version() != v5 {
		return
	}
	if at := expiryAt(c.out[start:]); at > 0 {
		c.box.aging = append(c.box.aging, aging{start + at, ends})
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

// age counts down what is written now: what stands in b from a place on.
func (box *buffer) age(b []byte, from int, now time.Duration) {
	for _, x := range box.aging {
		if x.at >= from {
			left := max(x.ends-now+time.Second-1, 0) / time.Second // only whole seconds count as waited
			value := b[x.at:]
			binary.BigEndian.PutUint32(value, min(uint32(min(left, 1<<32-1)), binary.BigEndian.Uint32(value)))
		}
	}
}
