package tokenauth_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mqttwire/mqttwire/tokenauth"
)

func TestCredentials(t *testing.T) {
	longest := strings.Repeat("x", tokenauth.MaxToken)
	name := strings.Repeat("n", tokenauth.MaxName)
	for _, tt := range []struct {
		userName, password string
		want               tokenauth.Credentials
		canonical          string // the password as it is appended, "" where it is the same
	}{
		{"Token|acme|post-1", "R|123", credentials("acme", "post-1", "123", "", ""), ""},
		{"Token|acme|post-1", "R|123|W|abcd", credentials("acme", "post-1", "123", "abcd", ""), ""},
		{"Token|acme|post-1", "RW|LzMT+XLFl5s/YWJ==|W|abcd|R|123", credentials("acme", "post-1", "123", "abcd", "LzMT+XLFl5s/YWJ=="),
			"R|123|W|abcd|RW|LzMT+XLFl5s/YWJ=="},
		{"Token|acme|post-1", "R|!~", credentials("acme", "post-1", "!~", "", ""), ""},
		{"Token|acme|post-1", "W|W", credentials("acme", "post-1", "", "W", ""), ""},
		{"Token|acme|post-1", "RW|R", credentials("acme", "post-1", "", "", "R"), ""},
		{"Token|Token|Token", `R|{"a":1}`, credentials("Token", "Token", `{"a":1}`, "", ""), ""},
		{"Token|" + name + "|" + name, "R|" + longest, credentials(name, name, longest, "", ""), ""},
	} {
		var c tokenauth.Credentials
		if err := c.Decode([]byte(tt.userName), []byte(tt.password)); err != nil {
			t.Errorf("%.30q, %.30q: %v", tt.userName, tt.password, err)
			continue
		}
		if diff := cmp.Diff(tt.want, c); diff != "" {
			t.Errorf("%.30q, %.30q:\n%s", tt.userName, tt.password, diff)
		}
		if tt.canonical == "" {
			tt.canonical = tt.password
		}
		if got, err := c.AppendUserName([]byte("x")); err != nil || string(got) != "x"+tt.userName {
			t.Errorf("AppendUserName: %.40q, %v", got, err)
		}
		if got, err := c.AppendPassword([]byte("x")); err != nil || string(got) != "x"+tt.canonical {
			t.Errorf("AppendPassword: %.40q, %v", got, err)
		}
	}
}

func credentials(account, instance, r, w, rw string) tokenauth.Credentials {
	secret := func(s string) tokenauth.Secret {
		if s == "" {
			return nil
		}
		return tokenauth.Secret(s)
	}
	return tokenauth.Credentials{AccessKeyID: []byte(account), InstanceID: []byte(instance),
		Tokens: tokenauth.Tokens{secret(r), secret(w), secret(rw)}}
}

func TestCredentialsRefused(t *testing.T) {
	const user = "Token|acme|post-1"
	for _, tt := range []struct {
		userName, password string
		want               error
	}{
		{"", "", tokenauth.ErrNotToken},
		{"alice", "secret", tokenauth.ErrNotToken},
		{"token|acme|post-1", "R|1", tokenauth.ErrNotToken},
		{"Token", "R|1", tokenauth.ErrNotToken},
		{"Signature|acme|post-1", "R|1", tokenauth.ErrNotToken},
		{"Token|", "R|1", tokenauth.ErrUserName},
		{"Token|acme", "R|1", tokenauth.ErrUserName},
		{"Token|ac|me|post-1", "R|1", tokenauth.ErrUserName}, // an AccessKeyId with "|"
		{"Token|acme|post-1|", "R|1", tokenauth.ErrUserName},
		{"Token|acme||post-1", "R|1", tokenauth.ErrUserName},
		{"Token||post-1", "R|1", tokenauth.ErrEmpty},
		{"Token|acme|", "R|1", tokenauth.ErrEmpty},
		{"Token|ac me|post-1", "R|1", tokenauth.ErrCharacter},
		{"Token|acme|post\n1", "R|1", tokenauth.ErrCharacter}, // would forge a line of a log
		{"Token|acmé|post-1", "R|1", tokenauth.ErrCharacter},
		{"Token|" + strings.Repeat("n", tokenauth.MaxName+1) + "|post-1", "R|1", tokenauth.ErrTooLong},
		{user, "", tokenauth.ErrNoToken},
		{user, "R", tokenauth.ErrPassword}, // odd numbers of parts
		{user, "R|1|W", tokenauth.ErrPassword},
		{user, "R|1|", tokenauth.ErrPassword},
		{user, "R|", tokenauth.ErrEmpty},
		{user, "R||W|1", tokenauth.ErrEmpty},
		{user, "|1", tokenauth.ErrType},
		{user, "X|1", tokenauth.ErrType},
		{user, "r|1", tokenauth.ErrType},
		{user, "WR|1", tokenauth.ErrType},
		{user, " R|1", tokenauth.ErrType},
		{user, "R|1|R|1", tokenauth.ErrTypeTwice},
		{user, "RW|1|R|2|W|3|RW|4", tokenauth.ErrTypeTwice},
		{user, "R|1 2", tokenauth.ErrCharacter},
		{user, "R|1\x00", tokenauth.ErrCharacter},
		{user, "R|1\x7f", tokenauth.ErrCharacter},
		{user, "R|\xff", tokenauth.ErrCharacter},
		{user, "R|" + strings.Repeat("x", tokenauth.MaxToken+1), tokenauth.ErrTooLong},
		{user, strings.Repeat("R|1|", 16000) + "R|1", tokenauth.ErrTypeTwice},
		{user, strings.Repeat("|", 65535), tokenauth.ErrType},
	} {
		c := credentials("left", "over", "1", "", "")
		if err := c.Decode([]byte(tt.userName), []byte(tt.password)); err != tt.want {
			t.Errorf("%.40q, %.40q: %v, want %v", tt.userName, tt.password, err, tt.want)
		}
		if diff := cmp.Diff(tokenauth.Credentials{}, c); diff != "" {
			t.Errorf("%.40q, %.40q left something:\n%s", tt.userName, tt.password, diff)
		}
	}
}

func TestCredentialsNotAppended(t *testing.T) {
	for _, tt := range []struct {
		c              tokenauth.Credentials
		user, password error
	}{
		{tokenauth.Credentials{}, tokenauth.ErrEmpty, tokenauth.ErrNoToken},
		{credentials("a|b", "i", "1", "", ""), tokenauth.ErrCharacter, nil},
		{credentials("a", "i|j", "1", "", ""), tokenauth.ErrCharacter, nil},
		{credentials("a", "", "1", "", ""), tokenauth.ErrEmpty, nil},
		{credentials("a", "i", "1|W|2", "", ""), nil, tokenauth.ErrCharacter},
		{credentials("a", "i", "1", strings.Repeat("x", tokenauth.MaxToken+1), ""), nil, tokenauth.ErrTooLong},
		{credentials(strings.Repeat("a", tokenauth.MaxName+1), "i", "1", "", ""), tokenauth.ErrTooLong, nil},
	} {
		dst := []byte("kept")
		if got, err := tt.c.AppendUserName(dst); err != tt.user || err != nil && string(got) != "kept" {
			t.Errorf("%v: AppendUserName: %q, %v", tt.c, got, err)
		}
		if got, err := tt.c.AppendPassword(dst); err != tt.password || err != nil && string(got) != "kept" {
			t.Errorf("%v: AppendPassword: %q, %v", tt.c, got, err)
		}
	}
}

func TestTokensSet(t *testing.T) {
	var tokens tokenauth.Tokens
	for _, tt := range []struct {
		typ   tokenauth.Type
		token string
		want  error
	}{
		{0, "1", tokenauth.ErrType},
		{4, "1", tokenauth.ErrType},
		{tokenauth.Write, "a|b", tokenauth.ErrCharacter},
		{tokenauth.Write, strings.Repeat("x", tokenauth.MaxToken+1), tokenauth.ErrTooLong},
	} {
		if err := tokens.Set(tt.typ, tokenauth.Secret(tt.token)); err != tt.want || tokens.Len() != 0 {
			t.Errorf("Set(%v, %.10q): %v, %d tokens", tt.typ, tt.token, err, tokens.Len())
		}
	}
	for _, typ := range []tokenauth.Type{tokenauth.Read, tokenauth.ReadWrite, tokenauth.Write} {
		if err := tokens.Set(typ, tokenauth.Secret(typ.String())); err != nil || string(tokens.Of(typ)) != typ.String() {
			t.Errorf("Set(%v): %v", typ, err)
		}
	}
	if tokens.Set(tokenauth.Write, nil) != nil || tokens.Of(tokenauth.Write) != nil || tokens.Len() != 2 {
		t.Errorf("an empty token does not remove: %d left", tokens.Len())
	}
	if tokens.Of(0) != nil || tokens.Of(9) != nil {
		t.Error("a token of no type")
	}
}

func TestTypes(t *testing.T) {
	for i := range 256 {
		typ := tokenauth.Type(i)
		got, err := tokenauth.ParseType(typ.String())
		if valid := i >= 1 && i <= 3; typ.Valid() != valid || (err == nil) != valid || valid && got != typ {
			t.Errorf("Type(%d): %v, valid %v, parsed %v, %v", i, typ, typ.Valid(), got, err)
		}
	}
}

func FuzzCredentials(f *testing.F) {
	f.Add([]byte("Token|acme|post-1"), []byte("R|123|W|abcd|RW|x=="))
	f.Add([]byte("Token||"), []byte("R||W|"))
	f.Fuzz(func(t *testing.T, userName, password []byte) {
		var c, again tokenauth.Credentials
		if c.Decode(userName, password) != nil {
			return
		}
		user, err := c.AppendUserName(nil)
		if err != nil || !bytes.Equal(user, userName) {
			t.Fatalf("%q is appended as %q, %v", userName, user, err)
		}
		// The order of the tokens is free, nothing else is.
		pass, err := c.AppendPassword(nil)
		if err != nil || len(pass) != len(password) {
			t.Fatalf("%q is appended as %q, %v", password, pass, err)
		}
		if err := again.Decode(user, pass); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Fatal(diff)
		}
	})
}
