package fuzz_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fuzz/internal/twin"
	"github.com/mqttwire/mqttwire/testdata"
	"github.com/mqttwire/mqttwire/varint"
)

// rows is 5.0 Table 2-4, by identifier.
var rows = func() (byID [256]testdata.PropertyRow) {
	all, err := testdata.Properties()
	if err != nil {
		panic(err)
	}
	for _, r := range all {
		byID[r.ID] = r
	}
	return byID
}()

// place is the name that the table gives to where properties stand.
func place(in mqttwire.PacketType) string {
	if in == codec.WillProperties {
		return "Will"
	}
	return in.String()
}

// propertiesOK is Properties.Check by the book: slowly, by the table.
func propertiesOK(b []byte, in mqttwire.PacketType) bool {
	var seen [256]bool
	for len(b) > 0 {
		id := b[0]
		row := &rows[id]
		if !slices.Contains(row.In, place(in)) || seen[id] && !slices.Contains(row.Repeats, place(in)) {
			return false
		}
		seen[id] = true
		n, ok := valueOK(row, b[1:])
		if !ok {
			return false
		}
		b = b[1+n:]
	}
	return true
}

// valueOK judges the value at the front of b and returns its size.
func valueOK(row *testdata.PropertyRow, b []byte) (n int, ok bool) {
	var v uint64
	switch row.Type {
	case "Byte":
		n = 1
	case "Two Byte Integer":
		n = 2
	case "Four Byte Integer":
		n = 4
	case "Variable Byte Integer":
		v, n = binary.Uvarint(b[:min(4, len(b))])
		return n, n > 0 && v >= uint64(row.Min) && (n == 1 || b[n-1] != 0)
	case "UTF-8 String Pair":
		key, n, whole := field(b)
		if !whole {
			return 0, false
		}
		value, m, whole := field(b[n:])
		return n + m, whole && twin.String(key) && twin.String(value)
	default:
		s, n, whole := field(b)
		return n, whole && (row.Type == "Binary Data" || row.Topic && (s == "" || twin.TopicName(s)) || !row.Topic && twin.String(s))
	}
	if len(b) < n {
		return 0, false
	}
	for _, c := range b[:n] {
		v = v<<8 | uint64(c)
	}
	return n, v >= uint64(row.Min) && (row.Max == 0 || v <= uint64(row.Max))
}

// field returns the field at the front of b, and its size with its length.
func field(b []byte) (s string, n int, ok bool) {
	if len(b) < 2 {
		return "", 0, false
	}
	if n = 2 + int(binary.BigEndian.Uint16(b)); len(b) < n {
		return "", 0, false
	}
	return string(b[2:n]), n, true
}

// FuzzProperties walks and checks bytes that are or are not properties.
func FuzzProperties(f *testing.F) {
	for _, s := range seeds() {
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

// blocks returns the property lists of a packet.
func blocks(p codec.Packet) (all []codec.Properties) {
	if l := p.PropertyList(); l != nil {
		all = append(all, *l)
	}
	if c, ok := p.(*codec.Connect); ok {
		all = append(all, c.Will.Properties)
	}
	return all
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
	for in := codec.WillProperties; in <= mqttwire.AUTH; in++ {
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
