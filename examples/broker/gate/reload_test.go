package gate

import (
	"encoding/base64"
	"errors"
	"fmt"
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

// A file that is broken is named with the line, without what stands there. What
// was read of it before stays in force, and the other files are read.
func TestReloadBroken(t *testing.T) {
	for _, x := range []struct{ file, text, where string }{
		{"users", people + "mallory hunter2\n", "users:4: "},
		{"users", "\n# users\nmallory:hunter2\n", "users:3: "},
		{"users", people + people, "users:4: "},
		{"acl", "topic read x\n\nsecret hunter2\n", "acl:3: "},
		{"acl", "topic read hunter2/#/x\n", "acl:1: "},
		{"keys", "k hunter2\n", "keys:1: "},
		{"revoked", "account other\nhunter2\n", "revoked:2: "},
		{"revoked", "account other\nhunter2", "revoked:2: "},
	} {
		t.Run(x.where, func(t *testing.T) {
			simulate(t, content{users: people, acl: rules, tokens: true}, func(b *bench) {
				good, bad := b.token(tokenauth.ReadWrite, time.Hour, "home/#"), b.token(tokenauth.ReadWrite, time.Hour, "#")
				revoked := b.revocation(bad)
				others := map[string]string{
					"users": userLine("alice", "another secret"), "acl": "topic readwrite elsewhere\n",
					"keys": "k " + base64.StdEncoding.EncodeToString(b.key) + "\n# again\n", "revoked": revoked,
				}
				for name, text := range others {
					if name == x.file {
						text = x.text
					}
					b.write(name, text)
				}
				expect := func(want bool) {
					t.Helper()
					changed, err := b.gate.Reload()
					if changed != want || err == nil || !strings.HasPrefix(err.Error(), b.path("")+string(filepath.Separator)+x.where) || strings.Contains(err.Error(), "hunter2") {
						b.t.Errorf("Reload: %v, %v", changed, err)
					}
				}
				expect(true)
				expect(false)
				if _, err := Open(b.gate.files); err == nil || !strings.Contains(err.Error(), x.where) {
					b.t.Errorf("Open: %v", err)
				}
				password, topic := "another secret", "elsewhere"
				switch x.file {
				case "users":
					password = "secret of alice"
				case "acl":
					topic = "home/alice/x"
				case "revoked": // what can be read of it counts
					other := b.but(claims(tokenauth.ReadWrite, time.Hour, "#"), func(c *hmactoken.Claims) { c.AccessKeyID = "other" })
					b.refused(b.as(mqttwire.V50, "o", "Token|other|post-1", "RW|"+other), connack.NotAuthorized)
				}
				b.join(b.as(mqttwire.V50, "ca", "alice", password)).publish(topic, "1")
				b.joinToken(mqttwire.V50, "t", "RW|"+good).publish("home/x", "2")
				if x.file != "revoked" {
					b.refused(b.as(mqttwire.V50, "t", tokenUser, "RW|"+bad), connack.NotAuthorized)
				}

				// Once it is mended it counts.
				b.write("users", userLine("alice", "yet another"))
				b.write("acl", "topic readwrite mended\n")
				b.write("keys", "k "+strings.Repeat("QUFB", 11)+"\n")
				b.write("revoked", "# none\n")
				b.reload()
				b.unchanged()
				b.refused(b.as(mqttwire.V50, "ca", "alice", "another secret"), connack.BadUserNameOrPassword)
				b.join(b.as(mqttwire.V50, "ca", "alice", "yet another")).publish("mended", "3")
				b.refused(b.as(mqttwire.V50, "t", tokenUser, "RW|"+good), connack.BadUserNameOrPassword)
			})
		})
	}
}

// A file that is gone, or cannot be read, is an error that names it, and changes
// nothing. No broker starts without a file that was named.
func TestReloadGone(t *testing.T) {
	for _, file := range []string{"users", "acl", "keys", "revoked"} {
		for _, unreadable := range []bool{false, true} {
			t.Run(fmt.Sprint(file, unreadable), func(t *testing.T) {
				simulate(t, content{users: people, acl: rules, tokens: true}, func(b *bench) {
					bad := b.token(tokenauth.Write, time.Hour, "#")
					b.write("revoked", b.revocation(bad))
					b.reload()
					b.remove(file)
					if unreadable { // a directory cannot be read, not by root either
						if err := os.Mkdir(b.path(file), 0o700); err != nil {
							b.t.Fatal(err)
						}
					}
					for range 2 {
						changed, err := b.gate.Reload()
						if changed || err == nil || errors.Is(err, fs.ErrNotExist) == unreadable || !strings.Contains(err.Error(), b.path(file)) {
							b.t.Errorf("Reload: %v, %v", changed, err)
						}
					}
					if _, err := Open(b.gate.files); err == nil || !strings.Contains(err.Error(), b.path(file)) {
						b.t.Errorf("Open: %v", err)
					}
					b.server.Recheck()
					b.alice(mqttwire.V311).publish("home/alice/x", "1")
					b.joinToken(mqttwire.V311, "t", "W|"+b.token(tokenauth.Write, time.Hour, "home/#")).publish("home/x", "2")
					b.refused(b.as(mqttwire.V311, "t", tokenUser, "W|"+bad), connack.NotAuthorized)
				})
			})
		}
	}
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
