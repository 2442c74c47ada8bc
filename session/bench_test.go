package session_test

import (
	"encoding/binary"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// What a step costs beside the codec alone, which each benchmark has for
// comparison: take ratios within one run.

func benchServer(b *testing.B, v mqttwire.Version) *server {
	p := connect(v)
	p.KeepAlive = 60
	return connected(b, session.ServerOptions{}, p)
}

func benchFrame(b *testing.B, v mqttwire.Version, level qos.Level) []byte {
	p := publish(level, 0)
	if level != 0 {
		p.ID = 1
	}
	p.Topic, p.Payload = []byte("sensors/roof/temperature"), make([]byte, 64)
	return encode(b, v, mqttwire.Client, p)
}

func BenchmarkReceive(b *testing.B) {
	for _, v := range []mqttwire.Version{mqttwire.V311, mqttwire.V50} {
		for level := range qos.Level(2) {
			name := v.String() + "/" + level.String()
			frame := benchFrame(b, v, level)
			b.Run(name+"/codec", func(b *testing.B) {
				var d codec.Decoder
				r := codec.Rules{Version: v, From: mqttwire.Client}
				for b.Loop() {
					h, body, _, _ := codec.Split(r, frame, 0)
					if _, err := d.Decode(r, h, body); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(name+"/session", func(b *testing.B) {
				s := benchServer(b, v)
				dst := make([]byte, 0, 256)
				for b.Loop() {
					h, body, _, _ := codec.Split(s.Rules(), frame, s.MaxSize())
					_, ev, err := s.Receive(dst, &s.d, h, body, 0)
					if err != nil {
						b.Fatal(err)
					}
					if _, _, err := s.Ack(dst, ev.Ticket(), mqttwire.Success, codec.Properties{}, 0); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, v := range []mqttwire.Version{mqttwire.V311, mqttwire.V50} {
		for level := range qos.Level(2) {
			name := v.String() + "/" + level.String()
			p := publish(level, 0)
			p.Topic, p.Payload = []byte("sensors/roof/temperature"), make([]byte, 64)
			b.Run(name+"/codec", func(b *testing.B) {
				q := *p
				q.ID = uint16(level)
				dst := make([]byte, 0, 256)
				r := codec.Rules{Version: v, From: mqttwire.Server}
				for b.Loop() {
					if _, err := q.Append(dst, r); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(name+"/session", func(b *testing.B) {
				s := benchServer(b, v)
				dst := make([]byte, 0, 256)
				ack := []byte{0x40, 2, 0, 0}
				for b.Loop() {
					_, a, err := s.Publish(dst, p, 1, 0)
					if err != nil {
						b.Fatal(err)
					}
					if level == 0 {
						continue
					}
					binary.BigEndian.PutUint16(ack[2:], a.ID)
					h, body, _, _ := codec.Split(s.Rules(), ack, s.MaxSize())
					if _, _, err := s.Receive(dst, &s.d, h, body, 0); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(name+"/reserve", func(b *testing.B) {
				s := benchServer(b, v)
				dst := make([]byte, 0, 256)
				ack := []byte{0x40, 2, 0, 0}
				size := p.Size(v)
				for b.Loop() {
					a, err := s.Reserve(level, false, size, 1, 0)
					if err != nil {
						b.Fatal(err)
					}
					if level == 0 {
						continue
					}
					binary.BigEndian.PutUint16(ack[2:], a.ID)
					h, body, _, _ := codec.Split(s.Rules(), ack, s.MaxSize())
					if _, _, err := s.Receive(dst, &s.d, h, body, 0); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
