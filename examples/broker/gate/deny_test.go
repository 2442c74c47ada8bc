package gate

import (
	"fmt"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/tokenauth"
)

// What becomes of who may not do what it asks for: whether it stays, by what the
// setting says, for clients with tokens and without.
func TestDeny(t *testing.T) {
	for _, deny := range []Deny{DenyByDefault, DenyAcknowledge, DenyClose} {
		for _, v := range versions {
			t.Run(fmt.Sprint(deny, " ", v), func(t *testing.T) {
				simulate(t, content{users: people, acl: rules, tokens: true}, func(b *bench) {
					b.gate.Deny = deny
					b.deny(v, func(said bool) bool { return deny == DenyAcknowledge || deny == DenyByDefault && said }, true)
					b.deny(v, func(bool) bool { return deny != DenyClose }, false)
				})
			})
		}
	}
}

// deny has everything denied to a client, with tokens or without. stays says
// whether it stays then, where an acknowledgement has said it, or has not.
func (b *bench) deny(v mqttwire.Version, stays func(said bool) bool, tokens bool) {
	b.t.Helper()
	join := func() *peer {
		if tokens {
			return b.joinToken(v, "p", "R|"+b.token(reads, time.Hour, "a"))
		}
		return b.bob(v)
	}
	answered := func(p *peer, code tokenauth.Code, said bool) {
		b.t.Helper()
		if tokens {
			p.expectNotice(tokenauth.Notice{Code: code, Type: reads})
		}
		if stays(said) {
			p.expectNothing()
			return
		}
		if p.is5() {
			if d, ok := p.receive().(*codec.Disconnect); !ok || d.Code != mqttwire.NotAuthorized {
				b.t.Errorf("no DISCONNECT, or of another code: %v", d)
			}
		}
		p.expectClosed()
	}
	for _, level := range levels {
		p := join()
		said := p.is5() && level > qos.AtMostOnce
		p.send(at("elsewhere", "refused", level))
		if level == qos.ExactlyOnce && !p.is5() && stays(said) { // the notice need not wait
			p.expect(&codec.Pubrec{ID: 21})
			answered(p, tokenauth.PermissionMismatch, said)
			p.send(&codec.Pubrel{ID: 21})
			p.expect(&codec.Pubcomp{ID: 21})
			continue
		}
		p.expectAcknowledged(level, 21, mqttwire.NotAuthorized)
		answered(p, tokenauth.PermissionMismatch, said)
	}
	if v != mqttwire.V31 { // TestSubscribeRefusedIn31
		p := join()
		p.expectRefused("elsewhere")
		answered(p, tokenauth.ResourceMismatch, true)
	}
}
