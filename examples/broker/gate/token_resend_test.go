package gate

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// What was sent and not acknowledged is judged by the token that its client
// comes back with before it is sent again, and is done where that does not
// allow it.
func TestTokenResend(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		hello := func(filter string) *codec.Connect {
			return kept(b.as(v, "c", tokenUser, "R|"+b.token(reads, time.Hour, filter)))
		}
		back := func(p *peer, filter string) *peer {
			p.conn.Close()
			synctest.Wait()
			return b.join(hello(filter))
		}
		p := b.join(hello("#"))
		p.subscribe("#", qos.ExactlyOnce)
		from := b.joinToken(v, "from", "W|"+b.token(writes, time.Hour, "#"))
		for _, m := range []*codec.Publish{at("a/1", "x", qos.AtLeastOnce), at("b/1", "x", qos.AtLeastOnce), at("a/2", "x", qos.ExactlyOnce), at("b/2", "x", qos.ExactlyOnce)} {
			from.send(m)
			from.receive()
			if m.QoS == qos.ExactlyOnce {
				from.send(&codec.Pubrel{ID: m.ID})
				from.expect(&codec.Pubcomp{ID: m.ID})
			}
			if got, ok := p.receive().(*codec.Publish); !ok || string(got.Topic) != string(m.Topic) || got.Dup {
				b.t.Fatalf("got %v, want %v", got, m)
			}
		}
		again := func(topic string) {
			b.t.Helper()
			if got, ok := p.receive().(*codec.Publish); !ok || string(got.Topic) != topic || !got.Dup {
				b.t.Errorf("got %v, want %s again", got, topic)
			}
		}
		// At QoS 2 the client may have the message, and holds its Packet
		// Identifier then: the PUBREL has it let go.
		given := func(id uint16) {
			b.t.Helper()
			if got, ok := p.receive().(*codec.Pubrel); !ok || got.ID != id {
				b.t.Errorf("got %v, want the PUBREL of %d", got, id)
			}
			p.send(&codec.Pubcomp{ID: id})
		}
		p = back(p, "b/#")
		again("b/1")
		given(3)
		again("b/2")
		p.expectNothing()
		p = back(p, "c/#")
		given(4)
		p.expectNothing()
		p = back(p, "#") // they are done: nothing comes of them any more
		p.expectNothing()
		from.publish("a/3", "x")
		p.expectMessage("a/3", "x")
	})
}
