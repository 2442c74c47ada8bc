package codec_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// TestInspectGoesOn holds that each fault is named where it is, and that what
// comes after it is read.
func TestInspectGoesOn(t *testing.T) {
	v31, v311, any := codec.Rules{Version: mqttwire.V31}, codec.Rules{Version: mqttwire.V311}, codec.Rules{}
	fromClient, fromServer := codec.Rules{Version: mqttwire.V50, From: mqttwire.Client}, codec.Rules{Version: mqttwire.V50, From: mqttwire.Server}
	for _, c := range []struct {
		name   string
		r      codec.Rules
		wire   string
		fields []string // without those of the fixed header
		faults []string
	}{
		{"first byte", fromServer, "\xc1\x00", nil, []string{
			"0 MQTT Control Packet type: packet type not allowed from this sender",
			"0 Flags: reserved fixed header flags not as defined"}},
		{"reserved type", v311, "\x00\x02hi", []string{"2+2 unread: ***, 2 bytes in all"}, []string{
			"0 MQTT Control Packet type: packet type not defined in this version"}},
		{"AUTH before 5.0", v311, "\xf0\x01\x18", []string{"2+1 unread: ***, 1 bytes in all"}, []string{
			"0 MQTT Control Packet type: packet type not defined in this version"}},
		{"long Remaining Length", v50, "\xc0\x80\x00", nil, []string{"1 Remaining Length: variable byte integer not in its shortest form"}},
		{"long Remaining Length in 3.1.1", v311, "\xc0\x80\x00", nil, nil},
		{"endless Remaining Length", v50, "\xc0\x80\x80\x80\x80\x00", nil, []string{"1 Remaining Length: variable byte integer longer than four bytes"}},
		{"DUP at QoS 0", v311, "\x38\x03\x00\x01a", []string{`2+3 Topic Name: "a"`, `5+0 Payload: 0 bytes`}, []string{"0 DUP: DUP set with QoS 0"}},
		{"QoS 3", v311, "\x36\x05\x00\x01a\x00\x00", []string{`2+3 Topic Name: "a"`, "5+2 Packet Identifier: 0", "7+0 Payload: 0 bytes"}, []string{
			"0 QoS: QoS is 3", "5 Packet Identifier: packet identifier is zero"}},
		{"text", v311, "\x30\x08\x00\x06a\x00#\xff\xff\x00", []string{`2+8 Topic Name: "a\x00#\xff\xff\x00"`, "10+0 Payload: 0 bytes"}, []string{
			"5 Topic Name: string contains U+0000", "7 Topic Name: string is not well-formed UTF-8", "6 Topic Name: wildcard character in a topic name"}},
		{"field past the end", v311, "\x30\x05\x00\x09a/b", []string{`2+5 Topic Name: "a/b" (cut)`}, []string{
			"2 Topic Name: field missing or running past the end of the packet"}},
		{"half a length", v311, "\x30\x01\x00", []string{"2+1 Topic Name: (cut)"}, []string{
			"2 Topic Name: field missing or running past the end of the packet"}},
		{"no bytes", v311, "\x40\x00", nil, []string{"2 Packet Identifier: field missing or running past the end of the packet"}},
		{"trailing", v311, "\x40\x04\x00\x01hi", []string{"2+2 Packet Identifier: 1", "4+2 unread: ***, 2 bytes in all"}, []string{
			"4 unread: bytes left after the last field"}},
		{"unknown property", fromServer, "\x30\x0b\x00\x01a\x05\x01\x01\x7e\x01\x02hi",
			[]string{`2+3 Topic Name: "a"`, "5+1 Property Length: 5", "6+2 Payload Format Indicator: 1", "8+3 unread: ***, 3 bytes in all", `11+2 Payload: 2 bytes "hi"`},
			[]string{"8 unread: property identifier not defined"}},
		{"properties of all kinds", fromClient, "\x30\x17\x00\x00\x12\x81\x00\x01\x23\x00\x00\x23\x00\x01\x0b\x80\x00\x21\x00\x01\x03\x00\x05hi",
			[]string{`2+2 Topic Name: ""`, "4+1 Property Length: 18", "5+3 Payload Format Indicator: 1", "8+3 Topic Alias: 0", "11+3 Topic Alias: 1",
				"14+3 Subscription Identifier: 0", "17+3 Receive Maximum: 1", "20+3 Content Type: \"\" (cut)", `23+2 Payload: 2 bytes "hi"`},
			[]string{"5 Payload Format Indicator: variable byte integer not in its shortest form", "9 Topic Alias: topic alias is zero",
				"11 Topic Alias: property given more than once", "14 Subscription Identifier: subscription identifier in a PUBLISH from a client",
				"15 Subscription Identifier: variable byte integer not in its shortest form", "15 Subscription Identifier: subscription identifier is zero",
				"17 Receive Maximum: property not allowed in this packet", "20 Content Type: field missing or running past the end of the packet"}},
		{"Property Length past the end", v50, "\x40\x07\x00\x01\x00\x09\x1f\x00\x00",
			[]string{"2+2 Packet Identifier: 1", "4+1 PUBACK Reason Code: 0x00 Success", "5+1 Property Length: 9", `6+3 Reason String: ""`},
			[]string{"5 Property Length: property length runs past the packet"}},
		{"endless Property Length", v50, "\x40\x08\x00\x01\x00\xff\xff\xff\xff\x01",
			[]string{"2+2 Packet Identifier: 1", "4+1 PUBACK Reason Code: 0x00 Success", "5+5 unread: ***, 5 bytes in all"},
			[]string{"5 Property Length: variable byte integer longer than four bytes"}},
		{"User Property", v50, "\xe0\x0a\x00\x08\x26\x00\x01\x00\x00\x02\xffb",
			[]string{"2+1 Disconnect Reason Code: 0x00 Normal disconnection", "3+1 Property Length: 8", `4+8 User Property: "\x00"="\xffb"`},
			[]string{"7 User Property: string contains U+0000", "10 User Property: string is not well-formed UTF-8"}},
		{"Response Topic", v50, "\x30\x0b\x00\x01a\x07\x08\x00\x04a/+b", []string{`2+3 Topic Name: "a"`, "5+1 Property Length: 7", `6+7 Response Topic: "a/+b"`, "13+0 Payload: 0 bytes"},
			[]string{"11 Response Topic: wildcard character in a response topic"}},
		{"from the wrong end", fromServer, "\xe0\x07\x04\x05\x11\x00\x00\x00\x09",
			[]string{"2+1 Disconnect Reason Code: 0x04 Disconnect with Will Message", "3+1 Property Length: 5", "4+5 Session Expiry Interval: 9"},
			[]string{"2 Disconnect Reason Code: reason code not allowed in DISCONNECT", "4 Session Expiry Interval: session expiry interval in a DISCONNECT from a server"}},
		{"CONNECT of another version", v50, "\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c",
			[]string{`2+6 Protocol Name: "MQTT"`, "8+1 Protocol Level: 4", "9+1 User Name Flag: 0", "9+1 Password Flag: 0", "9+1 Will Retain: 0", "9+1 Will QoS: 0",
				"9+1 Will Flag: 0", "9+1 Clean Session: 1", "9+1 Reserved: 0", "10+2 Keep Alive: 60", `12+3 Client Identifier: "c"`},
			[]string{"8 Protocol Level: protocol version not supported"}},
		{"CONNECT of no version", any, "\x10\x12\x00\x04MQXX\x06\x79\x00\x3c\x00\x00\x00\x00\x09hi!",
			[]string{`2+6 Protocol Name: "MQXX"`, "8+1 Protocol Version: 6", "9+1 User Name Flag: 0", "9+1 Password Flag: 1", "9+1 Will Retain: 1", "9+1 Will QoS: 3",
				"9+1 Will Flag: 0", "9+1 Clean Start: 0", "9+1 Reserved: 1", "10+2 Keep Alive: 60", "12+1 Property Length: 0", `13+2 Client Identifier: ""`, "15+5 Password: ***, 5 bytes in all (cut)"},
			[]string{"2 Protocol Name: protocol name is not MQTT or MQIsdp", "8 Protocol Version: protocol version not supported", "9 Reserved: reserved connect flag is set",
				"9 Will QoS: will QoS set without a will", "9 Will Retain: will retain set without a will", "15 Password: field missing or running past the end of the packet"}},
		{"bridge", any, "\x10\x0f\x00\x06MQIsdp\x83\x82\x00\x3c\x00\x01c",
			[]string{`2+8 Protocol Name: "MQIsdp"`, "10+1 Bridge: 1", "10+1 Protocol Version: 3", "11+1 User Name Flag: 1", "11+1 Password Flag: 0", "11+1 Will Retain: 0", "11+1 Will QoS: 0",
				"11+1 Will Flag: 0", "11+1 Clean Session: 1", "11+1 Reserved: 0", "12+2 Keep Alive: 60", `14+3 Client Identifier: "c"`}, nil},
		{"CONNACK", v311, "\x20\x02\x03\x06", []string{"2+1 Reserved: 1", "2+1 Session Present: 1", "3+1 Connect Return code: 0x06 reserved"}, []string{
			"2 Reserved: reserved connect acknowledge flags are set", "3 Connect Return code: code not defined for CONNACK", "2 Session Present: session present with a refusal"}},
		{"subscriptions", fromClient, "\x82\x16\x00\x00\x00\x00\x03a#b\x43\x00\x0a$share/g/a\x34",
			[]string{"2+2 Packet Identifier: 0", "4+1 Property Length: 0", `5+5 Topic Filter: "a#b"`, "10+1 Reserved: 1", "10+1 Retain Handling: 0", "10+1 Retain As Published: 0",
				"10+1 No Local: 0", "10+1 Maximum QoS: 3", `11+12 Topic Filter: "$share/g/a"`, "23+1 Reserved: 0", "23+1 Retain Handling: 3", "23+1 Retain As Published: 0",
				"23+1 No Local: 1", "23+1 Maximum QoS: 0"},
			[]string{"2 Packet Identifier: packet identifier is zero", "5 Topic Filter: # is not the whole last level of the topic filter",
				"10 Reserved: reserved subscription option bits are set", "10 Maximum QoS: requested QoS is 3", "23 Retain Handling: retain handling is 3",
				"23 No Local: no local on a shared subscription"}},
		{"three properties, one too many", fromClient, "\x82\x0f\x00\x01\x09\x0b\x01\x0b\x02\x26\x00\x00\x00\x00\x00\x00\x00",
			[]string{"2+2 Packet Identifier: 1", "4+1 Property Length: 9", "5+2 Subscription Identifier: 1", "7+2 Subscription Identifier: 2", `9+5 User Property: ""=""`,
				`14+2 Topic Filter: ""`, "16+1 Reserved: 0", "16+1 Retain Handling: 0", "16+1 Retain As Published: 0", "16+1 No Local: 0", "16+1 Maximum QoS: 0"},
			[]string{"7 Subscription Identifier: property given more than once", "14 Topic Filter: topic is empty"}},
		{"no subscription", v31, "\x82\x02\x00\x01", []string{"2+2 Packet Identifier: 1"}, []string{"4 Topic Filter: SUBSCRIBE without a topic filter"}},
		{"codes", v50, "\x90\x05\x00\x01\x00\x03\x80", []string{"2+2 Packet Identifier: 1", "4+1 Property Length: 0", "5+1 Reason Code: 0x03 reserved reason code", "6+1 Reason Code: 0x80 Unspecified error"},
			[]string{"5 Reason Code: code not allowed in SUBACK"}},
		{"unused bits of 3.1", v31, "\x90\x03\x00\x01\x7e", []string{"2+2 Packet Identifier: 1", "4+1 Granted QoS: 0x02 Granted QoS 2"}, nil},
	} {
		in := codec.Inspect(c.r, []byte(c.wire))
		if n := len(c.wire); in.Size != n && !in.Lost {
			t.Errorf("%s: Size = %d, want %d", c.name, in.Size, n)
		}
		var fields, faults []string
		for f := range in.Fields() {
			if f.Part != codec.FixedHeader {
				fields = append(fields, fmt.Sprintf("%d+%d %v", f.Offset, f.Size, f))
			}
		}
		for f := range in.Faults() {
			if f.Clause == "" || !strings.Contains(f.String(), "["+f.Clause+"]") {
				t.Errorf("%s: %v: clause %q", c.name, f, f.Clause)
			}
			faults = append(faults, fmt.Sprintf("%d %s: %v", f.Offset, f.Field, f.Err))
		}
		if diff := cmp.Diff(c.fields, fields); diff != "" {
			t.Errorf("%s: fields (-want +got):\n%s", c.name, diff)
		}
		if diff := cmp.Diff(c.faults, faults); diff != "" {
			t.Errorf("%s: faults (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestInspectGuesses holds which version is taken where nothing tells it.
func TestInspectGuesses(t *testing.T) {
	for _, c := range []struct {
		name    string
		from    mqttwire.Role
		wire    string
		want    mqttwire.Version
		clean   string
		guessed bool
	}{
		{"nothing", 0, "", 0, "none", false},
		{"PINGREQ", 0, "\xc0\x00", mqttwire.V50, "3.1 3.1.1 5.0", true},
		{"PUBLISH with a Property Length", 0, "\x30\x06\x00\x01a\x00hi", mqttwire.V50, "3.1 3.1.1 5.0", true},
		{"PUBLISH without", 0, "\x30\x05\x00\x01ahi", mqttwire.V311, "3.1 3.1.1", true},
		{"SUBSCRIBE of 5.0", mqttwire.Client, "\x82\x07\x00\x01\x00\x00\x01a\x00", mqttwire.V50, "5.0", true},
		{"SUBSCRIBE before", mqttwire.Client, "\x82\x06\x00\x01\x00\x01a\x00", mqttwire.V311, "3.1 3.1.1", true},
		{"SUBSCRIBE of 3.1", mqttwire.Client, "\x8a\x06\x00\x01\x00\x01a\x00", mqttwire.V31, "3.1", true},
		{"CONNACK of 5.0", mqttwire.Server, "\x20\x03\x00\x00\x00", mqttwire.V50, "5.0", true},
		{"CONNACK before", mqttwire.Server, "\x20\x02\x01\x00", mqttwire.V311, "3.1 3.1.1", true},
		{"DISCONNECT from a server", mqttwire.Server, "\xe0\x00", mqttwire.V50, "5.0", true},
		{"AUTH, twice wrong", 0, "\xf1\x00", mqttwire.V50, "none", true},
		{"CONNECT", 0, "\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c", mqttwire.V311, "3.1.1", false},
		{"CONNECT cut after its name", 0, "\x10\x0f\x00\x06MQIsdp", mqttwire.V31, "3.1", false},
		{"CONNECT cut in its name", 0, "\x10\x0f\x00\x06MQ", mqttwire.V50, "3.1 3.1.1 5.0", true},
		{"wrong in each", 0, "\x40\x02\x00\x00", mqttwire.V50, "none", true},
	} {
		in := codec.Inspect(codec.Rules{From: c.from}, []byte(c.wire))
		if in.Version != c.want || in.Clean.String() != c.clean || in.Guessed != c.guessed {
			t.Errorf("%s: %v, guessed %v, clean in %v; want %v, %v, %v", c.name, in.Version, in.Guessed, in.Clean, c.want, c.guessed, c.clean)
		}
	}
}

func TestVersionSet(t *testing.T) {
	before5 := codec.AnyVersion &^ (1 << mqttwire.V50)
	if got := codec.AnyVersion.Narrow(before5).Narrow(1 << mqttwire.V50).Narrow(0); got != before5 || got.Latest() != mqttwire.V311 {
		t.Errorf("narrowed to %v, latest %v", got, got.Latest())
	}
	var none codec.VersionSet
	if none.Latest() != 0 || none.Has(0) || codec.VersionSet(0xff).Has(1) || !before5.Has(mqttwire.V31) || before5.Has(mqttwire.V50) {
		t.Errorf("latest of none %v", none.Latest())
	}
}

// TestInspectShowsNoSecret holds that nothing that is printed shows a password,
// a cut one, or Authentication Data.
func TestInspectShowsNoSecret(t *testing.T) {
	const secret = "hunter2"
	connect := codec.Connect{Version: mqttwire.V50, ClientID: []byte("c"), PasswordFlag: true, Password: []byte(secret),
		Properties: codec.AppendAuthenticationData(codec.AppendAuthenticationMethod(codec.Properties{}, "m"), secret)}
	whole := must(connect.Append(nil, codec.Rules{}))(t)
	for name, wire := range map[string][]byte{"whole": whole, "cut": whole[:len(whole)-1], "trailing": append([]byte("\xc0\x07"), secret...)} {
		in := codec.Inspect(v50, wire)
		all := fmt.Sprintf("%v %+v %#v %s", in, in, in, in)
		for f := range in.Fields() {
			all += fmt.Sprintf("%v %+v %#v %s", f, f, f, f)
		}
		for f := range in.Faults() {
			all += fmt.Sprintf("%v %+v %#v %s", f, f, f, f)
		}
		if strings.Contains(all, secret[:6]) || strings.Contains(all, "104, 117") || strings.Contains(all, "0x68, 0x75") || !strings.Contains(all, "***") {
			t.Errorf("%s: %s", name, all)
		}
	}
}
