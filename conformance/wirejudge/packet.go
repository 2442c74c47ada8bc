package wirejudge

import (
	"encoding/hex"
	"hash/maphash"
	"iter"
	"strconv"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/tokenauth"
)

// A Packet is a control packet that has passed, or the head of a large one.
type Packet struct {
	Conn   int              // the number of the connection
	Client string           // the Client Identifier, "" while it is not known
	At     time.Duration    // when its last byte was seen, or that of its head
	From   mqttwire.Role    // who sent it
	Number int              // on this side of the connection, from 1
	Size   int              // bytes in all, fixed header included
	In     codec.Inspection // of the bytes that were kept: all, or the head
	// Topic is that of a PUBLISH, which an alias may stand for, else nil.
	Topic []byte

	view
}

// view is what the judge reads of a packet, as far as it could be read.
type view struct {
	kind        mqttwire.PacketType
	dup, retain bool
	qos         uint8
	faults      int
	whole       bool // all bytes are there
	id          uint16
	hasID       bool
	code        uint8
	hasCode     bool
	codes       int // of a SUBACK or UNSUBACK
	filters     int
	topic       []byte // as it stands in the PUBLISH
	payload     int    // bytes
	hash        uint64 // of the payload, its beginning where it is long

	has     uint64 // the properties of the packet, a bit each
	number  [codec.SharedSubscriptionAvailable + 1]uint32
	method  []byte // Authentication Method
	ids     [8]uint32
	idCount int // Subscription Identifiers, of which ids has the first
	forward [len(forwarded)]uint64

	// CONNECT, CONNACK.
	flag struct {
		will, willRetain, clean, bridge, present bool
	}
	willQoS    uint8
	willTopic  []byte
	willHash   uint64
	willSize   int
	willExpiry uint32
	hasExpiry  bool
	keepAlive  uint16
	clientID   []byte
	hasClient  bool
	level      uint8
	levelKnown bool
	// shifted says that the fields of a CONNECT from firm on need not be where they seem
	// to be, so that any may have bytes of its password.
	shifted bool
	firm    int
}

// forwarded are the properties that a server passes on as they came.
var forwarded = [...]codec.PropertyID{codec.PayloadFormatIndicator, codec.ContentType, codec.ResponseTopic, codec.CorrelationData, codec.UserProperty}

var forwardedClause = [...]string{"MQTT-3.3.2-4", "MQTT-3.3.2-20", "MQTT-3.3.2-15", "MQTT-3.3.2-16", "MQTT-3.3.2-17"}

func (v *view) property(id codec.PropertyID) (n uint32, ok bool) {
	return v.number[id], v.has>>id&1 != 0
}

var seed = maphash.MakeSeed()

// read fills the view from what Inspect made of the packet.
func (v *view) read(in codec.Inspection) {
	h := in.Header
	v.kind, v.whole = h.Type, in.Size > 0
	if v.kind == mqttwire.PUBLISH {
		v.dup, v.retain, v.qos = h.Dup(), h.Retain(), h.QoS()
	}
	for x := range in.Faults() {
		v.faults++
		switch x.Err {
		case mqttwire.ErrProtocolVersion, mqttwire.ErrProtocolName, mqttwire.ErrTruncated, mqttwire.ErrTrailing,
			mqttwire.ErrUTF8, mqttwire.ErrNUL:
			v.shifted = v.shifted || v.kind == mqttwire.CONNECT
		}
	}
	if v.shifted {
		v.firm = firm(in)
	}
	var hashes [len(forwarded)]maphash.Hash
	total := in.Total()
	for f := range in.Fields() {
		if f.Cut && f.Name != "Payload" || v.astray(f) {
			continue
		}
		will := f.Part == codec.Payload
		if f.Property != 0 {
			if f.Property == codec.SubscriptionIdentifier {
				if v.idCount < len(v.ids) {
					v.ids[v.idCount] = f.Number
				}
				v.idCount++
			}
			if v.kind == mqttwire.CONNECT && will {
				if f.Property == codec.MessageExpiryInterval {
					v.willExpiry, v.hasExpiry = f.Number, true
				}
			} else if f.Property.Defined() {
				v.has |= 1 << f.Property
				v.number[f.Property] = f.Number
				if f.Property == codec.AuthenticationMethod {
					v.method = f.Value
				}
			}
			for i, p := range forwarded {
				if p == f.Property {
					if v.forward[i] == 0 {
						hashes[i].SetSeed(seed)
					}
					hashes[i].WriteByte(byte(f.Number))
					hashes[i].WriteString(strconv.Itoa(len(f.Key)))
					hashes[i].Write(f.Key)
					hashes[i].Write(f.Value)
					v.forward[i] = hashes[i].Sum64()
				}
			}
			continue
		}
		v.field(f)
		if f.Name == "Payload" {
			v.payload = total - f.Offset // of which f may be the beginning
		}
	}
}

// firm returns how many bytes of a CONNECT are what they seem to be, whatever is
// wrong behind them: those of fixed sizes, if it has the name of a protocol.
func firm(in codec.Inspection) (n int) {
	for f := range in.Fields() {
		switch {
		case f.Name == "Protocol Name" && string(f.Value) != "MQTT" && string(f.Value) != "MQIsdp":
			return f.Offset
		case f.Name == "Keep Alive":
			return f.Offset + f.Size
		}
	}
	return 0
}

func (v *view) astray(f codec.Field) bool { return v.shifted && f.Offset >= v.firm }

func (v *view) field(f codec.Field) {
	switch f.Name {
	case "Packet Identifier":
		v.id, v.hasID = uint16(f.Number), f.Number != 0
	case "Topic Name":
		v.topic = f.Value
	case "Topic Filter":
		v.filters++
	case "Payload":
		v.hash = maphash.Bytes(seed, f.Value)
	case "Reason Code", "Return Code", "Granted QoS":
		v.codes++
	case "PUBACK Reason Code", "PUBREC Reason Code", "PUBREL Reason Code", "PUBCOMP Reason Code",
		"Disconnect Reason Code", "Authenticate Reason Code", "Connect Reason Code", "Connect Return code":
		v.code, v.hasCode = uint8(f.Number), true
	case "Session Present":
		v.flag.present = f.Number != 0
	case "Will Retain":
		v.flag.willRetain = f.Number != 0
	case "Will QoS":
		v.willQoS = uint8(f.Number)
	case "Will Flag":
		v.flag.will = f.Number != 0
	case "Will Topic":
		v.willTopic = f.Value
	case "Will Message", "Will Payload":
		v.willHash, v.willSize = maphash.Bytes(seed, f.Value), len(f.Value)
	case "Clean Session", "Clean Start":
		v.flag.clean = f.Number != 0
	case "Bridge":
		v.flag.bridge = f.Number != 0
	case "Keep Alive":
		v.keepAlive = uint16(f.Number)
	case "Client Identifier":
		v.clientID, v.hasClient = f.Value, true
	case "Protocol Level", "Protocol Version":
		v.level, v.levelKnown = uint8(f.Number), true
	}
}

// A filter is one of a SUBSCRIBE or UNSUBSCRIBE.
type filter struct {
	text     []byte
	qos      uint8
	noLocal  bool
	asPub    bool
	handling uint8
}

// eachFilter walks over the filters. Options of an UNSUBSCRIBE are zero.
func eachFilter(in codec.Inspection) iter.Seq[filter] {
	return func(yield func(filter) bool) {
		var s filter
		have := false
		for f := range in.Fields() {
			switch f.Name {
			case "Topic Filter":
				if have && !yield(s) {
					return
				}
				s, have = filter{text: f.Value}, !f.Cut
			case "Requested QoS", "Maximum QoS":
				s.qos = uint8(f.Number)
			case "No Local":
				s.noLocal = f.Number != 0
			case "Retain As Published":
				s.asPub = f.Number != 0
			case "Retain Handling":
				s.handling = uint8(f.Number)
			}
		}
		if have {
			yield(s)
		}
	}
}

// eachCode walks over the codes of a SUBACK or UNSUBACK.
func eachCode(in codec.Inspection) iter.Seq[uint8] {
	return func(yield func(uint8) bool) {
		for f := range in.Fields() {
			switch f.Name {
			case "Reason Code", "Return Code", "Granted QoS":
				if !f.Cut && !yield(uint8(f.Number)) {
					return
				}
			}
		}
	}
}

// Secret reports whether a field of the packet must not be shown.
func (p *Packet) Secret(f codec.Field) bool {
	return f.IsSecret() || f.Name == "Payload" && p.Token() || p.astray(f)
}

// Token reports whether the packet is a PUBLISH that hands a token to a server
// (see package tokenauth).
func (p *Packet) Token() bool { return string(p.Topic) == tokenauth.TopicUpdate }

// Fields walks over the fields, each described in a line. Secrets are masked.
func (p *Packet) Fields() iter.Seq[string] {
	return func(yield func(string) bool) {
		for f := range p.In.Fields() {
			s := f.String()
			if p.Secret(f) && !f.IsSecret() {
				s = f.Name + ": ***, " + strconv.Itoa(f.Size) + " bytes"
			}
			if !yield(s) {
				return
			}
		}
	}
}

// AppendHex appends the bytes that were kept, in hex with a space between, at
// most limit of them, 0 for all. Secrets are "**".
func (p *Packet) AppendHex(dst []byte, limit int) []byte {
	b := p.In.Bytes()
	if limit <= 0 || limit > len(b) {
		limit = len(b)
	}
	at := 0
	put := func(n int, masked bool) {
		for ; at < min(n, limit); at++ {
			if at > 0 {
				dst = append(dst, ' ')
			}
			if masked {
				dst = append(dst, "**"...)
			} else {
				dst = hex.AppendEncode(dst, b[at:at+1])
			}
		}
	}
	for f := range p.In.Fields() {
		put(f.Offset, true) // what no field has is not known to be harmless
		put(f.Offset+f.Size, p.Secret(f))
	}
	put(limit, true)
	return dst
}

// String describes the packet in a line: its kind, and what matters of it.
// Payloads and secrets are not shown.
func (p *Packet) String() string {
	b := []byte(p.kind.String())
	word := func(name string, n int) {
		b = append(b, ' ')
		b = append(b, name...)
		b = strconv.AppendInt(b, int64(n), 10)
	}
	quoted := func(name string, v []byte) {
		b = append(b, ' ')
		b = append(b, name...)
		if len(v) > 80 {
			v = v[:80]
		}
		b = strconv.AppendQuote(b, string(v))
	}
	if p.hasID {
		word("", int(p.id))
	}
	switch p.kind {
	case mqttwire.CONNECT:
		b = append(append(b, ' '), p.In.Version.String()...)
		quoted("", p.clientID)
		if p.flag.clean {
			b = append(b, " clean"...)
		}
		word("keep-alive=", int(p.keepAlive))
		if n, ok := p.property(codec.SessionExpiryInterval); ok {
			word("expiry=", int(n))
		}
		if p.flag.will {
			quoted("will=", p.willTopic)
		}
	case mqttwire.CONNACK, mqttwire.DISCONNECT, mqttwire.AUTH:
		if p.flag.present {
			b = append(b, " session-present"...)
		}
	case mqttwire.PUBLISH:
		word("qos=", int(p.qos))
		if p.dup {
			b = append(b, " dup"...)
		}
		if p.retain {
			b = append(b, " retain"...)
		}
		quoted("", p.Topic)
		if n, ok := p.property(codec.TopicAlias); ok {
			word("alias=", int(n))
		}
	}
	for f := range p.In.Fields() {
		switch {
		case f.Cut && f.Name != "Payload":
		case f.Name == "Topic Filter":
			quoted("", f.Value)
		case f.Name == "Requested QoS" || f.Name == "Maximum QoS" && f.Property == 0:
			word("qos=", int(f.Number))
		case f.Meaning != "" && f.Part != codec.FixedHeader:
			b = append(b, " 0x"...)
			b = hex.AppendEncode(b, []byte{byte(f.Number)})
			b = append(append(b, ' '), f.Meaning...)
		case f.Property == codec.ReasonString:
			quoted("reason=", f.Value)
		}
		if len(b) > 400 {
			b = append(b, " ..."...)
			goto end
		}
	}
end:
	b = append(b, ", "...)
	b = strconv.AppendInt(b, int64(p.Size), 10)
	return string(append(b, " bytes"...))
}

// GoString is String, so that %#v shows no secret either.
func (p *Packet) GoString() string { return p.String() }
