package gate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

// revocation is the line that revokes a token.
func (b *bench) revocation(token string) string {
	b.t.Helper()
	line, err := hmactoken.AppendRevocation(nil, []byte(token))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(line)
}

func (b *bench) remove(name string) {
	b.t.Helper()
	if err := os.Remove(b.path(name)); err != nil {
		b.t.Fatal(err)
	}
}

// What is revoked may come and grow, and comes back only by a list that does
// not have it: not by the file's being gone or empty.
func TestReloadRevocations(t *testing.T) {
	simulate(t, content{tokens: true}, func(b *bench) {
		token := b.token(tokenauth.ReadWrite, time.Hour, "#")
		id, err := hmactoken.ID([]byte(token))
		if err != nil {
			b.t.Fatal(err)
		}
		in := func() { b.t.Helper(); b.joinToken(mqttwire.V311, "c", "RW|"+token) }
		out := func() {
			b.t.Helper()
			b.refused(b.as(mqttwire.V311, "c", tokenUser, "RW|"+token), connack.NotAuthorized)
		}
		fails := func(want string) {
			b.t.Helper()
			if changed, err := b.gate.Reload(); changed || err == nil || !strings.Contains(err.Error(), b.path("revoked")) || !strings.Contains(err.Error(), want) {
				b.t.Errorf("Reload: %v, %v; want %q", changed, err, want)
			}
		}
		b.unchanged()
		in()
		b.write("revoked", "# none of ours\naccount other\n")
		b.reload()
		in()
		b.write("revoked", "account other\ntoken "+id) // as older versions have it
		b.reload()
		b.unchanged()
		out()
		b.remove("revoked")
		fails("no such file")
		out()
		b.write("revoked", "")
		fails("empty")
		fails("empty")
		out()
		b.write("revoked", "account other\ntoken "+id)
		b.unchanged() // it is what it was
		out()
		b.write("revoked", "# none\n")
		b.reload()
		b.unchanged()
		in()
		b.write("revoked", "") // nothing is lost by that
		b.reload()
		in()
	})
}

// A list that somebody makes where one was gone, or has been emptied, adds to
// what is revoked, until the broker starts anew or the list has all again.
func TestListIsMadeAnew(t *testing.T) {
	for name, lose := range map[string]func(b *bench){
		"gone":    func(b *bench) { b.remove("revoked") },
		"emptied": func(b *bench) { b.write("revoked", "") },
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, content{tokens: true}, func(b *bench) {
				first, second := b.token(tokenauth.ReadWrite, time.Hour, "a"), b.token(tokenauth.ReadWrite, 2*time.Hour, "b")
				out := func(tokens ...string) {
					b.t.Helper()
					for _, token := range tokens {
						b.refused(b.as(mqttwire.V311, "c", tokenUser, "RW|"+token), connack.NotAuthorized)
					}
				}
				lacks := func(want bool) {
					b.t.Helper()
					if changed, err := b.gate.Reload(); changed != want || err == nil || !strings.Contains(err.Error(), "without some") {
						b.t.Errorf("Reload: %v, %v", changed, err)
					}
				}
				b.write("revoked", b.revocation(first))
				b.reload()
				lose(b)
				if _, err := b.gate.Reload(); err == nil {
					b.t.Error("nobody says that the list is gone")
				}
				b.write("revoked", b.revocation(second))
				lacks(true)
				lacks(false)
				out(first, second)
				b.write("revoked", b.revocation(second)+"account other\n")
				lacks(true)
				out(first, second)
				b.write("revoked", b.revocation(second)+b.revocation(first)+"account other\n")
				b.reload()
				b.unchanged()
				out(first, second)
				b.write("revoked", b.revocation(second)) // now it is meant
				b.reload()
				out(second)
				b.joinToken(mqttwire.V311, "c", "RW|"+first)
			})
		})
	}
}

// A longList is a file that grows, and what is read of it.
type longList struct {
	t     *testing.T
	path  string
	count int // of tokens
	revocations
	adopted int
}

func idOf(i int) string { return fmt.Sprintf("k1.%02x%030x", i%256, i) }

func entryOf(i int) string { return "token " + idOf(i) + "\n" }

// newLongList returns one that is longer than what is read as a whole.
func newLongList(t *testing.T) *longList {
	l := &longList{t: t, path: filepath.Join(t.TempDir(), "revoked")}
	l.revocations = revocations{name: l.path, adopt: func(*hmactoken.Revocations) { l.adopted++ }}
	var text strings.Builder
	for ; text.Len() < 3*smallList; l.count++ {
		text.WriteString(entryOf(l.count))
	}
	l.write(text.String())
	l.reloads(true, 1)
	return l
}

func (l *longList) write(text string) {
	l.t.Helper()
	if err := os.WriteFile(l.path, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// replace renames another file over it.
func (l *longList) replace(text string) {
	l.t.Helper()
	if err := os.WriteFile(l.path+".new", []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	if err := os.Rename(l.path+".new", l.path); err != nil {
		l.t.Fatal(err)
	}
}

func (l *longList) text() string {
	l.t.Helper()
	b, err := os.ReadFile(l.path)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(b)
}

func (l *longList) append(text string) {
	l.t.Helper()
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		l.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		l.t.Fatal(err)
	}
}

// reloads expects a change or none, and that so many lists were read as a whole
// by now.
func (l *longList) reloads(changed bool, adopted int) {
	l.t.Helper()
	if got, err := l.reload(time.Now()); got != changed || err != nil {
		l.t.Fatalf("reload: %v, %v; want %v", got, err, changed)
	}
	l.expect(adopted)
}

func (l *longList) expect(adopted int) {
	l.t.Helper()
	if l.adopted != adopted {
		l.t.Fatalf("read as a whole %d times, want %d", l.adopted, adopted)
	}
	if tokens, _ := l.list.Len(); tokens != l.count {
		l.t.Fatalf("%d tokens, want %d", tokens, l.count)
	}
}

// Of a list that has grown only what is new is read.
func TestListGrows(t *testing.T) {
	l := newLongList(t)
	l.reloads(false, 1)
	for range 5 {
		l.append(entryOf(l.count) + entryOf(l.count+1))
		l.count += 2
		l.reloads(true, 1)
		l.reloads(false, 1)
	}
	if !l.list.Revoked(idOf(0)) || !l.list.Revoked(idOf(l.count-1)) || l.list.Revoked(idOf(l.count)) {
		t.Error("the list is not what the file says")
	}
	// A line comes in parts.
	line := entryOf(l.count)
	l.append(line[:20])
	changed, err := l.reload(time.Now())
	if !changed || err == nil || !strings.Contains(err.Error(), fmt.Sprintf(":%d: ", l.count+1)) {
		t.Errorf("reload of half a line: %v, %v", changed, err)
	}
	if changed, again := l.reload(time.Now()); changed || again == nil || again.Error() != err.Error() {
		t.Errorf("reload of half a line again: %v, %v", changed, again)
	}
	l.append(line[20 : len(line)-1])
	l.count++
	l.reloads(true, 1) // in force without its end
	l.reloads(false, 1)
	l.append("\n" + entryOf(l.count))
	l.count++
	l.reloads(true, 1)
	if want := strings.Count(l.text(), "\n"); l.lines != want {
		t.Errorf("%d lines, want %d", l.lines, want)
	}
}

// A list that was rewritten is read as a whole, however it was done.
func TestListRewritten(t *testing.T) {
	for name, rewrite := range map[string]func(l *longList){
		"shorter":    func(l *longList) { l.write(strings.TrimSuffix(l.text(), entryOf(l.count-1))); l.count-- },
		"one less":   func(l *longList) { l.write(strings.TrimPrefix(l.text(), entryOf(0))); l.count-- },
		"one before": func(l *longList) { l.write(entryOf(l.count) + l.text()); l.count++ },
		"in the middle, and longer": func(l *longList) {
			l.write(strings.Replace(l.text(), entryOf(9), "", 1) + entryOf(l.count) + entryOf(l.count+1))
			l.count++
		},
		"another file": func(l *longList) { l.replace(l.text() + entryOf(l.count)); l.count++ },
		"another file, one other": func(l *longList) {
			l.replace(strings.Replace(l.text(), entryOf(9), entryOf(l.count), 1))
		},
		"short": func(l *longList) { l.replace(entryOf(1) + entryOf(2)); l.count = 2 },
		"one other, later": func(l *longList) {
			l.write(strings.Replace(l.text(), entryOf(9), entryOf(l.count), 1))
			late := time.Now().Add(time.Minute)
			if err := os.Chtimes(l.path, late, late); err != nil {
				l.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLongList(t)
			l.append(entryOf(l.count))
			l.count++
			l.reloads(true, 1)
			rewrite(l)
			l.reloads(true, 2)
			l.reloads(false, 2)
			l.append(entryOf(l.count + 5))
			l.count++
			l.reloads(true, 2+map[bool]int{true: 1}[name == "short"])
		})
	}
}

// A broken line in a long list takes nothing with it, whether it comes with the
// rest or later, and is told of until it is mended.
func TestListBroken(t *testing.T) {
	l := newLongList(t)
	fails := func(changed bool, line int) {
		t.Helper()
		got, err := l.reload(time.Now())
		if got != changed || err == nil || !strings.Contains(err.Error(), fmt.Sprintf("revoked:%d: ", line)) || strings.Contains(err.Error(), "hunter2") {
			t.Fatalf("reload: %v, %v", got, err)
		}
	}
	broken := l.count + 2
	l.append(entryOf(l.count) + "hunter2\n" + entryOf(l.count+1))
	l.count += 2
	fails(true, broken)
	fails(false, broken)
	l.expect(1)
	l.append(entryOf(l.count))
	l.count++
	fails(true, broken)
	l.expect(1)
	// Rewritten, and still broken: what was in force stays.
	l.replace("noise\n" + strings.Repeat("# long\n", smallList/5) + entryOf(l.count))
	l.count++
	fails(true, 1)
	fails(false, 1)
	l.expect(2)
	l.replace(strings.Repeat("# long\n", smallList/5) + entryOf(7))
	l.count = 1
	l.reloads(true, 3)
	// A line without end.
	l.append(strings.Repeat("x", 2*chunkSize))
	if changed, err := l.reload(time.Now()); changed || err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("reload: %v, %v", changed, err)
	}
	l.expect(3)
}

// Entries go when their tokens have expired for a while.
func TestListForgets(t *testing.T) {
	l := newLongList(t)
	expires := time.Now().Add(time.Minute)
	for i := range 100 {
		l.append(fmt.Sprintf("token %s %d\n", idOf(l.count+i), expires.UnixMilli()))
	}
	l.count += 100
	l.reloads(true, 1)
	for range 256 {
		if _, err := l.reload(expires.Add(hmactoken.Grace)); err != nil {
			t.Fatal(err)
		}
	}
	l.expect(1)
	for range 256 {
		if _, err := l.reload(expires.Add(hmactoken.Grace + 2*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	l.count -= 100
	l.expect(1)
}
