package gate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

// upload is the payload that replaces a token.
func upload(typ tokenauth.Type, token string) string {
	return fmt.Sprintf(`{"token":%q,"type":%q}`, token, typ)
}

// update replaces a token, and is told so.
func (p *peer) update(typ tokenauth.Type, token string) {
	p.t.Helper()
	p.send(publicationAt(tokenauth.TopicUpdate, upload(typ, token), qos.AtLeastOnce, 31))
	p.expect(&codec.Puback{ID: 31})
}

// From the PUBACK on the new token counts, and the old one no more: neither
// what it allowed nor when it ends.
func TestTokenUpdate(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		b.gate.Ahead = -1 // no notices
		spy := b.spy(v)
		p := b.joinToken(v, "p", "RW|"+b.token(readsWrite, time.Minute, "old/#"))
		p.subscribe("old/#", qos.AtLeastOnce)
		p.send(publication("old/x", "1"))
		spy.expect(publication("old/x", "1"))
		p.expect(publication("old/x", "1"))
		time.Sleep(30 * time.Second)
		p.update(readsWrite, b.token(readsWrite, time.Hour, "new/#"))
		p.expectNothing()
		time.Sleep(time.Minute) // the old one is over
		p.subscribe("new/#", qos.AtLeastOnce)
		p.send(publication("new/x", "2"))
		spy.expect(publication("new/x", "2"))
		p.expect(publication("new/x", "2"))
		p.expectDenied(tokenauth.ResourceMismatch, readsWrite, "old/#")
		spy.send(publication("old/x", "3")) // the subscription is there still
		spy.expect(publication("old/x", "3"))
		p.expectNothing()
		p.send(at("old/x", "refused", qos.AtLeastOnce))
		p.expectRefusal(qos.AtLeastOnce, 21, tokenauth.ResourceMismatch, readsWrite)
		spy.expectUndisturbed()
	})
}

// A client may have two tokens and replace one of them, however it writes the
// update.
func TestTokenUpdateOfTwo(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		b.gate.Ahead = -1
		start := time.Now()
		p := b.joinToken(v, "p", "R|"+b.token(reads, time.Hour, "a/#")+"|W|"+b.token(writes, 2*time.Hour, "a/#"))
		time.Sleep(time.Minute)
		token := b.token(reads, 3*time.Hour, "b/#")
		p.send(publicationAt(tokenauth.TopicUpdate, " {\n\"TYPE\" : \"R\", \"Token\":\"\\u0054"+token[1:]+"\", \"more\":[1]}", qos.AtLeastOnce, 1))
		p.expect(&codec.Puback{ID: 1})
		p.subscribe("b/#", qos.AtMostOnce)
		p.publish("a/x", "1")
		p.expectOut(tokenauth.Expired, writes)
		if got := time.Since(start); got != 2*time.Hour {
			b.t.Errorf("it ends after %v", got)
		}
	})
}

// Clients upload at any QoS: the token is in force for what comes after in the
// stream, and the acknowledgement is that of the QoS.
func TestTokenUpdateAtAnyQoS(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		p := b.joinToken(v, "p", "W|"+b.token(writes, time.Hour, "old"))
		for level, filter := range []string{"a", "b", "c"} {
			p.send(at(tokenauth.TopicUpdate, upload(writes, b.token(writes, time.Hour, filter)), qos.Level(level)), at(filter, "1", qos.AtMostOnce))
			id := at("", "", qos.Level(level)).ID
			switch qos.Level(level) {
			case qos.AtLeastOnce:
				p.expect(&codec.Puback{ID: id})
			case qos.ExactlyOnce:
				p.expect(&codec.Pubrec{ID: id})
				p.send(&codec.Pubrel{ID: id})
				p.expect(&codec.Pubcomp{ID: id})
			}
			p.publish(filter, "2")
		}
	})
}

// The same token, or one that was issued before the one in force, is no offence.
func TestTokenUpdateWithOlder(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		older := b.token(writes, time.Hour, "a")
		time.Sleep(2 * time.Second)
		token := b.token(writes, time.Hour, "a")
		p := b.joinToken(v, "p", "W|"+token)
		p.update(writes, token)
		p.update(writes, older)
		p.update(writes, token)
		p.publish("a", "1")
	})
}

// An update that is refused is acknowledged, so that nobody sends it again, then
// the client is told what is wrong, and turned out. Nobody else hears of it.
func TestTokenUpdateRefused(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		spy := b.spy(v)
		other := b.joinToken(v, "other", "RW|"+b.token(readsWrite, 2*time.Hour, "#"))
		all := claims(readsWrite, time.Hour, "a/#")
		now := b.sign(all)
		time.Sleep(time.Millisecond)
		next := b.token(readsWrite, time.Hour, "a/#")
		good := upload(readsWrite, next)
		for _, x := range []struct {
			name, payload string
			level         qos.Level
			code          tokenauth.Code
			typ           tokenauth.Type
		}{
			{"QoS 0", "", qos.AtMostOnce, tokenauth.Forged, readsWrite},
			{"QoS 2", "", qos.ExactlyOnce, tokenauth.Forged, readsWrite},
			{"nothing", "", qos.AtLeastOnce, tokenauth.Forged, readsWrite},
			{"no JSON", "[[[[{{{{", qos.AtLeastOnce, tokenauth.Forged, readsWrite},
			{"JSON of another kind", `["token","type"]`, qos.AtLeastOnce, tokenauth.Forged, readsWrite},
			{"JSON within JSON", strings.Repeat(`{"token":`, 2000) + strings.Repeat("}", 2000), qos.AtLeastOnce, tokenauth.Forged, readsWrite},
			{"bytes", "\x00\xff\xfe" + good, qos.AtLeastOnce, tokenauth.Forged, readsWrite},
			{"something after it", good + "x", qos.AtLeastOnce, tokenauth.Forged, readsWrite},
			{"cut", good[:len(good)-1], qos.AtLeastOnce, tokenauth.Forged, readsWrite},
			{"twice", `{"type":"RW","token":"` + next + `","TYPE":"RW"}`, qos.AtLeastOnce, tokenauth.Forged, readsWrite},
			{"no type", `{"token":"` + next + `"}`, qos.AtLeastOnce, tokenauth.Forged, readsWrite},
			{"too large", good + strings.Repeat(" ", tokenauth.MaxPayload), qos.AtLeastOnce, tokenauth.Forged, readsWrite},
			{"nonsense", upload(readsWrite, "nonsense"), qos.AtLeastOnce, tokenauth.Forged, readsWrite},
			{"another key", upload(readsWrite, strings.Replace(next, "T1.k.", "T1.l.", 1)), qos.AtLeastOnce, tokenauth.Forged, readsWrite},
			{"changed", upload(readsWrite, b.changed(next)), qos.AtLeastOnce, tokenauth.SignatureInvalid, readsWrite},
			{"another type", upload(reads, b.token(reads, time.Hour, "a/#")), qos.AtLeastOnce, tokenauth.PermissionMismatch, reads},
			{"of another type", upload(readsWrite, b.token(reads, time.Hour, "a/#")), qos.AtLeastOnce, tokenauth.PermissionMismatch, readsWrite},
			{"another account", upload(readsWrite, b.but(all, func(c *hmactoken.Claims) { c.AccessKeyID = "other" })), qos.AtLeastOnce, tokenauth.AccountInvalid, readsWrite},
			{"another instance", upload(readsWrite, b.but(all, func(c *hmactoken.Claims) { c.InstanceID = "post-2" })), qos.AtLeastOnce, tokenauth.ResourceMismatch, readsWrite},
			{"expired", upload(readsWrite, b.but(all, func(c *hmactoken.Claims) { c.Expires = c.Issued.Add(time.Millisecond) })), qos.AtLeastOnce, tokenauth.Expired, readsWrite},
		} {
			p := b.joinToken(v, "p", "RW|"+now)
			p.subscribe("a/#", qos.AtLeastOnce)
			m := at(tokenauth.TopicUpdate, x.payload, x.level)
			m.Retain = x.level == qos.AtLeastOnce
			p.send(m)
			p.expectAcknowledged(x.level, 21, mqttwire.NotAuthorized)
			notice := tokenauth.Notice{Code: x.code, Type: x.typ}
			payload, err := notice.Append(nil)
			if err != nil {
				b.t.Fatal(err)
			}
			if got, ok := p.receive().(*codec.Publish); !ok || string(got.Topic) != tokenauth.TopicInvalidNotice || string(got.Payload) != string(payload) {
				b.t.Errorf("%s: got %v, want %s", x.name, got, payload)
			}
			if p.is5() {
				p.expect(&codec.Disconnect{Code: mqttwire.NotAuthorized, Properties: codec.AppendReasonString(codec.Properties{}, x.code.Error())})
			}
			p.expectClosed()
			spy.expectUndisturbed()
			other.expectNothing()
		}
		spy.subscribe("$SYS/#", qos.AtMostOnce) // nothing was retained
		spy.expectNothing()
		other.subscribe("a/#", qos.AtLeastOnce)
		other.publish("b", "1")
		spy.expect(publication("b", "1"))
	})
}

// After a refused update the client may come back with the token it had.
func TestTokenUpdateRefusedKeepsOld(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		password := "W|" + b.token(writes, time.Hour, "a")
		p := b.joinToken(v, "p", password)
		p.send(publicationAt(tokenauth.TopicUpdate, "{}", qos.AtLeastOnce, 1))
		p.expectAcknowledged(qos.AtLeastOnce, 1, mqttwire.NotAuthorized)
		p.expectOut(tokenauth.Forged, writes)
		b.joinToken(v, "p", password).publish("a", "1")
	})
}
