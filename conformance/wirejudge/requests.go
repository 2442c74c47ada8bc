package wirejudge

import (
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// A request is a SUBSCRIBE or UNSUBSCRIBE that is not answered.
type request struct {
	kind    mqttwire.PacketType
	filters []asked
	count   int // of filters, of which filters may have less
	at      time.Duration
	told    bool
}

type asked struct {
	filter string
	qos    uint8
	sub    *subscription
}

// request judges a SUBSCRIBE or UNSUBSCRIBE.
func (c *Conn) request(p *Packet) {
	if p.kind == mqttwire.SUBSCRIBE {
		c.available(p)
	}
	if !p.hasID || c.session == nil {
		return
	}
	const by = mqttwire.Client
	if old := c.requests[p.id]; old != nil {
		c.found(IDInUse, by, fmt.Sprintf("%s %d, while %s %d is not answered", p.kind, p.id, old.kind, p.id))
	} else if c.session.flow[by].exchanges[p.id] != nil {
		c.found(IDInUse, by, fmt.Sprintf("%s %d, while PUBLISH %d is in flight", p.kind, p.id, p.id))
	}
	r := &request{kind: p.kind, count: p.filters, at: c.now}
	id, hasID := p.property(codec.SubscriptionIdentifier)
	for f := range eachFilter(p.In) {
		if len(r.filters) >= c.j.Limits.subscriptions() {
			break
		}
		a := asked{filter: string(f.text), qos: f.qos}
		if p.kind == mqttwire.SUBSCRIBE {
			a.sub = c.subscribing(f, id, hasID)
		}
		r.filters = append(r.filters, a)
	}
	if c.requests == nil {
		c.requests = map[uint16]*request{}
	}
	if len(c.requests) < 4096 || c.requests[p.id] != nil {
		c.requests[p.id] = r
	}
}

// available judges a SUBSCRIBE by what the server has said it lacks.
func (c *Conn) available(p *Packet) {
	const by = mqttwire.Client
	if c.version != mqttwire.V50 {
		return
	}
	if _, has := p.property(codec.SubscriptionIdentifier); has && !c.can.subscriptionID {
		c.limit(SubscriptionIDNotSupported, by, "SUBSCRIBE with a Subscription Identifier, which the server does not support")
	}
	for f := range eachFilter(p.In) {
		_, inner, shared := topicmatch.SplitShared(f.text)
		if shared && !c.can.shared {
			c.limit(SharedNotSupported, by, "SUBSCRIBE to a shared subscription, which the server does not support")
		}
		if !shared {
			inner = f.text
		}
		for _, b := range inner {
			if (b == '#' || b == '+') && !c.can.wildcard {
				c.limit(WildcardNotSupported, by, "SUBSCRIBE with a wildcard, which the server does not support")
				break
			}
		}
	}
}

// answer judges a SUBACK or UNSUBACK.
func (c *Conn) answer(p *Packet) {
	const by = mqttwire.Server
	want := mqttwire.SUBSCRIBE
	if p.kind == mqttwire.UNSUBACK {
		want = mqttwire.UNSUBSCRIBE
	}
	r := c.requests[p.id]
	if r == nil || r.kind != want || !p.hasID {
		if len(c.requests) < 4096 {
			c.found(AnswerToNothing, by, fmt.Sprintf("%s %d, and there is no such %s", p.kind, p.id, want))
		}
		return
	}
	delete(c.requests, p.id)
	if p.kind == mqttwire.UNSUBACK && c.version != mqttwire.V50 {
		c.unsubscribed(r)
		return
	}
	if p.codes != r.count && p.whole {
		c.found(CodeCount, by, fmt.Sprintf("%s %d with %d codes, its %s had %d filters", p.kind, p.id, p.codes, want, r.count))
	}
	if p.kind == mqttwire.UNSUBACK {
		c.unsubscribed(r)
		return
	}
	i := 0
	for code := range eachCode(p.In) {
		if i >= len(r.filters) {
			break
		}
		a := r.filters[i]
		i++
		if code <= 2 && code > a.qos {
			c.found(GrantedMore, by, fmt.Sprintf("SUBACK %d grants QoS %d, asked for was %d", p.id, code, a.qos))
		}
		if a.sub != nil {
			a.sub.answered(code)
		}
	}
	for ; i < len(r.filters); i++ { // nobody knows
		if a := r.filters[i]; a.sub != nil {
			a.sub.answered(2)
		}
	}
}
