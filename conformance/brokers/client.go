package brokers

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/qos"
)

// A client speaks MQTT over a connection. It sends what it is told to, hands out
// what comes, packet by packet, and does nothing by itself: it acknowledges
// nothing and sends no PINGREQ. What it is given that a check does not expect is
// a fault.
type client struct {
	*conformance.Conn
	b          *bench
	connack    codec.Connack
	cleanStart bool
	early      []*codec.Publish // that came while something else was waited for
	lastID     uint16
	foreign    func(p *codec.Publish) bool // messages that are not of this check
	silent     bool                        // end asks nothing
	aliasMax   uint16                      // the Topic Alias Maximum that it has announced
	aliases    map[uint16][]byte           // what those above stand for, that it is sent all the same
	quota      int                         // the Receive Maximum that it has announced
	open       map[uint16]bool             // identifiers of messages that it has not acknowledged
}

func (c *client) version() mqttwire.Version { return c.To.Version }

func (c *client) is5() bool { return c.version() == mqttwire.V50 }

// id returns a Packet Identifier that it has not used yet.
func (c *client) id() uint16 {
	c.lastID++
	return c.lastID
}

// send writes packets. That they cannot be written shows when something is read.
func (c *client) send(packets ...codec.Packet) {
	c.noteSent(packets...)
	c.noteFinished(packets...)
	if err := c.Send(packets...); conformance.IsTimeout(err) {
		c.b.Block("the broker reads nothing more: %v", err)
	}
}

func (c *client) noteSent(packets ...codec.Packet) {
	for _, p := range packets {
		m, ok := p.(*codec.Publish)
		if ok && m.Retain && len(m.Payload) > 0 {
			c.b.unretain(m.Topic)
		}
		var sent codec.Properties
		if will, is := p.(*codec.Connect); is {
			sent = will.Will.Properties
		} else if ok {
			sent = m.Properties
		}
		if _, is := sent.MessageExpiryInterval(); is {
			c.b.expires.Store(true)
		}
	}
}

// write writes bytes that need be no packets.
func (c *client) write(b []byte) { c.Write(b) }

// next returns the next packet, which is valid until the one after it is read,
// or why there is none within the time.
func (c *client) next(within time.Duration) (codec.Packet, error) {
	end := time.Now().Add(within)
	for {
		p, err := c.Next(time.Until(end))
		if m, ok := p.(*codec.Publish); ok {
			c.resolve(m)
			c.counts(m)
			c.lasts(m)
		}
		if m, ok := p.(*codec.Publish); ok && c.foreign != nil && c.foreign(m) {
			switch m.QoS {
			case 1:
				c.send(&codec.Puback{ID: m.ID})
			case 2:
				c.send(&codec.Pubrec{ID: m.ID})
			}
			delete(c.open, m.ID)
			continue
		}
		return p, err
	}
}

// resolve puts the topic in place of a Topic Alias that the client does not take,
// which is a fault, so that the check can go on.
func (c *client) resolve(m *codec.Publish) {
	alias, ok := m.Properties.TopicAlias()
	if !ok || alias <= c.aliasMax {
		return
	}
	c.b.Faultf(cAliasLimit, fmt.Sprintf("a Topic Alias of at most %d", c.aliasMax), "%v", m)
	if len(m.Topic) == 0 {
		m.Topic = c.aliases[alias]
	} else {
		if c.aliases == nil {
			c.aliases = map[uint16][]byte{}
		}
		c.aliases[alias] = slices.Clone(m.Topic)
	}
	m.Properties = codec.Edit{Without: []codec.PropertyID{codec.TopicAlias}}.Append(codec.Properties{}, m.Properties)
}

// counts counts a message against the Receive Maximum that the client has
// announced: what would tell of a check's own rule if it was kept tells nothing
// where it is exceeded.
func (c *client) counts(m *codec.Publish) {
	if m.QoS == 0 || !c.is5() {
		return
	}
	if c.open == nil {
		c.open = map[uint16]bool{}
	}
	c.open[m.ID] = true
	if len(c.open) > c.quota {
		c.b.Fatalf(cQuota, fmt.Sprintf("nothing more above QoS 0: the Receive Maximum is %d", c.quota), "%v", m)
	}
}

// lasts takes a Message Expiry Interval off a message of a check that has sent none:
// a broker may add one, and most that comes is compared with what was sent.
func (c *client) lasts(m *codec.Publish) {
	n, ok := m.Properties.MessageExpiryInterval()
	if !ok || c.b.expires.Load() || len(m.Topic) > 0 && !bytes.Contains(m.Topic, []byte(c.b.Root())) {
		return // or it is a message of somebody else's
	}
	c.b.Advise(cExpiry, "no Message Expiry Interval, as it was published", fmt.Sprint(n))
	m.Properties = codec.Edit{Without: []codec.PropertyID{codec.MessageExpiryInterval}}.Append(codec.Properties{}, m.Properties)
}

func (c *client) noteFinished(packets ...codec.Packet) {
	for _, p := range packets {
		switch p := p.(type) {
		case *codec.Puback:
			delete(c.open, p.ID)
		case *codec.Pubrec:
			if p.Code.IsError() {
				delete(c.open, p.ID)
			}
		case *codec.Pubcomp:
			delete(c.open, p.ID)
		}
	}
}

// packet returns the next packet, a message that came early before any other.
func (c *client) packet(of conformance.Clauses, expected string) codec.Packet {
	if len(c.early) > 0 {
		p := c.early[0]
		c.early = c.early[1:]
		return p
	}
	return c.fresh(of, expected)
}

// fresh returns the next packet on the wire. There is none: a fault of the rule.
func (c *client) fresh(of conformance.Clauses, expected string) codec.Packet {
	p, err := c.next(c.b.Patience())
	if err == nil {
		return p
	}
	switch bad := (*conformance.Malformed)(nil); {
	case conformance.IsTimeout(err):
		c.b.Fatal(of, expected, "nothing")
	case asMalformed(err, &bad):
		c.b.Block("the broker sends %v", err)
	}
	c.b.Fatal(of, expected, "the end of the connection")
	return nil
}

func asMalformed(err error, to **conformance.Malformed) bool {
	m, ok := err.(*conformance.Malformed)
	*to = m
	return ok
}

// rule is what a packet of the type that does not come breaks.
func rule(t mqttwire.PacketType) conformance.Clauses {
	switch t {
	case mqttwire.CONNACK:
		return cConnackFirst
	case mqttwire.PUBACK, mqttwire.PUBREC:
		return cAnswered
	case mqttwire.PUBREL:
		return cPubrel
	case mqttwire.PUBCOMP:
		return cPubcomp
	case mqttwire.SUBACK:
		return cSuback
	case mqttwire.UNSUBACK:
		return cUnsuback
	case mqttwire.PINGRESP:
		return cPing
	}
	return nil
}

// receive returns the next packet, which must be of type P. Messages may come
// before it, and are kept for later.
func receive[P codec.Packet](c *client) P {
	var zero P
	of := rule(zero.Type())
	for {
		var p codec.Packet
		if zero.Type() == mqttwire.PUBLISH {
			p = c.packet(of, "a PUBLISH")
		} else {
			p = c.fresh(of, "a "+zero.Type().String())
		}
		if want, ok := p.(P); ok {
			return want
		}
		m, ok := p.(*codec.Publish)
		if !ok || zero.Type() == mqttwire.CONNACK {
			c.b.Fatal(of, "a "+zero.Type().String(), fmt.Sprint(p))
		}
		q := m.Clone()
		c.early = append(c.early, &q)
	}
}

// expect receives packets that must say the same as these: the identifier and
// the code, which are what they have.
func (c *client) expect(want ...codec.Packet) {
	for _, w := range want {
		switch w := w.(type) {
		case *codec.Pingresp:
			receive[*codec.Pingresp](c)
		case *codec.Pubrel:
			got := receive[*codec.Pubrel](c)
			c.matches(got, got.ID, got.Code, w.ID, w.Code)
		case *codec.Pubcomp:
			got := receive[*codec.Pubcomp](c)
			c.matches(got, got.ID, got.Code, w.ID, w.Code)
		case *codec.Unsuback:
			got := receive[*codec.Unsuback](c)
			c.matches(got, got.ID, 0, w.ID, 0)
		default:
			panic("a packet that is not expected this way")
		}
	}
}

func (c *client) matches(got codec.Packet, id uint16, code mqttwire.Reason, wantID uint16, wantCode mqttwire.Reason) {
	if id != wantID {
		of := cAckID
		if got.Type() == mqttwire.UNSUBACK {
			of = cUnsubackID
		}
		c.b.Fatalf(of, fmt.Sprintf("%v of %d", got.Type(), wantID), "%v", got)
	}
	if code != wantCode {
		c.b.Faultf(rule(got.Type()), fmt.Sprintf("%v with code %v", got.Type(), wantCode), "%v", got)
	}
}

// ping sees to it that the broker has read all that was sent, and says so where
// anything but PINGRESP comes: nothing else is on its way to the client.
func (c *client) ping() {
	c.send(&codec.Pingreq{})
	for {
		switch p := c.packet(cPing, "a PINGRESP").(type) {
		case *codec.Pingresp:
			return
		case *codec.Publish:
			c.b.Fatal(nil, "nothing more", show(p))
		default:
			c.b.Fatal(nil, "nothing more", fmt.Sprint(p))
		}
	}
}

// closed receives the end of the connection, and nothing before it.
func (c *client) closed(of conformance.Clauses) {
	switch p, err := c.end(); {
	case p != nil:
		c.b.Fatal(of, "the end of the connection", fmt.Sprint(p))
	case conformance.IsTimeout(err):
		c.b.Fatal(of, "the end of the connection", "nothing")
	}
}

// end waits for the end of the connection, or a packet. It asks with a PINGREQ
// after a while, unless it must be silent: who answers that goes on.
func (c *client) end() (codec.Packet, error) {
	p, err := c.next(c.b.Patience() / 10)
	if !conformance.IsTimeout(err) {
		return p, err
	}
	if !c.silent {
		c.Send(&codec.Pingreq{})
	}
	return c.next(c.b.Patience())
}

// ended receives the end of the connection. In 5.0 a DISCONNECT with one of the
// codes should come before (5.0 §4.13.1). Before 5.0 the broker cannot say why.
// Messages that were on their way count for nothing.
func (c *client) ended(of conformance.Clauses, codes ...mqttwire.Reason) {
	for {
		p, err := c.end()
		switch p := p.(type) {
		case *codec.Publish, *codec.Pubrel:
			continue
		case *codec.Disconnect:
			if !c.is5() {
				break
			}
			if !slices.Contains(codes, p.Code) {
				c.b.Advise(of, fmt.Sprintf("DISCONNECT with %v", codes), fmt.Sprint(p))
			}
			if q, err := c.end(); q != nil {
				c.b.Fatal(cite("5.0 3.14.4-1"), "nothing after DISCONNECT", fmt.Sprint(q))
			} else if conformance.IsTimeout(err) {
				c.b.Fatal(cite("5.0 3.14.4-2"), "the end of the connection after DISCONNECT", "nothing")
			}
			return
		}
		switch {
		case p != nil:
			c.b.Fatal(of, "the end of the connection", fmt.Sprint(p))
		case conformance.IsTimeout(err):
			c.b.Fatal(of, "the end of the connection", "nothing")
		case c.is5():
			c.b.Advise(of, fmt.Sprintf("DISCONNECT with %v before the end", codes), "the end alone")
		}
		return
	}
}

// disconnect leaves for good: when it returns, the broker knows.
func (c *client) disconnect() { c.leave(&codec.Disconnect{}) }

// leave says goodbye. The server should close the connection then, if the client
// has not (3.1.1 §3.14.4, 5.0 §3.14.4).
func (c *client) leave(p *codec.Disconnect) {
	c.send(p)
	const choice = "a connection after DISCONNECT"
	within := c.b.Patience()
	if c.b.Chosen(choice) != "" {
		within /= 50
	}
	for {
		switch p, err := c.next(within); {
		case p != nil:
			continue // was on its way
		case conformance.IsTimeout(err):
			c.b.Advise(cite("3.1.1 3.14.4-3; 5.0 3.14.4-3"), "the end of the connection after DISCONNECT (§3.14.4)", "nothing")
			c.b.Choose(choice, "is left to the client")
		}
		c.Close()
		return
	}
}

// lose cuts the connection without a DISCONNECT. The broker knows when the
// next client with the same identifier gets its CONNACK.
func (c *client) lose() { c.Close() }

// expectPresent checks Session Present, which 3.1 does not have.
func (c *client) expectPresent(want bool) {
	got := c.connack.SessionPresent
	if c.version() == mqttwire.V31 || got == want {
		return
	}
	of := cPresent
	switch {
	case !want && c.cleanStart:
		of = cCleanStart
	case !want:
		of = cNotPresent
	}
	c.b.Faultf(of, fmt.Sprintf("Session Present %v", want), "%v", &c.connack)
}

// sub is a subscription of a Topic Filter of the check's own with options: a
// QoS, and in 5.0 more.
func (b *bench) sub(filter string, options codec.SubscriptionOptions) codec.Subscription {
	return codec.Subscription{Filter: []byte(b.topic(filter)), Options: options}
}

// subscribe makes a subscription, which must be granted as asked. Messages may
// come before the SUBACK (3.1.1 §3.8.4, 5.0 §3.8.4).
func (c *client) subscribe(filter string, options codec.SubscriptionOptions) {
	c.subscribeWith(codec.Properties{}, c.b.sub(filter, options))
}

func (c *client) subscribeWith(properties codec.Properties, subs ...codec.Subscription) {
	var list codec.Subscriptions
	for _, s := range subs {
		list = list.Append(s)
	}
	id := c.id()
	c.send(&codec.Subscribe{ID: id, Properties: properties, Subscriptions: list})
	ack := receive[*codec.Suback](c)
	got := slices.Collect(ack.Codes.All())
	switch {
	case ack.ID != id:
		c.b.Fatalf(cSubackID, fmt.Sprintf("SUBACK of %d", id), "%v", ack)
	case len(got) != len(subs):
		c.b.Fatalf(cSubackList, fmt.Sprintf("SUBACK with %d codes", len(subs)), "%v", ack)
	}
	for i, s := range subs {
		switch asked := mqttwire.Reason(s.Options.QoS()); {
		case got[i] == asked:
		case got[i] < asked && len(subs) == 1: // a server may grant less
			c.b.Block("QoS %d was granted for %s, %d asked for", got[i], s.Filter, asked)
		case got[i] < 0x80:
			c.b.Faultf(cSubackList, fmt.Sprintf("code %d for the subscription %d", asked, i+1), "%v", ack)
		default:
			c.b.Block("the subscription to %s is refused: %v", s.Filter, ack)
		}
	}
}

// unsubscribe ends subscriptions and returns the codes of 5.0.
func (c *client) unsubscribe(filters ...string) []mqttwire.Reason {
	var list codec.Filters
	for _, f := range filters {
		list = list.Append([]byte(c.b.topic(f)))
	}
	id := c.id()
	c.send(&codec.Unsubscribe{ID: id, Filters: list})
	ack := receive[*codec.Unsuback](c)
	if ack.ID != id {
		c.b.Fatalf(cUnsubackID, fmt.Sprintf("UNSUBACK of %d", id), "%v", ack)
	}
	codes := slices.Collect(ack.Codes.All())
	if c.is5() && len(codes) != len(filters) {
		c.b.Fatalf(cUnsubList, fmt.Sprintf("UNSUBACK with %d codes", len(filters)), "%v", ack)
	}
	return codes
}

// publish sends messages and sees each through to its last acknowledgement, so
// that the broker has them.
func (c *client) publish(messages ...*codec.Publish) {
	for _, m := range messages {
		p := *m
		if p.QoS == 0 {
			c.send(&p, &codec.Pingreq{})
			receive[*codec.Pingresp](c)
			continue
		}
		p.ID = c.id()
		c.send(&p)
		if p.QoS == 1 {
			c.acknowledged(receive[*codec.Puback](c), p.ID)
			continue
		}
		c.acknowledged(receive[*codec.Pubrec](c), p.ID)
		c.send(&codec.Pubrel{ID: p.ID})
		c.expect(&codec.Pubcomp{ID: p.ID})
	}
}

// acknowledged checks a PUBACK or PUBREC. A broker of 5.0 may say that nobody
// has subscribed to the message (5.0 §3.4.2.1, §3.5.2.1), or refuse it.
func (c *client) acknowledged(p codec.Packet, id uint16) {
	var got uint16
	var code mqttwire.Reason
	switch p := p.(type) {
	case *codec.Puback:
		got, code = p.ID, p.Code
	case *codec.Pubrec:
		got, code = p.ID, p.Code
	}
	switch {
	case got != id:
		c.b.Fatalf(cAckID, fmt.Sprintf("%v of %d", p.Type(), id), "%v", p)
	case code != mqttwire.Success && code != mqttwire.NoMatchingSubscribers:
		c.b.Block("the broker refuses a message: %v", p)
	}
}

// arrived receives a message that must be want in all but its Packet
// Identifier, and returns a copy that is not acknowledged yet.
func (c *client) arrived(want *codec.Publish) *codec.Publish {
	got, ok := c.packet(nil, show(want)).(*codec.Publish)
	if !ok {
		c.b.Fatal(nil, show(want), "another packet")
	}
	p := got.Clone()
	if !same(&p, want) {
		c.b.Fatal(nil, show(want), show(&p))
	}
	c.b.judge(&p, want)
	return &p
}

// take receives messages in this order and acknowledges them.
func (c *client) take(want ...*codec.Publish) {
	var came []*codec.Publish
	for _, w := range want {
		came = append(came, c.arrived(w))
	}
	for _, p := range came {
		c.finish(p)
	}
}

// takeAny is take for messages that may come in any order.
func (c *client) takeAny(want ...*codec.Publish) {
	left := slices.Clone(want)
	var came []*codec.Publish
	for len(left) > 0 {
		got, ok := c.packet(nil, shows(left)).(*codec.Publish)
		if !ok {
			c.b.Fatal(nil, shows(left), "another packet")
		}
		p := got.Clone()
		i := slices.IndexFunc(left, func(w *codec.Publish) bool { return same(w, &p) })
		if i < 0 {
			c.b.Fatal(nil, shows(left), show(&p))
		}
		c.b.judge(&p, left[i])
		left = slices.Delete(left, i, i+1)
		came = append(came, &p)
	}
	for _, p := range came {
		c.finish(p)
	}
}

// finish acknowledges a message to the end.
func (c *client) finish(p *codec.Publish) {
	switch p.QoS {
	case 1:
		c.send(&codec.Puback{ID: p.ID})
	case 2:
		c.send(&codec.Pubrec{ID: p.ID})
		c.expect(&codec.Pubrel{ID: p.ID})
		c.send(&codec.Pubcomp{ID: p.ID})
	}
}

// again receives p once more, with DUP and the same identifier.
func (c *client) again(p *codec.Publish) {
	if q := c.arrived(dup(p)); q.ID != p.ID {
		c.b.Fatalf(cResent, fmt.Sprintf("%s with identifier %d", show(p), p.ID), "identifier %d", q.ID)
	}
}

// pubrelAgain receives the PUBREL of p once more.
func (c *client) pubrelAgain(id uint16) {
	p, ok := c.packet(cResent, "PUBREL once more").(*codec.Pubrel)
	if !ok || p.ID != id {
		c.b.Fatalf(cResent, fmt.Sprintf("PUBREL of %d", id), "another packet")
	}
}

// converse sends messages all at once, receives n, acknowledges whatever is to
// be, in both directions, and returns what came, in its order. Nothing may be
// left after that.
func (c *client) converse(n int, messages ...*codec.Publish) []*codec.Publish {
	came := c.exchange(fmt.Sprintf("%d messages", n), func(came []*codec.Publish) bool { return len(came) >= n }, messages...)
	c.ping()
	return came
}

// queued receives what has waited for a client that was away: n messages of
// QoS 1 and 2, and those of QoS 0 that the broker has kept, if it keeps any.
func (c *client) queued(n int) []*codec.Publish {
	above0 := func(came []*codec.Publish) bool {
		left := n
		for _, p := range came {
			left -= min(int(p.QoS), 1)
		}
		return left <= 0
	}
	came := c.exchange(fmt.Sprintf("%d messages above QoS 0", n), above0)
	c.send(&codec.Pingreq{})
	for {
		switch p := c.packet(cPing, "a PINGRESP").(type) {
		case *codec.Pingresp:
			return came
		case *codec.Publish:
			if p.QoS > 0 {
				c.b.Fatal(nil, "no more messages above QoS 0", show(p))
			}
			q := p.Clone()
			came = append(came, &q)
		default:
			c.b.Fatal(nil, "no more messages above QoS 0", fmt.Sprint(p))
		}
	}
}

// exchange is converse until enough messages have come.
func (c *client) exchange(expected string, enough func(came []*codec.Publish) bool, messages ...*codec.Publish) []*codec.Publish {
	sent, received := map[uint16]qos.Level{}, map[uint16]bool{}
	for _, m := range messages {
		p := *m
		if p.QoS > 0 {
			p.ID = c.id()
			sent[p.ID] = p.QoS
		}
		c.send(&p)
	}
	var came []*codec.Publish
	for len(sent) > 0 || len(received) > 0 || !enough(came) {
		of := cAnswered
		if !enough(came) {
			of = nil
		}
		switch p := c.packet(of, expected+", and what acknowledges them").(type) {
		case *codec.Puback:
			if sent[p.ID] != 1 {
				c.b.Fatal(cAckID, "an acknowledgement of something", fmt.Sprint(p))
			}
			c.acknowledged(p, p.ID)
			delete(sent, p.ID)
		case *codec.Pubrec:
			if sent[p.ID] != 2 {
				c.b.Fatal(cAckID, "an acknowledgement of something", fmt.Sprint(p))
			}
			c.acknowledged(p, p.ID)
			c.send(&codec.Pubrel{ID: p.ID})
		case *codec.Pubcomp:
			if sent[p.ID] != 2 || p.Code != 0 {
				c.b.Fatal(cPubcomp, "PUBCOMP of a message", fmt.Sprint(p))
			}
			delete(sent, p.ID)
		case *codec.Publish:
			q := p.Clone()
			came = append(came, &q)
			switch p.QoS {
			case 1:
				c.send(&codec.Puback{ID: p.ID})
			case 2:
				received[p.ID] = true
				c.send(&codec.Pubrec{ID: p.ID})
			}
		case *codec.Pubrel:
			if !received[p.ID] {
				c.b.Fatal(cAckID, "PUBREL of a message", fmt.Sprint(p))
			}
			delete(received, p.ID)
			c.send(&codec.Pubcomp{ID: p.ID})
		default:
			c.b.Fatal(nil, expected, fmt.Sprint(p))
		}
	}
	return came
}

// gather receives and acknowledges what there is.
func (c *client) gather() []*codec.Publish {
	c.send(&codec.Pingreq{})
	var came []*codec.Publish
	for {
		switch p := c.packet(cPing, "a PINGRESP").(type) {
		case *codec.Publish:
			q := p.Clone()
			came = append(came, &q)
		case *codec.Pingresp:
			for _, p := range came {
				c.finish(p)
			}
			return came
		default:
			c.b.Fatal(nil, "messages", fmt.Sprint(p))
		}
	}
}

// publishAnyhow is publish of a QoS 1 message that may be refused, but must be
// acknowledged.
func (c *client) publishAnyhow(m *codec.Publish) {
	p := *m
	p.ID = c.id()
	c.send(&p)
	if ack := receive[*codec.Puback](c); ack.ID != p.ID {
		c.b.Fatalf(cAckID, fmt.Sprintf("PUBACK of %d", p.ID), "%v", ack)
	}
}

// encode is the bytes of a packet that a client sends.
func encode(v mqttwire.Version, p codec.Packet) string {
	b, err := p.Append(nil, codec.Rules{Version: v, From: mqttwire.Client})
	if err != nil {
		panic(fmt.Sprint(p, err))
	}
	return string(b)
}
