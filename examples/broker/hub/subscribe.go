package hub

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/session"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// A subscription is what a client asked for with a Topic Filter.
type subscription struct {
	share   *share // of a Shared Subscription
	id      uint32 // Subscription Identifier, 0 for none
	options codec.SubscriptionOptions

	generation uint16 // of the session that it belongs to
}

// refusedIn31 is why a connection of 3.1 ends whose SUBSCRIBE is refused.
const refusedIn31 = "SUBSCRIBE refused, which 3.1 cannot say"

// A match is a subscription that a message matches, and whose it is.
type match = topicmatch.Subscription[*client, subscription]

// receiveSubscribe answers a SUBSCRIBE: first the SUBACK, then the retained messages
// it brings, and nothing that it lets through before.
func (c *Conn) receiveSubscribe(w *Worker, p *codec.Subscribe, r session.Request) {
	h, cl := c.hub, c.client
	ack := codec.Suback{}
	id, _ := p.Properties.SubscriptionIdentifier()
	var wants []*backlog
	var order Order // about the first filter that the access refuses
	ordered, unsayable := false, false

	h.locks.retained.Lock()
	cl.mu.Lock()
	mark := h.journal.Mark()
	newest := h.retained.stored // later ones come as they are published
	if n := p.Subscriptions.Len(); c.maximumPacket > 0 && 6+n > c.maximumPacket {
		cl.mu.Unlock()
		h.locks.retained.Unlock()
		c.disconnect(mqttwire.PacketTooLarge, "SUBACK would be over the Maximum Packet Size") // [MQTT-3.1.2-24]
		return
	}
	for x := range p.Subscriptions.All() {
		code, denied := c.grant(x, id != 0)
		if strict, ok := cl.access.(StrictAccess); ok && denied && !ordered {
			order, ordered = strict.Refused(mqttwire.SUBSCRIBE, x.Filter, c.who.Version != mqttwire.V31), true
		}
		if code.IsError() {
			ack.Codes = ack.Codes.Append(sayable(code))
			if unsayable = c.who.Version == mqttwire.V31; unsayable {
				break
			}
			continue
		}
		sub := subscription{id: id, options: x.Options&^3 | codec.SubscriptionOptions(code)}
		if c.bridge {
			sub.options |= codec.NoLocal | codec.RetainAsPublished // it wants no echo, and the flag as it was
		}
		shared := topicmatch.IsShared(x.Filter)
		if shared {
			sub.options &^= codec.NoLocal
		}
		existed, err := cl.addSubscription(x.Filter, sub)
		if err != nil { // before 5.0, a filter that is no Shared Subscription after all
			ack.Codes = ack.Codes.Append(sayable(mqttwire.TopicFilterInvalid))
			if unsayable = c.who.Version == mqttwire.V31; unsayable {
				break
			}
			continue
		}
		h.journal.subscribed(cl, x.Filter, sub)
		handling := x.Options.RetainHandling()
		if !shared && (handling == codec.SendRetained || handling == codec.SendRetainedIfNew && !existed) { // 5.0 §4.8.2
			b := &backlog{filter: string(x.Filter), newest: newest, level: sub.options.QoS(), noLocal: sub.options.NoLocal()}
			if id != 0 {
				b.to = &recipient{ids: []uint32{id}}
			}
			wants = append(wants, b)
		}
		ack.Codes = ack.Codes.Append(code)
	}
	if unsayable { // the SUBACK of 3.1 has no code for it (3.1 §3.9): it would read as granted
		cl.mu.Unlock()
		h.locks.retained.Unlock()
		if order.End == 0 {
			order.End, order.Text = mqttwire.NotAuthorized, refusedIn31
		}
		c.part(order)
		return
	}
	out, err := c.machine.Suback(c.out.Bytes(), r, &ack)
	if c.out.Gather(out); err != nil {
		cl.mu.Unlock()
		h.locks.retained.Unlock()
		c.disconnect(mqttwire.ImplementationSpecificError, "SUBACK: "+err.Error())
		return
	}
	c.owe(mark)
	cl.mu.Unlock()
	h.locks.retained.Unlock()
	if c.part(order); order.End != 0 {
		return
	}
	c.obey(w, order)

	if len(wants) > 0 && h.retained.messages.Len() > 0 {
		c.wantRetained(w, wants)
	}
}

// grant judges a subscription: the QoS it gets, or why it gets none, and whether
// it is for the access of the client.
func (c *Conn) grant(x codec.Subscription, identified bool) (code mqttwire.Reason, denied bool) {
	h, cl := c.hub, c.client
	code = h.config.Grant(x)
	switch {
	case code.IsError():
		return code, false
	case !c.isFilter(x.Filter), tooDeep(x.Filter, h.config.MaxLevels):
		return mqttwire.TopicFilterInvalid, false
	}
	if full := int(cl.subscribed.Load()) >= h.config.MaxSubscriptions || cl.fansOut(x.Filter, identified) || !h.hasRoom(cl.account, sizeOfFilter(x.Filter)); full {
		if _, replaces := h.subscriptions.Get(cl, x.Filter); !replaces {
			return mqttwire.QuotaExceeded, false
		}
	}
	inner := x.Filter
	if _, filter, ok := topicmatch.SplitShared(x.Filter); ok {
		inner = filter
	}
	for _, filter := range h.config.RefusedFilters {
		if string(inner) == filter {
			return mqttwire.UnspecifiedError, false
		}
	}
	if cl.access != nil {
		if why := cl.access.Subscribe(x.Filter); why.IsError() {
			return why, true
		}
	}
	return code, false
}

// isFilter reports whether a string of a SUBSCRIBE or UNSUBSCRIBE is a Topic
// Filter: with codec.BadFilter they may be any.
func (c *Conn) isFilter(filter []byte) bool {
	return !c.hub.config.Lenient.Has(codec.BadFilter) || codec.CheckFilter(c.machine.Version(), filter) == nil
}

// sayable returns how a filter is refused.
func sayable(code mqttwire.Reason) mqttwire.Reason {
	if !code.AllowedIn(mqttwire.SUBACK) {
		return mqttwire.UnspecifiedError
	}
	return code
}

func (c *Conn) receiveUnsubscribe(p *codec.Unsubscribe, r session.Request) {
	h, cl := c.hub, c.client
	ack := codec.Unsuback{}
	cl.mu.Lock()
	mark := h.journal.Mark()
	for filter := range p.Filters.All() {
		code := mqttwire.NoSubscriptionExisted
		switch {
		case !c.isFilter(filter):
			code = mqttwire.TopicFilterInvalid
		case cl.removeSubscription(filter):
			code = mqttwire.Success
			cl.dropBacklog(filter)
			h.journal.unsubscribed(cl, filter)
		}
		ack.Codes = ack.Codes.Append(code)
	}
	out, err := c.machine.Unsuback(c.out.Bytes(), r, &ack)
	c.out.Gather(out)
	c.owe(mark)
	cl.mu.Unlock()
	if err != nil {
		c.disconnect(mqttwire.ImplementationSpecificError, "UNSUBACK: "+err.Error())
	}
}

// addSubscription adds a subscription, or replaces one. It belongs to the session
// that the client has now.
func (cl *client) addSubscription(filter []byte, sub subscription) (existed bool, err error) {
	h := cl.hub
	sub.generation = cl.generation
	if topicmatch.IsShared(filter) {
		sub.share = &share{string(filter)}
	}
	cl.subscribed.Add(1) // before a message can find that there are two
	old, existed, err := h.subscriptions.Subscribe(cl, filter, sub)
	if err != nil {
		cl.subscribed.Add(-1)
		return false, err
	}
	cl.countFan(filter, sub.id != 0, 1)
	if existed {
		cl.subscribed.Add(-1)
		cl.countFan(filter, old.id != 0, -1)
		return true, nil
	}
	cl.charge(sizeOfFilter(filter))
	if h.config.Router != nil {
		if cl.filters == nil {
			cl.filters = make(map[string]struct{})
		}
		cl.filters[string(filter)] = struct{}{}
		h.interest(filter, 1)
	}
	return false, nil
}

// removeSubscription removes a subscription, and reports whether there was one.
func (cl *client) removeSubscription(filter []byte) (existed bool) {
	h := cl.hub
	old, existed := h.subscriptions.Unsubscribe(cl, filter)
	if !existed {
		return false
	}
	cl.subscribed.Add(-1)
	cl.charge(-sizeOfFilter(filter))
	cl.countFan(filter, old.id != 0, -1)
	if h.config.Router != nil {
		delete(cl.filters, string(filter))
		h.interest(filter, -1)
	}
	return true
}

// unsubscribeAll ends all subscriptions of a client.
func (h *Hub) unsubscribeAll(cl *client) {
	h.subscriptions.UnsubscribeAll(cl)
	cl.subscribed.Store(0)
	cl.charge(-cl.charged)
	h.stats.shared.Add(int64(-cl.fan.shared))
	cl.fan = fan{}
	if cl.will != nil {
		cl.charge(cl.will.size())
	}
	for filter := range cl.filters {
		h.interest([]byte(filter), -1)
	}
	cl.filters = nil
}
