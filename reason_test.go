package mqttwire_test

import (
	"testing"

	"github.com/mqttwire/mqttwire"
)

// reasonsByPacket restates 5.0 Table 2-6 the other way round: the codes of each
// packet, as the section of the packet lists them.
var reasonsByPacket = map[mqttwire.PacketType][]mqttwire.Reason{
	mqttwire.CONNACK:  {0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F},
	mqttwire.PUBACK:   {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
	mqttwire.PUBREC:   {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
	mqttwire.PUBREL:   {0x00, 0x92},
	mqttwire.PUBCOMP:  {0x00, 0x92},
	mqttwire.SUBACK:   {0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2},
	mqttwire.UNSUBACK: {0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91},
	mqttwire.DISCONNECT: {0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97,
		0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2},
	mqttwire.AUTH: {0x00, 0x18, 0x19},
}

func TestReasonTable(t *testing.T) {
	defined := map[mqttwire.Reason]bool{}
	for typ := mqttwire.PacketType(0); typ <= mqttwire.AUTH; typ++ {
		want := map[mqttwire.Reason]bool{}
		for _, r := range reasonsByPacket[typ] {
			want[r], defined[r] = true, true
		}
		for r := range 256 {
			r := mqttwire.Reason(r)
			if r.AllowedIn(typ) != want[r] || r.SentBy(mqttwire.Either, typ) != want[r] {
				t.Errorf("%#x in %v: allowed %v, want %v", uint8(r), typ, r.AllowedIn(typ), want[r])
			}
		}
	}
	for r := range 256 {
		r := mqttwire.Reason(r)
		if r.Defined() != defined[r] || (r.String() == "reserved reason code") == defined[r] {
			t.Errorf("%#x: defined %v, want %v; %q", uint8(r), r.Defined(), defined[r], r)
		}
		if r.IsError() != (r >= 0x80) {
			t.Errorf("%#x: IsError %v", uint8(r), r.IsError())
		}
	}
	if len(defined) != 43 {
		t.Errorf("%d codes, want 43", len(defined))
	}
}

// TestReasonSenders restates the "sent by" columns of 5.0 Tables 3-4, 3-10 and
// 3-11.
func TestReasonSenders(t *testing.T) {
	serverOnly := map[mqttwire.PacketType][]mqttwire.Reason{
		mqttwire.PUBACK:     {0x10},
		mqttwire.PUBREC:     {0x10},
		mqttwire.DISCONNECT: {0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x9A, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2},
		mqttwire.AUTH:       {0x00},
	}
	clientOnly := map[mqttwire.PacketType][]mqttwire.Reason{mqttwire.DISCONNECT: {0x04}, mqttwire.AUTH: {0x19}}
	for typ, codes := range reasonsByPacket {
		barred := map[mqttwire.Role]map[mqttwire.Reason]bool{mqttwire.Client: {}, mqttwire.Server: {}}
		for _, r := range serverOnly[typ] {
			barred[mqttwire.Client][r] = true
		}
		for _, r := range clientOnly[typ] {
			barred[mqttwire.Server][r] = true
		}
		for _, r := range codes {
			for from, codes := range barred {
				if r.SentBy(from, typ) == codes[r] {
					t.Errorf("%#x in %v from a %v: %v, want %v", uint8(r), typ, from, r.SentBy(from, typ), !codes[r])
				}
			}
		}
	}
}

func TestReasonNames(t *testing.T) {
	for _, c := range []struct {
		r    mqttwire.Reason
		in   mqttwire.PacketType
		want string
	}{
		{0, mqttwire.PUBACK, "Success"},
		{0, mqttwire.SUBACK, "Granted QoS 0"},
		{0, mqttwire.DISCONNECT, "Normal disconnection"},
		{0x92, mqttwire.PUBCOMP, "Packet Identifier not found"},
		{0x20, mqttwire.PUBCOMP, "reserved reason code"},
	} {
		if got := c.r.Name(c.in); got != c.want {
			t.Errorf("%#x in %v: %q, want %q", uint8(c.r), c.in, got, c.want)
		}
	}
}

// TestPacketTypes restates 3.1.1 Table 2.1 and 5.0 Table 2-1.
func TestPacketTypes(t *testing.T) {
	const both, client, server = 3, 1, 2
	for typ, want := range map[mqttwire.PacketType]struct {
		name        string
		before5, v5 int
	}{
		0: {"reserved", 0, 0}, 1: {"CONNECT", client, client}, 2: {"CONNACK", server, server}, 3: {"PUBLISH", both, both},
		4: {"PUBACK", both, both}, 5: {"PUBREC", both, both}, 6: {"PUBREL", both, both}, 7: {"PUBCOMP", both, both},
		8: {"SUBSCRIBE", client, client}, 9: {"SUBACK", server, server}, 10: {"UNSUBSCRIBE", client, client},
		11: {"UNSUBACK", server, server}, 12: {"PINGREQ", client, client}, 13: {"PINGRESP", server, server},
		14: {"DISCONNECT", client, both}, 15: {"AUTH", 0, both}, 16: {"reserved", 0, 0}, 255: {"reserved", 0, 0},
	} {
		if typ.String() != want.name {
			t.Errorf("type %d: %q, want %q", typ, typ, want.name)
		}
		for _, v := range []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50, 0} {
			by := want.before5
			if v == mqttwire.V50 || v == 0 {
				by = want.v5
			}
			if typ.ExistsIn(v) != (by != 0) || typ.SentBy(mqttwire.Either, v) != (by != 0) ||
				typ.SentBy(mqttwire.Client, v) != (by&client != 0) || typ.SentBy(mqttwire.Server, v) != (by&server != 0) {
				t.Errorf("%v in %v: exists %v, from a client %v, from a server %v", typ, v, typ.ExistsIn(v),
					typ.SentBy(mqttwire.Client, v), typ.SentBy(mqttwire.Server, v))
			}
		}
	}
}
