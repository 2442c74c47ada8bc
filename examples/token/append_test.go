package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

// asCommand has the test's own program be the command.
const asCommand = "MQTTWIRE_TEST_TOKEN_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// process runs the command as a process of its own.
func process(t *testing.T, args ...string) error {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Env = append(os.Environ(), asCommand+"=1")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// expired is an entry that may go.
func expired(i int) string {
	return fmt.Sprintf("token k1.%032x %d\n", i, time.Now().Add(-hmactoken.Grace-time.Hour).UnixMilli())
}

func (b *bench) write(name, text string, mode fs.FileMode) string {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func (b *bench) read(name string) string {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

func newBench(t *testing.T) *bench {
	return &bench{t: t, dir: t.TempDir(), now: time.Now()}
}

// token makes a token. Of two with one life apart none is the other.
func (b *bench) token(life time.Duration) string {
	b.t.Helper()
	out, _ := b.run(0, "make", "-keys", "DIR/keys", "-key", "k1", "-account", "acme", "-instance", "i", "-for", life.String(), "-filter", "#")
	return strings.TrimSpace(out)
}

const parallel = 24

// together does something in many goroutines at once, and fails with each of
// their errors.
func together(t *testing.T, do func(i int) error) {
	t.Helper()
	var all sync.WaitGroup
	for i := range parallel {
		all.Go(func() {
			if err := do(i); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// Many revoke at once, where there is no list yet, where there is one, and where
// there is one that is cleaned meanwhile: all that succeed are in force.
func TestRevokeAtOnce(t *testing.T) {
	full := ""
	for i := 0; len(full) < uncleaned; i++ {
		full += expired(i)
	}
	for name, list := range map[string]string{"no list": "", "a list": "account other", "to be cleaned": full + "account other"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.run(0, "key", "-keys", "DIR/keys", "-id", "k1")
			if list != "" {
				b.write("revoked", list, 0o600)
			}
			var tokens []string
			for i := range parallel {
				tokens = append(tokens, b.token(time.Hour+time.Duration(i)*time.Second))
			}
			together(t, func(i int) error { return process(t, "revoke", "-revoked", filepath.Join(b.dir, "revoked"), tokens[i]) })
			revoked, line, err := hmactoken.ParseRevocations([]byte(b.read("revoked")))
			if err != nil {
				t.Fatalf("line %d: %v", line, err)
			}
			for _, token := range tokens {
				if id, err := hmactoken.ID([]byte(token)); err != nil || !revoked.Revoked(id) {
					t.Errorf("a token is not revoked: %v", err)
				}
			}
			if list != "" && !revoked.Suspended("other") {
				t.Error("what stood there is gone")
			}
			if n, _ := revoked.Len(); n != parallel {
				t.Errorf("%d tokens in the list, want %d", n, parallel)
			}
			b.only("keys", "revoked")
		})
	}
}

// only expects these files and no others.
func (b *bench) only(names ...string) {
	b.t.Helper()
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		b.t.Errorf("files %q, want %q", got, names)
	}
}

func TestKeysAtOnce(t *testing.T) {
	b := newBench(t)
	together(t, func(i int) error {
		return process(t, "key", "-keys", filepath.Join(b.dir, "keys"), "-id", fmt.Sprint("k", i))
	})
	keys, line, err := hmactoken.ParseKeys([]byte(b.read("keys")))
	if err != nil || len(keys) != parallel {
		t.Errorf("%d keys, line %d: %v", len(keys), line, err)
	}
	b.only("keys")
}

// The files keep their mode and their owner, whether they are added to or
// cleaned, and stay where a symbolic link says that they are.
func TestFilesKeepModeAndOwner(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes")
	}
	const mode = fs.FileMode(0o640)
	for name, list := range map[string]string{"added to": "# ours\n", "cleaned": "# ours\n" + strings.Repeat(expired(1), 2000)} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			keys, revoked := b.write("keys", "# ours\n", mode), b.write("revoked", list, mode)
			if os.Getuid() == 0 {
				for _, path := range []string{keys, revoked} {
					if err := os.Chown(path, 12, 34); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := os.Symlink("revoked", filepath.Join(b.dir, "link")); err != nil {
				t.Fatal(err)
			}
			owner, err := os.Stat(revoked)
			if err != nil {
				t.Fatal(err)
			}
			b.run(0, "key", "-keys", "DIR/keys", "-id", "k1")
			if _, errs := b.run(0, "revoke", "-revoked", "DIR/link", b.token(time.Hour)); errs != "" {
				t.Error(errs)
			}
			for _, path := range []string{keys, revoked} {
				info, err := os.Lstat(path)
				if err != nil || info.Mode() != mode || ownerOf(info) != ownerOf(owner) {
					t.Errorf("%s: %v, owner %s, %v; want %v, %s", path, info.Mode(), ownerOf(info), err, mode, ownerOf(owner))
				}
			}
			if text := b.read("revoked"); (len(text) < 300) != (len(list) < 300 || name == "cleaned") {
				t.Errorf("%d bytes are left", len(text))
			}
			b.only("keys", "link", "revoked")
		})
	}
}

// A list is cleaned when it has grown to twice its size and more: of what has
// expired, and nothing else.
func TestListIsCleaned(t *testing.T) {
	b := newBench(t)
	b.run(0, "key", "-keys", "DIR/keys", "-id", "k1")
	token := b.token(time.Hour)
	id, err := hmactoken.ID([]byte(token))
	if err != nil {
		t.Fatal(err)
	}
	stays := "# ours\ntoken k1.0123456789abcdef0123456789abcdef\naccount acme2\n"
	var old strings.Builder
	for i := 0; old.Len() < uncleaned; i++ {
		old.WriteString(expired(i))
	}
	b.write("revoked", stays+old.String(), 0o600)
	b.run(0, "revoke", "-revoked", "DIR/revoked", token)
	text := b.read("revoked")
	if !strings.HasPrefix(text, cleaned) || !strings.Contains(text, "\n"+stays+"token "+id+" ") || strings.Count(text, "\n") != 5 {
		t.Errorf("left are\n%s", text)
	}
	// Not again, until there is as much more.
	b.write("revoked", text+old.String()[:uncleaned/2/len(expired(1))*len(expired(1))], 0o600)
	b.run(0, "revoke", "-revoked", "DIR/revoked", "-account", "acme")
	if strings.Count(b.read("revoked"), "\n") < 100 {
		t.Error("cleaned too soon")
	}
	b.write("revoked", b.read("revoked")+old.String(), 0o600)
	b.run(0, "revoke", "-revoked", "DIR/revoked", "-account", "acme3")
	text = b.read("revoked")
	if strings.Count(text, cleaned) != 1 || strings.Count(text, "\n") != 7 || !strings.HasSuffix(text, "account acme\naccount acme3\n") {
		t.Errorf("left are\n%s", text)
	}
	var v hmactoken.Verifier
	keys, _, err := hmactoken.ParseKeys([]byte(b.read("keys")))
	if err != nil {
		t.Fatal(err)
	}
	list, line, err := hmactoken.ParseRevocations([]byte(text))
	if err != nil {
		t.Fatal(line, err)
	}
	v.Load(keys, list)
	if code := v.Recheck("other", &tokenauth.Grant{ID: id}); code != tokenauth.Revoked {
		t.Errorf("the token is %v", code)
	}
}

// A first line of a list that says nonsense of its size does not keep it from
// being cleaned.
func TestCleanedNonsense(t *testing.T) {
	for _, head := range []string{"#cleaned", "#cleaned ", "#cleaned x", "#cleaned -5 bytes", "#cleaned 99999999999999999999 bytes", "#cleaned 3"} {
		b := newBench(t)
		b.write("revoked", head+"\n"+strings.Repeat(expired(1), 2000), 0o600)
		b.run(0, "revoke", "-revoked", "DIR/revoked", "-account", "a")
		if text := b.read("revoked"); len(text) > 100 || !strings.HasSuffix(text, "\naccount a\n") {
			t.Errorf("%q: %d bytes are left", head, len(text))
		}
	}
}

// Where the last line has no end the next one is a line of its own, and what
// cannot be read loses nothing.
func TestRevokeAfterHalfALine(t *testing.T) {
	b := newBench(t)
	b.write("revoked", "account acm", 0o600)
	b.run(0, "revoke", "-revoked", "DIR/revoked", "-account", "b")
	if text := b.read("revoked"); text != "account acm\naccount b\n" {
		t.Errorf("%q", text)
	}
	made, errs := newBench(t), ""
	if _, errs = made.run(0, "revoke", "-revoked", "DIR/new", "-account", "a"); !strings.Contains(errs, "was not there") {
		t.Errorf("nobody says that the list is new: %q", errs)
	}
}
