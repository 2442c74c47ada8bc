package tokenauth_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqttwire/mqttwire/tokenauth"
)

// object reads an object by encoding/json, and returns the values of each
// member by its name in lower case. depth is how deep it nests.
func object(payload []byte) (members map[string][]json.RawMessage, depth int, ok bool) {
	d := json.NewDecoder(bytes.NewReader(payload))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, 0, false
	}
	members = map[string][]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, 0, false
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, 0, false
		}
		key := strings.Map(func(r rune) rune {
			if r >= 'A' && r <= 'Z' {
				r += 'a' - 'A'
			}
			return r
		}, name.(string))
		members[key] = append(members[key], value)
		inner := 0
		for v := json.NewDecoder(bytes.NewReader(value)); ; {
			t, err := v.Token()
			if err != nil {
				break
			}
			switch t {
			case json.Delim('['), json.Delim('{'):
				inner++
			case json.Delim(']'), json.Delim('}'):
				inner--
			}
			depth = max(depth, inner)
		}
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return nil, 0, false
	}
	_, err := d.Token()
	return members, depth, err == io.EOF
}

// one returns the value of a member that is needed.
func one(members map[string][]json.RawMessage, name string) (json.RawMessage, bool) {
	if len(members[name]) != 1 {
		return nil, false
	}
	return members[name][0], true
}

func text(raw json.RawMessage) (s string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	return s, json.Unmarshal(raw, &s) == nil
}

// whole returns the integer that a number or a text of one stands for. known is
// false where that takes too long to find out.
func whole(raw json.RawMessage) (v int64, ok, known bool) {
	if len(raw) > 1 && raw[0] == '"' {
		raw = raw[1 : len(raw)-1]
	}
	if len(raw) == 0 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') || !json.Valid(raw) || bytes.ContainsAny(raw, " \t\r\n") {
		return 0, false, true
	}
	if e := bytes.IndexAny(raw, "eE"); e >= 0 {
		if n, err := strconv.Atoi(string(raw[e+1:])); err != nil || n > 1000 || n < -1000 {
			return 0, false, false
		}
	}
	r, ok := new(big.Rat).SetString(string(raw))
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return 0, false, true
	}
	return r.Num().Int64(), true, true
}

// The parser accepts what encoding/json accepts as an object with each member
// once and of its kind, and finds the same in it.
func FuzzUpdate(f *testing.F) {
	f.Add([]byte(`{"token":"abc==","type":"RW"}`))
	f.Add([]byte(`{"Type":"R","tok\u0065n":"a\/\u003d"}`))
	f.Add([]byte(`{"token":[[[[`))
	f.Add([]byte(`{"x":[1,-2.5e+3,{"a":null}],"token":"a","type":"W","x":"\n"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var u, again tokenauth.Update
		err := u.Decode(payload)
		members, depth, isObject := object(payload)
		rawToken, hasToken := one(members, "token")
		rawType, hasType := one(members, "type")
		token, isText := text(rawToken)
		name, isName := text(rawType)
		typ, typeErr := tokenauth.ParseType(name)
		valid := isObject && hasToken && hasType && isText && isName && typeErr == nil
		var good tokenauth.Tokens
		valid = valid && token != "" && good.Set(typ, tokenauth.Secret(token)) == nil
		if len(payload) > tokenauth.MaxPayload || depth > 32 {
			valid = false
		}
		if (err == nil) != valid {
			t.Fatalf("%q: %v; by encoding/json valid: %v", payload, err, valid)
		}
		if err != nil {
			return
		}
		if token != string(u.Token) || typ != u.Type {
			t.Fatalf("%q: %q of type %v; encoding/json: %q, %v", payload, []byte(u.Token), u.Type, token, typ)
		}
		canonical, err := u.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Decode(canonical); err != nil || again.Type != u.Type || !bytes.Equal(again.Token, u.Token) {
			t.Fatalf("%q is appended as %q, which reads %v", payload, canonical, err)
		}
	})
}

func FuzzNotice(f *testing.F) {
	f.Add(true, []byte(`{"expireTime":1600000000000,"type":"R"}`))
	f.Add(false, []byte(`{"code":-1,"type":"RW"}`))
	f.Add(true, []byte(`{"expireTime":"1.6e12","type":"R","x":[{}]}`))
	f.Add(false, []byte(`{"code":"20e-1","type":"W"}`))
	f.Fuzz(func(t *testing.T, expire bool, payload []byte) {
		topic, key := tokenauth.TopicInvalidNotice, "code"
		if expire {
			topic, key = tokenauth.TopicExpireNotice, "expiretime"
		}
		var n, again tokenauth.Notice
		err := n.Decode([]byte(topic), payload)
		members, depth, isObject := object(payload)
		rawType, hasType := one(members, "type")
		rawNumber, hasNumber := one(members, key)
		name, isName := text(rawType)
		typ, typeErr := tokenauth.ParseType(name)
		v, isNumber, known := whole(rawNumber)
		if !known {
			return
		}
		valid := isObject && hasType && hasNumber && isName && typeErr == nil && isNumber &&
			len(payload) <= tokenauth.MaxPayload && depth <= 32
		if expire {
			valid = valid && v > 0
		} else {
			valid = valid && v != 0 && v == int64(int32(v))
		}
		if (err == nil) != valid {
			t.Fatalf("%q: %v; by encoding/json valid: %v", payload, err, valid)
		}
		if err != nil {
			return
		}
		if n.Type != typ || expire && n.ExpireTime != v || !expire && int64(n.Code) != v {
			t.Fatalf("%q: %+v; encoding/json: %d, %v", payload, n, v, typ)
		}
		canonical, err := n.Append(nil)
		if err != nil || n.Topic() != topic {
			t.Fatal(n.Topic(), err)
		}
		if err := again.Decode([]byte(topic), canonical); err != nil {
			t.Fatalf("%q is appended as %q, which reads %v", payload, canonical, err)
		}
		if diff := cmp.Diff(n, again); diff != "" {
			t.Fatal(diff)
		}
	})
}
