package qos

import (
	"time"

	"github.com/mqttwire/mqttwire"
)

// Outbound is the sending end of a session: it hands out Packet Identifiers and
// follows each QoS 1 and 2 message, and each SUBSCRIBE and UNSUBSCRIBE, to its
// last acknowledgement, over as many connections as it takes (5.0 §4.3, §4.4,
// §4.6, §4.9). It keeps ids, order, quota and a token for each message, no
// payloads.
//
// The zero Outbound is a new session without a connection. It must not be
// copied once used. It has no lock: one owner at a time.
//
// After each call that processed an acknowledgement the send quota may have
// grown: take up [Outbound.NextResend] until there is none, then publish what
// waits.
type Outbound struct {
	window   window
	timers   *timers // nil unless Connection.Retry is set
	publish  list    // AwaitPuback and AwaitPubrec, in the order of their PUBLISHes
	release  list    // AwaitPubcomp, in the order of their PUBRECs
	requests list    // AwaitSuback and AwaitUnsuback
	dropped  list    // for NextDropped

	// What is still to be resumed: a place in release, and one in publish.
	nextRelease, nextPublish uint16

	held    uint16 // how many are in publish and release
	limit   uint16 // the most of them
	quota   uint16 // PUBLISHes that this connection may carry yet
	version mqttwire.Version
	up      bool
}

// Connect puts the machine on a network connection: at a client when a CONNACK
// accepts, at a server when it sends one. On one already there it does what
// Disconnect does first.
//
// Where c.Resumed, see to NextResend until there is none before anything else;
// else pull NextDropped, and keep c.Record. The only error is
// [mqttwire.ErrVersion], and then nothing has changed.
func (o *Outbound) Connect(c Connection) error {
	if !c.Version.Valid() {
		return mqttwire.ErrVersion
	}
	o.Disconnect()
	if !c.Resumed {
		o.End()
	}
	// The quota is not part of the session: it starts anew on each connection
	// [MQTT-4.9.0-1].
	o.limit = orMax(c.Window)
	o.quota = o.limit
	if c.Version == mqttwire.V50 {
		o.quota = min(o.quota, orMax(c.ReceiveMaximum))
	}
	o.timers = nil
	if c.Version != mqttwire.V50 && c.Retry > 0 {
		o.timers = &timers{after: c.Retry}
	}
	o.window.refill()
	o.nextRelease, o.nextPublish = o.release.head, o.publish.head
	o.version, o.up = c.Version, true
	return nil
}

// Disconnect takes the machine off its connection, once that is gone. What is
// in flight stays, for the next connection; SUBSCRIBE and UNSUBSCRIBE are not
// part of a session, so what waits for SUBACK or UNSUBACK is dropped: pull
// NextDropped until there is none. Without a connection it does nothing.
func (o *Outbound) Disconnect() {
	if !o.up {
		return
	}
	o.up = false
	o.nextRelease, o.nextPublish = 0, 0
	o.quota = 0
	for _, l := range [...]list{o.publish, o.release} {
		for id := l.head; id != 0; id = o.window.at(id).next {
			o.window.at(id).flags = 0
		}
	}
	o.drop(&o.requests)
	if o.timers != nil {
		o.timers.endLingering(&o.window)
		o.timers = nil
	}
	o.Compact()
}

// End ends the session of a machine without a connection: every message is
// dropped, for NextDropped. The Record is Clear, and so is that of the
// [Inbound.End] that goes with it. Connect does it where the session is not
// resumed. With a connection it does nothing, and the Record is zero.
func (o *Outbound) End() Record {
	if o.up {
		return Record{}
	}
	o.drop(&o.release)
	o.drop(&o.publish)
	o.held = 0
	return Record{Change: Change(Clear)}
}

// drop moves a whole list to the dropped ones.
func (o *Outbound) drop(l *list) {
	for id := l.head; id != 0; {
		s := o.window.at(id)
		id = s.next
		s.state |= dropped
		o.window.push(&o.dropped, s)
	}
	*l = list{}
}

// Dropped is an exchange that went with its session, or a request that went
// with its connection.
type Dropped struct {
	Token uint64
	ID    uint16
	// Await is how far it got. In AwaitPubcomp the receiver has the message,
	// or the caller gave it up; a message in AwaitPubrec the receiver may have,
	// and would get twice if it was published again; one in AwaitPuback allows
	// that.
	Await Await
}

// NextDropped hands out what was dropped, one a call, and frees its id: first
// requests, then messages past their PUBREC, then the others in the order they
// were published. ok is false when there is none left. New messages need not
// wait for that, as long as an id is free.
func (o *Outbound) NextDropped() (d Dropped, ok bool) {
	if o.dropped.head == 0 {
		return Dropped{}, false
	}
	s := o.window.at(o.dropped.head)
	d = Dropped{s.token, s.id, Await(s.state &^ dropped)}
	o.window.remove(&o.dropped, s)
	o.window.give(s)
	return d, true
}

// Publish starts the delivery of a message and returns its PUBLISH, with DUP
// not set, and the Record Store. level is AtLeastOnce or ExactlyOnce, else
// the error is [mqttwire.ErrQoS]: QoS 0 needs no machine. token is what the
// caller wants to hear when something happens to the message.
//
// The other errors say to wait, and that nothing has changed:
// [mqttwire.ErrNotConnected]; [mqttwire.ErrResuming] while NextResend has more,
// which nothing new may overtake [MQTT-4.6.0-1]; [mqttwire.ErrSendQuota] until
// an acknowledgement [MQTT-4.9.0-2]; [mqttwire.ErrPacketIDsExhausted] until any
// id is free: what was dropped holds its id until NextDropped has told it.
func (o *Outbound) Publish(level Level, token uint64, now time.Duration) (Action, error) {
	switch {
	case level != AtLeastOnce && level != ExactlyOnce:
		return Action{}, mqttwire.ErrQoS
	case !o.up:
		return Action{}, mqttwire.ErrNotConnected
	case o.nextRelease|o.nextPublish != 0:
		return Action{}, mqttwire.ErrResuming
	case o.quota == 0 || o.held >= o.limit:
		return Action{}, mqttwire.ErrSendQuota
	}
	s := o.window.take()
	if s == nil {
		return Action{}, mqttwire.ErrPacketIDsExhausted
	}
	s.token, s.state, s.flags = token, uint8(level), carried // AwaitPuback is 1, AwaitPubrec 2
	o.window.push(&o.publish, s)
	o.held++
	o.quota--
	if o.timers != nil {
		o.timers.start(&o.window, s, now)
	}
	return Action{Token: token, ID: s.id, ToWrite: ToWrite{Packet: mqttwire.PUBLISH, Flags: uint8(level) << 1}, ToTell: ToTell{Change: sentStore.at(level)}}, nil
}

// Subscribe returns a SUBSCRIBE with a free id; token comes back with its
// SUBACK, or from NextDropped. It takes no quota [MQTT-3.3.4-8]. The errors are
// [mqttwire.ErrNotConnected] and [mqttwire.ErrPacketIDsExhausted].
func (o *Outbound) Subscribe(token uint64) (Action, error) {
	return o.request(AwaitSuback, mqttwire.SUBSCRIBE, token)
}

// Unsubscribe returns an UNSUBSCRIBE with a free id, as Subscribe does a
// SUBSCRIBE.
func (o *Outbound) Unsubscribe(token uint64) (Action, error) {
	return o.request(AwaitUnsuback, mqttwire.UNSUBSCRIBE, token)
}

func (o *Outbound) request(w Await, t mqttwire.PacketType, token uint64) (Action, error) {
	if !o.up {
		return Action{}, mqttwire.ErrNotConnected
	}
	s := o.window.take()
	if s == nil {
		return Action{}, mqttwire.ErrPacketIDsExhausted
	}
	s.token, s.state = token, uint8(w)
	o.window.push(&o.requests, s)
	return Action{Token: token, ID: s.id, ToWrite: ToWrite{Packet: t, Flags: 0b0010}}, nil
}

// InFlight returns how many messages are not finished, 0 to 65,535: those that
// wait for PUBACK, PUBREC or PUBCOMP.
func (o *Outbound) InFlight() int { return int(o.held) }

// Quota returns how many messages Publish would take now, 0 to 65,535.
func (o *Outbound) Quota() int {
	if o.nextRelease|o.nextPublish != 0 || o.held >= o.limit {
		return 0
	}
	return int(min(o.quota, o.limit-o.held))
}

// Compact gives the memory back if nothing is in flight. Disconnect does so
// too; a server may want it for a connection that has gone quiet.
func (o *Outbound) Compact() {
	if o.window.used == 0 {
		o.window.slots, o.window.free = nil, list{}
	}
}
