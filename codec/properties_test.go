package codec_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/testdata"
)

// places are where properties stand, by the name that tables give them.
var places = map[string]mqttwire.PacketType{
	"Will": codec.WillProperties, "CONNECT": mqttwire.CONNECT, "CONNACK": mqttwire.CONNACK, "PUBLISH": mqttwire.PUBLISH,
	"PUBACK": mqttwire.PUBACK, "PUBREC": mqttwire.PUBREC, "PUBREL": mqttwire.PUBREL, "PUBCOMP": mqttwire.PUBCOMP,
	"SUBSCRIBE": mqttwire.SUBSCRIBE, "SUBACK": mqttwire.SUBACK, "UNSUBSCRIBE": mqttwire.UNSUBSCRIBE, "UNSUBACK": mqttwire.UNSUBACK,
	"DISCONNECT": mqttwire.DISCONNECT, "AUTH": mqttwire.AUTH,
}

// number is an integer property: its largest value is wide, whatever the type.
func number[N uint8 | uint16 | uint32](build func(codec.Properties, N) codec.Properties, get func(codec.Properties) (N, bool), n N) propertyCase {
	return propertyCase{
		build: func(p codec.Properties) codec.Properties { return build(p, n) },
		get:   func(p codec.Properties) (any, bool) { v, ok := get(p); return uint32(v), ok },
		want:  codec.Property{Number: uint32(n)},
		value: uint32(n),
	}
}

// field is a string or binary property.
func field(build func(codec.Properties, string) codec.Properties, bytesToo func(codec.Properties, []byte) codec.Properties,
	get func(codec.Properties) ([]byte, bool)) propertyCase {
	const s = "some/välue"
	return propertyCase{
		build: func(p codec.Properties) codec.Properties { return build(p, s) },
		again: func(p codec.Properties) codec.Properties { return bytesToo(p, []byte(s)) },
		get:   func(p codec.Properties) (any, bool) { v, ok := get(p); return string(v), ok },
		want:  codec.Property{Value: []byte(s)},
		value: s,
	}
}

type propertyCase struct {
	id    codec.PropertyID
	build func(codec.Properties) codec.Properties
	again func(codec.Properties) codec.Properties // the same from bytes
	get   func(codec.Properties) (any, bool)
	want  codec.Property
	value any
}

func (c propertyCase) row(id codec.PropertyID) propertyCase {
	c.id, c.want.ID = id, id
	return c
}

// table is 5.0 Table 2-4, by identifier.
func table(tb testing.TB) map[codec.PropertyID]testdata.PropertyRow {
	tb.Helper()
	rows, err := testdata.Properties()
	if err != nil {
		tb.Fatal(err)
	}
	byID := map[codec.PropertyID]testdata.PropertyRow{}
	for _, r := range rows {
		byID[codec.PropertyID(r.ID)] = r
	}
	return byID
}

func propertyCases() []propertyCase {
	type P = codec.Properties
	user := propertyCase{
		build: func(p P) P { return codec.AppendUserProperty(p, "k", "v") },
		again: func(p P) P { return codec.AppendUserProperty(p, []byte("k"), []byte("v")) },
		want:  codec.Property{Key: []byte("k"), Value: []byte("v")},
		value: "k=v",
		get: func(p P) (any, bool) {
			for k, v := range p.UserProperties() {
				return string(k) + "=" + string(v), true
			}
			return "", false
		},
	}
	return []propertyCase{
		number(codec.AppendPayloadFormatIndicator, P.PayloadFormatIndicator, 1).row(0x01),
		number(codec.AppendMessageExpiryInterval, P.MessageExpiryInterval, 1<<32-1).row(0x02),
		field(codec.AppendContentType, codec.AppendContentType, P.ContentType).row(0x03),
		field(codec.AppendResponseTopic, codec.AppendResponseTopic, P.ResponseTopic).row(0x08),
		field(codec.AppendCorrelationData, codec.AppendCorrelationData, P.CorrelationData).row(0x09),
		number(codec.AppendSubscriptionIdentifier, P.SubscriptionIdentifier, 1<<28-1).row(0x0b),
		number(codec.AppendSessionExpiryInterval, P.SessionExpiryInterval, 1<<32-1).row(0x11),
		field(codec.AppendAssignedClientIdentifier, codec.AppendAssignedClientIdentifier, P.AssignedClientIdentifier).row(0x12),
		number(codec.AppendServerKeepAlive, P.ServerKeepAlive, 65535).row(0x13),
		field(codec.AppendAuthenticationMethod, codec.AppendAuthenticationMethod, P.AuthenticationMethod).row(0x15),
		field(codec.AppendAuthenticationData, codec.AppendAuthenticationData, P.AuthenticationData).row(0x16),
		number(codec.AppendRequestProblemInformation, P.RequestProblemInformation, 1).row(0x17),
		number(codec.AppendWillDelayInterval, P.WillDelayInterval, 1<<32-1).row(0x18),
		number(codec.AppendRequestResponseInformation, P.RequestResponseInformation, 1).row(0x19),
		field(codec.AppendResponseInformation, codec.AppendResponseInformation, P.ResponseInformation).row(0x1a),
		field(codec.AppendServerReference, codec.AppendServerReference, P.ServerReference).row(0x1c),
		field(codec.AppendReasonString, codec.AppendReasonString, P.ReasonString).row(0x1f),
		number(codec.AppendReceiveMaximum, P.ReceiveMaximum, 65535).row(0x21),
		number(codec.AppendTopicAliasMaximum, P.TopicAliasMaximum, 65535).row(0x22),
		number(codec.AppendTopicAlias, P.TopicAlias, 65535).row(0x23),
		number(codec.AppendMaximumQoS, P.MaximumQoS, 1).row(0x24),
		number(codec.AppendRetainAvailable, P.RetainAvailable, 1).row(0x25),
		user.row(0x26),
		number(codec.AppendMaximumPacketSize, P.MaximumPacketSize, 1<<32-1).row(0x27),
		number(codec.AppendWildcardSubscriptionAvailable, P.WildcardSubscriptionAvailable, 1).row(0x28),
		number(codec.AppendSubscriptionIdentifierAvailable, P.SubscriptionIdentifierAvailable, 1).row(0x29),
		number(codec.AppendSharedSubscriptionAvailable, P.SharedSubscriptionAvailable, 1).row(0x2a),
	}
}

// packetWith returns a packet that is right but for the properties it has at a
// place.
func packetWith(tb testing.TB, in mqttwire.PacketType, v codec.Properties) codec.Packet {
	tb.Helper()
	for _, p := range everyPacket(tb) {
		if p.Type() == in || in == codec.WillProperties && p.Type() == mqttwire.CONNECT {
			setProperties(p, in, v)
			return p
		}
	}
	tb.Fatalf("no packet of type %v", in)
	return nil
}

// listAt returns the properties of p at a place, nil where it has none there.
func listAt(p codec.Packet, in mqttwire.PacketType) *codec.Properties {
	if c, ok := p.(*codec.Connect); ok && in == codec.WillProperties {
		return &c.Will.Properties
	}
	return p.PropertyList()
}

// propertiesAt returns the properties of p at a place.
func propertiesAt(p codec.Packet, in mqttwire.PacketType) codec.Properties {
	if l := listAt(p, in); l != nil {
		return *l
	}
	return codec.Properties{}
}

func TestPropertyTable(t *testing.T) {
	rows, cases := table(t), map[codec.PropertyID]bool{}
	for _, c := range propertyCases() {
		cases[c.id] = true
	}
	for n := range 256 {
		id := codec.PropertyID(n)
		row, defined := rows[id]
		if cases[id] != defined {
			t.Errorf("%#x: there is a case %v, a row %v", n, cases[id], defined)
		}
		if !defined {
			row.Name, row.Type = "reserved property", "none"
		}
		if id.Defined() != defined || id.Type().String() != row.Type || id.String() != row.Name {
			t.Errorf("%#x: Defined %v, Type %v, String %q, want %v, %v, %q", n, id.Defined(), id.Type(), id, defined, row.Type, row.Name)
		}
		for place, in := range places {
			allowed := slices.Contains(row.In, place)
			repeats := slices.Contains(row.Repeats, place)
			if id.AllowedIn(in) != allowed || id.RepeatsIn(in) != repeats {
				t.Errorf("%v in %s: AllowedIn %v, RepeatsIn %v, want %v, %v", id, place, id.AllowedIn(in), id.RepeatsIn(in), allowed, repeats)
			}
		}
		if id.AllowedIn(mqttwire.PINGREQ) || id.AllowedIn(mqttwire.PINGRESP) || id.AllowedIn(200) {
			t.Errorf("%v: allowed where there are no properties", id)
		}
	}
	// The vectors, which were written from the standard, use each where it may
	// stand, and nowhere else.
	want, got := map[string]bool{}, map[string]bool{}
	for _, row := range rows {
		for _, place := range row.In {
			want[place+" "+row.Name] = true
		}
	}
	for _, v := range vectors(t) {
		if !v.Valid() {
			continue
		}
		for _, p := range v.Packet.Properties {
			got[v.Packet.Type+" "+p.Name] = true
		}
		if v.Packet.Will != nil {
			for _, p := range v.Packet.Will.Properties {
				got["Will "+p.Name] = true
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("properties and places in the vectors (-table +vectors):\n%s", diff)
	}
}

func TestWireTypeNames(t *testing.T) {
	for n, want := range map[codec.WireType]string{codec.NoType: "none", codec.Byte: "Byte", codec.UTF8StringPair: "UTF-8 String Pair", 8: "none", 255: "none"} {
		if n.String() != want {
			t.Errorf("WireType %d: %q, want %q", n, n, want)
		}
	}
}

// TestProperties builds, appends, decodes and reads every property in every
// packet that may have it.
func TestProperties(t *testing.T) {
	for _, c := range propertyCases() {
		block := c.build(codec.Properties{})
		if v, ok := c.get(codec.Properties{}); ok {
			t.Errorf("%s: %v from no properties", c.id, v)
		}
		if v, ok := c.get(block); !ok || v != c.value {
			t.Errorf("%s: %v, %v, want %v", c.id, v, ok, c.value)
		}
		x, rest, ok := block.Next()
		if diff := cmp.Diff(c.want, x); diff != "" || !ok || rest.Size() != 0 {
			t.Errorf("%s: Next: %v, %d bytes left; (-want +got):\n%s", c.id, ok, rest.Size(), diff)
		}
		if got := (codec.Properties{}).Append(x).Bytes(); !bytes.Equal(got, block.Bytes()) {
			t.Errorf("%s: Append wrote %x, want %x", c.id, got, block.Bytes())
		}
		if c.again != nil {
			if got := c.again(codec.Properties{}).Bytes(); !bytes.Equal(got, block.Bytes()) {
				t.Errorf("%s: from bytes %x, want %x", c.id, got, block.Bytes())
			}
		}
		for place, in := range places {
			raw := codec.PropertiesOf(block.Bytes())
			for _, p := range []codec.Properties{block, raw} {
				checkPropertyIn(t, c, place, in, p)
			}
			// Twice.
			want := error(nil)
			switch {
			case !c.id.AllowedIn(in):
				want = mqttwire.ErrPropertyMisplaced
			case !c.id.RepeatsIn(in):
				want = mqttwire.ErrPropertyDuplicate
			}
			twice := c.build(block.Clone())
			if err := codec.PropertiesOf(twice.Bytes()).Check(in); err != want {
				t.Errorf("%s twice in %s: %v, want %v", c.id, place, err, want)
			}
			if err := twice.Check(in); (err == nil) != (want == nil) {
				t.Errorf("%s built twice in %s: %v, want %v", c.id, place, err, want)
			}
		}
	}
}

func checkPropertyIn(t *testing.T, c propertyCase, place string, in mqttwire.PacketType, p codec.Properties) {
	t.Helper()
	want := error(nil)
	if !c.id.AllowedIn(in) {
		want = mqttwire.ErrPropertyMisplaced
	}
	if err := p.Check(in); err != want {
		t.Errorf("%s in %s: %v, want %v", c.id, place, err, want)
	}
	if want != nil || in == mqttwire.AUTH && c.id != codec.AuthenticationMethod || in == mqttwire.CONNECT && c.id == codec.AuthenticationData {
		return // which do not stand alone
	}
	wire := encode(t, packetWith(t, in, p), v50)
	q, _, err := decode(v50, wire)
	if err != nil {
		t.Errorf("%s in %s: Decode: %v", c.id, place, err)
		return
	}
	decoded := propertiesAt(q, in)
	if v, ok := c.get(decoded); !ok || v != c.value {
		t.Errorf("%s in %s: decoded as %v, %v, want %v", c.id, place, v, ok, c.value)
	}
	// What is decoded can be appended to, without touching what it aliases.
	before := bytes.Clone(wire)
	more := codec.AppendUserProperty(decoded, "more", "more")
	if err := more.Check(in); err != nil || !bytes.Equal(wire, before) {
		t.Errorf("%s in %s: appending to a decoded block: %v, wire %x", c.id, place, err, wire)
	}
}

// TestPropertyValues are values that the standard refuses, by clause.
func TestPropertyValues(t *testing.T) {
	type P = codec.Properties
	var none P
	for _, c := range []struct {
		clause string
		in     mqttwire.PacketType
		p      P
		err    mqttwire.Error
	}{
		{"§3.1.2.11.7", mqttwire.CONNECT, codec.AppendRequestProblemInformation(none, 255), mqttwire.ErrPropertyBoolean},
		{"§3.1.2.11.6", mqttwire.CONNECT, codec.AppendRequestResponseInformation(none, 2), mqttwire.ErrPropertyBoolean},
		{"§3.2.2.3.4", mqttwire.CONNACK, codec.AppendMaximumQoS(none, 2), mqttwire.ErrMaximumQoSValue},
		{"§3.2.2.3.5", mqttwire.CONNACK, codec.AppendRetainAvailable(none, 2), mqttwire.ErrPropertyBoolean},
		{"§3.2.2.3.11", mqttwire.CONNACK, codec.AppendWildcardSubscriptionAvailable(none, 2), mqttwire.ErrPropertyBoolean},
		{"§3.2.2.3.12", mqttwire.CONNACK, codec.AppendSubscriptionIdentifierAvailable(none, 2), mqttwire.ErrPropertyBoolean},
		{"§3.2.2.3.13", mqttwire.CONNACK, codec.AppendSharedSubscriptionAvailable(none, 2), mqttwire.ErrPropertyBoolean},
		{"§3.1.2.11.3", mqttwire.CONNECT, codec.AppendReceiveMaximum(none, 0), mqttwire.ErrReceiveMaximumZero},
		{"§3.1.2.11.4", mqttwire.CONNECT, codec.AppendMaximumPacketSize(none, 0), mqttwire.ErrMaximumPacketSizeZero},
		{"MQTT-3.3.2-8", mqttwire.PUBLISH, codec.AppendTopicAlias(none, 0), mqttwire.ErrTopicAliasZero},
		{"§3.8.2.1.2", mqttwire.SUBSCRIBE, codec.AppendSubscriptionIdentifier(none, 0), mqttwire.ErrSubscriptionIDZero},
		{"MQTT-3.3.2-14", mqttwire.PUBLISH, codec.AppendResponseTopic(none, "a/+"), mqttwire.ErrResponseTopic},
		{"MQTT-3.3.2-13", mqttwire.PUBLISH, codec.AppendResponseTopic(none, "\xff"), mqttwire.ErrUTF8},
		{"MQTT-3.3.2-19", mqttwire.PUBLISH, codec.AppendContentType(none, "\xff"), mqttwire.ErrUTF8},
		{"MQTT-1.5.4-2", mqttwire.CONNACK, codec.AppendReasonString(none, "\x00"), mqttwire.ErrNUL},
		{"MQTT-1.5.7-1", mqttwire.SUBACK, codec.AppendUserProperty(none, "\xff", ""), mqttwire.ErrUTF8},
		{"MQTT-1.5.7-1", mqttwire.SUBACK, codec.AppendUserProperty(none, "", "\x00"), mqttwire.ErrNUL},
	} {
		if err := c.p.Check(c.in); err != c.err {
			t.Errorf("%s: built: %v, want %v", c.clause, err, c.err)
		}
		if err := codec.PropertiesOf(c.p.Bytes()).Check(c.in); err != c.err {
			t.Errorf("%s: raw: %v, want %v", c.clause, err, c.err)
		}
	}
}

// TestForwardedValues are values that no clause calls an error: what a publisher
// says must not end the connection of a subscriber.
func TestForwardedValues(t *testing.T) {
	var p codec.Properties
	p = codec.AppendPayloadFormatIndicator(p, 77)
	p = codec.AppendMessageExpiryInterval(p, 0)
	p = codec.AppendContentType(p, "")
	p = codec.AppendResponseTopic(p, "")
	p = codec.AppendCorrelationData(p, "\xff\x00")
	p = codec.AppendUserProperty(p, "", "\x01\ufeff\uffff")
	publish := codec.Publish{Topic: []byte("\x01$share//\uffff"), Properties: p, Payload: []byte("\xff"), Retain: true}
	wire := encode(t, &publish, codec.Rules{Version: mqttwire.V50, From: mqttwire.Server})
	for _, wire := range [][]byte{wire, {0x30, 6, 0, 1, 'a', 2, 1, 77}} {
		if _, _, err := decode(codec.Rules{Version: mqttwire.V50, From: mqttwire.Server}, wire); err != nil {
			t.Errorf("% x: %v", wire, err)
		}
	}
	will := codec.Connect{Version: mqttwire.V50, WillFlag: true, Will: codec.Will{Topic: []byte("w"), Properties: p, Payload: []byte("\xff")}}
	if _, _, err := decode(codec.Rules{From: mqttwire.Client}, encode(t, &will, v50)); err != nil {
		t.Errorf("will: %v", err)
	}
}

// TestBuilderErrorsStick holds that what was wrong once stays wrong until
// Reset, and that what cannot be encoded leaves the block as it was.
func TestBuilderErrorsStick(t *testing.T) {
	var none codec.Properties
	first := codec.AppendContentType(none, "text/plain")
	long := strings.Repeat("x", 65536)
	for name, c := range map[string]struct {
		p   codec.Properties
		err mqttwire.Error
	}{
		"long string":      {codec.AppendReasonString(first, long), mqttwire.ErrFieldTooLong},
		"long binary":      {codec.AppendCorrelationData(first, long), mqttwire.ErrFieldTooLong},
		"long name":        {codec.AppendUserProperty(first, long, ""), mqttwire.ErrFieldTooLong},
		"long value":       {codec.AppendUserProperty(first, "", long), mqttwire.ErrFieldTooLong},
		"wide byte":        {first.Append(codec.Property{ID: codec.MaximumQoS, Number: 256}), mqttwire.ErrFieldTooLong},
		"wide two bytes":   {first.Append(codec.Property{ID: codec.TopicAlias, Number: 65536}), mqttwire.ErrFieldTooLong},
		"wide varint":      {codec.AppendSubscriptionIdentifier(first, 1<<28), mqttwire.ErrVarintTooLong},
		"not defined":      {first.Append(codec.Property{ID: 0x7e}), mqttwire.ErrPropertyUnknown},
		"not defined, raw": {codec.PropertiesOf(first.Bytes()).Append(codec.Property{ID: 0x7e}), mqttwire.ErrPropertyUnknown},
	} {
		if !bytes.Equal(c.p.Bytes(), first.Bytes()) {
			t.Errorf("%s: the block is %x, want %x", name, c.p.Bytes(), first.Bytes())
		}
		more := codec.AppendTopicAlias(c.p, 0) // wrong too, and later
		if err := more.Check(mqttwire.PUBLISH); err != c.err {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
		p := codec.Publish{Topic: []byte("a"), Properties: more}
		mustRefuse(t, &p, v50, c.err)
		mustRefuse(t, &p, unchecked(v50), c.err)
		if err := more.Reset().Check(mqttwire.PUBLISH); err != nil {
			t.Errorf("%s: after Reset: %v", name, err)
		}
	}
	bad := codec.AppendContentType(codec.AppendTopicAlias(none, 0), "fine")
	if err := bad.Check(mqttwire.PUBLISH); err != mqttwire.ErrTopicAliasZero {
		t.Errorf("a bad property before a good one: %v", err)
	}
}

// TestPropertyOrder holds that order is kept [MQTT-3.1.3-10, MQTT-3.3.2-18]
// and that walks end where they are told to.
func TestPropertyOrder(t *testing.T) {
	var p codec.Properties
	var want []string
	for i, k := range []string{"z", "a", "z", ""} {
		p = codec.AppendUserProperty(p, k, "v")
		p = codec.AppendSubscriptionIdentifier(p, uint32(100+i))
		want = append(want, k)
	}
	wire := encode(t, &codec.Publish{Topic: []byte("a"), Properties: p}, v50)
	q, _, err := decode(v50, wire)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for k, v := range propertiesAt(q, mqttwire.PUBLISH).UserProperties() {
		if string(v) != "v" {
			t.Errorf("value %q", v)
		}
		got = append(got, string(k))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	var ids []uint32
	for id := range p.SubscriptionIdentifiers() {
		if ids = append(ids, id); len(ids) == 3 {
			break
		}
	}
	if !slices.Equal(ids, []uint32{100, 101, 102}) {
		t.Errorf("identifiers %v", ids)
	}
	_, rest, _ := p.Next()
	if err := rest.Check(mqttwire.PUBLISH); err != nil || rest.Check(mqttwire.CONNECT) != mqttwire.ErrPropertyMisplaced {
		t.Errorf("what Next leaves is not judged: %v, %v", err, rest.Check(mqttwire.CONNECT))
	}
	for range p.UserProperties() {
		break
	}
	for range p.All() {
		break
	}
}

func TestPropertiesResetAndClone(t *testing.T) {
	p := codec.AppendContentType(codec.Properties{}, "text/plain")
	c := p.Clone()
	p = codec.AppendTopicAlias(p.Reset(), 9) // over the same memory
	if v, ok := c.ContentType(); !ok || string(v) != "text/plain" {
		t.Errorf("the clone changed with its origin: %q, %v", v, ok)
	}
	if _, ok := p.ContentType(); ok || p.Len() != 1 || p.Size() != 3 {
		t.Errorf("after Reset: %v", p)
	}
	if err := codec.AppendContentType(c.Reset(), "x").Check(mqttwire.PUBLISH); err != nil {
		t.Errorf("after Reset the property counts as a second one: %v", err)
	}
	if z := (codec.Properties{}).Clone(); z.Size() != 0 || z.Bytes() != nil {
		t.Errorf("clone of none: %x", z.Bytes())
	}
}

// TestPropertiesOfGarbage holds that walking made-up bytes ends, and gives no
// more than is there.
func TestPropertiesOfGarbage(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	ids := []byte{0x01, 0x02, 0x03, 0x09, 0x0b, 0x13, 0x26, 0x00, 0x80, 0x7e, 0xff}
	for range 20_000 {
		b := make([]byte, random.IntN(24))
		for i := range b {
			if b[i] = byte(random.IntN(4)); random.IntN(3) == 0 {
				b[i] = ids[random.IntN(len(ids))]
			}
		}
		p := codec.PropertiesOf(b)
		lookAll(p)
		whole, n := true, 0
		for x := range p.All() {
			n++
			whole = whole && x.ID.Defined()
		}
		if n > len(b)/2 || !whole {
			t.Fatalf("%x: %d properties, whole = %v", b, n, whole)
		}
		if err := p.Check(mqttwire.PUBLISH); err == nil && !bytes.Equal(rebuild(p).Bytes(), b) {
			t.Fatalf("%x is valid, and not what its properties are written as", b)
		}
	}
}

// rebuild appends the properties of p one by one.
func rebuild(p codec.Properties) (q codec.Properties) {
	for x := range p.All() {
		q = q.Append(x)
	}
	return q
}

// TestBlocksAreJudgedAlike holds that Check of raw bytes, Decode of a packet,
// and Check of a block built property by property agree, on the blocks of all
// vectors and on what comes of them by changing a byte.
func TestBlocksAreJudgedAlike(t *testing.T) {
	type block struct {
		in mqttwire.PacketType
		b  string
	}
	blocks := map[block]bool{}
	add := func(in mqttwire.PacketType, list []testdata.Property, p codec.Properties) {
		if len(list) > 0 && p.Size() < 60 {
			blocks[block{in, string(p.Bytes())}] = true
		}
	}
	for _, v := range vectors(t) {
		if v.Version != "5.0" || !v.Valid() {
			continue
		}
		p, _, err := decode(codec.Rules{Version: mqttwire.V50}, v.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		add(p.Type(), v.Packet.Properties, propertiesAt(p, p.Type()))
		if v.Packet.Will != nil {
			add(codec.WillProperties, v.Packet.Will.Properties, propertiesAt(p, codec.WillProperties))
		}
	}
	if len(blocks) < 100 {
		t.Fatalf("only %d blocks", len(blocks))
	}
	random := rand.New(rand.NewPCG(7, 8))
	var wire []byte
	for x := range blocks {
		packet := packetWith(t, x.in, codec.Properties{})
		judge := func(b []byte) {
			raw := codec.PropertiesOf(b)
			want := raw.Check(x.in)
			setProperties(packet, x.in, raw)
			var err error
			if wire, err = packet.Append(wire[:0], unchecked(v50)); err != nil {
				t.Fatal(err)
			}
			_, _, got := decode(v50, wire)
			alone := got == mqttwire.ErrAuthMethodMissing || got == mqttwire.ErrAuthDataWithoutMethod
			if got != want && !(want == nil && alone) {
				t.Errorf("%x in %v: Decode says %v, Check %v", b, x.in, got, want)
			}
			if _, err := packet.Append(nil, v50); err != got {
				t.Errorf("%x in %v: Append says %v, Decode %v", b, x.in, err, got)
			}
			if built := rebuild(raw); bytes.Equal(built.Bytes(), b) {
				if err := built.Check(x.in); (err == nil) != (want == nil) {
					t.Errorf("%x in %v: Check says %v of it built, %v of it raw", b, x.in, err, want)
				}
			}
		}
		b := []byte(x.b)
		judge(b)
		for i := range b {
			judge(b[:i])
			for _, c := range []byte{0, 1, 0xff, b[i] + 1, b[i] ^ 0x80, byte(random.Uint32())} {
				old := b[i]
				b[i] = c
				judge(b)
				b[i] = old
			}
		}
		judge(append(bytes.Clone(b), b...))
	}
}

func setProperties(p codec.Packet, in mqttwire.PacketType, v codec.Properties) {
	if l := listAt(p, in); l != nil {
		*l = v
	}
}
