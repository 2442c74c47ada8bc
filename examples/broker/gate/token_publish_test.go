package gate

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/tokenauth"
)

var levels = []qos.Level{qos.AtMostOnce, qos.AtLeastOnce, qos.ExactlyOnce}

// spy returns a client that has subscribed to all there is.
func (b *bench) spy(v mqttwire.Version) *peer {
	b.t.Helper()
	p := b.joinToken(v, "spy", "RW|"+b.token(readsWrite, 24*time.Hour, "#", "$SYS/#"))
	p.subscribe("#", qos.AtMostOnce)
	p.subscribe("$SYS/#", qos.AtMostOnce)
	return p
}

// expectUndisturbed passes where a spy has received nothing, and still can.
func (p *peer) expectUndisturbed() {
	p.t.Helper()
	p.expectNothing()
	m := publication("spy/checks", "still here")
	p.send(m)
	p.expect(m)
}

// expectRefusal receives what a PUBLISH is answered that is refused: the
// acknowledgement, at QoS 2 to the end of the handshake, so that nothing is left
// to send again, then the notice, and where no code has said it the end.
func (p *peer) expectRefusal(level qos.Level, id uint16, code tokenauth.Code, typ tokenauth.Type) (out bool) {
	p.t.Helper()
	if !p.is5() || level == qos.AtMostOnce {
		p.expectAcknowledged(level, id, mqttwire.Success)
		p.expectOut(code, typ)
		return true
	}
	p.expectAcknowledged(level, id, mqttwire.NotAuthorized)
	p.expectNotice(tokenauth.Notice{Code: code, Type: typ})
	p.expectNothing()
	return false
}

// expectAcknowledged receives an acknowledgement, with a code in 5.0, and goes
// through the rest of the handshake.
func (p *peer) expectAcknowledged(level qos.Level, id uint16, code mqttwire.Reason) {
	p.t.Helper()
	if !p.is5() {
		code = mqttwire.Success
	}
	switch level {
	case qos.AtLeastOnce:
		p.expect(&codec.Puback{ID: id, Code: code})
	case qos.ExactlyOnce:
		p.expect(&codec.Pubrec{ID: id, Code: code})
		if !code.IsError() {
			p.send(&codec.Pubrel{ID: id})
			p.expect(&codec.Pubcomp{ID: id})
		}
	}
}

// at returns a publication with an identifier where its level has one.
func at(topic, payload string, level qos.Level) *codec.Publish {
	if level == qos.AtMostOnce {
		return publication(topic, payload)
	}
	return publicationAt(topic, payload, level, 21)
}

func TestTokenPublishRefused(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		spy := b.spy(v)
		w := "W|" + b.token(writes, time.Hour, "a/+")
		r := "R|" + b.token(reads, time.Hour, "#")
		for _, x := range []struct {
			password, topic string
			code            tokenauth.Code
			typ             tokenauth.Type
		}{
			{w, "b/x", tokenauth.ResourceMismatch, writes},
			{w, "a", tokenauth.ResourceMismatch, writes},
			{w, "a/x/y", tokenauth.ResourceMismatch, writes},
			{r, "a/x", tokenauth.PermissionMismatch, reads},
			{"RW|" + b.token(readsWrite, time.Hour, "b") + "|" + r, "a/x", tokenauth.ResourceMismatch, readsWrite},
		} {
			for _, level := range levels {
				p := b.joinToken(v, "p", x.password)
				m := at(x.topic, "refused", level)
				m.Retain = level == qos.AtLeastOnce
				p.send(m)
				if !p.expectRefusal(level, 21, x.code, x.typ) {
					p.conn.Close()
				}
				spy.expectUndisturbed()
			}
		}
		spy.subscribe("+/+", qos.AtMostOnce) // nothing was retained
		spy.expectNothing()
	})
}

// What a client sends after what it is turned out for counts no more, and what
// would have been taken is not acknowledged.
func TestTokenPublishPipelined(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		spy := b.spy(v)
		p := b.joinToken(v, "p", "W|"+b.token(writes, time.Hour, "a"))
		p.send(publication("a", "before"), publication("b", "refused"), publication("a", "after"), publicationAt("a", "after", qos.AtLeastOnce, 1),
			publicationAt("b", "refused", qos.AtLeastOnce, 2))
		if p.is5() {
			p.expect(&codec.Puback{ID: 2, Code: mqttwire.NotAuthorized})
		} else {
			p.expect(&codec.Puback{ID: 2})
		}
		p.expectOut(tokenauth.ResourceMismatch, writes)
		spy.expect(publication("a", "before"))
		spy.expectUndisturbed()
	})
}

// A client that has everything acknowledged that it sends has nothing to send
// again when it is back: the old way, it came back for ever.
func TestTokenPublishEndsOnce(t *testing.T) {
	for _, v := range []mqttwire.Version{mqttwire.V31, mqttwire.V311} {
		for _, level := range levels[1:] {
			t.Run(fmt.Sprint(v, " ", level), func(t *testing.T) {
				simulate(t, content{tokens: true}, func(b *bench) {
					spy := b.spy(v)
					unanswered := map[uint16]*codec.Publish{}
					for id := range uint16(20) {
						unanswered[id+1] = publicationAt("b", "1", level, id+1)
					}
					connections := 0
					for len(unanswered) > 0 {
						if connections++; connections > 1 {
							b.t.Fatalf("%d are left to send again", len(unanswered))
						}
						p := b.join(kept(b.as(v, "p", tokenUser, "W|"+b.token(writes, time.Hour, "a"))))
						for _, m := range unanswered {
							p.send(m)
						}
						for end := false; !end; {
							switch x, err := p.next(); x := x.(type) {
							case *codec.Puback:
								delete(unanswered, x.ID)
							case *codec.Pubrec:
								p.send(&codec.Pubrel{ID: x.ID})
							case *codec.Pubcomp:
								delete(unanswered, x.ID)
							default:
								end = err != nil
							}
						}
					}
					spy.expectUndisturbed()
				})
			})
		}
	}
}

// Notices come from the server alone: those of clients are refused, and go to
// nobody.
func TestTokenNoticeOfClient(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		spy := b.spy(v)
		password := "RW|" + b.token(readsWrite, time.Hour, "#", "$SYS/#")
		for _, topic := range []string{tokenauth.TopicExpireNotice, tokenauth.TopicInvalidNotice} {
			spy.subscribe(topic, qos.AtMostOnce)
			for _, level := range levels {
				p := b.joinToken(v, "p", password)
				p.subscribe(topic, qos.AtMostOnce)
				m := at(topic, `{"code":2,"type":"RW"}`, level)
				m.Retain = true
				p.send(m)
				if !p.expectRefusal(level, 21, tokenauth.ResourceMismatch, readsWrite) {
					p.conn.Close()
				}
				spy.expectUndisturbed()
			}
			spy.subscribe(topic, qos.AtMostOnce) // nothing was retained
			spy.expectNothing()
		}
	})
}

// Notices are not for clients without tokens to publish, and no harm comes to
// them. An upload of theirs does nothing: it is acknowledged, so that it is not
// sent again, and as that alone would read as success, they are turned out.
func TestTokenTopicsOfUsers(t *testing.T) {
	simulateEach(t, content{users: people, acl: rules + "topic readwrite $SYS/#\n", tokens: true}, func(b *bench, v mqttwire.Version) {
		b.gate.Anonymous = true
		spy, root := b.spy(v), b.root(v)
		for _, topic := range []string{tokenauth.TopicExpireNotice, tokenauth.TopicInvalidNotice} {
			root.expectNoAccess(topic)
			spy.expectUndisturbed()
			root.expect(publication("spy/checks", "still here"))
		}
		for _, level := range levels {
			for _, p := range []*peer{b.bob(v), b.join(b.as(v, "nobody", "", ""))} {
				p.send(at(tokenauth.TopicUpdate, upload(writes, b.token(writes, time.Hour, "#")), level))
				p.expectAcknowledged(level, 21, mqttwire.NotAuthorized)
				p.expectOut(tokenauth.PermissionMismatch, writes)
				spy.expectUndisturbed()
				root.expect(publication("spy/checks", "still here"))
			}
		}
		p := b.join(b.as(v, "nobody", "", ""))
		p.send(at(tokenauth.TopicUpdate, "nonsense", qos.AtLeastOnce))
		p.expectAcknowledged(qos.AtLeastOnce, 21, mqttwire.NotAuthorized)
		if p.is5() {
			p.expect(&codec.Disconnect{Code: mqttwire.NotAuthorized, Properties: codec.AppendReasonString(codec.Properties{}, tokenauth.Forged.Error())})
		}
		p.expectClosed() // without a notice, which would have to name a type
	})
}

// Other topics that begin with $ are nobody's, whatever a token allows.
func TestTokenDollar(t *testing.T) {
	simulate(t, content{tokens: true}, func(b *bench) {
		spy := b.spy(mqttwire.V50)
		p := b.joinToken(mqttwire.V50, "p", "W|"+b.token(writes, time.Hour, "$SYS/#"))
		p.send(publicationAt("$SYS/broker/uptime", "long", qos.AtLeastOnce, 1))
		p.expect(&codec.Puback{ID: 1, Code: mqttwire.TopicNameInvalid})
		p.send(publication("$SYS/broker/uptime", "long"))
		p.expectNothing()
		spy.expectUndisturbed()
	})
}

// What waits for a client that is away is judged by the token that it comes
// back with, and so is what comes then.
func TestTokenQueued(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		hello := func(typ tokenauth.Type, filters ...string) *codec.Connect {
			return kept(b.as(v, "c", tokenUser, typ.String()+"|"+b.token(typ, time.Hour, filters...)))
		}
		p := b.join(hello(reads, "#"))
		p.subscribe("#", qos.AtLeastOnce)
		p.conn.Close()
		synctest.Wait()
		from := b.joinToken(v, "from", "W|"+b.token(writes, time.Hour, "#"))
		for _, topic := range []string{"a/1", "b/1", "a/2", "b/2", "a/3"} {
			from.publish(topic, "queued")
		}
		p = b.join(hello(reads, "b/#"))
		p.expectMessage("b/1", "queued")
		p.expectMessage("b/2", "queued")
		p.expectNothing()
		from.publish("a/4", "live")
		from.publish("b/4", "live")
		p.expectMessage("b/4", "live")
		p.expectNothing()
		p.conn.Close()
		synctest.Wait()
		p = b.join(hello(writes, "#")) // which lets nothing through
		from.publish("b/5", "live")
		p.expectNothing()
		p.conn.Close()
		synctest.Wait()
		p = b.join(hello(reads, "#")) // what was judged is not kept
		p.expectNothing()
		from.publish("a/6", "live")
		p.expectMessage("a/6", "live")
	})
}
