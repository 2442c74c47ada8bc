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

// A subscribing is a SUBSCRIBE that is being answered.
type subscribing struct {
	rest  codec.Subscriptions // what is not judged yet
	id    uint32              // Subscription Identifier, 0 for none
	ack   codec.Suback
	wants []*backlog

	order     Order // about the first filter that the access refuses
	ordered   bool
	unsayable bool // one is refused, and the version cannot say so
}

// filterSlice is how many Topic Filters are judged under one lock: then others have
// their turn.
const filterSlice = 32

// receiveSubscribe answers a SUBSCRIBE: first the SUBACK, then the retained messages
// it brings. What it lets through before comes after the SUBACK too, unless there are
// very many filters (3.1.1 §3.8.4, 5.0 §3.8.4).
func (c *Conn) receiveSubscribe(w *Worker, p *codec.Subscribe, r session.Request) {
	h, cl := c.hub, c.client
	if n := p.Subscriptions.Len(); c.maximumPacket > 0 && 6+n > c.maximumPacket {
		c.disconnect(mqttwire.PacketTooLarge, "SUBACK would be over the Maximum Packet Size") // [MQTT-3.1.2-24]
		return
	}
	s := subscribing{rest: p.Subscriptions}
	s.id, _ = p.Properties.SubscriptionIdentifier()
	mark := h.journal.Mark()
	var err error
	for more := true; more; {
		h.locks.retained.Lock()
		cl.mu.Lock()
		if more = c.subscribeSome(&s); !more && !s.unsayable {
			var out []byte
			out, err = c.machine.Suback(c.out.Bytes(), r, &s.ack)
			c.out.Gather(out)
			c.owe(mark)
		}
		cl.mu.Unlock()
		h.locks.retained.Unlock()
		yield(more)
	}
	switch order := s.order; {
	case s.unsayable: // the SUBACK of 3.1 has no code for it (3.1 §3.9): it would read as granted
		if order.End == 0 {
			order.End, order.Text = mqttwire.NotAuthorized, refusedIn31
		}
		c.part(order)
		return
	case err != nil:
		c.disconnect(mqttwire.ImplementationSpecificError, "SUBACK: "+err.Error())
		return
	case order.End != 0:
		c.part(order)
		return
	default:
		c.obey(w, order)
	}
	if len(s.wants) > 0 && h.retained.messages.Len() > 0 {
		cl.mu.Lock()
		for _, b := range s.wants {
			cl.addBacklog(b)
		}
		cl.mu.Unlock()
		w.acked = true // pump
	}
}

// subscribeSome goes one slice on, and reports whether there is more.
func (c *Conn) subscribeSome(s *subscribing) (more bool) {
	steps := 0
	defer func() { onSlice(steps) }()
	for steps < filterSlice {
		x, rest, ok := s.rest.Next()
		if !ok {
			return false
		}
		s.rest = rest
		steps++
		code := c.subscribe(s, x)
		if code.IsError() && c.who.Version == mqttwire.V31 {
			s.unsayable = true
			return false
		}
		s.ack.Codes = s.ack.Codes.Append(code)
	}
	return true
}

// subscribe judges one of the subscriptions, and adds it unless it is refused.
func (c *Conn) subscribe(s *subscribing, x codec.Subscription) mqttwire.Reason {
	h, cl := c.hub, c.client
	code, denied := c.grant(x, s.id != 0)
	if strict, ok := cl.access.(StrictAccess); ok && denied && !s.ordered {
		s.order, s.ordered = strict.Refused(mqttwire.SUBSCRIBE, x.Filter, c.who.Version != mqttwire.V31), true
	}
	if code.IsError() {
		return sayable(code)
	}
	sub := subscription{id: s.id, options: x.Options&^3 | codec.SubscriptionOptions(code)}
	if c.bridge {
		sub.options |= codec.NoLocal | codec.RetainAsPublished // it wants no echo, and the flag as it was
	}
	shared := topicmatch.IsShared(x.Filter)
	if shared {
		sub.options &^= codec.NoLocal
	}
	existed, err := cl.addSubscription(x.Filter, sub)
	if err != nil { // before 5.0, a filter that is no Shared Subscription after all
		return sayable(mqttwire.TopicFilterInvalid)
	}
	h.journal.subscribed(cl, x.Filter, sub)
	handling := x.Options.RetainHandling()
	if !shared && (handling == codec.SendRetained || handling == codec.SendRetainedIfNew && !existed) { // 5.0 §4.8.2
		b := &backlog{filter: string(x.Filter), walk: h.retained.messages.Walk(x.Filter), level: sub.options.QoS(), noLocal: sub.options.NoLocal()}
		b.newest = h.retained.stored // later ones come as they are published
		if s.id != 0 {
			b.to = &recipient{ids: []uint32{s.id}}
		}
		s.wants = append(s.wants, b)
	}
	return code
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
	cl := c.client
	ack := codec.Unsuback{}
	mark := c.hub.journal.Mark()
	var err error
	for rest, more := p.Filters, true; more; {
		cl.mu.Lock()
		steps := 0
		for ; more && steps < filterSlice; steps++ {
			var filter []byte
			if filter, rest, more = rest.Next(); more {
				ack.Codes = ack.Codes.Append(c.unsubscribe(filter))
			}
		}
		if !more {
			var out []byte
			out, err = c.machine.Unsuback(c.out.Bytes(), r, &ack)
			c.out.Gather(out)
			c.owe(mark)
		}
		cl.mu.Unlock()
		onSlice(steps)
		yield(more)
	}
	if err != nil {
		c.disconnect(mqttwire.ImplementationSpecificError, "UNSUBACK: "+err.Error())
	}
}

// unsubscribe ends one subscription.
func (c *Conn) unsubscribe(filter []byte) mqttwire.Reason {
	cl := c.client
	switch {
	case !c.isFilter(filter):
		return mqttwire.TopicFilterInvalid
	case !cl.removeSubscription(filter):
		return mqttwire.NoSubscriptionExisted
	}
	cl.dropBacklog(filter)
	c.hub.journal.unsubscribed(cl, filter)
	return mqttwire.Success
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
