package gate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

// unchanged has the gate find nothing new.
func (b *bench) unchanged() {
	b.t.Helper()
	if changed, err := b.gate.Reload(); changed || err != nil {
		b.t.Errorf("Reload of what has not changed: %v, %v", changed, err)
	}
}

func TestReloadUnchanged(t *testing.T) {
	simulate(t, content{users: people, acl: rules, tokens: true}, func(b *bench) {
		b.unchanged()
		b.write("users", people) // the same once more
		b.unchanged()
	})
	simulate(t, content{}, func(b *bench) { b.unchanged() })
}

// A change counts however soon it comes after another.
func TestReloadAtOnce(t *testing.T) {
	simulate(t, content{users: people}, func(b *bench) {
		for i := range 20 {
			line, password := userLine("alice", "first"), "first"
			if i%2 == 0 {
				line, password = userLine("alice", "other"), "other"
			}
			b.write("users", line)
			b.reload()
			b.join(b.as(mqttwire.V311, "c", "alice", password)).conn.Close()
		}
	})
}

// A file that is broken is named with the line, without what stands there, and
// all that was read before stays in force.
func TestReloadBroken(t *testing.T) {
	for _, x := range []struct{ file, text, where string }{
		{"users", people + "mallory hunter2\n", "users:4: "},
		{"users", "\n# users\nmallory:hunter2\n", "users:3: "},
		{"users", people + people, "users:4: "},
		{"acl", "topic read x\n\nsecret hunter2\n", "acl:3: "},
		{"acl", "topic read hunter2/#/x\n", "acl:1: "},
		{"keys", "k hunter2\n", "keys:1: "},
		{"revoked", "account other\nhunter2\n", "revoked:2: "},
	} {
		t.Run(x.where, func(t *testing.T) {
			simulate(t, content{users: people, acl: rules, tokens: true}, func(b *bench) {
				good := b.token(tokenauth.ReadWrite, time.Hour, "home/#")
				b.write("users", userLine("alice", "another secret")) // good, but it goes with the rest
				b.write("acl", "topic readwrite elsewhere\n")
				b.write(x.file, x.text)
				for range 2 {
					changed, err := b.gate.Reload()
					if changed || err == nil || !strings.HasPrefix(err.Error(), b.path("")+string(filepath.Separator)+x.where) || strings.Contains(err.Error(), "hunter2") {
						b.t.Errorf("Reload: %v, %v", changed, err)
					}
				}
				if _, err := Open(b.gate.files); err == nil || !strings.Contains(err.Error(), x.where) {
					b.t.Errorf("Open: %v", err)
				}
				alice := b.alice(mqttwire.V50)
				alice.publish("home/alice/x", "1")
				alice.expectNoAccess("elsewhere")
				b.joinToken(mqttwire.V50, "t", "RW|"+good).publish("home/x", "2")

				// Once it is mended all of them count.
				b.write("users", userLine("alice", "yet another"))
				b.write("acl", "topic readwrite mended\n")
				b.write("keys", "k "+strings.Repeat("QUFB", 11)+"\n")
				b.write("revoked", "")
				b.reload()
				b.unchanged()
				b.refused(b.as(mqttwire.V50, "ca", "alice", "secret of alice"), connack.BadUserNameOrPassword)
				b.join(b.as(mqttwire.V50, "ca", "alice", "yet another")).publish("mended", "3")
				b.refused(b.as(mqttwire.V50, "t", tokenUser, "RW|"+good), connack.BadUserNameOrPassword)
			})
		})
	}
}

// A file that is gone is an error that names it, except the file of what is
// revoked: then nothing is.
func TestReloadGone(t *testing.T) {
	for _, file := range []string{"users", "acl", "keys"} {
		t.Run(file, func(t *testing.T) {
			simulate(t, content{users: people, acl: rules, tokens: true}, func(b *bench) {
				if err := os.Remove(b.path(file)); err != nil {
					b.t.Fatal(err)
				}
				if changed, err := b.gate.Reload(); changed || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), b.path(file)) {
					b.t.Errorf("Reload: %v, %v", changed, err)
				}
				if _, err := Open(b.gate.files); !errors.Is(err, fs.ErrNotExist) {
					b.t.Errorf("Open: %v", err)
				}
				b.alice(mqttwire.V311).publish("home/alice/x", "1")
				b.joinToken(mqttwire.V311, "t", "W|"+b.token(tokenauth.Write, time.Hour, "#")).publish("home/x", "2")
			})
		})
	}
}

// What is revoked may come, grow, and go.
func TestReloadRevocations(t *testing.T) {
	simulate(t, content{tokens: true}, func(b *bench) {
		token := b.token(tokenauth.ReadWrite, time.Hour, "#")
		id, err := hmactoken.ID([]byte(token))
		if err != nil {
			b.t.Fatal(err)
		}
		b.unchanged()
		b.joinToken(mqttwire.V311, "c", "RW|"+token)
		b.write("revoked", "# none of ours\naccount other\n")
		b.reload()
		b.joinToken(mqttwire.V311, "c", "RW|"+token)
		b.write("revoked", "account other\ntoken "+id+"\n")
		b.reload()
		b.unchanged()
		b.refused(b.as(mqttwire.V311, "c", tokenUser, "RW|"+token), connack.NotAuthorized)
		if err := os.Remove(b.path("revoked")); err != nil {
			b.t.Fatal(err)
		}
		b.reload()
		b.unchanged()
		b.joinToken(mqttwire.V311, "c", "RW|"+token)
	})
}

// Users who are locked, removed, or given another password while they are
// connected are turned out; the others stay.
func TestReloadUsers(t *testing.T) {
	alice, bob, carol, dave := userLine("alice", "of alice"), userLine("bob", "of bob"), userLine("carol", "of carol"), userLine("dave", "of dave")
	for _, acl := range []string{"", "topic readwrite #\n"} {
		simulateEach(t, content{users: alice + bob + carol + dave, acl: acl}, func(b *bench, v mqttwire.Version) {
			b.gate.Anonymous = true
			in := map[string]*peer{}
			for _, name := range []string{"alice", "bob", "carol", "dave"} {
				in[name] = b.join(b.as(v, name, name, "of "+name))
			}
			nobody := b.join(b.as(v, "nobody", "", ""))
			in["alice"].subscribe("#", qos.AtLeastOnce)
			b.write("users", "# new\n"+locked(bob)+userLine("dave", "new secret of dave")+alice)
			b.reload()
			for _, name := range []string{"bob", "carol", "dave"} {
				p := in[name]
				if p.is5() {
					if d, ok := p.receive().(*codec.Disconnect); !ok || d.Code != mqttwire.NotAuthorized {
						b.t.Errorf("%s: %v", name, d)
					}
				}
				p.expectClosed()
			}
			nobody.publish("x", "1")
			in["alice"].expectMessage("x", "1")
			b.refused(b.as(v, "bob", "bob", "of bob"), connack.NotAuthorized)
			b.refused(b.as(v, "carol", "carol", "of carol"), connack.BadUserNameOrPassword)
			b.join(b.as(v, "dave", "dave", "new secret of dave"))
		})
	}
}

// What is revoked between the judgement of a CONNECT and its CONNACK counts.
func TestRevokedWhileConnecting(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		password := "W|" + b.token(tokenauth.Write, time.Hour, "#")
		b.judged = func() {
			b.judged = nil
			b.write("revoked", "account acme\n")
			b.reload()
		}
		b.joinToken(v, "c", password).expectOut(tokenauth.AccountInvalid, tokenauth.Write)
		b.refused(b.as(v, "c", tokenUser, password), connack.NotAuthorized)
	})
}
