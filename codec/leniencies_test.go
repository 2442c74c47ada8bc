package codec_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/testdata"
)

// leniencyOf returns the leniency that a vector names.
func leniencyOf(t testing.TB, v *testdata.Vector) codec.Leniencies {
	t.Helper()
	l, ok := codec.LeniencyNamed(v.Leniency)
	if !ok {
		t.Fatalf("%s: no leniency %q", v.Name, v.Leniency)
	}
	return l
}

// TestLeniencyVectors holds that a leniency takes the vectors that name it,
// that no other does, and that nothing of the kind is written.
func TestLeniencyVectors(t *testing.T) {
	named := map[codec.Leniencies]bool{codec.RepeatWithoutDup: true} // which is not of one packet
	for _, v := range vectors(t) {
		if v.Leniency == "" {
			continue
		}
		t.Run(v.Version+"/"+v.Name, func(t *testing.T) {
			l := leniencyOf(t, &v)
			named[l] = true
			for _, from := range senders(&v) {
				for _, r := range rulesOf(&v, from) {
					checkLenient(t, &v, r, l)
				}
			}
		})
	}
	for _, l := range leniencies() {
		if !named[l] {
			t.Errorf("%v has no vector", l)
		}
	}
}

// leniencies returns each there is.
func leniencies() (all []codec.Leniencies) {
	for l := codec.Leniencies(1); codec.AllLeniencies.Has(l); l <<= 1 {
		all = append(all, l)
	}
	return all
}

func checkLenient(t *testing.T, v *testdata.Vector, r codec.Rules, l codec.Leniencies) {
	t.Helper()
	wire := v.Bytes()
	for _, other := range []codec.Leniencies{0, codec.AllLeniencies &^ l} {
		r.Lenient = other
		if _, _, err := decode(r, wire); err == nil || err.Error() != v.Error {
			t.Errorf("%+v: %v, want %q", r, err, v.Error)
		}
	}
	r.Lenient = l
	p, h, err := decode(r, wire)
	if err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	if diff := cmp.Diff(*v.Packet, fields(h, p), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%+v: fields (-want +got):\n%s", r, diff)
	}
	for n := range wire {
		if _, _, size, err := codec.Split(r, wire[:n], 0); size != 0 || err != nil {
			t.Fatalf("%+v: Split of the first %d bytes: n = %d, err = %v", r, n, size, err)
		}
	}
	want := v.CanonicalBytes()
	b, err := p.Append(nil, r)
	switch {
	case err == nil && !bytes.Equal(b, want):
		t.Errorf("Append wrote %x, want %x", b, want)
	case err != nil && err.Error() != v.Error:
		t.Errorf("Append: %v, want %v", err, v.Error)
	}
	r.Lenient, r.Unchecked = 0, true
	if _, _, e := decode(r, want); (e == nil) != (err == nil) {
		t.Errorf("Append of %x: %v, Decode: %v", want, err, e)
	}
	if b, err := p.Append(nil, r); err != nil || !bytes.Equal(b, want) || len(b) != p.Size(r.Version) {
		t.Errorf("unchecked Append wrote %x, %v, want %x", b, err, want)
	}
}

// TestLenienciesTakeNothingElse holds that all of them together change nothing
// about which other vectors are valid.
func TestLenienciesTakeNothingElse(t *testing.T) {
	for _, v := range vectors(t) {
		if v.Leniency != "" {
			continue
		}
		for _, from := range senders(&v) {
			for _, r := range rulesOf(&v, from) {
				p, h, err := decode(r, v.Bytes())
				r.Lenient = codec.AllLeniencies
				q, h2, err2 := decode(r, v.Bytes())
				if (err == nil) != (err2 == nil) { // else another fault may come first
					t.Errorf("%s %s: %v, leniently %v", v.Version, v.Name, err, err2)
				} else if err == nil && !cmp.Equal(fields(h, p), fields(h2, q)) {
					t.Errorf("%s %s: read otherwise", v.Version, v.Name)
				}
			}
		}
	}
}

// What the vectors do not show: a second fault beside the one that is excused.
func TestLeniencyDoesNotHideAnotherFault(t *testing.T) {
	server, client := mqttwire.Server, mqttwire.Client
	for name, c := range map[string]struct {
		version mqttwire.Version
		from    mqttwire.Role
		wire    string
		err     error
	}{
		"maximum QoS 2, twice":            {mqttwire.V50, server, "\x20\x07\x00\x00\x04\x24\x02\x24\x01", mqttwire.ErrPropertyDuplicate},
		"maximum QoS 2, then 3":           {mqttwire.V50, server, "\x20\x07\x00\x00\x04\x24\x02\x24\x03", mqttwire.ErrMaximumQoSValue},
		"maximum QoS 2, two others twice": {mqttwire.V50, server, "\x20\x09\x00\x00\x06\x25\x01\x24\x02\x25\x01", mqttwire.ErrPropertyDuplicate},
		"maximum QoS 2, then misplaced":   {mqttwire.V50, server, "\x20\x07\x00\x00\x04\x24\x02\x01\x01", mqttwire.ErrPropertyMisplaced},
		"maximum QoS 2, then more":        {mqttwire.V50, server, "\x20\x06\x00\x00\x02\x24\x02\x00", mqttwire.ErrTrailing},
		"maximum QoS 2 between":           {mqttwire.V50, server, "\x20\x13\x00\x00\x10\x26\x00\x01k\x00\x01v\x24\x02\x26\x00\x01k\x00\x01v", nil},
		"flags and direction":             {mqttwire.V311, client, "\x92\x03\x00\x01\x00", mqttwire.ErrDirection},
		"flags and packet id":             {mqttwire.V311, client, "\x60\x02\x00\x00", mqttwire.ErrPacketID},
		"QoS 3":                           {mqttwire.V311, client, "\x36\x05\x00\x01a\x00\x01", mqttwire.ErrQoS},
		"DUP, QoS 0, no topic":            {mqttwire.V311, client, "\x38\x02\x00\x00", mqttwire.ErrTopicEmpty},
		"bad filter, QoS 3":               {mqttwire.V311, client, "\x82\x06\x00\x01\x00\x01#\x03", mqttwire.ErrSubscribeQoS},
		"bad filter, then ill-formed":     {mqttwire.V311, client, "\x82\x0a\x00\x01\x00\x00\x00\x00\x02\xc3\x28\x00", mqttwire.ErrUTF8},
		"bad filter of U+0000":            {mqttwire.V50, client, "\xa2\x06\x00\x01\x00\x00\x01\x00", mqttwire.ErrNUL},
		"AUTH without method, not 0x00":   {mqttwire.V50, server, "\xf0\x01\x18", mqttwire.ErrAuthMethodMissing},
		"AUTH without method but data":    {mqttwire.V50, server, "\xf0\x06\x00\x04\x16\x00\x01d", mqttwire.ErrAuthMethodMissing},
		"AUTH of a client, empty":         {mqttwire.V50, client, "\xf0\x00", mqttwire.ErrAuthCode},
		"AUTH before 5.0":                 {mqttwire.V311, server, "\xf0\x00", mqttwire.ErrPacketType},
		"nothing before CONNECT":          {0, client, "\xc1\x00", mqttwire.ErrConnectFirst},
	} {
		_, _, err := decode(codec.Rules{Version: c.version, From: c.from, Lenient: codec.AllLeniencies}, []byte(c.wire))
		if err != c.err {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
	}
}

func TestLeniencyNames(t *testing.T) {
	var names []string
	for _, l := range leniencies() {
		names = append(names, l.String())
		if got, ok := codec.LeniencyNamed(l.String()); !ok || got != l {
			t.Errorf("%q: %v, %v", l.String(), got, ok)
		}
	}
	for l, want := range map[codec.Leniencies]string{
		0:                                      "none",
		codec.AllLeniencies:                    strings.Join(names, ","),
		^codec.AllLeniencies:                   "none",
		codec.DupQoS0 | codec.LongClientID:     "long-client-id,dup-qos-0",
		codec.BadFilter | ^codec.AllLeniencies: "bad-filter",
	} {
		if got := l.String(); got != want {
			t.Errorf("%#x: %q, want %q", uint16(l), got, want)
		}
	}
	for _, name := range []string{"", "none", "dup", "DupQoS0", "dup-qos-0,bad-filter"} {
		if l, ok := codec.LeniencyNamed(name); ok {
			t.Errorf("%q: %v", name, l)
		}
	}
}

func TestCheckFilter(t *testing.T) {
	for _, c := range []struct {
		filter string
		before error
		five   error
	}{
		{"a/+/#", nil, nil},
		{"", mqttwire.ErrTopicEmpty, mqttwire.ErrTopicEmpty},
		{"a#", mqttwire.ErrMultiLevelWildcard, mqttwire.ErrMultiLevelWildcard},
		{"$share/g/a", nil, nil},
		{"$share//a", nil, mqttwire.ErrShareName},
		{"\xff", mqttwire.ErrUTF8, mqttwire.ErrUTF8},
		{strings.Repeat("a", 65536), mqttwire.ErrTopicTooLong, mqttwire.ErrTopicTooLong},
	} {
		for v, want := range map[mqttwire.Version]error{mqttwire.V31: c.before, mqttwire.V311: c.before, mqttwire.V50: c.five} {
			if err := codec.CheckFilter(v, []byte(c.filter)); err != want {
				t.Errorf("%q in %v: %v, want %v", c.filter, v, err, want)
			}
		}
	}
}
