package codec_test

import (
	"bytes"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// mayEnd reports whether a packet whose body is cut to n bytes, or has a byte
// more, can be another packet that is right: one whose last field is what the
// Remaining Length leaves over.
func mayEnd(t mqttwire.PacketType, v mqttwire.Version, n int) bool {
	switch t {
	case mqttwire.PUBLISH: // payload
		return true
	case mqttwire.SUBSCRIBE, mqttwire.UNSUBSCRIBE, mqttwire.SUBACK: // lists
		return true
	case mqttwire.UNSUBACK:
		return v == mqttwire.V50
	case mqttwire.CONNECT: // user name and password, which may be missing
		return v == mqttwire.V31
	case mqttwire.PUBACK, mqttwire.PUBREC, mqttwire.PUBREL, mqttwire.PUBCOMP: // short forms
		return v == mqttwire.V50 && n >= 2 && n <= 4
	case mqttwire.DISCONNECT:
		return v == mqttwire.V50 && n <= 2
	}
	return false
}

// TestCutAndLongerBodies holds that no valid packet stays valid when its
// Remaining Length ends it early or lets it go on, but where the standard lets
// it, and that what is valid then is a packet of its own.
func TestCutAndLongerBodies(t *testing.T) {
	var d codec.Decoder
	try := func(x *received, h fixedheader.Header, body []byte) {
		h.Length, h.Width = uint32(len(body)), 0
		p, err := d.Decode(x.rules, h, body)
		if err != nil {
			return
		}
		if !mayEnd(h.Type, versionOf(x.v), len(body)) {
			t.Errorf("%s %s: accepted with a body of %d bytes: %v", x.v.Version, x.v.Name, len(body), p)
		}
		if wire := encode(t, p, x.rules); len(wire) > h.Size()+len(body) {
			t.Errorf("%s %s: %d bytes say more than were read, %d", x.v.Version, x.v.Name, len(wire), h.Size()+len(body))
		}
	}
	for _, x := range allReceived(t) {
		if !x.valid || len(x.wire) > 500 {
			continue
		}
		h, body := split(t, x.wire, x.rules)
		for n := range body {
			try(&x, h, body[:n])
		}
		for _, more := range []string{"\x00", "\x01", "\xff", "\x00\x00", "\x00\x01a"} {
			try(&x, h, append(bytes.Clone(body), more...))
		}
	}
}
