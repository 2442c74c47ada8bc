package tokenauth_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/tokenauth"
)

// Whatever holds a token shows it in no log: not by package fmt, not by
// encoding/json, not by log/slog, not in an error.
func TestNothingLeaks(t *testing.T) {
	const token = "SeSaMe"
	c := credentials("acme", "post-1", token, token, token)
	client := tokenauth.Client{AccessKeyID: "acme", InstanceID: "post-1"}
	if err := client.Set(time.Time{}, tokenauth.Read, tokenauth.Secret(token), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Update(nil, time.Time{}, tokenauth.Read, tokenauth.Secret(token), time.Time{}); err != nil {
		t.Fatal(err)
	}
	u := tokenauth.Update{}
	if err := u.Decode([]byte(`{"token":"\u0053eSaMe","type":"R"}`)); err != nil {
		t.Fatal(err)
	}
	r := tokenauth.Request{Token: tokenauth.Secret(token)}
	var session tokenauth.Session
	if code, err := session.Connect(time.Time{}, fake{token: {tokenauth.Read, tokenauth.Valid}},
		tokenauth.Connect{UserName: []byte("Token|acme|post-1"), Password: []byte("R|" + token)}); err != nil {
		t.Fatal(code, err)
	}
	for _, v := range []any{tokenauth.Secret(token), c.Tokens, &c.Tokens, c, &c, client, &client, u, &u, r, &r, session, &session} {
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		b, err := json.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		text := log.String() + string(b)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			text += fmt.Sprintf(verb, v)
		}
		if strings.Contains(text, token) || strings.Contains(text, "U2VTYU1l") /* base64 */ ||
			strings.Contains(text, fmt.Sprint([]byte(token))) || strings.Contains(text, "0x53, 0x65") {
			t.Errorf("%T leaks: %s", v, text)
		}
	}
	if got, want := fmt.Sprint(c, client, u, session), "Token|acme|post-1 with R, W, RW Token|acme|post-1 with R "+
		"update of R token [redacted] Token|acme|post-1 with R"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, bad := range []string{"X|" + token, token, "R|" + token + "|" + token, "R|" + token + " "} {
		if err := new(tokenauth.Credentials).Decode([]byte("Token|acme|post-1"), []byte(bad)); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("%v", err)
		}
	}
}

func TestErrors(t *testing.T) {
	seen := map[string]bool{"unknown error": true, "": true}
	for e := tokenauth.ErrNotToken; e <= tokenauth.ErrRefused; e++ {
		if seen[e.Error()] {
			t.Errorf("Error(%d) is %q", e, e)
		}
		seen[e.Error()] = true
	}
	for _, e := range []tokenauth.Error{0, tokenauth.ErrRefused + 1, 255} {
		if e.Error() != "unknown error" {
			t.Errorf("Error(%d) is %q", e, e)
		}
	}
}

// What each code makes of a CONNECT, in 5.0 and before, and of the rest.
func TestCodes(t *testing.T) {
	seen := map[string]bool{}
	for _, tt := range []struct {
		code    tokenauth.Code
		v5, v3  connack.Code
		onWire  int
		unknown bool
	}{
		{code: tokenauth.Valid},
		{tokenauth.Forged, 0x86, 4, 1, false},
		{tokenauth.Expired, 0x87, 5, 2, false},
		{tokenauth.Revoked, 0x87, 5, 3, false},
		{tokenauth.ResourceMismatch, 0x87, 5, 4, false},
		{tokenauth.PermissionMismatch, 0x87, 5, 5, false},
		{tokenauth.SignatureInvalid, 0x86, 4, 8, false},
		{tokenauth.AccountInvalid, 0x87, 5, -1, false},
		{99, 0x87, 5, 99, true},
	} {
		v3, ok := tt.code.Connack().In(mqttwire.V311)
		if tt.code.Connack() != tt.v5 || v3 != tt.v3 || !ok || int(tt.code) != tt.onWire {
			t.Errorf("%d: CONNACK %#x, %d", tt.code, uint8(tt.code.Connack()), v3)
		}
		if want := mqttwire.NotAuthorized; tt.code.Reason() != want && tt.code != 0 || tt.code == 0 && tt.code.Reason() != 0 {
			t.Errorf("%d: reason %v", tt.code, tt.code.Reason())
		}
		if err := tt.code.Err(); (err == nil) != (tt.code == 0) || err != nil && !errors.Is(err, tt.code) {
			t.Errorf("%d: Err() = %v", tt.code, err)
		}
		if text := tt.code.Error(); text == "" || seen[text] || (text == "token invalid") != tt.unknown {
			t.Errorf("%d: %q", tt.code, text)
		} else {
			seen[text] = true
		}
	}
}
