package text_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mqttwire/mqttwire/internal/text"
)

// limitName is the check of a Topic Name written by hand: take ratios.
//
//go:noinline
func limitName(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, c := range b {
		if c == 0 || c == '+' || c == '#' {
			return false
		}
	}
	return true
}

func BenchmarkCheckName(b *testing.B) {
	for _, c := range []struct{ name, topic string }{
		{"ASCII20", "sensors/room-12/temp"},
		{"ASCII64", strings.Repeat("building", 8)},
		{"ASCII3K", strings.Repeat("building", 384)},
		{"Chinese30", "房间/温度/传感器/十二楼"},
		{"accent32", "sensors/café/temperature/inside"},
		{"Chinese3K", strings.Repeat("房间温度传感器一", 128)},
		{"Cyrillic31", "датчики/комната/1"},
		{"emoji32", "alerts/🔥🔥/building/4/floor/2/x"},
	} {
		topic := []byte(c.topic)
		b.Run(c.name+"/text", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if e := text.CheckName(topic); e != 0 {
					b.Fatal(e)
				}
			}
		})
		b.Run(c.name+"/limit", func(b *testing.B) {
			for b.Loop() {
				if !limitName(topic) {
					b.Fatal("refused")
				}
			}
		})
	}
}
