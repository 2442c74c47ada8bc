package codec_test

import (
	"bytes"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
)

var (
	v31        = codec.Rules{Version: mqttwire.V31}
	fromClient = codec.Rules{Version: mqttwire.V50, From: mqttwire.Client}
	fromServer = codec.Rules{Version: mqttwire.V50, From: mqttwire.Server}
)

func unchecked(r codec.Rules) codec.Rules {
	r.Unchecked = true
	return r
}

// A refusal is a packet that Append must not write.
type refusal struct {
	clause string
	rules  codec.Rules
	packet codec.Packet
	err    mqttwire.Error
}

func subscriptions(items ...codec.Subscription) codec.Subscriptions {
	return codec.Subscriptions{}.Append(items...)
}

func filters(items ...string) (l codec.Filters) {
	for _, f := range items {
		l = l.Append([]byte(f))
	}
	return l
}

// breaches are packets that can be encoded, and that Decode refuses.
func breaches() []refusal {
	var (
		none   codec.Properties
		codes  codec.ReasonCodes
		topic  = []byte("a/b")
		reason = codec.AppendReasonString(none, "why")
		alias  = codec.AppendTopicAlias(none, 1)
		expiry = codec.AppendSessionExpiryInterval(none, 1)
		method = codec.AppendAuthenticationMethod(none, "m")
		data   = codec.AppendAuthenticationData(none, "d")
		subID  = codec.AppendSubscriptionIdentifier(none, 1)
		one    = subscriptions(codec.Subscription{Filter: topic})
	)
	connect := func(r codec.Rules, err mqttwire.Error, clause string, p codec.Connect) refusal {
		return refusal{clause, r, &p, err}
	}
	publish := func(r codec.Rules, err mqttwire.Error, clause string, p codec.Publish) refusal {
		return refusal{clause, r, &p, err}
	}
	subscribe := func(r codec.Rules, err mqttwire.Error, clause string, s codec.Subscription) refusal {
		return refusal{clause, r, &codec.Subscribe{ID: 1, Subscriptions: subscriptions(s)}, err}
	}
	will := func(w codec.Will) codec.Connect {
		return codec.Connect{ClientID: topic, WillFlag: true, Will: w}
	}
	return []refusal{
		connect(v31, mqttwire.ErrClientIDEmpty, "3.1 §3.1", codec.Connect{CleanStart: true}),
		connect(v31, mqttwire.ErrClientIDTooLong, "3.1 §3.1", codec.Connect{ClientID: make24()}),
		connect(v311, mqttwire.ErrClientIDEmpty, "3.1.1 MQTT-3.1.3-7", codec.Connect{}),
		connect(v311, mqttwire.ErrPasswordWithoutUserName, "3.1.1 MQTT-3.1.2-22", codec.Connect{ClientID: topic, PasswordFlag: true}),
		connect(v50, mqttwire.ErrUTF8, "MQTT-3.1.3-4", codec.Connect{ClientID: []byte{0xff}}),
		connect(v50, mqttwire.ErrNUL, "MQTT-1.5.4-2", codec.Connect{ClientID: []byte{0}}),
		connect(v50, mqttwire.ErrUTF8, "MQTT-3.1.3-12", codec.Connect{UserNameFlag: true, UserName: []byte{0xc0}}),
		connect(v50, mqttwire.ErrWillQoS, "MQTT-3.1.2-12", will(codec.Will{Topic: topic, QoS: 3})),
		connect(v50, mqttwire.ErrTopicEmpty, "MQTT-4.7.3-1", will(codec.Will{})),
		connect(v50, mqttwire.ErrTopicWildcard, "MQTT-4.7.0-1", will(codec.Will{Topic: []byte("a/#")})),
		connect(v50, mqttwire.ErrUTF8, "MQTT-3.1.3-11", will(codec.Will{Topic: []byte{0x80}})),
		connect(v50, mqttwire.ErrPropertyMisplaced, "§3.1.3.2", will(codec.Will{Topic: topic, Properties: alias})),
		connect(v311, mqttwire.ErrWillQoSWithoutWill, "3.1.1 MQTT-3.1.2-13", codec.Connect{ClientID: topic, Will: codec.Will{QoS: 1}}),
		connect(v50, mqttwire.ErrWillQoSWithoutWill, "MQTT-3.1.2-11", codec.Connect{Will: codec.Will{QoS: 1}}),
		connect(v50, mqttwire.ErrWillRetainWithoutWill, "MQTT-3.1.2-13", codec.Connect{Will: codec.Will{Retain: true}}),
		connect(v50, mqttwire.ErrAuthDataWithoutMethod, "§3.1.2.11.10", codec.Connect{Properties: data}),
		connect(v50, mqttwire.ErrPropertyMisplaced, "§2.2.2.2", codec.Connect{Properties: reason}),
		connect(fromServer, mqttwire.ErrDirection, "§2.1.2", codec.Connect{}),

		{"3.1.1 §3.2.2.3", v311, &codec.Connack{Code: 6}, mqttwire.ErrConnackCode},
		{"3.1.1 MQTT-3.2.2-4", v311, &codec.Connack{SessionPresent: true, Code: 5}, mqttwire.ErrSessionPresent},
		{"MQTT-3.2.2-6", v50, &codec.Connack{SessionPresent: true, Code: 0x80}, mqttwire.ErrSessionPresent},
		{"MQTT-3.2.2-8", v50, &codec.Connack{Code: 5}, mqttwire.ErrConnackCode},
		{"§2.2.2.2", v50, &codec.Connack{Properties: alias}, mqttwire.ErrPropertyMisplaced},
		{"§2.1.2", fromClient, &codec.Connack{}, mqttwire.ErrDirection},

		publish(v311, mqttwire.ErrTopicEmpty, "MQTT-4.7.3-1", codec.Publish{}),
		publish(v50, mqttwire.ErrTopicMissing, "§3.3.2.1", codec.Publish{}),
		publish(v50, mqttwire.ErrTopicWildcard, "MQTT-3.3.2-2", codec.Publish{Topic: []byte("a/+")}),
		publish(v50, mqttwire.ErrUTF8, "MQTT-3.3.2-1", codec.Publish{Topic: []byte{0xed, 0xa0, 0x80}}),
		publish(v50, mqttwire.ErrNUL, "MQTT-1.5.4-2", codec.Publish{Topic: []byte{'a', 0}}),
		publish(v50, mqttwire.ErrQoS, "MQTT-3.3.1-4", codec.Publish{Topic: topic, QoS: 3, ID: 1}),
		publish(v50, mqttwire.ErrDupQoS0, "MQTT-3.3.1-2", codec.Publish{Topic: topic, Dup: true}),
		publish(v50, mqttwire.ErrPacketID, "MQTT-2.2.1-3", codec.Publish{Topic: topic, QoS: 1}),
		publish(v311, mqttwire.ErrPacketID, "3.1.1 MQTT-2.3.1-1", codec.Publish{Topic: topic, QoS: 2}),
		publish(v50, mqttwire.ErrPropertyMisplaced, "§2.2.2.2", codec.Publish{Topic: topic, Properties: reason}),
		publish(v50, mqttwire.ErrTopicAliasZero, "MQTT-3.3.2-8", codec.Publish{Topic: topic, Properties: codec.AppendTopicAlias(none, 0)}),
		publish(v50, mqttwire.ErrResponseTopic, "MQTT-3.3.2-14", codec.Publish{Topic: topic, Properties: codec.AppendResponseTopic(none, "#")}),
		publish(v50, mqttwire.ErrSubscriptionIDZero, "§3.3.2.3.8", codec.Publish{Topic: topic, Properties: codec.AppendSubscriptionIdentifier(none, 0)}),
		publish(fromClient, mqttwire.ErrSubscriptionIDByClient, "MQTT-3.3.4-6", codec.Publish{Topic: topic, Properties: subID}),

		{"MQTT-2.2.1-3", v50, &codec.Puback{}, mqttwire.ErrPacketID},
		{"MQTT-3.4.2-1", v50, &codec.Puback{ID: 1, Code: 0x92}, mqttwire.ErrPubackCode},
		{"§3.4.2.1", fromClient, &codec.Puback{ID: 1, Code: 0x11}, mqttwire.ErrPubackCode},
		{"§3.4.2.2", v50, &codec.Puback{ID: 1, Properties: alias}, mqttwire.ErrPropertyMisplaced},
		{"MQTT-3.5.2-1", v50, &codec.Pubrec{ID: 1, Code: 0x01}, mqttwire.ErrPubrecCode},
		{"§3.5.2.1", fromClient, &codec.Pubrec{ID: 1, Code: 0x11}, mqttwire.ErrPubrecCode},
		{"MQTT-3.6.2-1", v50, &codec.Pubrel{ID: 1, Code: 0x80}, mqttwire.ErrPubrelCode},
		{"MQTT-3.7.2-1", v50, &codec.Pubcomp{ID: 1, Code: 0x10}, mqttwire.ErrPubcompCode},

		{"MQTT-2.2.1-3", v50, &codec.Subscribe{Subscriptions: one}, mqttwire.ErrPacketID},
		{"MQTT-3.8.3-2", v50, &codec.Subscribe{ID: 1}, mqttwire.ErrSubscribeEmpty},
		{"MQTT-4.13.1-1", v50, &codec.Subscribe{ID: 1, Subscriptions: codec.SubscriptionsOf([]byte{0, 1, 'a'})}, mqttwire.ErrTruncated},
		{"§2.1.2", fromServer, &codec.Subscribe{ID: 1, Subscriptions: one}, mqttwire.ErrDirection},
		{"§3.8.2.1.2", v50, &codec.Subscribe{ID: 1, Subscriptions: one, Properties: codec.AppendSubscriptionIdentifier(subID, 2)}, mqttwire.ErrPropertyDuplicate},
		subscribe(v50, mqttwire.ErrTopicEmpty, "MQTT-4.7.3-1", codec.Subscription{}),
		subscribe(v50, mqttwire.ErrMultiLevelWildcard, "MQTT-4.7.1-1", codec.Subscription{Filter: []byte("a#")}),
		subscribe(v50, mqttwire.ErrSingleWildcard, "MQTT-4.7.1-2", codec.Subscription{Filter: []byte("a+")}),
		subscribe(v50, mqttwire.ErrUTF8, "MQTT-3.8.3-1", codec.Subscription{Filter: []byte{0xff}}),
		subscribe(v50, mqttwire.ErrShareName, "MQTT-4.8.2-1", codec.Subscription{Filter: []byte("$share//a")}),
		subscribe(v50, mqttwire.ErrShareWildcard, "MQTT-4.8.2-2", codec.Subscription{Filter: []byte("$share/+/a")}),
		subscribe(v50, mqttwire.ErrShareFilter, "MQTT-4.8.2-2", codec.Subscription{Filter: []byte("$share/g")}),
		subscribe(v50, mqttwire.ErrNoLocalShared, "MQTT-3.8.3-4", codec.Subscription{Filter: []byte("$share/g/a"), Options: codec.NoLocal}),
		subscribe(v50, mqttwire.ErrSubscribeQoS, "§3.8.3.1", codec.Subscription{Filter: topic, Options: 3}),
		subscribe(v50, mqttwire.ErrRetainHandling, "§3.8.3.1", codec.Subscription{Filter: topic, Options: 0x30}),
		subscribe(v31, mqttwire.ErrSubscribeQoS, "3.1 §3.8", codec.Subscription{Filter: topic, Options: 3}),
		subscribe(v311, mqttwire.ErrSubscribeReserved, "3.1.1 MQTT-3.8.3-4", codec.Subscription{Filter: topic, Options: codec.NoLocal}),

		{"MQTT-2.2.1-3", v50, &codec.Suback{Codes: codes.Append(0)}, mqttwire.ErrPacketID},
		{"MQTT-3.8.4-6", v50, &codec.Suback{ID: 1}, mqttwire.ErrSubackEmpty},
		{"MQTT-3.9.3-2", v50, &codec.Suback{ID: 1, Codes: codes.Append(0, 3)}, mqttwire.ErrSubackCode},
		{"3.1.1 MQTT-3.9.3-2", v311, &codec.Suback{ID: 1, Codes: codes.Append(0x87)}, mqttwire.ErrSubackCode},

		{"MQTT-3.10.3-2", v50, &codec.Unsubscribe{ID: 1}, mqttwire.ErrUnsubscribeEmpty},
		{"MQTT-3.10.3-1", v50, &codec.Unsubscribe{ID: 1, Filters: filters("a\xff")}, mqttwire.ErrUTF8},
		{"MQTT-4.13.1-1", v50, &codec.Unsubscribe{ID: 1, Filters: codec.FiltersOf([]byte{0, 2, 'a'})}, mqttwire.ErrTruncated},
		{"§3.10.2.1", v50, &codec.Unsubscribe{ID: 1, Filters: filters("a"), Properties: reason}, mqttwire.ErrPropertyMisplaced},

		{"MQTT-3.11.3-2", v50, &codec.Unsuback{ID: 1}, mqttwire.ErrUnsubackEmpty},
		{"MQTT-3.11.3-2", v50, &codec.Unsuback{ID: 1, Codes: codes.Append(0x01)}, mqttwire.ErrUnsubackCode},

		{"§2.1.2", fromServer, &codec.Pingreq{}, mqttwire.ErrDirection},
		{"§2.1.2", fromClient, &codec.Pingresp{}, mqttwire.ErrDirection},

		{"MQTT-3.14.2-1", v50, &codec.Disconnect{Code: 0x91}, mqttwire.ErrDisconnectCode},
		{"§3.14.2.1", fromServer, &codec.Disconnect{Code: 0x04}, mqttwire.ErrDisconnectCode},
		{"§3.14.2.1", fromClient, &codec.Disconnect{Code: 0x8e}, mqttwire.ErrDisconnectCode},
		{"MQTT-3.14.2-2", fromServer, &codec.Disconnect{Properties: expiry}, mqttwire.ErrSessionExpiryFromServer},
		{"3.1.1 §2.2.1", codec.Rules{Version: mqttwire.V311, From: mqttwire.Server}, &codec.Disconnect{}, mqttwire.ErrDirection},

		{"MQTT-3.15.2-1", v50, &codec.Auth{Code: 0x80, Properties: method}, mqttwire.ErrAuthCode},
		{"§3.15.2.1", fromClient, &codec.Auth{Code: 0x00, Properties: method}, mqttwire.ErrAuthCode},
		{"§3.15.2.1", fromServer, &codec.Auth{Code: 0x19, Properties: method}, mqttwire.ErrAuthCode},
		{"§3.15.2.2.2", v50, &codec.Auth{Code: 0x18, Properties: data}, mqttwire.ErrAuthMethodMissing},
	}
}

func make24() []byte { return bytes.Repeat([]byte("c"), 24) }

func (x refusal) name() string {
	return x.packet.Type().String() + "/" + x.clause + "/" + x.err.Error()
}

// TestAppendRefusesWhatDecodeRefuses holds that Append and Decode agree on
// what is wrong: what Unchecked writes, Decode refuses for the same reason.
func TestAppendRefusesWhatDecodeRefuses(t *testing.T) {
	for _, x := range breaches() {
		t.Run(x.name(), func(t *testing.T) {
			mustRefuse(t, x.packet, x.rules, x.err)
			wire, err := x.packet.Append(nil, unchecked(x.rules))
			if err != nil {
				t.Fatalf("Unchecked: %v", err)
			}
			if n := x.packet.Size(x.rules.Version); n != len(wire) {
				t.Errorf("Size = %d, Append wrote %d bytes", n, len(wire))
			}
			if _, _, err := decode(x.rules, wire); err != x.err {
				t.Errorf("Decode of %x: %v, want %v", wire, err, x.err)
			}
		})
	}
}

// mustRefuse holds that Append refuses p and leaves the slice as it was.
func mustRefuse(t *testing.T, p codec.Packet, r codec.Rules, want error) {
	t.Helper()
	dst := append(make([]byte, 0, 64), "before"...)
	spare := bytes.Clone(dst[:cap(dst)])
	got, err := p.Append(dst, r)
	if err != want {
		t.Errorf("%+v: Append: %v, want %v", r, err, want)
	}
	if len(got) != len(dst) || &got[0] != &dst[0] || !bytes.Equal(got, []byte("before")) {
		t.Errorf("%+v: Append returned %q with an error", r, got)
	}
	if !bytes.Equal(dst[:cap(dst)], spare) {
		t.Errorf("%+v: Append wrote beyond the slice before it failed", r)
	}
}

// TestAppendRefusesWhatCannotBeWritten holds that what has no place in the
// bytes is an error, Unchecked or not: nothing is dropped, nothing is cut.
func TestAppendRefusesWhatCannotBeWritten(t *testing.T) {
	var (
		none  codec.Properties
		codes codec.ReasonCodes
		topic = []byte("a")
		long  = bytes.Repeat([]byte("x"), 65536)
		props = codec.AppendUserProperty(none, "k", "v")
		cut   = props.Append(codec.Property{ID: codec.MaximumQoS, Number: 256})
	)
	in := func(v mqttwire.Version) codec.Rules { return codec.Rules{Version: v} }
	all := []refusal{
		{"client id", v50, &codec.Connect{ClientID: long}, mqttwire.ErrFieldTooLong},
		{"user name", v50, &codec.Connect{UserNameFlag: true, UserName: long}, mqttwire.ErrFieldTooLong},
		{"password", v50, &codec.Connect{PasswordFlag: true, Password: long}, mqttwire.ErrFieldTooLong},
		{"will payload", v50, &codec.Connect{WillFlag: true, Will: codec.Will{Topic: topic, Payload: long}}, mqttwire.ErrFieldTooLong},
		{"will topic", v50, &codec.Connect{WillFlag: true, Will: codec.Will{Topic: long}}, mqttwire.ErrTopicTooLong},
		{"topic", v50, &codec.Publish{Topic: long}, mqttwire.ErrTopicTooLong},

		{"user name without flag", v50, &codec.Connect{UserName: topic}, mqttwire.ErrFieldWithoutFlag},
		{"password without flag", v50, &codec.Connect{Password: topic}, mqttwire.ErrFieldWithoutFlag},
		{"will topic without flag", v50, &codec.Connect{Will: codec.Will{Topic: topic}}, mqttwire.ErrFieldWithoutFlag},
		{"will payload without flag", v50, &codec.Connect{Will: codec.Will{Payload: topic}}, mqttwire.ErrFieldWithoutFlag},
		{"will properties without flag", v50, &codec.Connect{Will: codec.Will{Properties: props}}, mqttwire.ErrFieldWithoutFlag},
		{"bridge", v50, &codec.Connect{Bridge: true}, mqttwire.ErrNotInVersion},
		{"will QoS", v50, &codec.Connect{WillFlag: true, Will: codec.Will{Topic: topic, QoS: 4}}, mqttwire.ErrWillQoS},
		{"QoS", v50, &codec.Publish{Topic: topic, QoS: 4, ID: 1}, mqttwire.ErrQoS},
		{"id of QoS 0", v50, &codec.Publish{Topic: topic, ID: 1}, mqttwire.ErrPacketIDQoS0},
		{"id of QoS 0", v311, &codec.Publish{Topic: topic, ID: 1}, mqttwire.ErrPacketIDQoS0},
		{"session present", v31, &codec.Connack{SessionPresent: true}, mqttwire.ErrNotInVersion},

		{"property that does not fit", v50, &codec.Connect{Properties: cut}, mqttwire.ErrFieldTooLong},
		{"property that does not fit", v50, &codec.Connect{WillFlag: true, Will: codec.Will{Topic: topic, Properties: cut}}, mqttwire.ErrFieldTooLong},
		{"property that does not fit", v50, &codec.Connack{Properties: cut}, mqttwire.ErrFieldTooLong},
		{"property that does not fit", v50, &codec.Publish{Topic: topic, Properties: cut}, mqttwire.ErrFieldTooLong},
		{"property that does not fit", v50, &codec.Puback{ID: 1, Properties: cut}, mqttwire.ErrFieldTooLong},
		{"property that does not fit", v50, &codec.Subscribe{ID: 1, Subscriptions: subscriptions(codec.Subscription{Filter: topic}), Properties: cut}, mqttwire.ErrFieldTooLong},
		{"property that does not fit", v50, &codec.Suback{ID: 1, Codes: codes.Append(0), Properties: cut}, mqttwire.ErrFieldTooLong},
		{"property that does not fit", v50, &codec.Unsubscribe{ID: 1, Filters: filters("a"), Properties: cut}, mqttwire.ErrFieldTooLong},
		{"property that does not fit", v50, &codec.Unsuback{ID: 1, Codes: codes.Append(0), Properties: cut}, mqttwire.ErrFieldTooLong},
		{"property that does not fit", v50, &codec.Disconnect{Properties: cut}, mqttwire.ErrFieldTooLong},
		{"property that does not fit", v50, &codec.Auth{Code: 0x18, Properties: cut}, mqttwire.ErrFieldTooLong},
	}
	for _, v := range []mqttwire.Version{mqttwire.V31, mqttwire.V311} {
		r := in(v)
		all = append(all, []refusal{
			{"properties", r, &codec.Connect{ClientID: topic, Properties: props}, mqttwire.ErrNotInVersion},
			{"will properties", r, &codec.Connect{ClientID: topic, WillFlag: true, Will: codec.Will{Topic: topic, Properties: props}}, mqttwire.ErrNotInVersion},
			{"properties", r, &codec.Connack{Properties: props}, mqttwire.ErrNotInVersion},
			{"properties", r, &codec.Publish{Topic: topic, Properties: props}, mqttwire.ErrNotInVersion},
			{"properties", r, &codec.Puback{ID: 1, Properties: props}, mqttwire.ErrNotInVersion},
			{"properties", r, &codec.Pubrec{ID: 1, Properties: props}, mqttwire.ErrNotInVersion},
			{"properties", r, &codec.Pubrel{ID: 1, Properties: props}, mqttwire.ErrNotInVersion},
			{"properties", r, &codec.Pubcomp{ID: 1, Properties: props}, mqttwire.ErrNotInVersion},
			{"properties", r, &codec.Subscribe{ID: 1, Subscriptions: subscriptions(codec.Subscription{Filter: topic}), Properties: props}, mqttwire.ErrNotInVersion},
			{"properties", r, &codec.Suback{ID: 1, Codes: codes.Append(0), Properties: props}, mqttwire.ErrNotInVersion},
			{"properties", r, &codec.Unsubscribe{ID: 1, Filters: filters("a"), Properties: props}, mqttwire.ErrNotInVersion},
			{"properties", r, &codec.Unsuback{ID: 1, Properties: props}, mqttwire.ErrNotInVersion},
			{"properties", r, &codec.Disconnect{Properties: props}, mqttwire.ErrNotInVersion},
			{"code", r, &codec.Puback{ID: 1, Code: 0x80}, mqttwire.ErrNotInVersion},
			{"code", r, &codec.Pubrec{ID: 1, Code: 0x80}, mqttwire.ErrNotInVersion},
			{"code", r, &codec.Pubrel{ID: 1, Code: 0x92}, mqttwire.ErrNotInVersion},
			{"code", r, &codec.Pubcomp{ID: 1, Code: 0x92}, mqttwire.ErrNotInVersion},
			{"codes", r, &codec.Unsuback{ID: 1, Codes: codes.Append(0)}, mqttwire.ErrNotInVersion},
			{"code", r, &codec.Disconnect{Code: 0x04}, mqttwire.ErrNotInVersion},
		}...)
	}
	for _, x := range all {
		t.Run(x.rules.Version.String()+"/"+x.packet.Type().String()+"/"+x.clause, func(t *testing.T) {
			mustRefuse(t, x.packet, x.rules, x.err)
			mustRefuse(t, x.packet, unchecked(x.rules), x.err)
		})
	}
}

// TestAppendOfTheLongestField holds that 65,535 bytes are written whole.
func TestAppendOfTheLongestField(t *testing.T) {
	longest := bytes.Repeat([]byte("x"), 65535)
	for _, p := range []codec.Packet{
		&codec.Connect{ClientID: longest, UserNameFlag: true, UserName: longest, PasswordFlag: true, Password: longest,
			WillFlag: true, Will: codec.Will{Topic: longest, Payload: longest}},
		&codec.Publish{Topic: longest, Properties: codec.AppendUserProperty(codec.Properties{}, longest, longest)},
		&codec.Subscribe{ID: 1, Subscriptions: subscriptions(codec.Subscription{Filter: longest})},
		&codec.Unsubscribe{ID: 1, Filters: filters(string(longest))},
	} {
		wire := encode(t, p, v50)
		q, _, err := decode(v50, wire)
		if err != nil {
			t.Fatalf("%v: %v", p.Type(), err)
		}
		if again := encode(t, q, v50); !bytes.Equal(again, wire) {
			t.Errorf("%v: not the same when written again", p.Type())
		}
	}
}

func TestAppendOfTooLargeAPacket(t *testing.T) {
	p := codec.Publish{Topic: []byte("a")}
	head, err := p.AppendHead(nil, v311, 1<<28-1-3)
	if want := []byte{0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, 'a'}; err != nil || !bytes.Equal(head, want) {
		t.Errorf("AppendHead of the largest packet: %x, %v, want %x", head, err, want)
	}
	if head, err = p.AppendHead(head[:1], v311, 1<<28-3); err != mqttwire.ErrVarintTooLong || len(head) != 1 {
		t.Errorf("AppendHead of a byte more: %x, %v", head, err)
	}
}

// TestRulesVersion holds that all packets want to know the version: only
// CONNECT says it itself.
func TestRulesVersion(t *testing.T) {
	var d codec.Decoder
	for _, p := range everyPacket(t) {
		for _, v := range []mqttwire.Version{0, 2, 6, 0x84} {
			r := codec.Rules{Version: v}
			h := fixedheader.Header{Type: p.Type(), Flags: fixedheader.ReservedFlags(p.Type())}
			if p.Type() == mqttwire.CONNECT {
				p.(*codec.Connect).Version = 0
			} else if _, err := d.Decode(r, h, nil); err != mqttwire.ErrVersion {
				t.Errorf("version %d: Decode of %v: %v", v, p.Type(), err)
			}
			mustRefuse(t, p, r, mqttwire.ErrVersion)
			mustRefuse(t, p, unchecked(r), mqttwire.ErrVersion)
		}
	}
	connect := codec.Connect{Version: mqttwire.V311, ClientID: []byte("c")}
	if wire, err := connect.Append(nil, codec.Rules{}); err != nil || wire[8] != 4 || len(wire) != connect.Size(0) {
		t.Errorf("a CONNECT that knows its version: %x, %v, Size %d", wire, err, connect.Size(0))
	}
	mustRefuse(t, &connect, v50, mqttwire.ErrVersion)
}

// everyPacket is a packet of each type, valid in 5.0 from Either.
func everyPacket(tb testing.TB) []codec.Packet {
	var none codec.Properties
	props := codec.AppendUserProperty(none, "k", "v")
	var codes codec.ReasonCodes
	id := []byte("id")
	return []codec.Packet{
		&codec.Connect{Version: mqttwire.V50, ClientID: id, UserNameFlag: true, UserName: []byte("user"), PasswordFlag: true,
			Password: []byte("password"), WillFlag: true, Properties: props,
			Will: codec.Will{Topic: []byte("will/topic"), Payload: []byte("will payload"), Properties: props, QoS: 1, Retain: true}},
		&codec.Connack{SessionPresent: true, Properties: props},
		&codec.Publish{Topic: []byte("a/b"), Payload: []byte("payload"), Properties: props, ID: 7, QoS: 1, Dup: true, Retain: true},
		&codec.Puback{ID: 7, Code: 0x10, Properties: props},
		&codec.Pubrec{ID: 7, Code: 0x80, Properties: props},
		&codec.Pubrel{ID: 7, Code: 0x92, Properties: props},
		&codec.Pubcomp{ID: 7, Code: 0x92, Properties: props},
		&codec.Subscribe{ID: 7, Properties: props, Subscriptions: subscriptions(
			codec.Subscription{Filter: []byte("a/#"), Options: 2 | codec.NoLocal | codec.RetainAsPublished | codec.DoNotSendRetained},
			codec.Subscription{Filter: []byte("b")})},
		&codec.Suback{ID: 7, Properties: props, Codes: codes.Append(1, 0x87)},
		&codec.Unsubscribe{ID: 7, Properties: props, Filters: filters("a/#", "b")},
		&codec.Unsuback{ID: 7, Properties: props, Codes: codes.Append(0, 0x11)},
		&codec.Pingreq{},
		&codec.Pingresp{},
		&codec.Disconnect{Code: 0x81, Properties: props},
		&codec.Auth{Code: 0x18, Properties: codec.AppendAuthenticationData(codec.AppendAuthenticationMethod(none, "method"), "secret")},
	}
}
