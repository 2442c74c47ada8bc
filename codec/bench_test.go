package codec_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"unicode/utf8"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// Each benchmark stands beside its limit, written by hand and measured in the
// same run: for append a copy of the same bytes, for decode a parse that only
// finds the fields and checks UTF-8 with utf8.Valid, and U+0000 and wildcards
// in a byte loop. Compare ratios, never nanoseconds.

var (
	v311 = codec.Rules{Version: mqttwire.V311}
	v50  = codec.Rules{Version: mqttwire.V50}
)

// benchPublish is a PUBLISH of 64 bytes in 3.1.1 and 65 in 5.0.
var benchPublish = codec.Publish{
	Topic:   []byte("sensors/room-12/temp"),
	Payload: bytes.Repeat([]byte{'x'}, 64-2-2-20),
}

func benchProperties(tb testing.TB) codec.Properties {
	p := codec.AppendPayloadFormatIndicator(codec.Properties{}, 1)
	p = codec.AppendMessageExpiryInterval(p, 3600)
	p = codec.AppendContentType(p, "application/json")
	p = codec.AppendResponseTopic(p, "reply/room-12")
	return codec.AppendUserProperty(p, "region", "eu-west")
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		if err != nil {
			tb.Helper()
			tb.Fatal(err)
		}
		return v
	}
}

func encode(tb testing.TB, p codec.Packet, r codec.Rules) []byte {
	tb.Helper()
	return must(p.Append(nil, r))(tb)
}

func split(tb testing.TB, b []byte, r codec.Rules) (fixedheader.Header, []byte) {
	tb.Helper()
	h, body, n, err := codec.Split(r, b, 0)
	if err != nil || n != len(b) {
		tb.Fatalf("Split: n = %d of %d, err = %v", n, len(b), err)
	}
	return h, body
}

// limitString is the hand-written check of a string.
func limitString(b []byte, topic bool) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, c := range b {
		if c == 0 || topic && (c == '+' || c == '#') {
			return false
		}
	}
	return true
}

type limitFields struct {
	topic, payload, properties []byte
	id                         uint16
	qos                        byte
	dup, retain                bool
}

// limitPublish is the hand-written parse of a PUBLISH.
func limitPublish(f *limitFields, flags byte, b []byte, v5 bool) bool {
	if len(b) < 2 {
		return false
	}
	n := int(binary.BigEndian.Uint16(b)) + 2
	if len(b) < n {
		return false
	}
	f.topic = b[2:n]
	f.qos, f.dup, f.retain = flags>>1&3, flags&8 != 0, flags&1 != 0
	if !limitString(f.topic, true) {
		return false
	}
	b = b[n:]
	if f.qos > 0 {
		if len(b) < 2 {
			return false
		}
		f.id = binary.BigEndian.Uint16(b)
		b = b[2:]
	}
	if v5 {
		if len(b) < 1 || b[0] >= 0x80 || len(b) < 1+int(b[0]) {
			return false
		}
		f.properties, b = b[1:1+b[0]], b[1+b[0]:]
		if !limitProperties(f.properties) {
			return false
		}
	}
	f.payload = b
	return true
}

func limitProperties(b []byte) bool {
	for len(b) > 0 {
		n := 0
		switch b[0] {
		case 0x01:
			n = 2
		case 0x02:
			n = 5
		case 0x23:
			n = 3
		case 0x03, 0x08:
			if len(b) < 3 {
				return false
			}
			n = 3 + int(binary.BigEndian.Uint16(b[1:]))
			if len(b) < n || !limitString(b[3:n], b[0] == 0x08) {
				return false
			}
		case 0x26:
			if len(b) < 3 {
				return false
			}
			k := 3 + int(binary.BigEndian.Uint16(b[1:]))
			if len(b) < k+2 || !limitString(b[3:k], false) {
				return false
			}
			n = k + 2 + int(binary.BigEndian.Uint16(b[k:]))
			if len(b) < n || !limitString(b[k+2:n], false) {
				return false
			}
		default:
			return false
		}
		if len(b) < n {
			return false
		}
		b = b[n:]
	}
	return true
}

func BenchmarkPublishDecode(b *testing.B) {
	props := benchPublish
	props.Properties = benchProperties(b)
	for _, c := range []struct {
		name string
		p    *codec.Publish
		r    codec.Rules
	}{{"64B/3.1.1", &benchPublish, v311}, {"64B/5.0", &benchPublish, v50}, {"properties/5.0", &props, v50}} {
		wire := encode(b, c.p, c.r)
		h, body := split(b, wire, c.r)
		b.Run(c.name+"/codec", func(b *testing.B) {
			b.ReportAllocs()
			var p codec.Publish
			for b.Loop() {
				if err := p.Decode(c.r, h, body); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/limit", func(b *testing.B) {
			b.ReportAllocs()
			var f limitFields
			for b.Loop() {
				if !limitPublish(&f, h.Flags, body, c.r == v50) {
					b.Fatal("limit refused the packet")
				}
			}
		})
	}
}

func BenchmarkPublishAppend(b *testing.B) {
	props := benchPublish
	props.Properties = benchProperties(b)
	for _, c := range []struct {
		name string
		p    *codec.Publish
		r    codec.Rules
	}{{"64B/3.1.1", &benchPublish, v311}, {"64B/5.0", &benchPublish, v50}, {"properties/5.0", &props, v50}} {
		wire := encode(b, c.p, c.r)
		dst := make([]byte, 0, 2*len(wire))
		b.Run(c.name+"/codec", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				out, err := c.p.Append(dst, c.r)
				if err != nil || len(out) != len(wire) {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/limit", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if out := limitAppend(dst, c.p, c.r == v50); len(out) != len(wire) {
					b.Fatal("limit wrote another length")
				}
			}
		})
		b.Run(c.name+"/copy", func(b *testing.B) {
			b.ReportAllocs()
			out := dst[:len(wire)]
			for b.Loop() {
				if copy(out, wire) != len(wire) {
					b.Fatal("short copy")
				}
			}
		})
	}
}

// limitAppend is the hand-written append of a short PUBLISH of QoS 0.
//
//go:noinline
func limitAppend(dst []byte, p *codec.Publish, v5 bool) []byte {
	n := 2 + len(p.Topic) + len(p.Payload)
	if v5 {
		n += 1 + p.Properties.Size()
	}
	dst = append(dst, 0x30)
	for n >= 0x80 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	dst = append(dst, byte(n), byte(len(p.Topic)>>8), byte(len(p.Topic)))
	dst = append(dst, p.Topic...)
	if v5 {
		dst = append(dst, byte(p.Properties.Size()))
		dst = append(dst, p.Properties.Bytes()...)
	}
	return append(dst, p.Payload...)
}

func BenchmarkConnectDecode(b *testing.B) {
	for _, r := range []codec.Rules{v311, v50} {
		p := codec.Connect{CleanStart: true, KeepAlive: 60, ClientID: []byte("device-000017"),
			UserNameFlag: true, UserName: []byte("alice"), PasswordFlag: true, Password: []byte("correct horse"),
			WillFlag: true, Will: codec.Will{Topic: []byte("status/device-000017"), Payload: []byte("gone"), Retain: true}}
		h, body := split(b, encode(b, &p, r), r)
		b.Run(r.Version.String(), func(b *testing.B) {
			b.ReportAllocs()
			var p codec.Connect
			for b.Loop() {
				if err := p.Decode(codec.Rules{From: mqttwire.Client}, h, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSubscribe8(b *testing.B) {
	filters := []string{"a/b/c", "sensors/+/temp", "sensors/room-12/#", "status/device-000017", "cmd/device-000017/+", "alerts/#",
		"building/4/floor/+/light", "time"}
	for _, r := range []codec.Rules{v311, v50} {
		p := codec.Subscribe{ID: 7}
		for _, f := range filters {
			p.Subscriptions = p.Subscriptions.Append(codec.Subscription{Filter: []byte(f), Options: 1})
		}
		h, body := split(b, encode(b, &p, r), r)
		b.Run(r.Version.String()+"/decode+walk", func(b *testing.B) {
			b.ReportAllocs()
			var p codec.Subscribe
			for b.Loop() {
				if err := p.Decode(r, h, body); err != nil {
					b.Fatal(err)
				}
				n := 0
				for s := range p.Subscriptions.All() {
					n += len(s.Filter)
				}
				if n == 0 {
					b.Fatal("no filters")
				}
			}
		})
		b.Run(r.Version.String()+"/decode", func(b *testing.B) {
			b.ReportAllocs()
			var p codec.Subscribe
			for b.Loop() {
				if err := p.Decode(r, h, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStream reports a packet of 84 bytes out of a stream of 1 MiB.
func BenchmarkStream(b *testing.B) {
	p := benchPublish
	p.Payload = bytes.Repeat([]byte{'x'}, 84-2-2-20)
	for _, r := range []codec.Rules{v311, v50} {
		if r == v50 {
			p.Payload = p.Payload[1:]
		}
		wire := encode(b, &p, r)
		n := 1 << 20 / len(wire)
		stream := bytes.Repeat(wire, n)
		perPacket := func(b *testing.B) {
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/packet")
		}
		b.Run(r.Version.String()+"/codec", func(b *testing.B) {
			b.ReportAllocs()
			var p codec.Publish
			for b.Loop() {
				for rest := stream; len(rest) > 0; {
					h, body, n, err := codec.Split(r, rest, 0)
					if err != nil || n == 0 {
						b.Fatal(err)
					}
					if err := p.Decode(r, h, body); err != nil {
						b.Fatal(err)
					}
					rest = rest[n:]
				}
			}
			perPacket(b)
		})
		b.Run(r.Version.String()+"/decode", func(b *testing.B) {
			b.ReportAllocs()
			h, _ := split(b, wire, r)
			var p codec.Publish
			for b.Loop() {
				for rest := stream; len(rest) > 0; rest = rest[len(wire):] {
					if err := p.Decode(r, h, rest[2:len(wire)]); err != nil {
						b.Fatal(err)
					}
				}
			}
			perPacket(b)
		})
		b.Run(r.Version.String()+"/limit", func(b *testing.B) {
			b.ReportAllocs()
			var f limitFields
			for b.Loop() {
				for rest := stream; len(rest) > 0; {
					if rest[0]>>4 != 3 || rest[1] >= 0x80 || len(rest) < 2+int(rest[1]) ||
						!limitPublish(&f, rest[0]&15, rest[2:2+rest[1]], r == v50) {
						b.Fatal("limit refused the packet")
					}
					rest = rest[2+rest[1]:]
				}
			}
			perPacket(b)
		})
	}
}
