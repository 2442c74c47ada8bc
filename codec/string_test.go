package codec_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

func TestString(t *testing.T) {
	var (
		none  codec.Properties
		codes codec.ReasonCodes
		long  = strings.Repeat("x", 100)
	)
	for _, c := range []struct {
		p    codec.Packet
		want string
	}{
		{&codec.Connect{}, `CONNECT version=unknown client="" keepalive=0`},
		{&codec.Connect{Version: mqttwire.V311, ClientID: []byte("c"), KeepAlive: 60, CleanStart: true, Bridge: true},
			`CONNECT version=3.1.1 client="c" keepalive=60 bridge clean`},
		{&codec.Connect{Version: mqttwire.V50, ClientID: []byte("c\n"), UserNameFlag: true, UserName: []byte("u"), PasswordFlag: true,
			Password: []byte("hunter2"), Properties: codec.AppendReceiveMaximum(none, 5), WillFlag: true,
			Will: codec.Will{Topic: []byte("w"), Payload: []byte{0, 0xff}, QoS: 1, Retain: true, Properties: codec.AppendWillDelayInterval(none, 9)}},
			`CONNECT version=5.0 client="c\n" keepalive=0 user="u" password=*** properties={Receive Maximum: 5}` +
				` will="w" qos=1 retain payload=2 bytes 0x00ff properties={Will Delay Interval: 9}`},
		{&codec.Connack{SessionPresent: true}, `CONNACK session-present code=0x00 "Success"`},
		{&codec.Connack{Code: 5}, `CONNACK code=0x05 "not authorized"`},
		{&codec.Connack{Code: 0x87, Properties: codec.AppendReasonString(none, "no")}, `CONNACK code=0x87 "Not authorized" properties={Reason String: "no"}`},
		{&codec.Publish{Topic: []byte("a/b")}, `PUBLISH topic="a/b" qos=0 payload=0 bytes`},
		{&codec.Publish{Topic: []byte("a/b"), QoS: 2, ID: 7, Dup: true, Retain: true, Payload: []byte("hi")},
			`PUBLISH topic="a/b" qos=2 id=7 dup retain payload=2 bytes "hi"`},
		{&codec.Publish{Topic: []byte("a"), Payload: []byte(long)}, `PUBLISH topic="a" qos=0 payload=100 bytes "` + long[:32] + `"...`},
		{&codec.Publish{Topic: []byte("a"), Payload: []byte(long[:31] + "é" + long)}, `PUBLISH topic="a" qos=0 payload=133 bytes "` + long[:31] + `"...`},
		{&codec.Publish{Topic: []byte("a"), Payload: []byte(long[:29] + "\U0001f600" + long)}, `PUBLISH topic="a" qos=0 payload=133 bytes "` + long[:29] + `"...`},
		{&codec.Publish{Topic: []byte("a"), Payload: []byte("\xff" + long)}, `PUBLISH topic="a" qos=0 payload=101 bytes 0xff` + strings.Repeat("78", 31) + `...`},
		{&codec.Publish{Properties: codec.AppendUserProperty(codec.AppendCorrelationData(codec.AppendTopicAlias(none, 3), "data"), "k", "v")},
			`PUBLISH topic="" qos=0 payload=0 bytes properties={Topic Alias: 3, Correlation Data: 4 bytes, User Property: "k"="v"}`},
		{&codec.Puback{ID: 1}, `PUBACK id=1 code=0x00 "Success"`},
		{&codec.Pubrec{ID: 1, Code: 0x10}, `PUBREC id=1 code=0x10 "No matching subscribers"`},
		{&codec.Pubrel{ID: 1, Code: 0x92}, `PUBREL id=1 code=0x92 "Packet Identifier not found"`},
		{&codec.Pubcomp{ID: 65535}, `PUBCOMP id=65535 code=0x00 "Success"`},
		{&codec.Subscribe{ID: 2, Subscriptions: subscriptions(
			codec.Subscription{Filter: []byte("a/#"), Options: 1 | codec.NoLocal | codec.RetainAsPublished | codec.DoNotSendRetained}, codec.Subscription{Filter: []byte("b")})},
			`SUBSCRIBE id=2 filter="a/#" qos=1 no-local retain-as-published retain-handling=2 filter="b" qos=0`},
		{&codec.Suback{ID: 2, Codes: codes.Append(0, 0x80)}, `SUBACK id=2 code=0x00 "Granted QoS 0" code=0x80 "Unspecified error"`},
		{&codec.Unsubscribe{ID: 2, Filters: filters("a/#", "b")}, `UNSUBSCRIBE id=2 filter="a/#" filter="b"`},
		{&codec.Unsuback{ID: 2, Codes: codes.Append(0x11)}, `UNSUBACK id=2 code=0x11 "No subscription existed"`},
		{&codec.Unsuback{ID: 2}, `UNSUBACK id=2`},
		{&codec.Pingreq{}, `PINGREQ`},
		{&codec.Pingresp{}, `PINGRESP`},
		{&codec.Disconnect{}, `DISCONNECT code=0x00 "Normal disconnection"`},
		{&codec.Disconnect{Code: 0x03}, `DISCONNECT code=0x03 "reserved reason code"`},
		{&codec.Auth{Code: 0x18, Properties: codec.AppendAuthenticationData(codec.AppendAuthenticationMethod(none, "m"), "hunter2")},
			`AUTH code=0x18 "Continue authentication" properties={Authentication Method: "m", Authentication Data: ***}`},
	} {
		if got := c.p.String(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	if s := none.String(); s != "{}" {
		t.Errorf("no properties: %s", s)
	}
}

// showsSecret looks for a secret as text, in decimal and in hexadecimal.
func showsSecret(s, secret string) bool {
	return strings.Contains(s, secret) || strings.Contains(s, strings.Trim(fmt.Sprint([]byte(secret)), "[]")) ||
		strings.Contains(strings.ToLower(s), fmt.Sprintf("%x", secret)) ||
		strings.Contains(s, strings.Trim(fmt.Sprintf("%#v", []byte(secret)), "[]byte{}"))
}

// TestNothingSecretIsShown prints what holds a password or Authentication Data
// in every way, by pointer, by value, and inside something else.
func TestNothingSecretIsShown(t *testing.T) {
	const secret = "hunter2"
	var none codec.Properties
	method := codec.AppendAuthenticationMethod(none, "m")
	data := codec.AppendAuthenticationData(method, secret)
	connect := codec.Connect{Version: mqttwire.V50, PasswordFlag: true, Password: []byte(secret), Properties: data}
	unflagged := codec.Connect{Password: []byte(secret)}
	connack := codec.Connack{Properties: data}
	auth := codec.Auth{Code: 0x18, Properties: data}
	raw := codec.PropertiesOf(data.Bytes())
	_, rest, _ := data.Next()
	x, _, _ := rest.Next()
	type holder struct{ V any }
	for _, v := range []any{connect, &connect, unflagged, &unflagged, connack, &connack, auth, &auth, data, &data, raw, rest, x, &x,
		holder{connect}, holder{&connect}, holder{auth}, holder{data}, []codec.Connect{connect}, []codec.Property{x}, struct{ C codec.Connect }{connect}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if s := fmt.Sprintf(verb, v); showsSecret(s, secret) {
				t.Errorf("%s of a %T shows the secret: %s", verb, v, s)
			}
		}
	}
	if s := x.String(); s != "Authentication Data: ***" {
		t.Errorf("the property alone: %s", s)
	}
}
