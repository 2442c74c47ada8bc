package codec_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// snapshot is all that a packet says.
func snapshot(p codec.Packet) any { return fields(fixedheader.Header{Type: p.Type()}, p) }

// TestDowngradeMakesItValid holds that what Downgrade accepts, of every valid
// packet of 5.0, Append writes in the older version and Decode reads there, and
// that what it refuses it leaves alone. Upward it does nothing.
func TestDowngradeMakesItValid(t *testing.T) {
	done := map[mqttwire.PacketType]int{}
	for _, x := range allReceived(t) {
		if !x.valid || x.rules.Version != mqttwire.V50 {
			continue
		}
		for _, v := range []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50} {
			p, h, err := decode(x.rules, x.wire)
			if err != nil {
				t.Fatal(err)
			}
			before := snapshot(p)
			if err := p.Downgrade(v); err != nil || v == mqttwire.V50 {
				if diff := cmp.Diff(before, snapshot(p)); diff != "" {
					t.Errorf("%s to %v: %v, and it changed:\n%s", x.v.Name, v, err, diff)
				}
				if v == mqttwire.V50 && err != nil {
					t.Errorf("%s to 5.0: %v", x.v.Name, err)
				}
				continue
			}
			r := codec.Rules{Version: v}
			wire, err := p.Append(nil, r)
			if err != nil {
				t.Errorf("%s to %v: Append: %v", x.v.Name, v, err)
				continue
			}
			if n := p.Size(v); n != len(wire) {
				t.Errorf("%s to %v: Size %d, %d bytes", x.v.Name, v, n, len(wire))
			}
			q, _, err := decode(r, wire)
			if err != nil {
				t.Errorf("%s to %v: Decode: %v", x.v.Name, v, err)
				continue
			}
			if diff := cmp.Diff(snapshot(p), snapshot(q)); diff != "" {
				t.Errorf("%s to %v: (-downgraded +read again):\n%s", x.v.Name, v, diff)
			}
			done[h.Type]++
		}
		if !bytes.Equal(x.wire, x.v.Bytes()) {
			t.Fatalf("%s: Downgrade changed the bytes that the packet aliases", x.v.Name)
		}
	}
	if len(done) != 14 { // all but AUTH
		t.Errorf("only %v", done)
	}
}

// TestDowngradeRefuses names what older versions cannot say.
func TestDowngradeRefuses(t *testing.T) {
	var (
		none  codec.Properties
		codes codec.ReasonCodes
		id    = []byte("id")
	)
	for name, c := range map[string]struct {
		p   codec.Packet
		to  mqttwire.Version
		err error
	}{
		"connect, authentication":      {&codec.Connect{Version: mqttwire.V50, ClientID: id, Properties: codec.AppendAuthenticationMethod(none, "m")}, mqttwire.V311, mqttwire.ErrNotInVersion},
		"connect, password alone":      {&codec.Connect{Version: mqttwire.V50, ClientID: id, PasswordFlag: true}, mqttwire.V311, mqttwire.ErrPasswordWithoutUserName},
		"connect, no id, session":      {&codec.Connect{Version: mqttwire.V50, Properties: codec.AppendSessionExpiryInterval(none, 1)}, mqttwire.V311, mqttwire.ErrClientIDEmpty},
		"connect, no id in 3.1":        {&codec.Connect{Version: mqttwire.V50}, mqttwire.V31, mqttwire.ErrClientIDEmpty},
		"connect, long id in 3.1":      {&codec.Connect{Version: mqttwire.V311, ClientID: make24()}, mqttwire.V31, mqttwire.ErrClientIDTooLong},
		"connack, no such code":        {&codec.Connack{Code: 0x80}, mqttwire.V311, mqttwire.ErrNotInVersion},
		"publish, alias for the topic": {&codec.Publish{Properties: codec.AppendTopicAlias(none, 1)}, mqttwire.V311, mqttwire.ErrTopicMissing},
		"subscribe, shared":            {&codec.Subscribe{ID: 1, Subscriptions: subscriptions(codec.Subscription{Filter: id}, codec.Subscription{Filter: []byte("$share/g/a")})}, mqttwire.V311, mqttwire.ErrNotInVersion},
		"unsubscribe, shared":          {&codec.Unsubscribe{ID: 1, Filters: filters("a", "$share/g/a")}, mqttwire.V31, mqttwire.ErrNotInVersion},
		"suback, failure in 3.1":       {&codec.Suback{ID: 1, Codes: codes.Append(0, 0x80)}, mqttwire.V31, mqttwire.ErrNotInVersion},
		"disconnect, with will":        {&codec.Disconnect{Code: 0x04}, mqttwire.V311, mqttwire.ErrNotInVersion},
		"auth":                         {&codec.Auth{Code: 0x18}, mqttwire.V311, mqttwire.ErrPacketType},
	} {
		before := snapshot(c.p)
		if err := c.p.Downgrade(c.to); err != c.err {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
		if diff := cmp.Diff(before, snapshot(c.p)); diff != "" {
			t.Errorf("%s: it changed:\n%s", name, diff)
		}
	}
}

// TestDowngradeConnect holds what becomes of clean start and session expiry.
func TestDowngradeConnect(t *testing.T) {
	for _, c := range []struct {
		cleanStart bool
		expiry     uint32
		want       bool
	}{
		{true, 0, true}, {false, 0, true}, {true, 1, false}, {false, 1, false}, {false, 1<<32 - 1, false},
	} {
		p := codec.Connect{Version: mqttwire.V50, ClientID: []byte("c"), CleanStart: c.cleanStart,
			Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, c.expiry)}
		if err := p.Downgrade(mqttwire.V311); err != nil || p.CleanStart != c.want || p.Version != mqttwire.V311 || p.Properties.Size() != 0 {
			t.Errorf("%+v: %v, %v", c, &p, err)
		}
	}
	p := codec.Connect{Version: mqttwire.V311, ClientID: []byte("c"), Bridge: true}
	if err := p.Downgrade(mqttwire.V31); err != nil || p.CleanStart || !p.Bridge || p.Version != mqttwire.V31 {
		t.Errorf("3.1.1 to 3.1: %v, %v", &p, err)
	}
}

func TestDowngradeDropsDetail(t *testing.T) {
	var codes codec.ReasonCodes
	// What a server of 3.1 has said can be said on, to one of 3.1 too.
	p, _, err := decode(v31, []byte{0x90, 5, 0, 1, 1, 0x80, 0x81})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []codec.Rules{v31, v311} {
		if err := p.Downgrade(v.Version); err != nil {
			t.Errorf("a failure of 3.1 for %v: %v", v.Version, err)
		}
		if b := encode(t, p, v); !bytes.Equal(b, []byte{0x90, 5, 0, 1, 1, 0x80, 1}) {
			t.Errorf("a failure of 3.1 for %v: %x", v.Version, b)
		}
	}
	suback := codec.Suback{ID: 1, Codes: codes.Append(0, 2, 0x87, 0x8f)}
	if err := suback.Downgrade(mqttwire.V311); err != nil {
		t.Fatal(err)
	}
	if b := encode(t, &suback, v311); !bytes.Equal(b, []byte{0x90, 6, 0, 1, 0, 2, 0x80, 0x80}) {
		t.Errorf("SUBACK: %x", b)
	}
	subscribe := codec.Subscribe{ID: 1, Subscriptions: subscriptions(
		codec.Subscription{Filter: []byte("a"), Options: 1 | codec.NoLocal | codec.RetainAsPublished | codec.DoNotSendRetained})}
	original := subscribe.Clone()
	if err := subscribe.Downgrade(mqttwire.V311); err != nil {
		t.Fatal(err)
	}
	if s, _, _ := subscribe.Subscriptions.Next(); s.Options != 1 {
		t.Errorf("options are still there: %+v", s)
	}
	if b := encode(t, &subscribe, v311); !bytes.Equal(b, []byte{0x82, 6, 0, 1, 0, 1, 'a', 1}) {
		t.Errorf("SUBSCRIBE: %x", b)
	}
	again := subscribe.Subscriptions.Reset().Append(codec.Subscription{Filter: []byte("a"), Options: codec.NoLocal})
	if s, _, _ := again.Next(); !s.Options.NoLocal() {
		t.Error("after Reset the list still drops options")
	}
	if s, _, _ := original.Subscriptions.Next(); !s.Options.NoLocal() {
		t.Error("the clone lost its options")
	}
	connack := codec.Connack{Code: 0x88, Properties: codec.AppendReasonString(codec.Properties{}, "busy")}
	if err := connack.Downgrade(mqttwire.V311); err != nil || connack.Code != 3 || connack.Properties.Size() != 0 {
		t.Errorf("CONNACK: %v, %v", &connack, err)
	}
	present := codec.Connack{SessionPresent: true}
	if err := present.Downgrade(mqttwire.V31); err != nil || present.SessionPresent {
		t.Errorf("CONNACK in 3.1: %v, %v", &present, err)
	}
	pubrec := codec.Pubrec{ID: 1, Code: 0x97}
	if err := pubrec.Downgrade(mqttwire.V311); err != nil || pubrec.Code != 0 {
		t.Errorf("PUBREC: %v, %v", &pubrec, err)
	}
}

// TestDowngradeVersion holds that a version that is not valid is an error for
// every packet.
func TestDowngradeVersion(t *testing.T) {
	for _, p := range []codec.Packet{new(codec.Connect), new(codec.Connack), new(codec.Publish), new(codec.Puback), new(codec.Pubrec),
		new(codec.Pubrel), new(codec.Pubcomp), new(codec.Subscribe), new(codec.Suback), new(codec.Unsubscribe), new(codec.Unsuback),
		new(codec.Pingreq), new(codec.Pingresp), new(codec.Disconnect), new(codec.Auth)} {
		for _, v := range []mqttwire.Version{0, 2, 6} {
			if err := p.Downgrade(v); err != mqttwire.ErrVersion {
				t.Errorf("%v to version %d: %v", p.Type(), v, err)
			}
		}
	}
}
