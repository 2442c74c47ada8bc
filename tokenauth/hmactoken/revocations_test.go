package hmactoken_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

const someID = "k1.0123456789abcdef0123456789abcdef"

// idOf makes an ID for each number.
func idOf(i int) string { return fmt.Sprintf("k1.%02x%030x", i%256, i) }

func revocations(t testing.TB, file string) *hmactoken.Revocations {
	t.Helper()
	r, line, err := hmactoken.ParseRevocations([]byte(file))
	if err != nil {
		t.Fatalf("line %d: %v", line, err)
	}
	return r
}

func expectLen(t *testing.T, r *hmactoken.Revocations, tokens, accounts int) {
	t.Helper()
	if a, b := r.Len(); a != tokens || b != accounts {
		t.Errorf("%d tokens and %d accounts, want %d and %d", a, b, tokens, accounts)
	}
}

func TestParseRevocations(t *testing.T) {
	other, third := idOf(1), idOf(2)
	r := revocations(t, "# lost phone\ntoken "+someID+"\n\naccount acme\n\ttoken  "+other+" 1600000000000 \r\n#token "+third)
	expectLen(t, r, 2, 1)
	if !r.Revoked(someID) || !r.Revoked(other) || r.Revoked(third) || r.Revoked("noise") || r.Revoked("") {
		t.Error("the tokens are not those of the file")
	}
	if !r.Suspended("acme") || r.Suspended("") || r.Suspended("acm") {
		t.Error("the accounts are not those of the file")
	}
	var none *hmactoken.Revocations
	if none.Revoked(someID) || none.Suspended("acme") {
		t.Error("no list revokes something")
	}
	expectLen(t, none, 0, 0)
	for file, want := range map[string]int{"token": 1, "\ntoken x": 2, "token k1.0123456789ABCDEF0123456789abcdef": 1, "account a b": 1,
		"nothing here": 1, "token " + someID[:len(someID)-1]: 1, "token ." + someID[3:]: 1, "token " + someID[3:]: 1, "account": 1,
		"token " + someID + " x": 1, "token " + someID + " 0": 1, "token " + someID + " -1": 1, "token " + someID + " +1": 1,
		"token " + someID + " 1 1": 1, "token " + someID + " 99999999999999999999": 1, "account a\naccount a b\nnoise": 2} {
		if r, line, err := hmactoken.ParseRevocations([]byte(file)); err != hmactoken.ErrLine || line != want || r != nil {
			t.Errorf("%q: line %d, %v", file, line, err)
		}
	}
}

// A line that is not understood takes none of the others with it.
func TestAddBroken(t *testing.T) {
	r := revocations(t, "account old\n")
	n, line, err := r.Add([]byte("token " + idOf(1) + "\nhunter2\ntoken x\naccount new"))
	if n != 4 || line != 2 || err != hmactoken.ErrLine {
		t.Errorf("%d lines, %v in line %d", n, err, line)
	}
	expectLen(t, r, 1, 2)
	if !r.Revoked(idOf(1)) || !r.Suspended("old") || !r.Suspended("new") {
		t.Error("something is not revoked")
	}
}

// The line that revokes a token revokes it until it has expired, and no longer.
func TestAppendRevocation(t *testing.T) {
	tok := token(t, nil)
	id, err := hmactoken.ID(tok)
	if err != nil {
		t.Fatal(err)
	}
	line, err := hmactoken.AppendRevocation([]byte("kept"), tok)
	if want := "kepttoken " + id + " " + strconv.FormatInt(epoch.Add(time.Hour).UnixMilli(), 10) + "\n"; string(line) != want || err != nil {
		t.Fatalf("%q, %v; want %q", line, err, want)
	}
	v := verifier()
	v.Load(keys, revocations(t, string(line[4:])))
	if _, code := v.Verify(epoch, request(tok)); code != tokenauth.Revoked {
		t.Error(code)
	}
	for _, bad := range []string{"", "noise", string(tok[:len(tok)-1]), "T1.k1.AAAA." + strings.Repeat("A", 43)} {
		if line, err := hmactoken.AppendRevocation([]byte("kept"), []byte(bad)); err != hmactoken.ErrFormat || string(line) != "kept" {
			t.Errorf("%q: %q, %v", bad, line, err)
		}
	}
}

// forgetAll goes through the whole list once.
func forgetAll(r *hmactoken.Revocations, now time.Time) {
	for range 256 {
		r.Forget(now)
	}
}

func TestForget(t *testing.T) {
	var r hmactoken.Revocations
	const many = 3000
	for i := range many {
		if err := r.Revoke(idOf(i), epoch.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	r.Suspend("acme")
	if err := r.Revoke(someID, time.Time{}); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		after time.Duration
		want  int
	}{
		{-1000 * time.Hour, many}, {0, many}, {hmactoken.Grace, many}, {hmactoken.Grace + time.Second, many - 1},
		{hmactoken.Grace + 1000*time.Second, many - 1000}, {hmactoken.Grace + 2999*time.Second, 1}, {hmactoken.Grace + 3000*time.Second, 0},
		{1000 * time.Hour, 0},
	} {
		forgetAll(&r, epoch.Add(x.after))
		expectLen(t, &r, x.want+1, 1)
		for i := range many {
			if r.Revoked(idOf(i)) != (i >= many-x.want) {
				t.Fatalf("%v after: token %d is revoked: %v", x.after, i, !(i >= many-x.want))
			}
		}
		if !r.Revoked(someID) || !r.Suspended("acme") {
			t.Fatal("what does not expire is gone")
		}
	}
}

// Of two entries for one token the one that stays longer counts, in whatever
// order, from a file, a call or another list.
func TestRevokeTwice(t *testing.T) {
	early, late, beyond := epoch.UnixMilli(), epoch.Add(24*time.Hour).UnixMilli(), int64(1)<<62
	for _, x := range []struct {
		a, b int64 // 0 for no expiry
		gone bool
	}{{early, late, false}, {late, early, false}, {early, 0, false}, {0, early, false}, {early, early, true}, {beyond, early, false}} {
		line := func(milli int64) string {
			text := "token " + someID
			if milli != 0 {
				text += " " + strconv.FormatInt(milli, 10)
			}
			return text + "\n"
		}
		r, merged := revocations(t, line(x.a)+line(x.b)), revocations(t, line(x.a))
		merged.Merge(revocations(t, line(x.b)+"account acme\n"))
		if !merged.Suspended("acme") {
			t.Error("an account is not merged")
		}
		for _, r := range []*hmactoken.Revocations{r, merged} {
			forgetAll(r, epoch.Add(2*time.Hour))
			if r.Revoked(someID) == x.gone {
				t.Errorf("%d, %d: revoked: %v", x.a, x.b, !x.gone)
			}
		}
	}
	if err := new(hmactoken.Revocations).Revoke("k1.x", time.Time{}); err != hmactoken.ErrID {
		t.Error(err)
	}
}

func TestCompactRevocations(t *testing.T) {
	gone, stays := strconv.FormatInt(epoch.Add(-hmactoken.Grace-time.Second).UnixMilli(), 10), strconv.FormatInt(epoch.UnixMilli(), 10)
	file := "# all of them\n\ntoken " + idOf(1) + " " + gone + "\ntoken " + idOf(2) + " " + stays + "\ntoken " + idOf(3) +
		"\naccount acme\nnonsense\ntoken " + idOf(4) + " " + gone + "\ntoken " + idOf(5)
	want := "# all of them\n\ntoken " + idOf(2) + " " + stays + "\ntoken " + idOf(3) + "\naccount acme\nnonsense\ntoken " + idOf(5)
	if got := hmactoken.CompactRevocations([]byte(file), epoch); string(got) != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// Many ask while some add and forget.
func TestRevocationsConcurrent(t *testing.T) {
	var r hmactoken.Revocations
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for i := range 500 {
				id := idOf(n*500 + i)
				if err := r.Revoke(id, epoch); err != nil || !r.Revoked(id) {
					t.Errorf("%s is not revoked: %v", id, err)
				}
				r.Suspend(id)
				if !r.Suspended(id) || r.Suspended("another") {
					t.Error("an account is not suspended, or another is")
				}
				r.Len()
			}
		})
	}
	all.Go(func() {
		for range 1000 {
			r.Forget(epoch)
		}
	})
	all.Wait()
	expectLen(t, &r, 2000, 2000)
}

func TestRedact(t *testing.T) {
	tok := string(token(t, nil))
	id, err := hmactoken.ID([]byte(tok))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                                     "",
		"nothing":                              "nothing",
		tok:                                    "[token " + id + "]",
		"Token|acme|" + tok + "|x":             "Token|acme|[token " + id + "]|x",
		"a/" + tok + "/" + tok + "/b":          "a/[token " + id + "]/[token " + id + "]/b",
		"x" + tok + "A":                        "x[token]",
		tok[:len(tok)-1]:                       "[token]",
		tok[:30] + "...":                       "[token]",
		tok[:30] + "/x":                        "[token]/x",
		"T1.":                                  "T1.",
		"T1.T1.k":                              "[token]",
		"T1.k1":                                "T1.k1",
		"T1.k1. and":                           "[token] and",
		"T1." + strings.Repeat("k", 33) + ".x": "T1." + strings.Repeat("k", 33) + ".x",
		"T1..x":                                "T1..x",
	} {
		if got := hmactoken.Redact(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzRedact(f *testing.F) {
	good := string(token(f, nil))
	f.Add("user=", good, " x")
	f.Add("T1.T1", good, "A.")
	f.Fuzz(func(t *testing.T, before, tok, after string) {
		_, err := hmactoken.ID([]byte(tok))
		text := before + tok + after
		got := hmactoken.Redact(text)
		if err == nil && strings.Contains(got, tok) {
			t.Fatalf("%q becomes %q", text, got)
		}
		if !strings.Contains(text, "T1.") && got != text {
			t.Fatalf("%q becomes %q", text, got)
		}
	})
}

// A list is read the same at once, in pieces of whole lines, and after it was
// compacted, and what it says can be written and read again.
func FuzzRevocations(f *testing.F) {
	f.Add([]byte("# x\ntoken "+someID+" 1600000000000\ntoken "+idOf(1)+"\naccount acme\n"), 30)
	f.Add([]byte("token x\n\n\r\naccount a b"), 3)
	f.Fuzz(func(t *testing.T, file []byte, cut int) {
		var whole, parts hmactoken.Revocations
		n, line, err := whole.Add(file)
		if (err == nil) != (line == 0) || line > n || n > bytes.Count(file, []byte("\n"))+1 {
			t.Fatalf("%d lines, %v in line %d", n, err, line)
		}
		if parsed, at, e := hmactoken.ParseRevocations(file); e != err || at != line || (parsed == nil) != (err != nil) {
			t.Fatalf("Add: %v in line %d, Parse: %v in line %d", err, line, e, at)
		}
		at := bytes.IndexByte(file[min(max(cut, 0), len(file)):], '\n') + min(max(cut, 0), len(file)) + 1
		at = min(at, len(file))
		if at > 0 && file[at-1] != '\n' {
			at = 0
		}
		parts.Add(file[:at])
		parts.Add(file[at:])
		same := func(other *hmactoken.Revocations, what string) {
			a, b := whole.Len()
			if c, d := other.Len(); a != c || b != d {
				t.Fatalf("%s: %d tokens and %d accounts, want %d and %d", what, c, d, a, b)
			}
			for text := range bytes.FieldsSeq(file) {
				if whole.Revoked(string(text)) != other.Revoked(string(text)) || whole.Suspended(string(text)) != other.Suspended(string(text)) {
					t.Fatalf("%s: not the same of %q", what, text)
				}
			}
		}
		same(&parts, "in parts")
		// All that is dropped is forgotten, and the reverse.
		var compacted hmactoken.Revocations
		compacted.Add(hmactoken.CompactRevocations(bytes.Clone(file), epoch))
		forgetAll(&whole, epoch)
		same(&compacted, "compacted")
	})
}

func BenchmarkRevoked(b *testing.B) {
	var r hmactoken.Revocations
	for i := range 1_000_000 {
		if err := r.Revoke(idOf(i), epoch); err != nil {
			b.Fatal(err)
		}
	}
	id := "k1." + hex.EncodeToString(bytes.Repeat([]byte{7}, 16))
	b.ReportAllocs()
	for b.Loop() {
		if r.Revoked(id) {
			b.Fatal("revoked")
		}
	}
}
