package codec_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// Packets that are not a short PUBLISH of QoS 0, each beside its limit: see
// bench_test.go.

// limitSplit is the hand-written framing of a packet whose Remaining Length
// takes at most two bytes.
func limitSplit(b []byte) (body []byte, n int) {
	if len(b) < 2 {
		return nil, 0
	}
	length, n := int(b[1]), 2
	if length >= 0x80 {
		if len(b) < 3 || b[2] >= 0x80 {
			return nil, 0
		}
		length, n = length&0x7f|int(b[2])<<7, 3
	}
	if len(b) < n+length {
		return nil, 0
	}
	return b[n : n+length], n + length
}

//go:noinline
func limitPuback(f *limitFields, b []byte) (n int) {
	if len(b) < 4 || b[0] != 0x40 || b[1] != 2 {
		return 0
	}
	f.id = binary.BigEndian.Uint16(b[2:])
	if f.id == 0 {
		return 0
	}
	return 4
}

//go:noinline
func limitSuback(b []byte, v5 bool) (id uint16, codes []byte, n int) {
	if len(b) < 1 || b[0] != 0x90 {
		return 0, nil, 0
	}
	body, n := limitSplit(b)
	if len(body) < 3 {
		return 0, nil, 0
	}
	id, codes = binary.BigEndian.Uint16(body), body[2:]
	if v5 {
		if codes[0] != 0 {
			return 0, nil, 0
		}
		codes = codes[1:]
	}
	for _, c := range codes {
		if c > 2 && c != 0x80 && (!v5 || c < 0x80 || c > 0xa2) {
			return 0, nil, 0
		}
	}
	return id, codes, n
}

func BenchmarkPuback(b *testing.B) {
	for _, r := range []codec.Rules{v311, v50} {
		b.Run(r.Version.String(), func(b *testing.B) {
			wire := encode(b, &codec.Puback{ID: 7}, r)
			b.Run("codec", func(b *testing.B) {
				b.ReportAllocs()
				var p codec.Puback
				for b.Loop() {
					h, body, n, err := codec.Split(r, wire, 0)
					if err != nil || n != len(wire) {
						b.Fatal(n, err)
					}
					if err := p.Decode(r, h, body); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("limit", func(b *testing.B) {
				var f limitFields
				for b.Loop() {
					if n := limitPuback(&f, wire); f.id != 7 || n != len(wire) {
						b.Fatal(f.id, n)
					}
				}
			})
		})
	}
}

func BenchmarkSuback(b *testing.B) {
	for _, r := range []codec.Rules{v311, v50} {
		b.Run(r.Version.String(), func(b *testing.B) {
			wire := encode(b, &codec.Suback{ID: 7, Codes: codec.ReasonCodesOf([]byte{0, 1, 2, 0x80, 1, 1, 0, 2})}, r)
			b.Run("codec", func(b *testing.B) {
				b.ReportAllocs()
				var p codec.Suback
				for b.Loop() {
					h, body, n, err := codec.Split(r, wire, 0)
					if err != nil || n != len(wire) {
						b.Fatal(n, err)
					}
					if err := p.Decode(r, h, body); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("limit", func(b *testing.B) {
				for b.Loop() {
					if id, codes, n := limitSuback(wire, r == v50); id != 7 || len(codes) != 8 || n != len(wire) {
						b.Fatal(id, codes, n)
					}
				}
			})
		})
	}
}

// BenchmarkPublish1K is a PUBLISH of QoS 1 with 1 KiB of payload.
func BenchmarkPublish1K(b *testing.B) {
	p := codec.Publish{Topic: benchPublish.Topic, Payload: make([]byte, 1<<10), QoS: 1, ID: 7}
	wire := encode(b, &p, v50)
	b.Run("codec", func(b *testing.B) {
		b.ReportAllocs()
		var p codec.Publish
		for b.Loop() {
			h, body, n, err := codec.Split(v50, wire, 0)
			if err != nil || n != len(wire) {
				b.Fatal(n, err)
			}
			if err := p.Decode(v50, h, body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("limit", func(b *testing.B) {
		var f limitFields
		for b.Loop() {
			body, n := limitSplit(wire)
			if n != len(wire) || wire[0]>>4 != 3 || !limitPublish(&f, wire[0]&15, body, true) {
				b.Fatal(n)
			}
		}
	})
}

func BenchmarkSplit(b *testing.B) {
	subscribe := codec.Subscribe{ID: 7}
	subscribe.Subscriptions = subscribe.Subscriptions.Append(codec.Subscription{Filter: []byte("a/b/+")})
	for _, p := range []codec.Packet{&codec.Puback{ID: 7}, &codec.Pubrel{ID: 7}, &codec.Pingreq{}, &subscribe,
		&codec.Publish{Topic: []byte("a"), Payload: make([]byte, 1<<10)}} {
		wire := encode(b, p, v50)
		b.Run(p.Type().String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, n, err := codec.Split(v50, wire, 0); err != nil || n != len(wire) {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// buildProperties builds the list of benchProperties in the memory of p.
func buildProperties(p codec.Properties) codec.Properties {
	p = codec.AppendPayloadFormatIndicator(p.Reset(), 1)
	p = codec.AppendMessageExpiryInterval(p, 3600)
	p = codec.AppendContentType(p, "application/json")
	p = codec.AppendResponseTopic(p, "reply/room-12")
	return codec.AppendUserProperty(p, "region", "eu-west")
}

//go:noinline
func limitField(dst []byte, id byte, v string) []byte {
	return append(append(dst, id, byte(len(v)>>8), byte(len(v))), v...)
}

// BenchmarkBuildAppend is a PUBLISH whose properties are built for it.
func BenchmarkBuildAppend(b *testing.B) {
	p := benchPublish
	p.Properties = buildProperties(p.Properties)
	wire := encode(b, &p, v50)
	dst := make([]byte, 0, 2*len(wire))
	b.Run("codec", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.Properties = buildProperties(p.Properties)
			if out, err := p.Append(dst, v50); err != nil || len(out) != len(wire) {
				b.Fatal(err)
			}
		}
	})
	b.Run("limit", func(b *testing.B) {
		list := make([]byte, 0, 128)
		q := p
		for b.Loop() {
			list = append(list[:0], 0x01, 1)
			list = binary.BigEndian.AppendUint32(append(list, 0x02), 3600)
			list = limitField(list, 0x03, "application/json")
			list = limitField(list, 0x08, "reply/room-12")
			list = limitField(list, 0x26, "region")
			list = append(append(list, 0, byte(len("eu-west"))), "eu-west"...)
			out := append(dst, 0x30, byte(2+len(q.Topic)+1+len(list)+len(q.Payload)), 0, byte(len(q.Topic)))
			out = append(out, q.Topic...)
			out = append(append(out, byte(len(list))), list...)
			if out = append(out, q.Payload...); len(out) != len(wire) {
				b.Fatalf("limit wrote %x, want %x", out, wire)
			}
		}
	})
}

// manyProperties is a list of 40 properties of a CONNACK, eight of them singular
// and at its end.
func manyProperties() codec.Properties {
	var p codec.Properties
	for range 32 {
		p = codec.AppendUserProperty(p, "region", "eu-west")
	}
	p = codec.AppendSessionExpiryInterval(p, 3600)
	p = codec.AppendReceiveMaximum(p, 100)
	p = codec.AppendMaximumQoS(p, 1)
	p = codec.AppendMaximumPacketSize(p, 1<<20)
	p = codec.AppendAssignedClientIdentifier(p, "device-000017")
	p = codec.AppendTopicAliasMaximum(p, 9)
	p = codec.AppendReasonString(p, "welcome")
	return codec.AppendServerKeepAlive(p, 60)
}

func BenchmarkGetters(b *testing.B) {
	p := manyProperties()
	wire := encode(b, &codec.Connack{Properties: p}, v50)
	h, body := split(b, wire, v50)
	var ack codec.Connack
	if err := ack.Decode(v50, h, body); err != nil {
		b.Fatal(err)
	}
	p = ack.Properties
	b.Run("getters", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			expiry, _ := p.SessionExpiryInterval()
			receive, _ := p.ReceiveMaximum()
			level, _ := p.MaximumQoS()
			size, _ := p.MaximumPacketSize()
			client, _ := p.AssignedClientIdentifier()
			aliases, _ := p.TopicAliasMaximum()
			reason, _ := p.ReasonString()
			alive, _ := p.ServerKeepAlive()
			if expiry != 3600 || receive != 100 || level != 1 || size != 1<<20 || len(client) != 13 || aliases != 9 || len(reason) != 7 || alive != 60 {
				b.Fatal("wrong values")
			}
		}
	})
	b.Run("find", func(b *testing.B) {
		b.ReportAllocs()
		var room [8]codec.Property
		for b.Loop() {
			x := p.Find(room[:0], codec.SessionExpiryInterval, codec.ReceiveMaximum, codec.MaximumQoS, codec.MaximumPacketSize,
				codec.AssignedClientIdentifier, codec.TopicAliasMaximum, codec.ReasonString, codec.ServerKeepAlive)
			if x[0].Number != 3600 || x[1].Number != 100 || x[2].Number != 1 || x[3].Number != 1<<20 ||
				len(x[4].Value) != 13 || x[5].Number != 9 || len(x[6].Value) != 7 || x[7].Number != 60 {
				b.Fatal("wrong values")
			}
		}
	})
	b.Run("limit", func(b *testing.B) {
		for b.Loop() {
			if got := limitScan(p.Bytes()); got.expiry != 3600 || got.receive != 100 || got.level != 1 || got.size != 1<<20 ||
				len(got.client) != 13 || got.aliases != 9 || len(got.reason) != 7 || got.alive != 60 {
				b.Fatal("wrong values")
			}
		}
	})
}

type limitValues struct {
	client, reason          []byte
	expiry, size            uint32
	receive, aliases, alive uint16
	level                   byte
}

// limitScan is the hand-written scan for eight values.
func limitScan(b []byte) (v limitValues) {
	for len(b) > 0 {
		switch b[0] {
		case 0x26:
			n := 3 + int(binary.BigEndian.Uint16(b[1:]))
			b = b[n+2+int(binary.BigEndian.Uint16(b[n:])):]
		case 0x11:
			v.expiry = binary.BigEndian.Uint32(b[1:])
			b = b[5:]
		case 0x27:
			v.size = binary.BigEndian.Uint32(b[1:])
			b = b[5:]
		case 0x21:
			v.receive = binary.BigEndian.Uint16(b[1:])
			b = b[3:]
		case 0x22:
			v.aliases = binary.BigEndian.Uint16(b[1:])
			b = b[3:]
		case 0x13:
			v.alive = binary.BigEndian.Uint16(b[1:])
			b = b[3:]
		case 0x24:
			v.level = b[1]
			b = b[2:]
		case 0x12, 0x1f:
			n := 3 + int(binary.BigEndian.Uint16(b[1:]))
			if b[0] == 0x12 {
				v.client = b[3:n]
			} else {
				v.reason = b[3:n]
			}
			b = b[n:]
		default:
			return v
		}
	}
	return v
}

// BenchmarkDecoder reports a packet of 84 bytes out of a stream of 1 MiB, by way
// of a Decoder. Its limit is that of BenchmarkStream.
func BenchmarkDecoder(b *testing.B) {
	p := benchPublish
	p.Payload = bytes.Repeat([]byte{'x'}, 84-2-3-20)
	wire := encode(b, &p, v50)
	n := 1 << 20 / len(wire)
	stream := bytes.Repeat(wire, n)
	b.ReportAllocs()
	var d codec.Decoder
	for b.Loop() {
		for rest := stream; len(rest) > 0; {
			h, body, n, err := codec.Split(v50, rest, 0)
			if err != nil || n == 0 {
				b.Fatal(err)
			}
			if p, err := d.Decode(v50, h, body); err != nil || p.Type() != mqttwire.PUBLISH {
				b.Fatal(err)
			}
			rest = rest[n:]
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/packet")
}
