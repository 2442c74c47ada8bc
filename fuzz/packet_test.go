package fuzz_test

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fuzz"
)

// packetOf decodes b by r, or where it is no packet draws one from it. It
// returns the rules with the version of the packet.
func packetOf(r codec.Rules, b []byte) (codec.Packet, codec.Rules) {
	p, err := decode(r, b)
	if err != nil {
		src := fuzz.Source(b)
		if r.Version == 0 {
			r.From = mqttwire.Client
		}
		p = fuzz.Packet(&src, r)
	}
	if c, ok := p.(*codec.Connect); ok {
		r.Version = c.Version
	}
	return p, r
}

// FuzzDowngrade holds that a packet brought down to an earlier version can be
// appended there, or is refused and left alone.
func FuzzDowngrade(f *testing.F) {
	addSeeds(func(b []byte, version, from byte) { f.Add(b, version, byte(4-version)) })
	for seed := range uint64(200) {
		f.Add([]byte(fuzz.Random(seed, 100)), byte(0), byte(3+seed%2))
	}
	f.Fuzz(func(t *testing.T, b []byte, version, to byte) {
		p, r := packetOf(rules(version, 0), b)
		before, err := p.Append(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		v := mqttwire.Version(to % 7)
		err = p.Downgrade(v)
		switch {
		case !v.Valid() || v > r.Version:
			return // but it did not panic
		case err != nil:
			mustBeTyped(t, err, 0)
			if after, err := p.Append(nil, r); err != nil || !bytes.Equal(after, before) {
				t.Fatalf("Downgrade failed and changed the packet: %v, %v", p, err)
			}
			return
		}
		r.Version = v
		b = mustRoundTrip(t, r, p)
		if err := p.Downgrade(v); err != nil {
			t.Fatalf("Downgrade again: %v", err)
		}
		if again, err := p.Append(nil, r); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("downgraded twice: % x, once: % x", again, b)
		}
	})
}

// marker is what no description may show.
const marker = "s3cr3t-M4RKER"

// shows reports whether a text has the marker in it, in any of the ways in
// which fmt shows bytes.
func shows(s string) bool {
	for _, form := range []string{"%s", "%x", "%X", "% x", "% X", "%d", "%#v"} {
		hidden := fmt.Sprintf(form, []byte(marker))
		hidden = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(hidden, "[]byte{"), "["), "]")
		if strings.Contains(s, strings.TrimSuffix(hidden, "}")) {
			return true
		}
	}
	return false
}

// FuzzString holds that no way of printing a packet shows a password or
// authentication data.
func FuzzString(f *testing.F) {
	for i, s := range seeds() {
		// The packets with something to hide, and some of the others.
		switch mqttwire.PacketType(append(s.Packet, 0)[0] >> 4) {
		case mqttwire.CONNECT, mqttwire.CONNACK, mqttwire.AUTH:
		default:
			if i%16 > 0 {
				continue
			}
		}
		f.Add(s.Packet, version(s.Rules), from(s.Rules))
	}
	f.Fuzz(func(t *testing.T, b []byte, version, from byte) {
		p, r := packetOf(rules(version, from), b)
		hide := func(q codec.Properties) codec.Properties {
			if r.Version != mqttwire.V50 {
				return q
			}
			return codec.AppendAuthenticationData(q, marker)
		}
		switch p := p.(type) {
		case *codec.Connect:
			p.PasswordFlag, p.Password, p.Properties = true, []byte(marker), hide(p.Properties)
		case *codec.Connack:
			p.Properties = hide(p.Properties)
		case *codec.Auth:
			p.Properties = hide(p.Properties)
		}
		value := reflect.ValueOf(p).Elem().Interface()
		for _, form := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			for _, x := range []any{p, value, []any{value}, blocks(p)} {
				if s := fmt.Sprintf(form, x); shows(s) {
					t.Fatalf("%s of %T shows it: %s", form, x, s)
				}
			}
		}
		s := p.String()
		if !strings.HasPrefix(s, p.Type().String()) || strings.ContainsAny(s, "\n\x00") || len(s) > 600+60*p.Size(r.Version) {
			t.Fatalf("String: %q", s)
		}
	})
}
