package hmactoken_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

var (
	epoch = time.UnixMilli(1_600_000_000_000).UTC()
	keys  = hmactoken.Keys{
		"-0123456789_abcxyzABCXYZ-9876543": bytes.Repeat([]byte("3"), 32),
		"k1":                               bytes.Repeat([]byte("1"), 32),
		"k2":                               bytes.Repeat([]byte("2"), 32),
	}
)

func claims() hmactoken.Claims {
	return hmactoken.Claims{
		KeyID: "k1", AccessKeyID: "acme", InstanceID: "post-1", Type: tokenauth.Read,
		Issued: epoch, Expires: epoch.Add(time.Hour), Filters: []string{"in/#", "news/+"},
	}
}

// token makes a token of the claims after a change.
func token(t testing.TB, change func(*hmactoken.Claims)) []byte {
	t.Helper()
	c := claims()
	if change != nil {
		change(&c)
	}
	b, err := c.Append(nil, keys)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func verifier() *hmactoken.Verifier {
	v := &hmactoken.Verifier{}
	v.Load(keys, nil)
	return v
}

func request(token []byte) tokenauth.Request {
	return tokenauth.Request{AccessKeyID: "acme", InstanceID: "post-1", Type: tokenauth.Read, Token: token}
}

func TestVerify(t *testing.T) {
	tok := token(t, nil)
	if bytes.ContainsAny(tok, "|\" \\") || !strings.HasPrefix(string(tok), "T1.k1.") {
		t.Errorf("%s", tok)
	}
	grant, code := verifier().Verify(epoch, request(tok))
	if code != tokenauth.Valid {
		t.Fatal(code)
	}
	id, err := hmactoken.ID(tok)
	if err != nil || grant.ID != id || strings.Contains(string(tok), id[3:]) {
		t.Errorf("ID %s, %v; the grant's is %s", id, err, grant.ID)
	}
	if grant.Type != tokenauth.Read || grant.Issued != epoch.UnixMilli() || grant.Expires != epoch.UnixMilli()+3_600_000 {
		t.Errorf("%+v", grant)
	}
	if diff := cmp.Diff(claims().Filters, grant.Filters.Strings()); diff != "" {
		t.Error(diff)
	}
}

// Each code, by what brings it about.
func TestVerifyCodes(t *testing.T) {
	foreign := hmactoken.Keys{"k1": bytes.Repeat([]byte("x"), 32), "k9": bytes.Repeat([]byte("x"), 32)}
	resign := func(keyID string) []byte {
		c := claims()
		c.KeyID = keyID
		b, err := c.Append(nil, foreign)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	good := token(t, nil)
	w := token(t, func(c *hmactoken.Claims) { c.Type = tokenauth.Write })
	revoked := token(t, func(c *hmactoken.Claims) { c.Issued = c.Issued.Add(time.Millisecond) })
	suspended := token(t, func(c *hmactoken.Claims) { c.AccessKeyID = "closed" })
	id, err := hmactoken.ID(revoked)
	if err != nil {
		t.Fatal(err)
	}
	v := &hmactoken.Verifier{}
	v.Load(keys, revocations(t, "token "+id+"\naccount closed\n"))

	anybody := func(r *tokenauth.Request) { r.AccessKeyID, r.InstanceID = "", "" }
	parts := strings.Split(string(good), ".")
	wParts := strings.Split(string(w), ".")
	join := func(parts ...string) []byte { return []byte(strings.Join(parts, ".")) }
	for _, tt := range []struct {
		name  string
		token []byte
		with  func(*tokenauth.Request)
		after time.Duration
		want  tokenauth.Code
	}{
		{"good", good, nil, 0, tokenauth.Valid},
		{"empty", nil, nil, 0, tokenauth.Forged},
		{"noise", []byte("123"), nil, 0, tokenauth.Forged},
		{"no signature", join(parts[:3]...), nil, 0, tokenauth.Forged},
		{"signature too long", append(bytes.Clone(good), 'A'), nil, 0, tokenauth.Forged},
		{"signature cut", good[:len(good)-1], nil, 0, tokenauth.Forged},
		{"signature not base64", append(bytes.Clone(good[:len(good)-1]), '+'), nil, 0, tokenauth.Forged},
		{"line break in the signature", append(bytes.Clone(good[:len(good)-1]), '\n'), nil, 0, tokenauth.Forged},
		{"other version", join("T2", parts[1], parts[2], parts[3]), nil, 0, tokenauth.Forged},
		{"no claims", join(parts[0], parts[1], parts[3]), nil, 0, tokenauth.Forged},
		{"unknown key", resign("k9"), nil, 0, tokenauth.Forged},
		{"key id empty", join(parts[0], "", parts[2], parts[3]), nil, 0, tokenauth.Forged},
		{"re-signed", resign("k1"), nil, 0, tokenauth.SignatureInvalid},
		{"other key's signature", join(parts[0], "k2", parts[2], parts[3]), nil, 0, tokenauth.SignatureInvalid},
		{"claims cut", join(parts[0], parts[1], parts[2][:len(parts[2])-1], parts[3]), nil, 0, tokenauth.SignatureInvalid},
		{"claims of another token", join(wParts[0], wParts[1], wParts[2], parts[3]), nil, 0, tokenauth.SignatureInvalid},
		{"claims empty", join(parts[0], parts[1], "", parts[3]), nil, 0, tokenauth.SignatureInvalid},
		{"too long", []byte("T1.k1." + strings.Repeat("A", tokenauth.MaxToken) + "." + parts[3]), nil, 0, tokenauth.Forged},
		{"in another slot", w, nil, 0, tokenauth.PermissionMismatch},
		{"as RW", good, func(r *tokenauth.Request) { r.Type = tokenauth.ReadWrite }, 0, tokenauth.PermissionMismatch},
		{"by another account", good, func(r *tokenauth.Request) { r.AccessKeyID = "acme2" }, 0, tokenauth.AccountInvalid},
		{"of a suspended account", suspended, func(r *tokenauth.Request) { r.AccessKeyID = "closed" }, 0, tokenauth.AccountInvalid},
		{"replayed to another instance", good, func(r *tokenauth.Request) { r.InstanceID = "post-2" }, 0, tokenauth.ResourceMismatch},
		{"of whatever account and instance", good, anybody, 0, tokenauth.Valid},
		{"of whatever account, that is suspended", suspended, anybody, 0, tokenauth.AccountInvalid},
		{"of whatever account, revoked", revoked, anybody, 0, tokenauth.Revoked},
		{"revoked", revoked, nil, 0, tokenauth.Revoked},
		{"a moment before its end", good, nil, time.Hour - time.Millisecond, tokenauth.Valid},
		{"at its end", good, nil, time.Hour, tokenauth.Expired},
		{"long after", good, nil, 1000 * time.Hour, tokenauth.Expired},
		{"issuer's clock a minute ahead", good, nil, -time.Minute, tokenauth.Valid},
		{"issued in the future", good, nil, -time.Minute - time.Millisecond, tokenauth.Forged},
	} {
		r := request(tt.token)
		if tt.with != nil {
			tt.with(&r)
		}
		grant, code := v.Verify(epoch.Add(tt.after), r)
		if code != tt.want || (grant != nil) != (code == tokenauth.Valid) {
			t.Errorf("%s: %d (%v), want %d", tt.name, code, code, tt.want)
		}
		if grant != nil && (grant.AccessKeyID != "acme" || grant.InstanceID != "post-1") {
			t.Errorf("%s: of %q, %q", tt.name, grant.AccessKeyID, grant.InstanceID)
		}
	}
	if _, code := new(hmactoken.Verifier).Verify(epoch, request(good)); code != tokenauth.Forged {
		t.Errorf("zero Verifier: %v", code)
	}
}

func TestSkew(t *testing.T) {
	good := token(t, nil)
	for skew, want := range map[time.Duration]map[time.Duration]tokenauth.Code{
		-1:          {0: tokenauth.Valid, time.Millisecond: tokenauth.Forged},
		time.Second: {time.Second: tokenauth.Valid, time.Second + time.Millisecond: tokenauth.Forged},
	} {
		v := verifier()
		v.Skew = skew
		for early, code := range want {
			if _, got := v.Verify(epoch.Add(-early), request(good)); got != code {
				t.Errorf("skew %v, issued %v ahead: %v, want %v", skew, early, got, code)
			}
		}
	}
}

func TestRecheck(t *testing.T) {
	v := verifier()
	grant, _ := v.Verify(epoch, request(token(t, nil)))
	for _, tt := range []struct {
		name    string
		keys    hmactoken.Keys
		revoked string
		want    tokenauth.Code
	}{
		{"nothing", keys, "", tokenauth.Valid},
		{"the token", keys, "token " + grant.ID, tokenauth.Revoked},
		{"another token", keys, "token k1.0123456789abcdef0123456789abcdef", tokenauth.Valid},
		{"the account", keys, "account acme", tokenauth.AccountInvalid},
		{"another account", keys, "account a", tokenauth.Valid},
		{"the key", hmactoken.Keys{"k2": keys["k2"]}, "", tokenauth.Revoked},
	} {
		v.Load(tt.keys, revocations(t, tt.revoked))
		if got := v.Recheck("acme", grant); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if got := new(hmactoken.Verifier).Recheck("acme", grant); got != tokenauth.Revoked {
		t.Errorf("zero Verifier: %v", got)
	}
}

// longest returns the length of a filter whose token has MaxToken bytes.
func longest(t *testing.T) int {
	for n := 6000; n < 7000; n++ {
		c := claims()
		c.Filters = []string{strings.Repeat("x", n)}
		if b, err := c.Append(nil, keys); err == nil && len(b) == tokenauth.MaxToken {
			return n
		}
	}
	t.Fatal("no token has MaxToken bytes")
	return 0
}

func TestClaims(t *testing.T) {
	for _, change := range []func(*hmactoken.Claims){
		nil,
		func(c *hmactoken.Claims) { c.KeyID, c.Type = "k2", tokenauth.ReadWrite },
		func(c *hmactoken.Claims) { c.Filters = []string{"#"} },
		func(c *hmactoken.Claims) { c.Expires = c.Issued.Add(time.Millisecond) },
		func(c *hmactoken.Claims) { c.Filters = []string{strings.Repeat("x", 5000), "é/+", "/"} },
		func(c *hmactoken.Claims) {
			c.Filters = strings.Split(strings.Repeat("a,", hmactoken.MaxFilters-1)+"a", ",")
		},
		func(c *hmactoken.Claims) { c.Filters = []string{strings.Repeat("x", longest(t))} },
		func(c *hmactoken.Claims) { c.KeyID = "-0123456789_abcxyzABCXYZ-9876543" },
	} {
		want := claims()
		if change != nil {
			change(&want)
		}
		tok, err := want.Append([]byte("x"), keys)
		if err != nil {
			t.Fatal(err)
		}
		var got hmactoken.Claims
		if err := got.Decode(tok[1:]); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// What Decode and ID refuse before they ask what it says.
func TestNotAToken(t *testing.T) {
	good := string(token(t, nil))
	for _, bad := range []string{"", ".", good[:40] + "\n" + good[40:], good + "\n", good[:len(good)-1] + "\n", good[1:], good[:len(good)-44],
		"T1.k1." + strings.Repeat("A", 43), strings.Repeat("A", tokenauth.MaxToken) + good} {
		var c hmactoken.Claims
		if err := c.Decode([]byte(bad)); err != hmactoken.ErrFormat {
			t.Errorf("%.60q: Decode: %v", bad, err)
		}
		if id, err := hmactoken.ID([]byte(bad)); err != hmactoken.ErrFormat || id != "" {
			t.Errorf("%.60q: ID: %q, %v", bad, id, err)
		}
	}
}

func TestClaimsRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*hmactoken.Claims)
		want   error
	}{
		{"no key id", func(c *hmactoken.Claims) { c.KeyID = "" }, hmactoken.ErrKeyID},
		{"key id with a dot", func(c *hmactoken.Claims) { c.KeyID = "k.1" }, hmactoken.ErrKeyID},
		{"key id too long", func(c *hmactoken.Claims) { c.KeyID = strings.Repeat("k", 33) }, hmactoken.ErrKeyID},
		{"unknown key", func(c *hmactoken.Claims) { c.KeyID = "k3" }, hmactoken.ErrKey},
		{"no type", func(c *hmactoken.Claims) { c.Type = 0 }, tokenauth.ErrType},
		{"account with |", func(c *hmactoken.Claims) { c.AccessKeyID = "a|b" }, tokenauth.ErrCharacter},
		{"no instance", func(c *hmactoken.Claims) { c.InstanceID = "" }, tokenauth.ErrEmpty},
		{"no time of issue", func(c *hmactoken.Claims) { c.Issued = time.Time{} }, hmactoken.ErrTimes},
		{"expires when issued", func(c *hmactoken.Claims) { c.Expires = c.Issued }, hmactoken.ErrTimes},
		{"no filter", func(c *hmactoken.Claims) { c.Filters = nil }, hmactoken.ErrFilters},
		{"bad filter", func(c *hmactoken.Claims) { c.Filters = []string{"a", "b#"} }, hmactoken.ErrFilters},
		{"too many filters", func(c *hmactoken.Claims) {
			c.Filters = strings.Split(strings.Repeat("a,", hmactoken.MaxFilters)+"a", ",")
		}, hmactoken.ErrFilters},
		{"an empty filter", func(c *hmactoken.Claims) { c.Filters = []string{"a", ""} }, hmactoken.ErrFilters},
		{"a shared subscription", func(c *hmactoken.Claims) { c.Filters = []string{"a", "$share/g/x"} }, hmactoken.ErrShared},
		{"a shared subscription of all", func(c *hmactoken.Claims) { c.Filters = []string{"$share/g/#"} }, hmactoken.ErrShared},
		{"too long", func(c *hmactoken.Claims) { c.Filters = []string{strings.Repeat("x", longest(t)+1)} }, tokenauth.ErrTooLong},
	} {
		c := claims()
		tt.change(&c)
		if got, err := c.Append([]byte("kept"), keys); err != tt.want || string(got) != "kept" {
			t.Errorf("%s: %s, %v; want %v", tt.name, got, err, tt.want)
		}
	}
}

// As many filters as there may be fit a token, with the longest names, and what
// they allow is allowed.
func TestMostFilters(t *testing.T) {
	longest := strings.Repeat("n", tokenauth.MaxName)
	c := claims()
	c.KeyID, c.AccessKeyID, c.InstanceID, c.Filters = "-0123456789_abcxyzABCXYZ-9876543", longest, longest, nil
	for i := range hmactoken.MaxFilters {
		c.Filters = append(c.Filters, fmt.Sprintf("%078d/#", i))
	}
	tok, err := c.Append(nil, keys)
	if err != nil {
		t.Fatal(err)
	}
	r := tokenauth.Request{AccessKeyID: longest, InstanceID: longest, Type: tokenauth.Read, Token: tok}
	grant, code := verifier().Verify(epoch, r)
	if code != tokenauth.Valid {
		t.Fatal(code)
	}
	for _, filter := range c.Filters {
		if !grant.Filters.AllowsName([]byte(strings.Replace(filter, "#", "x", 1))) {
			t.Errorf("%s allows nothing", filter)
		}
	}
}

// What an older version signed and this one would not is still read: a token
// does not end before its time.
func TestOlderTokens(t *testing.T) {
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(string(token(t, nil)), ".")[2])
	if err != nil {
		t.Fatal(err)
	}
	payload = payload[:bytes.Index(payload, []byte("post-1"))+6]
	payload = append(payload, 255)
	payload = append(payload, "\x00\x0a$share/g/x"...)
	payload = append(payload, bytes.Repeat([]byte("\x00\x01a"), 254)...)
	text := "T1.k1." + base64.RawURLEncoding.EncodeToString(payload)
	tok := []byte(text + "." + base64.RawURLEncoding.EncodeToString(hmacOf(keys["k1"], text)))
	grant, code := verifier().Verify(epoch, request(tok))
	if code != tokenauth.Valid {
		t.Fatal(code)
	}
	for name, want := range map[string]bool{"a": true, "x": false, "$share/g/x": true} {
		if got := grant.Filters.AllowsName([]byte(name)); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Every way of cutting the claims short, and bytes after them, in a token
// whose signature holds: a signer's bug must not become a server's.
func TestSignedNonsense(t *testing.T) {
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(string(token(t, nil)), ".")[2])
	if err != nil {
		t.Fatal(err)
	}
	nonsense := [][]byte{append(bytes.Clone(payload), 0)}
	for n := range payload {
		nonsense = append(nonsense, payload[:n])
	}
	for _, at := range []int{0, 1, 9, 18, 24} { // type, times, lengths
		b := bytes.Clone(payload)
		b[at] = 0xff
		nonsense = append(nonsense, b)
	}
	for _, b := range nonsense {
		text := "T1.k1." + base64.RawURLEncoding.EncodeToString(b)
		tok := []byte(text + "." + base64.RawURLEncoding.EncodeToString(hmacOf(keys["k1"], text)))
		if grant, code := verifier().Verify(epoch, request(tok)); code != tokenauth.Forged || grant != nil {
			t.Errorf("%d bytes: %v", len(b), code)
		}
		var c hmactoken.Claims
		if err := c.Decode(tok); err == nil || c.KeyID != "" {
			t.Errorf("%d bytes: decoded, %v", len(b), err)
		}
	}
}

// Whatever byte of a token is changed, it is refused.
func TestEveryByteCounts(t *testing.T) {
	good := token(t, nil)
	v := verifier()
	for i := range good {
		for _, flip := range []byte{1, 2, 0x20, 0x80} {
			bad := bytes.Clone(good)
			bad[i] ^= flip
			if _, code := v.Verify(epoch, request(bad)); code != tokenauth.Forged && code != tokenauth.SignatureInvalid {
				t.Fatalf("byte %d ^ %#x: %v", i, flip, code)
			}
		}
	}
	for n := range good {
		if _, code := v.Verify(epoch, request(good[:n])); code != tokenauth.Forged && code != tokenauth.SignatureInvalid {
			t.Fatalf("cut at %d: %v", n, code)
		}
	}
}

func TestParseKeys(t *testing.T) {
	secret := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("s"), 32))
	got, _, err := hmactoken.ParseKeys([]byte("# keys\n\nk1 " + secret + "\r\n  k-2\t" + secret))
	if err != nil || len(got) != 2 || len(got["k1"]) != 32 || len(got["k-2"]) != 32 {
		t.Errorf("%d keys, %v", len(got), err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", got, got, got, got); strings.Contains(text, "115") || strings.Contains(text, "ss") || strings.Contains(text, "0x73") {
		t.Errorf("keys leak: %s", text)
	}
	for _, tt := range []struct {
		file string
		line int
		want error
	}{
		{"k1", 1, hmactoken.ErrLine},
		{"\n\nk1 " + secret + " x", 3, hmactoken.ErrLine},
		{"k.1 " + secret, 1, hmactoken.ErrKeyID},
		{"k1 " + secret + "\nk1 " + secret, 2, hmactoken.ErrTwice},
		{"k1 c2hvcnQ=", 1, hmactoken.ErrSecret},
		{"k1 " + secret[:len(secret)-1], 1, hmactoken.ErrSecret},
		{"k1 " + strings.Repeat("*", 60), 1, hmactoken.ErrSecret},
	} {
		if _, line, err := hmactoken.ParseKeys([]byte(tt.file)); err != tt.want || line != tt.line {
			t.Errorf("%.20q: line %d, %v; want %d, %v", tt.file, line, err, tt.line, tt.want)
		}
	}
}

func TestErrors(t *testing.T) {
	seen := map[string]bool{"unknown error": true}
	for e := hmactoken.ErrFormat; e <= hmactoken.ErrShared; e++ {
		if seen[e.Error()] {
			t.Errorf("Error(%d) is %q", e, e)
		}
		seen[e.Error()] = true
	}
	for _, e := range []hmactoken.Error{0, 99} {
		if e.Error() != "unknown error" {
			t.Errorf("Error(%d) is %q", e, e)
		}
	}
	if _, err := hmactoken.ID([]byte("x")); err != hmactoken.ErrFormat {
		t.Error(err)
	}
}

func FuzzToken(f *testing.F) {
	good := token(f, nil)
	f.Add(good)
	f.Add([]byte("T1.k1.AAAA." + strings.Repeat("A", 43)))
	v := verifier()
	f.Fuzz(func(t *testing.T, tok []byte) {
		_, code := v.Verify(epoch, request(tok))
		if (code == tokenauth.Valid) != bytes.Equal(tok, good) {
			t.Fatalf("%q: %v", tok, code)
		}
		// What reads as claims is what is written for them, but the signature.
		var c hmactoken.Claims
		if c.Decode(tok) != nil || keys[c.KeyID] == nil {
			return
		}
		again, err := c.Append(nil, keys)
		if err == hmactoken.ErrShared || len(c.Filters) > hmactoken.MaxFilters {
			return // of an older version
		}
		if err != nil {
			t.Fatalf("%q is not appended: %v", tok, err)
		}
		if dot := bytes.LastIndexByte(tok, '.'); !bytes.Equal(tok[:dot], again[:dot]) {
			t.Fatalf("%q is appended as %q", tok, again)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	v, r := verifier(), request(token(b, nil))
	b.ReportAllocs()
	for b.Loop() {
		if _, code := v.Verify(epoch, r); code != tokenauth.Valid {
			b.Fatal(code)
		}
	}
}

// hmacOf signs as the format says, apart from the package's own code.
func hmacOf(secret []byte, text string) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(text))
	return h.Sum(nil)
}
