package gate

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/tokenauth"
)

// expectSoon receives the notice that a token expires at a time, and passes
// where it is that long ahead of it.
func (p *peer) expectSoon(typ tokenauth.Type, expires time.Time, ahead time.Duration) {
	p.t.Helper()
	p.expectNotice(tokenauth.Notice{Type: typ, ExpireTime: expires.UnixMilli()})
	if got := time.Until(expires); got != ahead {
		p.t.Errorf("the notice comes %v ahead, want %v", got, ahead)
	}
}

// expectExpiry is expectOut when a token expires, to the moment.
func (p *peer) expectExpiry(typ tokenauth.Type, expires time.Time) {
	p.t.Helper()
	p.expectOut(tokenauth.Expired, typ)
	if late := time.Since(expires); late != 0 {
		p.t.Errorf("turned out %v after the token expired", late)
	}
}

// A client is told that its token expires, whether it has subscribed or not,
// and when it has, is told why, and is turned out.
func TestTokenExpiry(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"as is usual": 0, "20 s": 20 * time.Second, "longer than it lasts": 2 * time.Hour, "never": -1} {
		t.Run(name, func(t *testing.T) {
			simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
				b.gate.Ahead = ahead
				other := b.joinToken(v, "other", "RW|"+b.token(readsWrite, 25*time.Hour, "#"))
				expires := time.Now().Add(time.Hour)
				password := "RW|" + b.token(readsWrite, time.Hour, "a/#")
				p := b.joinToken(v, "p", password)
				switch {
				case ahead == 0:
					p.expectSoon(readsWrite, expires, tokenauth.DefaultAhead)
				case ahead > time.Hour:
					p.expectSoon(readsWrite, expires, time.Hour)
				case ahead > 0:
					p.expectSoon(readsWrite, expires, ahead)
				}
				p.expectNothing()
				p.subscribe("a/#", qos.AtLeastOnce)
				other.publish("a/x", "1")
				p.expectMessage("a/x", "1")
				p.expectExpiry(readsWrite, expires)
				b.refused(b.as(v, "p", tokenUser, password), connack.NotAuthorized)
				other.publish("a/x", "2")
			})
		})
	}
}

// One who has subscribed to the notices gets them once, and so it is with a
// filter for all.
func TestTokenExpirySubscribed(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		spy := b.spy(v)
		expires := time.Now().Add(time.Hour)
		p := b.joinToken(v, "p", "RW|"+b.token(readsWrite, time.Hour, "#", "$SYS/#"))
		for _, filter := range []string{tokenauth.TopicExpireNotice, tokenauth.TopicInvalidNotice, "$SYS/#", "#"} {
			p.subscribe(filter, qos.AtLeastOnce)
		}
		p.expectSoon(readsWrite, expires, tokenauth.DefaultAhead)
		p.expectExpiry(readsWrite, expires)
		spy.expectUndisturbed()
	})
}

// Each token is announced; the first that expires ends the connection.
func TestTokenExpiryOfTwo(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		r, w := time.Now().Add(62*time.Minute), time.Now().Add(time.Hour)
		p := b.joinToken(v, "p", "R|"+b.token(reads, 62*time.Minute, "a")+"|W|"+b.token(writes, time.Hour, "a"))
		p.expectSoon(writes, w, 5*time.Minute)
		p.expectSoon(reads, r, 5*time.Minute)
		p.expectExpiry(writes, w)
	})
}

// An update before the notice moves the notice, and one after it brings another,
// for the new token.
func TestTokenExpiryAfterUpdate(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		p := b.joinToken(v, "p", "W|"+b.token(writes, time.Hour, "a"))
		time.Sleep(30 * time.Minute)
		second := time.Now().Add(time.Hour)
		p.update(writes, b.token(writes, time.Hour, "a"))
		p.expectSoon(writes, second, 5*time.Minute)
		third := time.Now().Add(time.Hour)
		p.update(writes, b.token(writes, time.Hour, "a"))
		p.expectSoon(writes, third, 5*time.Minute)
		last := time.Now().Add(time.Minute) // which is soon, too
		p.update(writes, b.token(writes, time.Minute, "a"))
		p.expectSoon(writes, last, time.Minute)
		p.expectExpiry(writes, last)
	})
}

// A token ends nothing but the connection that it was shown on.
func TestTokenExpiryTakenOver(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		b.gate.Ahead = -1
		first := b.join(kept(b.as(v, "p", tokenUser, "R|"+b.token(reads, time.Minute, "a/#"))))
		first.subscribe("a/#", qos.AtLeastOnce)
		go first.next() // it reads why it has to go
		expires := time.Now().Add(time.Hour)
		second := b.join(kept(b.as(v, "p", tokenUser, "R|"+b.token(reads, time.Hour, "a/#"))))
		time.Sleep(30 * time.Minute)
		from := b.joinToken(v, "from", "W|"+b.token(writes, time.Minute, "#"))
		from.publish("a/x", "1")
		second.expectMessage("a/x", "1")
		from.expectOut(tokenauth.Expired, writes)
		second.expectExpiry(reads, expires)
	})
}

// A session outlives the token. What waits in it is for who comes back with
// another one.
func TestTokenExpiryOfSession(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		b.gate.Ahead = -1
		old := "R|" + b.token(reads, time.Minute, "a/#")
		p := b.join(kept(b.as(v, "p", tokenUser, old)))
		p.subscribe("a/#", qos.AtLeastOnce)
		p.expectOut(tokenauth.Expired, reads)
		synctest.Wait()
		b.joinToken(v, "from", "W|"+b.token(writes, time.Hour, "#")).publish("a/x", "1")
		b.refused(kept(b.as(v, "p", tokenUser, old)), connack.NotAuthorized)
		p = b.join(kept(b.as(v, "p", tokenUser, "R|"+b.token(reads, time.Hour, "a/#"))))
		p.expectMessage("a/x", "1")
		p.expectNothing()
	})
}
