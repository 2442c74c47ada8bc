package gate

import (
	"bytes"
	"context"
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/examples/broker/access"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/examples/broker/server"
	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

// content is what stands in the files of a Gate. An empty one is none.
type content struct {
	users, acl string
	keep       bool // what the revoked have retained
	tokens     bool // keys, and a list of what is revoked that is empty
}

// A bench is a broker with a Gate. When its test ends it looks for what is
// secret in all that was logged.
type bench struct {
	t       *testing.T
	gate    *Gate
	server  *server.Server
	dir     string
	key     []byte // of tokens
	log     journal
	secrets []string
	judged  func() // what happens once a CONNECT was judged, and before it is answered
}

// Authenticate implements hub.Authenticator.
func (b *bench) Authenticate(who *hub.Peer, p *codec.Connect) (hub.Access, connack.Code, string) {
	access, code, text := b.gate.Authenticate(who, p)
	if b.judged != nil {
		b.judged()
	}
	return access, code, text
}

// Keeps implements hub.Auditor.
func (b *bench) Keeps(warrant, client string, to hub.Right, topic []byte) bool {
	return b.gate.Keeps(warrant, client, to, topic)
}

// newBench returns a bench whose broker ends with the test.
func newBench(t *testing.T, dir string, with content) *bench {
	t.Helper()
	b := &bench{t: t, dir: dir, key: bytes.Repeat([]byte("0123456789abcdef"), 2)}
	var files Files
	if with.users != "" {
		files.Users = b.write("users", with.users)
	}
	if with.acl != "" {
		files.ACL = b.write("acl", with.acl)
	}
	if with.tokens {
		files.TokenKeys = b.write("keys", "# of the test\nk "+base64.StdEncoding.EncodeToString(b.key)+"\n")
		files.Revocations = b.write("revoked", "")
		b.secret(string(b.key))
		b.secret(base64.StdEncoding.EncodeToString(b.key))
	}
	var err error
	if b.gate, err = Open(files); err != nil {
		t.Fatal(err)
	}
	config := server.Config{KeepRevoked: with.keep, ServerOptions: hub.DefaultOptions(), SysInterval: -1,
		Authenticator: b, Handlers: b.gate.Handlers(),
		Log: slog.New(Discreet(slog.NewTextHandler(&b.log, &slog.HandlerOptions{Level: slog.LevelDebug})))}
	config.MaximumKeepAlive = 0 // clients may wait for hours
	b.server = server.New(config)
	t.Cleanup(func() {
		if err := b.server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if line := b.leaked(); line != "" {
			t.Errorf("a secret is in the log: %s…", line)
		}
	})
	return b
}

// simulate runs a test with a bench in a bubble, where time passes only while
// everything waits.
func simulate(t *testing.T, with content, test func(b *bench)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { test(newBench(t, dir, with)) })
}

var versions = []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50}

// simulateEach is simulate in each version.
func simulateEach(t *testing.T, with content, test func(b *bench, v mqttwire.Version)) {
	for _, v := range versions {
		t.Run(v.String(), func(t *testing.T) {
			simulate(t, with, func(b *bench) { test(b, v) })
		})
	}
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) write(name, text string) (path string) {
	b.t.Helper()
	path = b.path(name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// reload has the gate read what was written, and the server ask it.
func (b *bench) reload() {
	b.t.Helper()
	if changed, err := b.gate.Reload(); !changed || err != nil {
		b.t.Fatalf("Reload: %v, %v", changed, err)
	}
	b.server.Recheck()
}

// userLine is what access.HashPassword makes, in a hundredth of its time.
func userLine(name, password string) string {
	salt := []byte("salt of " + name + ", long enough")[:16]
	hash, err := pbkdf2.Key(sha512.New, password, salt, access.MinIterations, sha512.Size)
	if err != nil {
		panic(err)
	}
	text := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("%s:$pbkdf2-sha512$i=%d$%s$%s\n", name, access.MinIterations, text(salt), text(hash))
}

func locked(line string) string { return strings.Replace(line, ":", ":!", 1) }

const tokenUser = "Token|acme|post-1"

// claims says what a token of tokenUser issued now says.
func claims(typ tokenauth.Type, life time.Duration, filters ...string) hmactoken.Claims {
	now := time.Now()
	return hmactoken.Claims{KeyID: "k", AccessKeyID: "acme", InstanceID: "post-1", Type: typ, Issued: now, Expires: now.Add(life), Filters: filters}
}

// sign makes the token of claims.
func (b *bench) sign(c hmactoken.Claims) string {
	b.t.Helper()
	token, err := c.Append(nil, hmactoken.Keys{c.KeyID: b.key})
	if err != nil {
		b.t.Fatal(err)
	}
	b.secret(string(token))
	for _, part := range strings.Split(string(token), ".")[2:] {
		b.secret(part[:16]) // the beginnings of what it says and of its signature
	}
	return string(token)
}

func (b *bench) token(typ tokenauth.Type, life time.Duration, filters ...string) string {
	b.t.Helper()
	return b.sign(claims(typ, life, filters...))
}

// secret notes what must not be logged, and returns it.
func (b *bench) secret(s string) string {
	b.secrets = append(b.secrets, s)
	return s
}

// leaked returns a line of the log with a secret, cut short, "" without one.
func (b *bench) leaked() string {
	log := b.log.String()
	for _, s := range b.secrets {
		for _, form := range []string{s, hex.EncodeToString([]byte(s)), base64.StdEncoding.EncodeToString([]byte(s))} {
			if i := strings.Index(log, form); i >= 0 {
				line := log[strings.LastIndexByte(log[:i], '\n')+1:]
				return line[:min(100, len(line))]
			}
		}
	}
	return ""
}

// A journal is what was logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// pipe returns a peer that has sent nothing yet.
func (b *bench) pipe(v mqttwire.Version) *peer {
	ours, theirs := net.Pipe()
	go b.server.ServeConn(theirs)
	return newPeer(b.t, ours, v)
}

// as is a CONNECT with a user name and a password, neither where they are empty.
func (b *bench) as(v mqttwire.Version, id, user, password string) *codec.Connect {
	c := &codec.Connect{Version: v, CleanStart: true, ClientID: []byte(id)}
	if user != "" {
		c.UserNameFlag, c.UserName = true, []byte(user)
	}
	if password != "" {
		c.PasswordFlag, c.Password = true, []byte(b.secret(password))
	}
	return c
}

// kept makes it a CONNECT of a session that stays.
func kept(c *codec.Connect) *codec.Connect {
	c.CleanStart = false
	if c.Version == mqttwire.V50 {
		c.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, 3600)
	}
	return c
}

// join returns a peer that is in.
func (b *bench) join(c *codec.Connect) *peer {
	b.t.Helper()
	p := b.pipe(c.Version)
	if code := p.connect(c); code != connack.Success {
		b.t.Fatalf("%v is answered with %#x", c, uint8(code))
	}
	return p
}

// refused has a CONNECT refused, with a code in the numbering of 5.0.
func (b *bench) refused(c *codec.Connect, want connack.Code) {
	b.t.Helper()
	p := b.pipe(c.Version)
	want, ok := want.In(c.Version)
	if code := p.connect(c); !ok || code != want {
		b.t.Errorf("%v is answered with %#x, want %#x", c, uint8(code), uint8(want))
	}
	p.expectClosed()
}

// joinToken returns a peer that is in with tokens, as a password has them.
func (b *bench) joinToken(v mqttwire.Version, id, password string) *peer {
	b.t.Helper()
	return b.join(b.as(v, id, tokenUser, password))
}
