package codec_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/testdata"
)

// decode is what a receiver does with a packet that is all there.
func decode(r codec.Rules, wire []byte) (codec.Packet, fixedheader.Header, error) {
	h, body, n, err := codec.Split(r, wire, 0)
	switch {
	case err != nil:
		return nil, h, err
	case n == 0:
		return nil, h, mqttwire.ErrTruncated
	case n < len(wire):
		return nil, h, mqttwire.ErrTrailing
	}
	var d codec.Decoder
	p, err := d.Decode(r, h, body)
	return p, h, err
}

// rulesOf are the rules under which a vector is read: those of its version,
// and for a CONNECT those of a server that does not know the version yet.
func rulesOf(v *testdata.Vector, from mqttwire.Role) []codec.Rules {
	version := versionOf(v)
	rules := []codec.Rules{{Version: version, From: from}}
	if wire := v.Bytes(); mqttwire.PacketType(wire[0]>>4) == mqttwire.CONNECT {
		rules = append(rules, codec.Rules{From: from})
	}
	return rules
}

func versionOf(v *testdata.Vector) mqttwire.Version {
	return map[string]mqttwire.Version{"3.1": mqttwire.V31, "3.1.1": mqttwire.V311, "5.0": mqttwire.V50}[v.Version]
}

// senders are the roles a vector's packet is tried from: it must be refused
// from each, or accepted from each.
func senders(v *testdata.Vector) []mqttwire.Role {
	role := map[string]mqttwire.Role{"client": mqttwire.Client, "server": mqttwire.Server}[v.From]
	switch {
	case role == mqttwire.Either:
		return []mqttwire.Role{mqttwire.Either, mqttwire.Client, mqttwire.Server}
	case v.Valid():
		return []mqttwire.Role{mqttwire.Either, role}
	}
	return []mqttwire.Role{role}
}

func vectors(tb testing.TB) []testdata.Vector {
	tb.Helper()
	all, err := testdata.Vectors()
	if err != nil {
		tb.Fatal(err)
	}
	if len(all) == 0 {
		tb.Fatal("no vectors")
	}
	return all
}

func TestValidVectors(t *testing.T) {
	for _, v := range vectors(t) {
		if !v.Valid() {
			continue
		}
		t.Run(v.Version+"/"+v.Name, func(t *testing.T) {
			for _, from := range senders(&v) {
				for _, r := range rulesOf(&v, from) {
					checkValid(t, &v, r)
				}
			}
		})
	}
}

func checkValid(t *testing.T, v *testdata.Vector, r codec.Rules) {
	t.Helper()
	wire := v.Bytes()
	p, h, err := decode(r, wire)
	if err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	if diff := cmp.Diff(*v.Packet, fields(h, p), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%+v: fields (-want +got):\n%s", r, diff)
	}
	want := v.CanonicalBytes()
	if v.Lenient && r.From != mqttwire.Either {
		if b, err := p.Append(nil, r); err == nil {
			t.Errorf("%+v: Append wrote %x, which is only to be read", r, b)
		}
		r.Unchecked = true
	}
	got, err := p.Append([]byte("before"), r)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	if got = bytes.TrimPrefix(got, []byte("before")); !bytes.Equal(got, want) {
		t.Errorf("%+v: Append wrote\n%x, want\n%x", r, got, want)
	}
	if p.Size(r.Version) != len(want) {
		t.Errorf("%+v: Size = %d, want %d", r, p.Size(r.Version), len(want))
	}
	// Cut anywhere, the packet is incomplete, not wrong.
	for n := range wire {
		if n > 4096 && n < len(wire)-16 {
			continue
		}
		if _, _, size, err := codec.Split(r, wire[:n], 0); size != 0 || err != nil {
			t.Fatalf("%+v: Split of the first %d bytes: n = %d, err = %v", r, n, size, err)
		}
	}
}

func TestInvalidVectors(t *testing.T) {
	for _, v := range vectors(t) {
		if v.Valid() {
			continue
		}
		t.Run(v.Version+"/"+v.Name, func(t *testing.T) {
			for _, from := range senders(&v) {
				for _, r := range rulesOf(&v, from)[:1] {
					checkInvalid(t, &v, r)
				}
			}
		})
	}
}

func checkInvalid(t *testing.T, v *testdata.Vector, r codec.Rules) {
	t.Helper()
	_, h, err := decode(r, v.Bytes())
	if err == nil {
		t.Fatalf("%+v: accepted, want %q", r, v.Error)
	}
	if err.Error() != v.Error {
		t.Errorf("%+v: %q, want %q", r, err, v.Error)
	}
	e, ok := err.(mqttwire.Error)
	if !ok {
		t.Fatalf("%+v: error is a %T", r, err)
	}
	if uint8(e.Reason()) != uint8(v.Reason) {
		t.Errorf("%+v: reason %#x, want %#x", r, e.Reason(), v.Reason)
	}
	if _, ok := e.Clause(r.Version); !ok {
		t.Errorf("%+v: %v breaks no clause of %v", r, e, r.Version)
	}
	var got *testdata.Answer
	if a := e.Answer(r.Version, h.Type); a.Packet != 0 {
		got = &testdata.Answer{Packet: a.Packet.String(), Code: testdata.Code(a.Code)}
	}
	if diff := cmp.Diff(v.Answer, got); diff != "" {
		t.Errorf("%+v: %v: answer (-want +got):\n%s", r, e, diff)
	}
}

// fields puts a decoded packet in the form of the vectors.
func fields(h fixedheader.Header, p codec.Packet) testdata.Packet {
	f := testdata.Packet{Type: h.Type.String()}
	switch p := p.(type) {
	case *codec.Connect:
		f.ProtocolName, f.ProtocolLevel, f.Bridge = "MQTT", uint8(p.Version), p.Bridge
		if p.Version == mqttwire.V31 {
			f.ProtocolName = "MQIsdp"
		}
		f.CleanStart, f.KeepAlive, f.ClientID = p.CleanStart, p.KeepAlive, string(p.ClientID)
		if p.WillFlag {
			f.Will = &testdata.Will{QoS: uint8(p.Will.QoS), Retain: p.Will.Retain, Topic: string(p.Will.Topic),
				Payload: hexOf(p.Will.Payload), Properties: properties(p.Will.Properties)}
		}
		if p.UserNameFlag {
			s := string(p.UserName)
			f.UserName = &s
		}
		if p.PasswordFlag {
			s := hexOf(p.Password)
			f.Password = &s
		}
		f.Properties = properties(p.Properties)
	case *codec.Connack:
		f.SessionPresent, f.Code, f.Properties = p.SessionPresent, testdata.Code(p.Code), properties(p.Properties)
	case *codec.Publish:
		f.Dup, f.QoS, f.Retain, f.PacketID = p.Dup, uint8(p.QoS), p.Retain, p.ID
		f.Topic, f.Payload, f.Properties = string(p.Topic), hexOf(p.Payload), properties(p.Properties)
	case *codec.Puback:
		f.PacketID, f.Code, f.Properties = p.ID, testdata.Code(p.Code), properties(p.Properties)
	case *codec.Pubrec:
		f.PacketID, f.Code, f.Properties = p.ID, testdata.Code(p.Code), properties(p.Properties)
	case *codec.Pubrel:
		f.PacketID, f.Code, f.Properties = p.ID, testdata.Code(p.Code), properties(p.Properties)
	case *codec.Pubcomp:
		f.PacketID, f.Code, f.Properties = p.ID, testdata.Code(p.Code), properties(p.Properties)
	case *codec.Subscribe:
		f.PacketID, f.Properties = p.ID, properties(p.Properties)
		for s := range p.Subscriptions.All() {
			f.Subscriptions = append(f.Subscriptions, testdata.Subscription{Filter: string(s.Filter), QoS: uint8(s.Options.QoS()),
				NoLocal: s.Options.NoLocal(), RetainAsPublished: s.Options.RetainAsPublished(), RetainHandling: uint8(s.Options.RetainHandling() >> 4)})
		}
	case *codec.Suback:
		f.PacketID, f.Properties = p.ID, properties(p.Properties)
		for c := range p.Codes.All() {
			f.Codes = append(f.Codes, testdata.Code(c))
		}
	case *codec.Unsubscribe:
		f.PacketID, f.Properties = p.ID, properties(p.Properties)
		for filter := range p.Filters.All() {
			f.Filters = append(f.Filters, string(filter))
		}
	case *codec.Unsuback:
		f.PacketID, f.Properties = p.ID, properties(p.Properties)
		for c := range p.Codes.All() {
			f.Codes = append(f.Codes, testdata.Code(c))
		}
	case *codec.Disconnect:
		f.Code, f.Properties = testdata.Code(p.Code), properties(p.Properties)
	case *codec.Auth:
		f.Code, f.Properties = testdata.Code(p.Code), properties(p.Properties)
	}
	return f
}

func properties(p codec.Properties) []testdata.Property {
	var all []testdata.Property
	for x := range p.All() {
		f := testdata.Property{ID: uint8(x.ID), Name: x.ID.String()}
		switch x.ID.Type() {
		case codec.UTF8String:
			f.Value = string(x.Value)
		case codec.BinaryData:
			f.Value = hexOf(x.Value)
		case codec.UTF8StringPair:
			f.Value = [2]string{string(x.Key), string(x.Value)}
		default:
			f.Value = x.Number
		}
		all = append(all, f)
	}
	return all
}

func hexOf(b []byte) testdata.Hex {
	const digits = "0123456789abcdef"
	var s []byte
	for _, c := range b {
		s = append(s, digits[c>>4], digits[c&15])
	}
	return testdata.Hex(s)
}

// TestClausesHaveVectors holds that each rule of layer codec has an invalid
// vector, or a line that says why no bytes can break it.
func TestClausesHaveVectors(t *testing.T) {
	type rule struct{ version, id string }
	broken, shown := map[rule]bool{}, map[rule]bool{}
	for _, v := range vectors(t) {
		for _, id := range v.Clauses {
			if v.Valid() {
				shown[rule{v.Version, id}] = true
			} else {
				broken[rule{v.Version, id}] = true
			}
		}
	}
	var want []rule
	for _, version := range []string{"3.1.1", "5.0"} {
		clauses, err := testdata.Clauses(version)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range clauses {
			if c.Layer == testdata.LayerCodec {
				want = append(want, rule{version, c.ID})
			}
		}
	}
	rules, err := testdata.ErrorRules()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		if r.Layer == testdata.LayerCodec {
			want = append(want, rule{"5.0", r.ID})
		}
	}
	exempt, err := testdata.NoBytes()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range exempt {
		r := rule{n.Version, n.ID}
		switch {
		case broken[r]:
			t.Errorf("%v has an invalid vector, and a line that says it cannot have one", r)
		case n.ShownBy == "valid" && !shown[r]:
			t.Errorf("%v is said to be shown by a valid vector; none cites it", r)
		}
		want = slices.DeleteFunc(want, func(w rule) bool { return w == r })
	}
	for _, r := range want {
		if !broken[r] {
			t.Errorf("%v: no invalid vector", r)
		}
	}
}
