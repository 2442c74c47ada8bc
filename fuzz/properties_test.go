package fuzz_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fuzz"
	"github.com/mqttwire/mqttwire/fuzz/internal/twin"
	"github.com/mqttwire/mqttwire/varint"
)

// propertiesOf is 5.0 Table 2-4 by place: the identifiers that may stand there.
var propertiesOf = map[mqttwire.PacketType]string{
	codec.WillProperties: "\x01\x02\x03\x08\x09\x18\x26",
	mqttwire.CONNECT:     "\x11\x15\x16\x17\x19\x21\x22\x26\x27",
	mqttwire.CONNACK:     "\x11\x12\x13\x15\x16\x1a\x1c\x1f\x21\x22\x24\x25\x26\x27\x28\x29\x2a",
	mqttwire.PUBLISH:     "\x01\x02\x03\x08\x09\x0b\x23\x26",
	mqttwire.PUBACK:      "\x1f\x26",
	mqttwire.PUBREC:      "\x1f\x26",
	mqttwire.PUBREL:      "\x1f\x26",
	mqttwire.PUBCOMP:     "\x1f\x26",
	mqttwire.SUBSCRIBE:   "\x0b\x26",
	mqttwire.SUBACK:      "\x1f\x26",
	mqttwire.UNSUBSCRIBE: "\x26",
	mqttwire.UNSUBACK:    "\x1f\x26",
	mqttwire.DISCONNECT:  "\x11\x1c\x1f\x26",
	mqttwire.AUTH:        "\x15\x16\x1f\x26",
}

// propertiesOK is Properties.Check by the book: slowly, with its own table.
func propertiesOK(b []byte, in mqttwire.PacketType) bool {
	var seen [256]bool
	field := func() (string, bool) {
		if len(b) < 2 || len(b) < 2+int(binary.BigEndian.Uint16(b)) {
			return "", false
		}
		n := 2 + int(binary.BigEndian.Uint16(b))
		s := string(b[2:n])
		b = b[n:]
		return s, true
	}
	for len(b) > 0 {
		id := b[0]
		b = b[1:]
		if !strings.Contains(propertiesOf[in], string(rune(id))) {
			return false
		}
		if seen[id] && id != 0x26 && !(id == 0x0b && in == mqttwire.PUBLISH) {
			return false
		}
		seen[id] = true
		ok := false
		switch id {
		case 0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2a:
			ok = len(b) >= 1 && b[0] <= 1
			b = b[min(1, len(b)):]
		case 0x13, 0x21, 0x22, 0x23:
			ok = len(b) >= 2 && (id == 0x13 || id == 0x22 || binary.BigEndian.Uint16(b) > 0)
			b = b[min(2, len(b)):]
		case 0x02, 0x11, 0x18, 0x27:
			ok = len(b) >= 4 && (id != 0x27 || binary.BigEndian.Uint32(b) > 0)
			b = b[min(4, len(b)):]
		case 0x0b:
			v, n := binary.Uvarint(b[:min(4, len(b))])
			ok = n > 0 && v > 0 && (n == 1 || b[n-1] != 0)
			b = b[max(n, 0):]
		case 0x03, 0x12, 0x15, 0x1a, 0x1c, 0x1f:
			s, whole := field()
			ok = whole && twin.String(s)
		case 0x08:
			s, whole := field()
			ok = whole && twin.TopicName(s)
		case 0x09, 0x16:
			_, ok = field()
		case 0x26:
			key, whole := field()
			value, both := field()
			ok = whole && both && twin.String(key) && twin.String(value)
		}
		if !ok {
			return false
		}
	}
	return true
}

// FuzzProperties walks and checks bytes that are or are not properties.
func FuzzProperties(f *testing.F) {
	for _, s := range fuzz.Seeds() {
		f.Add(s.Packet[min(len(s.Packet), 5):], byte(s.Rules.Version))
		if p, err := decode(s.Rules, s.Packet); err == nil {
			for _, block := range blocks(p) {
				f.Add(block.Bytes(), byte(p.Type()))
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, in byte) {
		of := mqttwire.PacketType(in % 16)
		p := codec.PropertiesOf(b)
		err := p.Check(of)
		if (err == nil) != propertiesOK(b, of) {
			t.Fatalf("Check(%v) of % x: %v", of, b, err)
		}
		if err != nil {
			mustBeTyped(t, err, mqttwire.V50)
		}
		_ = p.String()
		all := slices.Collect(p.All())
		checkGetters(t, p, all)
		checkBuilt(t, b, of, all, err)
	})
}

// blocks returns the property blocks of a packet.
func blocks(p codec.Packet) []codec.Properties {
	switch p := p.(type) {
	case *codec.Connect:
		return []codec.Properties{p.Properties, p.Will.Properties}
	case *codec.Connack:
		return []codec.Properties{p.Properties}
	case *codec.Publish:
		return []codec.Properties{p.Properties}
	case *codec.Puback:
		return []codec.Properties{p.Properties}
	case *codec.Pubrec:
		return []codec.Properties{p.Properties}
	case *codec.Pubrel:
		return []codec.Properties{p.Properties}
	case *codec.Pubcomp:
		return []codec.Properties{p.Properties}
	case *codec.Suback:
		return []codec.Properties{p.Properties}
	case *codec.Unsubscribe:
		return []codec.Properties{p.Properties}
	case *codec.Unsuback:
		return []codec.Properties{p.Properties}
	case *codec.Subscribe:
		return []codec.Properties{p.Properties}
	case *codec.Disconnect:
		return []codec.Properties{p.Properties}
	case *codec.Auth:
		return []codec.Properties{p.Properties}
	}
	return nil
}

// checkBuilt holds that a block built from what All gives is the block, as far
// as it can be parsed, and is judged as its bytes are.
func checkBuilt(t *testing.T, b []byte, of mqttwire.PacketType, all []codec.Property, checked error) {
	var built codec.Properties
	for _, x := range all {
		built = built.Append(x)
	}
	again := slices.Collect(built.All())
	mustEqual(t, "built again", again, all)
	if checked == nil && !bytes.Equal(built.Bytes(), b) {
		t.Fatalf("built % x of % x", built.Bytes(), b)
	}
	mustBeJudgedAsBytes(t, built)
	mustBeJudgedAsBytes(t, built.Clone())
	// What is appended to is judged as well, wherever it comes from.
	for _, base := range []codec.Properties{codec.PropertiesOf(b), decoded(b, of, checked), built.Clone(), built.Clone().Reset()} {
		for _, x := range all[:min(len(all), 3)] {
			base = base.Append(x)
		}
		mustBeJudgedAsBytes(t, base)
	}
	if built.Size() != len(built.Bytes()) || built.Len() != len(again) {
		t.Fatalf("Size %d, Len %d: %d bytes of %d properties", built.Size(), built.Len(), len(built.Bytes()), len(again))
	}
	// Next is All in steps.
	i := 0
	for x, rest, ok := codec.PropertiesOf(b).Next(); ok; x, rest, ok = rest.Next() {
		mustEqual(t, "Next", x, all[i])
		i++
	}
	if i != len(all) {
		t.Fatalf("Next gives %d properties, All %d", i, len(all))
	}
}

// mustBeJudgedAsBytes fails unless Check says of a block what it says of its
// bytes.
func mustBeJudgedAsBytes(t *testing.T, p codec.Properties) {
	t.Helper()
	for in := range propertiesOf {
		judged, raw := p.Check(in), codec.PropertiesOf(p.Bytes()).Check(in)
		if (judged == nil) != (raw == nil) {
			t.Fatalf("% x for %v: Check of the block: %v, of its bytes: %v", p.Bytes(), in, judged, raw)
		}
	}
}

// decoded returns the valid block b as Decode gives it, nothing where b is not
// valid or stands somewhere else than in these packets.
func decoded(b []byte, of mqttwire.PacketType, checked error) codec.Properties {
	r := codec.Rules{Version: mqttwire.V50}
	var p codec.Packet
	switch of {
	case mqttwire.PUBLISH:
		p = &codec.Publish{Topic: []byte("t"), Properties: codec.PropertiesOf(b)}
	case mqttwire.CONNACK:
		p = &codec.Connack{Properties: codec.PropertiesOf(b)}
	}
	if p == nil || checked != nil {
		return codec.Properties{}
	}
	wire, err := p.Append(nil, r)
	if err == nil {
		p, err = decode(r, wire)
	}
	if err != nil {
		panic(err)
	}
	return blocks(p)[0]
}

// checkGetters holds that each getter gives the first property of its name.
func checkGetters(t *testing.T, p codec.Properties, all []codec.Property) {
	first := make(map[codec.PropertyID]codec.Property)
	var pairs, ids []codec.Property
	for _, x := range all {
		if _, ok := first[x.ID]; !ok {
			first[x.ID] = x
		}
		switch x.ID {
		case codec.UserProperty:
			pairs = append(pairs, x)
		case codec.SubscriptionIdentifier:
			ids = append(ids, x)
		}
	}
	number := func(id codec.PropertyID, v uint32, ok bool) {
		if x, there := first[id]; ok != there || v != x.Number {
			t.Fatalf("%v: %d, %v, want %d, %v", id, v, ok, x.Number, there)
		}
	}
	field := func(id codec.PropertyID, v []byte, ok bool) {
		if x, there := first[id]; ok != there || !bytes.Equal(v, x.Value) {
			t.Fatalf("%v: %q, %v, want %q, %v", id, v, ok, x.Value, there)
		}
	}
	for id, get := range map[codec.PropertyID]func() (uint8, bool){
		codec.PayloadFormatIndicator: p.PayloadFormatIndicator, codec.RequestProblemInformation: p.RequestProblemInformation,
		codec.RequestResponseInformation: p.RequestResponseInformation, codec.MaximumQoS: p.MaximumQoS,
		codec.RetainAvailable: p.RetainAvailable, codec.WildcardSubscriptionAvailable: p.WildcardSubscriptionAvailable,
		codec.SubscriptionIdentifierAvailable: p.SubscriptionIdentifierAvailable,
		codec.SharedSubscriptionAvailable:     p.SharedSubscriptionAvailable,
	} {
		v, ok := get()
		number(id, uint32(v), ok)
	}
	for id, get := range map[codec.PropertyID]func() (uint16, bool){
		codec.ServerKeepAlive: p.ServerKeepAlive, codec.ReceiveMaximum: p.ReceiveMaximum,
		codec.TopicAliasMaximum: p.TopicAliasMaximum, codec.TopicAlias: p.TopicAlias,
	} {
		v, ok := get()
		number(id, uint32(v), ok)
	}
	for id, get := range map[codec.PropertyID]func() (uint32, bool){
		codec.MessageExpiryInterval: p.MessageExpiryInterval, codec.SubscriptionIdentifier: p.SubscriptionIdentifier,
		codec.SessionExpiryInterval: p.SessionExpiryInterval, codec.WillDelayInterval: p.WillDelayInterval,
		codec.MaximumPacketSize: p.MaximumPacketSize,
	} {
		v, ok := get()
		number(id, v, ok)
	}
	for id, get := range map[codec.PropertyID]func() ([]byte, bool){
		codec.ContentType: p.ContentType, codec.ResponseTopic: p.ResponseTopic, codec.CorrelationData: p.CorrelationData,
		codec.AssignedClientIdentifier: p.AssignedClientIdentifier, codec.AuthenticationMethod: p.AuthenticationMethod,
		codec.AuthenticationData: p.AuthenticationData, codec.ResponseInformation: p.ResponseInformation,
		codec.ServerReference: p.ServerReference, codec.ReasonString: p.ReasonString,
	} {
		v, ok := get()
		field(id, v, ok)
	}
	var gotPairs, gotIDs []codec.Property
	for key, value := range p.UserProperties() {
		gotPairs = append(gotPairs, codec.Property{ID: codec.UserProperty, Key: key, Value: value})
	}
	for id := range p.SubscriptionIdentifiers() {
		gotIDs = append(gotIDs, codec.Property{ID: codec.SubscriptionIdentifier, Number: id})
	}
	mustEqual(t, "UserProperties", gotPairs, pairs)
	mustEqual(t, "SubscriptionIdentifiers", gotIDs, ids)
}

// FuzzVarint compares package varint with encoding/binary.
func FuzzVarint(f *testing.F) {
	for _, b := range []string{"", "\x00", "\x7f", "\x80", "\x80\x01", "\xff\xff\xff\x7f", "\x80\x80\x80\x80", "\xff\xff\xff\xff\x01", "\x80\x00"} {
		f.Add([]byte(b), uint32(len(b)))
	}
	for _, v := range []uint32{0, 127, 128, 16383, 16384, 2097151, 2097152, varint.Max, varint.Max + 1, 1<<32 - 1} {
		f.Add([]byte{0x80, 0x80}, v)
	}
	addSeeds(func(b []byte, _, _ byte) { f.Add(b[min(1, len(b)):min(8, len(b))], uint32(len(b))) })
	f.Fuzz(func(t *testing.T, b []byte, v uint32) {
		got, n, err := varint.Consume(b)
		want, width := binary.Uvarint(b[:min(len(b), 4)])
		long := width == 0 && len(b) >= 4
		if (err != nil) != long || err != nil && err != mqttwire.ErrVarintTooLong || n != width || n > 0 && uint64(got) != want {
			t.Fatalf("Consume(% x) = %d, %d, %v", b, got, n, err)
		}
		out, err := varint.Append(b[:len(b):len(b)], v)
		if !bytes.HasPrefix(out, b) || (err != nil) != (v > varint.Max) || len(out)-len(b) != varint.Size(v) {
			t.Fatalf("Append(%d) = % x, %v", v, out, err)
		}
		if err == nil && !bytes.Equal(out[len(b):], binary.AppendUvarint(nil, uint64(v))) {
			t.Fatalf("Append(%d) = % x", v, out[len(b):])
		}
	})
}
