package gate

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

const lateness = 10 * time.Second

// The older flow: CONNECT without a user name, then the uploads, then the rest.
func TestTokenLate(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		b.gate.Late, b.gate.Ahead = lateness, -1
		spy := b.spy(v)
		p := b.join(b.as(v, "p", "", ""))
		p.update(reads, b.token(reads, time.Hour, "a/#"))
		p.subscribe("a/#", qos.AtLeastOnce)
		p.expectDenied(tokenauth.ResourceMismatch, reads, "b")
		spy.send(publication("a/1", "1"))
		spy.expect(publication("a/1", "1"))
		p.expect(publication("a/1", "1"))
		p.update(writes, b.token(writes, 2*time.Hour, "a/#"))
		p.send(publication("a/2", "2"))
		spy.expect(publication("a/2", "2"))
		p.expect(publication("a/2", "2"))
		time.Sleep(2 * lateness)
		p.expectNothing()
		if log := b.log.String(); !strings.Contains(log, "user=Token|acme|post-1") || !strings.Contains(log, "tokens=[k.") {
			b.t.Errorf("the log does not say who it is:\n%s", log)
		}
		p.expectOut(tokenauth.Expired, reads) // as any other token
	})
}

// Who has a token uploads one of another type, too.
func TestTokenLateType(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		b.gate.Late = lateness
		spy := b.spy(v)
		p := b.joinToken(v, "p", "R|"+b.token(reads, time.Hour, "a"))
		p.update(writes, b.token(writes, time.Hour, "a"))
		p.send(publication("a", "1"))
		spy.expect(publication("a", "1"))
		other := claims(readsWrite, time.Hour, "a")
		p.send(at(tokenauth.TopicUpdate, upload(readsWrite, b.but(other, func(c *hmactoken.Claims) { c.AccessKeyID = "other" })), 0))
		p.expectOut(tokenauth.AccountInvalid, readsWrite)
	})
}

// Nothing is allowed before the upload, and nobody waits for ever.
func TestTokenLateNothing(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		b.gate.Late = lateness
		spy := b.spy(v)
		ends := func(p *peer, text string) {
			b.t.Helper()
			if p.is5() {
				p.expect(&codec.Disconnect{Code: mqttwire.NotAuthorized, Properties: codec.AppendReasonString(codec.Properties{}, text)})
			}
			p.expectClosed()
		}
		start := time.Now()
		p := b.join(b.as(v, "p", "", ""))
		time.Sleep(lateness - time.Millisecond)
		p.expectNothing()
		ends(p, "no token came in time")
		// The Connect Timeout is due at the same moment, and has the server look for
		// 20 ms at what a pipe may have.
		if got := time.Since(start); got < lateness || got > lateness+20*time.Millisecond {
			b.t.Errorf("turned out after %v", got)
		}
		for _, level := range levels {
			p := b.join(b.as(v, "p", "", ""))
			p.send(at("a", "refused", level))
			p.expectAcknowledged(level, 21, mqttwire.NotAuthorized)
			if p.is5() && level > 0 {
				p.expectNothing() // it has been told, and has no token that a notice could name
			} else {
				ends(p, tokenauth.PermissionMismatch.Error())
			}
			spy.expectUndisturbed()
		}
		if v != mqttwire.V31 {
			p = b.join(b.as(v, "p", "", ""))
			p.expectRefused("a", "#", tokenauth.TopicExpireNotice)
			p.expectNothing()
		}
		p = b.join(b.as(v, "p", "", ""))
		p.send(at(tokenauth.TopicUpdate, upload(reads, b.changed(b.token(reads, time.Hour, "a"))), qos.ExactlyOnce))
		p.expectAcknowledged(qos.ExactlyOnce, 21, mqttwire.NotAuthorized)
		p.expectOut(tokenauth.SignatureInvalid, reads)

		will := b.as(v, "p", "", "")
		will.WillFlag, will.Will = true, codec.Will{Topic: []byte("a")}
		b.refused(will, connack.NotAuthorized)
		b.gate.Late = 0
		b.refused(b.as(v, "p", "", ""), connack.NotAuthorized)
		b.gate.Instance, b.gate.Late = "post-2", lateness
		p = b.join(b.as(v, "p", "", ""))
		p.send(at(tokenauth.TopicUpdate, upload(reads, b.token(reads, time.Hour, "a")), 0))
		p.expectOut(tokenauth.ResourceMismatch, reads)
	})
}

// What waits for a client in its session waits for the upload too.
func TestTokenLateQueued(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		b.gate.Late, b.gate.Ahead = lateness, -1
		hello := kept(b.as(v, "p", "", ""))
		token := b.token(reads, time.Hour, "#")
		p := b.join(hello)
		p.update(reads, token)
		p.subscribe("#", qos.AtLeastOnce)
		from := b.joinToken(v, "from", "W|"+b.token(writes, time.Hour, "#"))
		from.publish("a", "in flight")
		if m, ok := p.receive().(*codec.Publish); !ok || string(m.Payload) != "in flight" {
			b.t.Fatal(m)
		}
		p.conn.Close()
		synctest.Wait()
		from.publish("a", "away")
		p = b.join(hello)
		from.publish("a", "waiting")
		from.send(publication("a", "lost, as to one who is away"))
		from.expectNothing()
		p.expectNothing()
		p.update(reads, token)
		m, ok := p.receive().(*codec.Publish)
		if !ok || string(m.Payload) != "in flight" || !m.Dup {
			b.t.Fatal(m)
		}
		p.send(&codec.Puback{ID: m.ID})
		p.expectMessage("a", "away")
		p.expectMessage("a", "waiting")
		p.expectNothing()
	})
}

// Where who has no name is let in anyway it has the rights of that, as long as it
// likes, and those of its tokens from the upload on.
func TestTokenLateAnonymous(t *testing.T) {
	simulateEach(t, content{users: people, acl: rules, tokens: true}, func(b *bench, v mqttwire.Version) {
		b.gate.Late, b.gate.Anonymous, b.gate.Ahead = lateness, true, -1
		root := b.root(v)
		hello := b.as(v, "cx", "", "")
		hello.WillFlag, hello.Will = true, codec.Will{Topic: []byte("client/cx"), Payload: []byte("gone")}
		p := b.join(hello)
		time.Sleep(2 * lateness)
		p.publish("client/cx", "1")
		root.expect(publication("client/cx", "1"))
		p.expectNoAccess("public/x")
		p.subscribe("public/#", qos.AtLeastOnce)
		p.expectRefused("other")

		p.update(readsWrite, b.token(readsWrite, time.Hour, "other"))
		p.publish("other", "2")
		root.expect(publication("other", "2"))
		root.send(publication("public/x", "3"))
		root.expect(publication("public/x", "3"))
		p.expectNothing()
		p.expectDenied(tokenauth.ResourceMismatch, readsWrite, "public/#")
		p.send(at("client/cx", "refused", qos.AtLeastOnce))
		p.expectRefusal(qos.AtLeastOnce, 21, tokenauth.ResourceMismatch, readsWrite)

		will := b.as(v, "cx", "", "")
		will.WillFlag, will.Will = true, codec.Will{Topic: []byte("public/x")}
		b.refused(will, connack.NotAuthorized)
	})
}
