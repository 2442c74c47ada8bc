package hub_test

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// A history is all that was published, and what is to have become of it:
//   - who has a subscription all the time gets all that was acknowledged at QoS 1
//     and 2, at the level that is due, with the identifiers of all subscriptions
//     that match;
//   - nothing of QoS 2 comes twice, nor of QoS 0;
//   - the first copies come in the order of their publisher, topic by topic;
//   - one member of a share gets each message;
//   - the will of a connection comes once if it was lost, and never if it ended in
//     peace;
//   - what is retained is the last that was acknowledged;
//   - nothing comes that has expired, and nothing that nobody has asked for.
//
// Quota, packet sizes, Topic Aliases, Packet Identifiers and acknowledgements the
// clients' machines check themselves.
type history struct {
	messages []*message // by number, from 1
}

// A message is an application message.
type message struct {
	number   int
	from     *player
	topic    string
	level    qos.Level
	retain   bool
	empty    bool
	expiry   uint32
	sent     time.Duration
	lastSent time.Duration
	acked    bool
	void     bool // never sent
	will     *pipe
}

func (h *history) add(m *message) *message {
	h.messages = append(h.messages, m)
	m.number = len(h.messages)
	return m
}

func (h *history) drop(m *message) { m.void = true }

func (m *message) payload() []byte {
	if m.empty {
		return nil
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(m.number))
	return append(b, make([]byte, m.number%40)...)
}

func (m *message) packet(v mqttwire.Version) codec.Publish {
	p := codec.Publish{Topic: []byte(m.topic), QoS: m.level, Retain: m.retain, Payload: m.payload()}
	if m.expiry > 0 {
		p.Properties = codec.AppendMessageExpiryInterval(codec.Properties{}, m.expiry)
	}
	return p
}

// level is the QoS that a player is to get a message at: of the subscriptions that
// match, the highest. ok is false where none does.
func (p *player) level(m *message) (level qos.Level, ids []uint32, ok bool) {
	if p.deaf && m.from == p {
		return 0, nil, false // [MQTT-3.8.3-3]
	}
	for _, f := range p.filters {
		name := f.name
		if _, inner, ok := topicmatch.SplitShared(name); ok {
			name = inner
		}
		if topicmatch.Match(name, m.topic) {
			level, ok = max(level, f.level), true
			ids = append(ids, f.id)
		}
	}
	return min(level, m.level), ids, ok
}

// delivered holds a copy against what was published.
func (h *history) delivered(p *player, got *codec.Publish) {
	w := p.w
	if p.inspector {
		n := -1
		if len(got.Payload) > 0 {
			n = int(binary.BigEndian.Uint32(got.Payload))
		}
		p.retained[string(got.Topic)] = n
		return
	}
	if len(got.Payload) == 0 {
		return
	}
	n := int(binary.BigEndian.Uint32(got.Payload))
	if n < 1 || n > len(h.messages) {
		w.fail("%s got message %d, which nobody has published", p.id, n)
	}
	m := h.messages[n-1]
	level, ids, ok := p.level(m)
	switch {
	case m.topic != string(got.Topic) || string(m.payload()) != string(got.Payload):
		w.fail("%s got message %d as %v", p.id, n, got)
	case m.void:
		w.fail("%s got message %d, which was never sent", p.id, n)
	case m.expiry > 0 && !got.Dup && w.now > max(m.lastSent, w.frozen)+time.Duration(m.expiry)*time.Second+25*time.Second:
		w.fail("%s got message %d, which was sent at %v and has expired after %d s [MQTT-3.3.2-5]", p.id, n, m.lastSent, m.expiry)
	}
	if c := m.will; c != nil && w.figures.crashes == 0 && (c.left == 0 || w.now < c.left+c.delay && c.sessionStays()) {
		w.fail("%s got will %d at once, and not after %v [MQTT-3.1.3-9]", p.id, n, c.delay)
	}
	if left, has := got.Properties.MessageExpiryInterval(); has && left > m.expiry {
		w.fail("%s got message %d with a Message Expiry Interval of %d, of %d [MQTT-3.3.2-6]", p.id, n, left, m.expiry)
	}
	if got.Retain { // of a new subscription
		w.figures.retained++
		return
	}
	if p.kind == restless || p.kind == fleeting { // its subscriptions have changed since
		if m.level == qos.ExactlyOnce && got.QoS == qos.ExactlyOnce && p.seen[n] > 0 && p.kind == fleeting {
			w.fail("%s got message %d of QoS 2 twice [MQTT-4.3.3-2]", p.id, n)
		}
		p.seen[n]++
		return
	}
	if !ok {
		w.fail("%s got message %d on %s, which it has not asked for", p.id, n, m.topic)
	}
	if p.wanted(m) && got.QoS != level {
		w.fail("%s got message %d at %v, not %v [MQTT-3.8.4-8]", p.id, n, got.QoS, level)
	}
	if p.wanted(m) && p.version == mqttwire.V50 {
		var came []uint32
		for id := range got.Properties.SubscriptionIdentifiers() {
			came = append(came, id)
		}
		slices.Sort(came)
		if !slices.Equal(came, ids) {
			w.fail("%s got message %d with the identifiers %v, not %v [MQTT-3.3.4-3]", p.id, n, came, ids)
		}
	}
	p.seen[n]++
	// A suspended broker may hear an old CONNECT with Clean Start after a newer one:
	// what the client sends again then is new to it.
	if p.seen[n] > 1 {
		if m.from.kind != steady && m.from.kind != member && w.figures.freezes > 0 {
			return
		}
		if got.QoS == qos.ExactlyOnce || m.level == qos.AtMostOnce || m.level == qos.ExactlyOnce && got.QoS == qos.AtMostOnce && w.figures.crashes == 0 { // nobody waits for the Store at QoS 0
			w.fail("%s got message %d of %v twice", p.id, n, got.QoS)
		}
		return
	}
	if p.kind == member || m.will != nil || !p.wanted(m) || m.expiry > 0 || got.QoS == qos.AtMostOnce && m.level > qos.AtMostOnce {
		return // the rest went to others, or was lost on the way, and may come again from its publisher
	}
	class := m.from.id + " " + m.topic
	if got.QoS == qos.AtMostOnce {
		class += " 0"
	}
	if n < p.last[class] {
		o := h.messages[p.last[class]-1]
		w.fail("%s got message %d (%v, sent at %v and last at %v) after %d (%v, %v, %v) of %s [MQTT-4.6.0-6]", p.id, n, m.level, m.sent, m.lastSent, o.number, o.level, o.sent, o.lastSent, class)
	}
	p.last[class] = n
}

// check holds what has come against what must have.
func (h *history) check(w *world) {
	for _, p := range w.players {
		if len(p.sending) > 0 && (p.kind == steady || p.kind == member) {
			w.fail("%s: %d messages are not acknowledged after three quiet minutes", p.id, len(p.sending))
		}
	}
	if n := w.hub.Kept(); n != 0 {
		w.fail("nothing waits, and %d bytes are accounted for", n)
	}
	for _, m := range h.messages {
		if m.void || m.empty {
			continue
		}
		if m.will != nil {
			h.checkWill(w, m)
			continue
		}
		if !m.acked || m.expiry > 0 {
			continue
		}
		for _, p := range w.players {
			if level, _, ok := p.level(m); ok && p.kind == steady && p.wanted(m) && level > qos.AtMostOnce && p.seen[m.number] == 0 {
				w.fail("%s never got message %d of %v from %s on %s, acknowledged", p.id, m.number, m.level, m.from.id, m.topic)
			}
		}
		for _, name := range group {
			h.checkShare(w, m, name)
		}
	}
}

// wanted reports whether a message was published when the player had all its
// subscriptions.
func (p *player) wanted(m *message) bool { return p.subscribed > 0 && p.subscribed < m.sent }

// checkShare holds that one member of a share got a message that was published when
// all of them were there.
func (h *history) checkShare(w *world, m *message, name string) {
	members, copies := 0, 0
	for _, p := range w.players {
		if p.kind != member || p.filters[0].name != name {
			continue
		}
		if _, _, ok := p.level(m); !ok || !p.wanted(m) {
			return
		}
		members++
		copies += min(p.seen[m.number], 1)
	}
	switch {
	case members == 0:
	case copies == 0:
		w.fail("nobody of %s got message %d of %v", name, m.number, m.level)
	case copies > 1 && m.level == qos.ExactlyOnce:
		w.fail("%d of %s got message %d of %v [MQTT-4.8.2-4]", copies, name, m.number, m.level)
	}
}

// checkWill holds that a will comes once, if it is due.
func (h *history) checkWill(w *world, m *message) {
	c := m.will
	peace := c.goodbyeAt > 0 && c.consumed >= c.goodbyeAt
	for _, p := range w.players {
		level, _, ok := p.level(m)
		if !ok || p.kind != steady {
			continue
		}
		n := p.seen[m.number]
		if n > 0 {
			w.figures.wills++
		}
		due, known := c.willDue()
		switch {
		case known && !due && n > 0:
			w.fail("%s got will %d, though its session went on within %v [MQTT-3.1.3-9]", p.id, m.number, c.delay)
		case peace && w.figures.crashes == 0 && n > 0:
			w.fail("%s got will %d of a connection that has said goodbye [MQTT-3.14.4-3]", p.id, m.number)
		case n == 0 && level > qos.AtMostOnce && p.subscribed > 0 && p.subscribed < c.admitted && (c.delay == 0 || known && due) && c.goodbyeAt == 0 && !c.open &&
			(w.figures.crashes == 0 || m.from.kind == steady || m.from.kind == member):
			w.fail("%s never got will %d of %s (%v, kind %d), whose connection was accepted at %v", p.id, m.number, m.from.id, m.from.version, m.from.kind, c.admitted)
		}
	}
}

// willDue reports whether a will with a delay is due: the session has not gone on
// before that was over. known is false where that cannot be told from outside.
func (p *pipe) willDue() (due, known bool) {
	w, q := p.w, p.next()
	switch {
	case p.delay == 0 || p.left == 0 || w.figures.crashes > 0:
		return false, false
	case q == nil || !p.sessionStays():
		return true, true
	}
	at, margin := p.left+p.delay, time.Millisecond
	if w.figures.freezes > 0 {
		margin = time.Minute // nobody knows what a process that was suspended hears first
	}
	return q.admitted > at, q.admitted < at-margin || q.admitted > at+margin
}

// sessionStays reports whether the session has not ended with the connection, nor
// since.
func (p *pipe) sessionStays() bool {
	q := p.next()
	return p.player.kind != fleeting && (q == nil || !q.clean)
}

// next returns the first connection that was let in after the end of this one, nil for
// none.
func (p *pipe) next() (first *pipe) {
	for _, q := range p.player.pipes {
		if q != p && q.admitted >= p.left && (first == nil || q.admitted < first.admitted) {
			first = q
		}
	}
	return first
}

// checkRetained holds what an inspector found against what was retained last.
func (h *history) checkRetained(w *world) {
	want := map[string]int{}
	for _, m := range h.messages {
		switch {
		case !m.retain || m.void || !m.acked:
		case m.empty:
			delete(want, m.topic)
		default:
			want[m.topic] = m.number
		}
	}
	inspector := w.players[len(w.players)-1]
	if inspector.subscribed == 0 {
		w.fail("the inspector is not subscribed")
	}
	for _, p := range w.players {
		if p.kind == restless || p.kind == fleeting || p.options.Retry > 0 {
			continue // what it has sent last may have been lost with its session, or come again before the last
		}
		topic := "r/" + p.id
		if got := inspector.retained[topic]; got != want[topic] {
			w.fail("on %s message %d is retained, not %d", topic, got, want[topic])
		}
	}
}
