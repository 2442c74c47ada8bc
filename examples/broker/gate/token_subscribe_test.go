package gate

import (
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/tokenauth"
)

// A filter is granted where all that it can match is allowed. The client stays
// when one is not.
func TestTokenSubscribe(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		password := "R|" + b.token(reads, time.Hour, "a/+", "b/#", "$SYS/broker/#") + "|W|" + b.token(writes, time.Hour, "c/#")
		p := b.joinToken(v, "p", password)
		p.expectDenied(tokenauth.ResourceMismatch, reads, "a/#", "a", "+/+", "#", "c/#", "c/x", "$SYS/#", "$SYS/other", tokenauth.TopicUpdate)
		from := b.joinToken(v, "from", "W|"+b.token(writes, time.Hour, "#"))
		for _, topic := range []string{"a/x", "b", "c/x"} {
			from.publish(topic, "unseen")
		}
		p.expectNothing()
		for _, filter := range []string{"a/+", "a/x", "b/#", "b/+/c", "$SYS/broker/uptime"} {
			p.subscribe(filter, qos.AtLeastOnce)
		}
		from.publish("a/x", "seen") // which two filters match
		p.expectMessage("a/x", "seen")
		from.publish("b/x/c", "seen")
		p.expectMessage("b/x/c", "seen")
		from.publish("c/x", "unseen")
		p.expectNothing()

		p = b.joinToken(v, "q", "W|"+b.token(writes, time.Hour, "#"))
		p.expectDenied(tokenauth.PermissionMismatch, writes, "a/x", "#")
		for _, topic := range []string{tokenauth.TopicExpireNotice, tokenauth.TopicInvalidNotice} { // which need no token
			p.subscribe(topic, qos.AtLeastOnce)
		}
	})
}

// A Shared Subscription is judged by its inner filter in every version, as the
// broker shares in every version.
func TestTokenSubscribeShared(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		p := b.joinToken(v, "p", "R|"+b.token(reads, time.Hour, "a/#"))
		p.expectDenied(tokenauth.ResourceMismatch, reads, "$share/g/b/x", "$share/g/#", "$share/a/#", "$share/a/b/c", "$share/g/+/x")
		p.subscribe("$share/g/a/+", qos.AtLeastOnce)
		from := b.joinToken(v, "from", "W|"+b.token(writes, time.Hour, "#"))
		for _, topic := range []string{"b/x", "b/c", "a/1", "a/2"} {
			from.publish(topic, "1")
		}
		p.expectMessage("a/1", "1")
		p.expectMessage("a/2", "1")
		p.expectNothing()
	})
}

// The SUBACK of 3.1 has no code for a refusal, and any would be read as granted:
// there is none, whoever refuses, and the connection ends.
func TestSubscribeRefusedIn31(t *testing.T) {
	for _, deny := range []Deny{DenyByDefault, DenyAcknowledge, DenyClose} {
		simulate(t, content{users: people, acl: rules, tokens: true}, func(b *bench) {
			b.gate.Deny = deny
			p := b.joinToken(mqttwire.V31, "p", "R|"+b.token(reads, time.Hour, "a"))
			p.subscribe("a", qos.AtMostOnce)
			p.send(subscribeTo("b"))
			p.expectOut(tokenauth.ResourceMismatch, reads)
			bob := b.bob(mqttwire.V31)
			bob.subscribe("public/x", qos.AtMostOnce)
			bob.send(subscribeTo("public/x", "elsewhere"))
			bob.expectClosed()
		})
	}
}

func subscribeTo(filters ...string) *codec.Subscribe {
	list := codec.Subscriptions{}
	for _, filter := range filters {
		list = list.Append(codec.Subscription{Filter: []byte(filter), Options: 1})
	}
	return &codec.Subscribe{ID: 8, Subscriptions: list}
}
