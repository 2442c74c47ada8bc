package codec_test

import (
	"slices"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// TestAckCodes tries every code in the four acknowledgements of a PUBLISH, from
// every sender, against the tables of 5.0 §3.4.2.1, §3.5.2.1, §3.6.2.1 and
// §3.7.2.1. Decode takes one more than they give: 0x10 from a client, in PUBACK
// and PUBREC. Append does not.
func TestAckCodes(t *testing.T) {
	var (
		refusing  = []mqttwire.Reason{0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99}
		releasing = []mqttwire.Reason{0x00, 0x92}
	)
	for _, x := range []struct {
		packet mqttwire.PacketType
		first  byte
		codes  []mqttwire.Reason
		server []mqttwire.Reason // that the server alone sends
		err    mqttwire.Error
		make   func(c mqttwire.Reason) codec.Packet
	}{
		{mqttwire.PUBACK, 0x40, refusing, []mqttwire.Reason{0x10}, mqttwire.ErrPubackCode, func(c mqttwire.Reason) codec.Packet { return &codec.Puback{ID: 7, Code: c} }},
		{mqttwire.PUBREC, 0x50, refusing, []mqttwire.Reason{0x10}, mqttwire.ErrPubrecCode, func(c mqttwire.Reason) codec.Packet { return &codec.Pubrec{ID: 7, Code: c} }},
		{mqttwire.PUBREL, 0x62, releasing, nil, mqttwire.ErrPubrelCode, func(c mqttwire.Reason) codec.Packet { return &codec.Pubrel{ID: 7, Code: c} }},
		{mqttwire.PUBCOMP, 0x70, releasing, nil, mqttwire.ErrPubcompCode, func(c mqttwire.Reason) codec.Packet { return &codec.Pubcomp{ID: 7, Code: c} }},
	} {
		for n := range 256 {
			c := mqttwire.Reason(n)
			for _, from := range []mqttwire.Role{mqttwire.Either, mqttwire.Client, mqttwire.Server} {
				r := codec.Rules{Version: mqttwire.V50, From: from}
				fromServer := slices.Contains(x.server, c)
				allowed := slices.Contains(x.codes, c) || fromServer && from != mqttwire.Client
				_, _, err := decode(r, []byte{x.first, 3, 0, 7, byte(c)})
				if want := wanted(allowed || fromServer, x.err); err != want {
					t.Errorf("%v %#02x from %v: Decode: %v, want %v", x.packet, n, from, err, want)
				}
				_, err = x.make(c).Append(nil, r)
				if want := wanted(allowed, x.err); err != want {
					t.Errorf("%v %#02x from %v: Append: %v, want %v", x.packet, n, from, err, want)
				}
			}
		}
	}
}

func wanted(allowed bool, e mqttwire.Error) error {
	if allowed {
		return nil
	}
	return e
}
