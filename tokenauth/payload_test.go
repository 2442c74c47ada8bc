package tokenauth_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire/tokenauth"
)

func TestUpdate(t *testing.T) {
	for _, tt := range []struct {
		payload string
		typ     tokenauth.Type
		token   string
	}{
		{`{"token":"abc","type":"R"}`, tokenauth.Read, "abc"},
		{`{"type":"RW","token":"abc"}`, tokenauth.ReadWrite, "abc"},
		{`{"Token":"abc","type":"W"}`, tokenauth.Write, "abc"},
		{`{"TOKEN":"abc","tYpE":"W"}`, tokenauth.Write, "abc"},
		{" {\t\"token\" :\r\n \"a\" , \"type\" : \"R\" } \n", tokenauth.Read, "a"},
		// What JSON encoders escape although they need not.
		{`{"token":"a\u003d\u003D\/\u002f","type":"R"}`, tokenauth.Read, "a==//"},
		{`{"token":"\"\\","type":"\u0052W"}`, tokenauth.ReadWrite, `"\`},
		{`{"token":"\u003a\u003F\u006a\u007E!~","type":"R"}`, tokenauth.Read, ":?j~!~"},
		{`{"token":"a","type":"R"}` + strings.Repeat(" ", tokenauth.MaxPayload-24), tokenauth.Read, "a"},
		{`{"\u0074oken":"a","\u0054YPE":"R"}`, tokenauth.Read, "a"},
		// Members that nobody needs, of any kind, and twice.
		{`{"a":1,"token":"a","b":-1.50e+7,"type":"R","c":"\u00e9\ud83d","\n":null}`, tokenauth.Read, "a"},
		{`{"x":true,"x":false,"x":[],"x":{},"x":[ [ ] , { "token" : "b" , "type" : 1 } ],"token":"a","type":"R"}`, tokenauth.Read, "a"},
		{`{"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `,"token":"a","type":"R"}`, tokenauth.Read, "a"},
		{`{"` + strings.Repeat("t", 60000) + `":1,"token":"a","type":"R"}`, tokenauth.Read, "a"},
		{`{"token":"` + strings.Repeat("x", tokenauth.MaxToken) + `","type":"R"}`, tokenauth.Read, strings.Repeat("x", tokenauth.MaxToken)},
		{`{"token":"` + strings.Repeat(`\u0078`, tokenauth.MaxToken) + `","type":"R"}`, tokenauth.Read, strings.Repeat("x", tokenauth.MaxToken)},
	} {
		var u tokenauth.Update
		if err := u.Decode([]byte(tt.payload)); err != nil || u.Type != tt.typ || string(u.Token) != tt.token {
			t.Errorf("%.60s: %v of %d bytes, %v", tt.payload, u.Type, len(u.Token), err)
		}
		payload, err := u.Append([]byte("x"))
		if err != nil {
			t.Errorf("%.60s: Append: %v", tt.payload, err)
			continue
		}
		var again tokenauth.Update
		if err := again.Decode(payload[1:]); err != nil || again.Type != tt.typ || string(again.Token) != tt.token {
			t.Errorf("%.60s: appended as %.60s", tt.payload, payload)
		}
	}
	u := tokenauth.Update{Type: tokenauth.ReadWrite, Token: tokenauth.Secret("abc")}
	if got, err := u.Append(nil); err != nil || string(got) != `{"token":"abc","type":"RW"}` {
		t.Errorf("%s, %v", got, err)
	}
}

func TestUpdateRefused(t *testing.T) {
	bomb := strings.Repeat("[", 30000)
	for _, tt := range []struct {
		payload string
		want    error
	}{
		{``, tokenauth.ErrJSON},
		{`null`, tokenauth.ErrJSON},
		{`abc`, tokenauth.ErrJSON},
		{`[]`, tokenauth.ErrJSON},
		{`"token"`, tokenauth.ErrJSON},
		{`{`, tokenauth.ErrJSON},
		{`{"token`, tokenauth.ErrJSON},
		{`{"token"`, tokenauth.ErrJSON},
		{`{"token":`, tokenauth.ErrJSONValue},
		{`{"token":"a`, tokenauth.ErrJSON},
		{`{"token":"a"`, tokenauth.ErrJSON},
		{`{"token":"a",`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R"`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R"}}`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R"} x`, tokenauth.ErrJSON},
		{"{\"token\":\"a\",\"type\":\"R\"}\x00", tokenauth.ErrJSON},
		{`{"token":"a","type":"R"}{"token":"a","type":"R"}`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R",}`, tokenauth.ErrJSON},
		{`{,"token":"a","type":"R"}`, tokenauth.ErrJSON},
		{`{"token":"a" "type":"R"}`, tokenauth.ErrJSON},
		{`{"token"="a","type":"R"}`, tokenauth.ErrJSON},
		{`{'token':'a','type':'R'}`, tokenauth.ErrJSON},
		{`{token:"a",type:"R"}`, tokenauth.ErrJSON},
		{"\xef\xbb\xbf" + `{"token":"a","type":"R"}`, tokenauth.ErrJSON},
		{`{"token":"a` + "\n" + `","type":"R"}`, tokenauth.ErrJSON},
		{`{"token":"\x61","type":"R"}`, tokenauth.ErrJSON},
		{`{"token":"\u00g1","type":"R"}`, tokenauth.ErrJSON},
		{`{"token":"\u00`, tokenauth.ErrJSON},
		{`{"token":"\`, tokenauth.ErrJSON},
		{`{}`, tokenauth.ErrJSONMissing},
		{`{"token":"a"}`, tokenauth.ErrJSONMissing},
		{`{"type":"R"}`, tokenauth.ErrJSONMissing},
		{`{"token":"a","type":"R","token":"a"}`, tokenauth.ErrJSONTwice},
		{`{"token":"a","type":"R","Token":"b"}`, tokenauth.ErrJSONTwice},
		{`{"type":"R","\u0074ype":"W","token":"a"}`, tokenauth.ErrJSONTwice},
		{"{\"to\u212aen\":\"a\",\"type\":\"R\"}", tokenauth.ErrJSONMissing}, // KELVIN SIGN, which folds to k
		{`{"":"a"}`, tokenauth.ErrJSONMissing},
		{`{"` + strings.Repeat("t", 60000) + `":1}`, tokenauth.ErrJSONMissing},
		{`{"token\u0000":"a","type":"R"}`, tokenauth.ErrJSONMissing},
		{`{"token":"a","type":"R","x":}`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R","x":01}`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R","x":1.}`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R","x":.1}`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R","x":1e}`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R","x":1e+}`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R","x":-}`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R","x":nul}`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R","x":nullx}`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R","x":[1,]}`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R","x":[1}}`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R","x":{"a"}}`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R","x":{"a":1,}}`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R","x":{"a":1]}`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R","x":"\x"}`, tokenauth.ErrJSON},
		{`{"token":"a","type":"R","x":` + strings.Repeat("[", 33) + strings.Repeat("]", 33) + `}`, tokenauth.ErrJSON},
		{`{"x":` + bomb, tokenauth.ErrJSON},
		{strings.Repeat(`{"x":`, 10000), tokenauth.ErrJSON},
		{`{"x":{"token":"a","type":"R"}}`, tokenauth.ErrJSONMissing},
		{`{"token":1,"type":"R"}`, tokenauth.ErrJSONValue},
		{`{"token":null,"type":"R"}`, tokenauth.ErrJSONValue},
		{`{"token":true,"type":"R"}`, tokenauth.ErrJSONValue},
		{`{"token":["a"],"type":"R"}`, tokenauth.ErrJSONValue},
		{`{"token":{"token":"a"},"type":"R"}`, tokenauth.ErrJSONValue},
		{`{"token":` + bomb, tokenauth.ErrJSONValue},
		{strings.Repeat(`{"token":`, 7000), tokenauth.ErrJSONValue},
		{bomb, tokenauth.ErrJSON},
		{`{"token":"a","type":"X"}`, tokenauth.ErrType},
		{`{"token":"a","type":"r"}`, tokenauth.ErrType},
		{`{"token":"a","type":""}`, tokenauth.ErrType},
		{`{"token":"a","type":"R "}`, tokenauth.ErrType},
		{`{"token":"a","type":"R\u0000"}`, tokenauth.ErrType},
		{`{"token":"","type":"R"}`, tokenauth.ErrEmpty},
		{`{"token":"a|b","type":"R"}`, tokenauth.ErrCharacter},
		{`{"token":"a\u007cb","type":"R"}`, tokenauth.ErrCharacter},
		{`{"token":"a\nb","type":"R"}`, tokenauth.ErrCharacter},
		{`{"token":"\u0000","type":"R"}`, tokenauth.ErrCharacter},
		{`{"token":"\u0020","type":"R"}`, tokenauth.ErrCharacter},
		{`{"token":"\u007f","type":"R"}`, tokenauth.ErrCharacter},
		{`{"token":"\u0080","type":"R"}`, tokenauth.ErrCharacter},
		{`{"token":"a\/ÿ","type":"R"}`, tokenauth.ErrCharacter},
		{`{"token":"a b","type":"R"}`, tokenauth.ErrCharacter},
		{`{"token":"é","type":"R"}`, tokenauth.ErrCharacter},
		{`{"token":"\u00e9","type":"R"}`, tokenauth.ErrCharacter},
		{`{"token":"\ud83d\ude00","type":"R"}`, tokenauth.ErrCharacter},
		{"{\"token\":\"\xff\",\"type\":\"R\"}", tokenauth.ErrCharacter},
		{`{"token":"` + strings.Repeat("x", tokenauth.MaxToken+1) + `","type":"R"}`, tokenauth.ErrTooLong},
		{`{"token":"a","type":"R"}` + strings.Repeat(" ", tokenauth.MaxPayload), tokenauth.ErrTooLong},
	} {
		u := tokenauth.Update{Type: tokenauth.Read, Token: tokenauth.Secret("left")}
		if err := u.Decode([]byte(tt.payload)); err != tt.want {
			t.Errorf("%.60q: %v, want %v", tt.payload, err, tt.want)
		}
		if u.Type != 0 || u.Token != nil {
			t.Errorf("%.60q left %v", tt.payload, u)
		}
	}
	for _, tt := range []struct {
		u    tokenauth.Update
		want error
	}{
		{tokenauth.Update{Token: tokenauth.Secret("a")}, tokenauth.ErrType},
		{tokenauth.Update{Type: 4, Token: tokenauth.Secret("a")}, tokenauth.ErrType},
		{tokenauth.Update{Type: 1}, tokenauth.ErrEmpty},
		{tokenauth.Update{Type: 1, Token: tokenauth.Secret("a b")}, tokenauth.ErrCharacter},
		{tokenauth.Update{Type: 1, Token: bytes.Repeat([]byte("a"), tokenauth.MaxToken+1)}, tokenauth.ErrTooLong},
	} {
		if got, err := tt.u.Append([]byte("kept")); err != tt.want || string(got) != "kept" {
			t.Errorf("Append: %q, %v, want %v", got, err, tt.want)
		}
	}
}

func TestNotice(t *testing.T) {
	for _, tt := range []struct {
		topic, payload string
		want           tokenauth.Notice
		canonical      string
		text           string
	}{
		{tokenauth.TopicExpireNotice, `{"expireTime":1600000000000,"type":"R"}`, tokenauth.Notice{Type: tokenauth.Read, ExpireTime: 1600000000000}, "",
			"R: token expires at 2020-09-13T12:26:40Z"},
		{tokenauth.TopicExpireNotice, `{ "TYPE" : "RW" , "expiretime" : 1 }`, tokenauth.Notice{Type: tokenauth.ReadWrite, ExpireTime: 1}, `{"expireTime":1,"type":"RW"}`,
			"RW: token expires at 1970-01-01T00:00:00Z"},
		{tokenauth.TopicExpireNotice, `{"expireTime":9223372036854775807,"type":"R"}`, tokenauth.Notice{Type: tokenauth.Read, ExpireTime: 1<<63 - 1}, "", ""},
		{tokenauth.TopicInvalidNotice, `{"code":2,"type":"W"}`, tokenauth.Notice{Type: tokenauth.Write, Code: tokenauth.Expired}, "", "W: token expired"},
		{tokenauth.TopicInvalidNotice, `{"code":-1,"type":"W"}`, tokenauth.Notice{Type: tokenauth.Write, Code: tokenauth.AccountInvalid}, "", "W: account permission invalid"},
		{tokenauth.TopicInvalidNotice, `{"code":77,"type":"W"}`, tokenauth.Notice{Type: tokenauth.Write, Code: 77}, "", "W: token invalid"},
		// Numbers as text, and as other encoders write them; members that nobody needs.
		{tokenauth.TopicInvalidNotice, `{"code":"-1","type":"W"}`, tokenauth.Notice{Type: tokenauth.Write, Code: -1}, `{"code":-1,"type":"W"}`, ""},
		{tokenauth.TopicInvalidNotice, `{"code":2.0,"type":"W","reason":{"code":3}}`, tokenauth.Notice{Type: tokenauth.Write, Code: 2}, `{"code":2,"type":"W"}`, ""},
		{tokenauth.TopicExpireNotice, `{"expireTime":1.6e12,"type":"R"}`, tokenauth.Notice{Type: tokenauth.Read, ExpireTime: 16e11}, `{"expireTime":1600000000000,"type":"R"}`, ""},
		{tokenauth.TopicExpireNotice, `{"expireTime":"1.6E+12","type":"R"}`, tokenauth.Notice{Type: tokenauth.Read, ExpireTime: 16e11}, `{"expireTime":1600000000000,"type":"R"}`, ""},
		{tokenauth.TopicExpireNotice, `{"expireTime":1600000000123000e-3,"type":"R","code":"x"}`, tokenauth.Notice{Type: tokenauth.Read, ExpireTime: 1600000000123}, `{"expireTime":1600000000123,"type":"R"}`, ""},
		{tokenauth.TopicExpireNotice, `{"expireTime":0.00001e5,"type":"R"}`, tokenauth.Notice{Type: tokenauth.Read, ExpireTime: 1}, `{"expireTime":1,"type":"R"}`, ""},
	} {
		var n tokenauth.Notice
		if err := n.Decode([]byte(tt.topic), []byte(tt.payload)); err != nil || n != tt.want {
			t.Errorf("%s: %+v, %v", tt.payload, n, err)
		}
		if tt.canonical == "" {
			tt.canonical = tt.payload
		}
		if got, err := n.Append([]byte("x")); err != nil || string(got) != "x"+tt.canonical || n.Topic() != tt.topic {
			t.Errorf("%s: appended as %s on %s, %v", tt.payload, got, n.Topic(), err)
		}
		if tt.text != "" && n.String() != tt.text {
			t.Errorf("%s: %q", tt.payload, n)
		}
	}
	if n := (tokenauth.Notice{}); !n.IsZero() || n.String() != "no notice" {
		t.Errorf("%v", n)
	}
	if got, err := (tokenauth.Notice{Code: 1}).Append([]byte("kept")); err != tokenauth.ErrType || string(got) != "kept" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestNoticeRefused(t *testing.T) {
	for _, tt := range []struct {
		topic, payload string
		want           error
	}{
		{tokenauth.TopicUpdate, `{"code":2,"type":"W"}`, tokenauth.ErrTopic},
		{"$SYS/tokenexpirenotice", `{"expireTime":1,"type":"W"}`, tokenauth.ErrTopic},
		{"", ``, tokenauth.ErrTopic},
		{tokenauth.TopicExpireNotice, `{"code":2,"type":"W"}`, tokenauth.ErrJSONMissing},
		{tokenauth.TopicInvalidNotice, `{"expireTime":2,"type":"W"}`, tokenauth.ErrJSONMissing},
		{tokenauth.TopicInvalidNotice, `{"code":0,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":-0,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":4294967298,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":"","type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":" 2","type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":"2 ","type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":"+2","type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":"0x2","type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":"two","type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":null,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":true,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":[2],"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":2,"CODE":2,"type":"W"}`, tokenauth.ErrJSONTwice},
		{tokenauth.TopicInvalidNotice, `{"code":2,"type":"W","type":"W"}`, tokenauth.ErrJSONTwice},
		{tokenauth.TopicInvalidNotice, `{"code":02,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":-,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":- 1,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":+1,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":2.5,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":25e-1,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":2.,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":0e9,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicExpireNotice, `{"expireTime":1e19,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicExpireNotice, `{"expireTime":1e` + strings.Repeat("9", 60000) + `,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicExpireNotice, `{"expireTime":1e-` + strings.Repeat("9", 60000) + `,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicExpireNotice, `{"expireTime":0e` + strings.Repeat("9", 60000) + `,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":2,"type":2}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicInvalidNotice, `{"code":2,"type":"X"}`, tokenauth.ErrType},
		{tokenauth.TopicExpireNotice, `{"expireTime":0,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicExpireNotice, `{"expireTime":-1,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicExpireNotice, `{"expireTime":9223372036854775808,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicExpireNotice, `{"expireTime":18446744073709551617,"type":"W"}`, tokenauth.ErrJSONValue},
		{tokenauth.TopicExpireNotice, `{"expireTime":` + strings.Repeat("9", 60000) + `,"type":"W"}`, tokenauth.ErrJSONValue},
	} {
		n := tokenauth.Notice{Type: 1, Code: 1}
		if err := n.Decode([]byte(tt.topic), []byte(tt.payload)); err != tt.want || !n.IsZero() {
			t.Errorf("%s %.60s: %+v, %v, want %v", tt.topic, tt.payload, n, err, tt.want)
		}
	}
}
