package fuzz

import (
	"slices"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/varint"
)

// A tree is a packet taken apart, so that a part can be changed and the lengths
// around it come out right, or wrong where that is wanted.
type tree struct {
	first byte
	parts []part
	lie   int    // added to the Remaining Length
	width int    // the least bytes of the Remaining Length, 0 for as few as can be
	out   []byte // what bytes returns, where a mutation is one of plain bytes
}

func (t *tree) kind() mqttwire.PacketType { return mqttwire.PacketType(t.first >> 4) }

// A part is a field of a packet or of a property.
type part struct {
	kind  kind
	value []byte              // without its length
	in    mqttwire.PacketType // of a block: where it stands
	props []prop              // of a block
	lie   int                 // added to the length that is written before it
	width int                 // of a block: the least bytes of its Property Length
}

type kind uint8

const (
	plain        kind = iota // nothing that a mutation knows
	protocol                 // Protocol Name
	protoLevel               // Protocol Level
	connectFlags             // Connect Flags
	connackFlags             // Connect Acknowledge Flags
	packetIDs                // Packet Identifier
	codes                    // a Reason Code or Connect Return code
	options                  // Subscription Options
	texts                    // a UTF-8 Encoded String that is none of the next two
	names                    // a Topic Name
	filters                  // a Topic Filter
	binaries                 // a field of any bytes
	payload                  // of a PUBLISH
	block                    // Property Length and properties
)

// sized reports whether parts of the kind have a length of two bytes.
func (k kind) sized() bool { return k == protocol || texts <= k && k <= binaries }

// A prop is a property.
type prop struct {
	id    []byte // the identifier as it is written
	value []part
}

func (p *prop) is(id codec.PropertyID) bool { return len(p.id) == 1 && p.id[0] == byte(id) }

// parse takes a valid packet of version v apart.
func parse(v mqttwire.Version, packet []byte) (*tree, bool) {
	h, n, err := fixedheader.Consume(packet)
	if err != nil || n == 0 || len(packet)-n != int(h.Length) {
		return nil, false
	}
	t := &tree{first: packet[0]}
	if int(h.Width) > varint.Size(h.Length) {
		t.width = int(h.Width)
	}
	c := &cursor{tree: t, b: slices.Clone(packet[n:]), v5: v == mqttwire.V50}
	c.packet(h)
	return t, !c.failed && len(c.b) == 0
}

// A cursor walks the body of a packet and appends its parts to the tree.
type cursor struct {
	tree   *tree
	b      []byte
	v5     bool
	failed bool
}

func (c *cursor) packet(h fixedheader.Header) {
	switch h.Type {
	case mqttwire.CONNECT:
		c.connect()
	case mqttwire.CONNACK:
		c.fixed(connackFlags, 1)
		c.fixed(codes, 1)
		c.block(h.Type)
	case mqttwire.PUBLISH:
		c.field(names)
		if h.QoS() > 0 {
			c.fixed(packetIDs, 2)
		}
		c.block(h.Type)
		c.fixed(payload, len(c.b))
	case mqttwire.PUBACK, mqttwire.PUBREC, mqttwire.PUBREL, mqttwire.PUBCOMP:
		c.fixed(packetIDs, 2)
		c.ending(h.Type)
	case mqttwire.DISCONNECT, mqttwire.AUTH:
		c.ending(h.Type)
	case mqttwire.SUBSCRIBE, mqttwire.SUBACK, mqttwire.UNSUBSCRIBE, mqttwire.UNSUBACK:
		c.fixed(packetIDs, 2)
		c.block(h.Type)
		for len(c.b) > 0 && !c.failed {
			switch h.Type {
			case mqttwire.SUBSCRIBE:
				c.field(filters)
				c.fixed(options, 1)
			case mqttwire.UNSUBSCRIBE:
				c.field(filters)
			default:
				c.fixed(codes, 1)
			}
		}
	}
}

func (c *cursor) connect() {
	c.field(protocol)
	c.fixed(protoLevel, 1)
	flags := c.fixed(connectFlags, 1)
	c.fixed(plain, 2) // Keep Alive
	c.block(mqttwire.CONNECT)
	c.field(texts)
	if c.failed {
		return
	}
	if flags[0]&0x04 != 0 {
		c.block(codec.WillProperties)
		c.field(names)
		c.field(binaries)
	}
	// 3.1 may leave out what the flags promise (3.1 §3.1).
	if flags[0]&0x80 != 0 && len(c.b) > 0 {
		c.field(texts)
	}
	if flags[0]&0x40 != 0 && len(c.b) > 0 {
		c.field(binaries)
	}
}

// ending is a code and properties; either may be left out.
func (c *cursor) ending(t mqttwire.PacketType) {
	if len(c.b) > 0 {
		c.fixed(codes, 1)
	}
	if len(c.b) > 0 {
		c.block(t)
	}
}

// fixed takes n bytes.
func (c *cursor) fixed(k kind, n int) []byte {
	b := c.take(n)
	c.tree.parts = append(c.tree.parts, part{kind: k, value: b})
	return b
}

// field takes bytes with their length before them.
func (c *cursor) field(k kind) {
	c.tree.parts = append(c.tree.parts, part{kind: k, value: c.sized()})
}

func (c *cursor) sized() []byte {
	length := c.take(2)
	if c.failed {
		return nil
	}
	return c.take(int(length[0])<<8 | int(length[1]))
}

func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.failed = true
	}
	if c.failed {
		return nil
	}
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b
}

// block takes properties, nothing before 5.0.
func (c *cursor) block(in mqttwire.PacketType) {
	if !c.v5 {
		return
	}
	length, n, err := varint.Consume(c.b)
	if err != nil || n == 0 {
		c.failed = true
		return
	}
	c.take(n)
	rest := codec.PropertiesOf(c.take(int(length)))
	p := part{kind: block, in: in}
	for rest.Size() > 0 {
		x, after, ok := rest.Next()
		if !ok {
			c.failed = true
			return
		}
		p.props = append(p.props, newProp(x, rest.Bytes()[:rest.Size()-after.Size()]))
		rest = after
	}
	c.tree.parts = append(c.tree.parts, p)
}

// newProp takes apart a property, whose bytes are wire.
func newProp(x codec.Property, wire []byte) prop {
	p := prop{id: wire[:1:1]}
	switch x.ID.Type() {
	case codec.UTF8StringPair:
		p.value = []part{{kind: texts, value: x.Key}, {kind: texts, value: x.Value}}
	case codec.UTF8String:
		k := texts
		if rows[x.ID].Topic {
			k = names
		}
		p.value = []part{{kind: k, value: x.Value}}
	case codec.BinaryData:
		p.value = []part{{kind: binaries, value: x.Value}}
	default:
		p.value = []part{{value: wire[1:]}}
	}
	return p
}

// fill adds the code and the property block that an acknowledgement, DISCONNECT
// or AUTH of 5.0 has left out (5.0 §3.4.2.1, §3.14.2.1): the same in more bytes.
// It reports whether there was anything to add.
func (t *tree) fill() bool {
	n := 0
	switch t.kind() {
	case mqttwire.PUBACK, mqttwire.PUBREC, mqttwire.PUBREL, mqttwire.PUBCOMP:
		n = 1
	case mqttwire.DISCONNECT, mqttwire.AUTH:
	default:
		return false
	}
	short := len(t.parts) < n+2
	if len(t.parts) == n {
		t.parts = append(t.parts, part{kind: codes, value: []byte{0}})
	}
	if len(t.parts) == n+1 {
		t.parts = append(t.parts, part{kind: block, in: t.kind()})
	}
	return short
}

// all returns the parts of the given kinds, those of properties included.
func (t *tree) all(kinds ...kind) (found []*part) {
	for i := range t.parts {
		p := &t.parts[i]
		if slices.Contains(kinds, p.kind) {
			found = append(found, p)
		}
		for _, x := range p.props {
			for j := range x.value {
				if slices.Contains(kinds, x.value[j].kind) {
					found = append(found, &x.value[j])
				}
			}
		}
	}
	return found
}

// any draws one of the parts of the given kinds, nil where there is none.
func (t *tree) any(src *Source, kinds ...kind) *part {
	found := t.all(kinds...)
	if len(found) == 0 {
		return nil
	}
	return pick(src, found...)
}

// isField reports whether a part is a field of the packet, not the value of a
// property.
func (t *tree) isField(p *part) bool {
	for i := range t.parts {
		if p == &t.parts[i] {
			return true
		}
	}
	return false
}

// set replaces the property of an identifier, or adds it.
func (p *part) set(id codec.PropertyID, x prop) {
	for i := range p.props {
		if p.props[i].is(id) {
			p.props[i] = x
			return
		}
	}
	p.props = append(p.props, x)
}

// drop removes a property and reports whether it was there.
func (p *part) drop(id codec.PropertyID) bool {
	n := len(p.props)
	p.props = slices.DeleteFunc(p.props, func(x prop) bool { return x.is(id) })
	return len(p.props) < n
}

// bytes puts the packet together.
func (t *tree) bytes() []byte {
	if t.out != nil {
		return t.out
	}
	body := appendParts(nil, t.parts)
	return append(appendVarint([]byte{t.first}, len(body)+t.lie, t.width), body...)
}

func appendParts(b []byte, parts []part) []byte {
	for _, p := range parts {
		value := p.value
		if p.kind == block {
			for _, x := range p.props {
				value = appendParts(append(value, x.id...), x.value)
			}
			b = appendVarint(b, len(value)+p.lie, p.width)
		} else if p.kind.sized() {
			n := len(value) + p.lie
			b = append(b, byte(n>>8), byte(n))
		}
		b = append(b, value...)
	}
	return b
}

// appendVarint appends a Variable Byte Integer of at least width bytes.
func appendVarint(b []byte, v, width int) []byte {
	for i := 1; v >= 0x80 || i < width; i++ {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}
