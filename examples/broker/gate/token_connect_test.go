package gate

import (
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

const (
	reads      = tokenauth.Read
	writes     = tokenauth.Write
	readsWrite = tokenauth.ReadWrite
)

// changed is a token with another signature.
func (b *bench) changed(token string) string {
	last := "AAAA"
	if strings.HasSuffix(token, last) {
		last = "BBBB"
	}
	return b.secret(token[:len(token)-4] + last)
}

// but is a token of claims that are changed a little.
func (b *bench) but(c hmactoken.Claims, change func(c *hmactoken.Claims)) string {
	b.t.Helper()
	change(&c)
	return b.sign(c)
}

func TestTokenConnect(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		r, w, rw := b.token(reads, time.Hour, "a/#"), b.token(writes, time.Hour, "a/#"), b.token(readsWrite, time.Hour, "a/#")
		for _, password := range []string{"R|" + r, "W|" + w, "RW|" + rw, "R|" + r + "|W|" + w, "W|" + w + "|RW|" + rw + "|R|" + r} {
			b.joinToken(v, "c", password).expectNothing()
		}
		const bad, denied = connack.BadUserNameOrPassword, connack.NotAuthorized
		all := claims(readsWrite, time.Hour, "a/#")
		for _, x := range []struct {
			name, user, password string
			want                 connack.Code
		}{
			{"no password", tokenUser, "", bad},
			{"no type", tokenUser, rw, bad},
			{"another type of types", tokenUser, "rw|" + rw, bad},
			{"an empty token", tokenUser, "RW|", bad},
			{"the same type twice", tokenUser, "RW|" + rw + "|RW|" + rw, bad},
			{"no token", tokenUser, "RW|nonsense", bad},
			{"a token and nonsense", tokenUser, "RW|" + rw + "|R|nonsense", bad},
			{"too many", tokenUser, "RW|" + rw + "|", bad},
			{"no instance", "Token|acme", "RW|" + rw, bad},
			{"nobody", "Token||post-1", "RW|" + rw, bad},
			{"one too many", tokenUser + "|x", "RW|" + rw, bad},
			{"changed", tokenUser, "RW|" + b.changed(rw), bad},
			{"longer", tokenUser, "RW|" + rw + "A", bad},
			{"another key", tokenUser, "RW|" + strings.Replace(rw, "T1.k.", "T1.l.", 1), bad},
			{"of tomorrow", tokenUser, "RW|" + b.but(all, func(c *hmactoken.Claims) {
				c.Issued, c.Expires = c.Issued.Add(24*time.Hour), c.Issued.Add(48*time.Hour)
			}), bad},
			{"another type", tokenUser, "R|" + rw, denied},
			{"one of two", tokenUser, "R|" + r + "|W|" + r, denied},
			{"another account", "Token|other|post-1", "RW|" + rw, denied},
			{"another instance", "Token|acme|post-2", "RW|" + rw, denied},
			{"expired", tokenUser, "RW|" + b.but(all, func(c *hmactoken.Claims) {
				c.Issued, c.Expires = c.Issued.Add(-time.Hour), c.Issued
			}), denied},
		} {
			before := b.t.Failed()
			if b.refused(b.as(v, "c", x.user, x.password), x.want); b.t.Failed() && !before {
				b.t.Error("that was:", x.name)
			}
		}
	})
}

// In 5.0 the CONNACK says why, and so does the log in all versions.
func TestTokenRefusalInWords(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		p := b.pipe(v)
		p.send(b.as(v, "c", tokenUser, "R|"+b.token(writes, time.Hour, "a")))
		ack := &codec.Connack{Code: 5}
		if p.is5() {
			ack = &codec.Connack{Code: connack.NotAuthorized, Properties: codec.AppendReasonString(codec.Properties{}, tokenauth.PermissionMismatch.Error())}
		}
		p.expect(ack)
		p.expectClosed()
		p = b.pipe(v)
		p.send(b.as(v, "c", tokenUser, "nonsense of a password"))
		p.receive()
		p.expectClosed()
		for _, why := range []string{tokenauth.PermissionMismatch.Error(), tokenauth.ErrPassword.Error()} {
			if !strings.Contains(b.log.String(), why) {
				b.t.Errorf("%q is not in the log:\n%s", why, b.log.String())
			}
		}
	})
}

// A will is a PUBLISH, for which there must be a token.
func TestTokenWill(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		watcher := b.joinToken(v, "w", "R|"+b.token(reads, time.Hour, "#"))
		watcher.subscribe("#", 0)
		r, w := "R|"+b.token(reads, time.Hour, "a/#"), "W|"+b.token(writes, time.Hour, "a/#")
		with := func(topic, password string) *codec.Connect {
			c := b.as(v, "c", tokenUser, password)
			c.WillFlag, c.Will = true, codec.Will{Topic: []byte(topic), Payload: []byte("gone")}
			return c
		}
		b.refused(with("b/x", w), connack.NotAuthorized)
		b.refused(with("a/x", r), connack.NotAuthorized)
		for _, topic := range []string{tokenauth.TopicUpdate, tokenauth.TopicExpireNotice, tokenauth.TopicInvalidNotice} {
			b.refused(with(topic, "W|"+b.token(writes, time.Hour, "#", "$SYS/#")), connack.NotAuthorized)
		}
		b.join(with("a/x", w)).conn.Close()
		watcher.expect(publication("a/x", "gone"))
		watcher.expectNothing()
	})
}

// Users and tokens may have one broker: the user name tells which it is.
func TestTokensAndUsers(t *testing.T) {
	simulateEach(t, content{users: people, acl: rules, tokens: true}, func(b *bench, v mqttwire.Version) {
		root := b.root(v)
		b.alice(v).publish("home/alice/x", "1")
		root.expect(publication("home/alice/x", "1"))
		p := b.joinToken(v, "t", "W|"+b.token(writes, time.Hour, "elsewhere")) // no rule is asked
		p.publish("elsewhere", "2")
		root.expect(publication("elsewhere", "2"))
		b.refused(b.as(v, "c", "alice", "RW|"+b.token(readsWrite, time.Hour, "#")), connack.BadUserNameOrPassword)
		b.refused(b.as(v, "c", "", ""), connack.NotAuthorized)

		// Being let in without a name is nothing for who gives a wrong one.
		b.gate.Anonymous = true
		b.refused(b.as(v, "c", tokenUser, "RW|nonsense"), connack.BadUserNameOrPassword)
		b.join(b.as(v, "c", "", ""))
	})
}
