package session

import (
	"math"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// Never is a Session Expiry Interval: the session does not end by itself
// (5.0 §3.1.2.11.2).
const Never = 0xFFFFFFFF

// Session is what one end keeps of a session while it has no network
// connection (3.1.1 §4.1, 5.0 §4.1): the delivery of QoS 1 and 2 in both
// directions, when the session ends, and at a server when its will is due.
// Subscriptions, messages and the will itself are the caller's.
//
// The zero Session is none: the first connection that is accepted makes it one.
// It must not be copied once used, and has one owner at a time, which is that of
// its connection while it has one.
type Session struct {
	out qos.Outbound
	in  qos.Inbound

	lostAt time.Duration // when the connection was lost
	coming qos.Ticket    // of a delivery that has not all come, else 0

	expiry    uint32 // Session Expiry Interval in force, seconds
	willDelay uint32 // seconds
	life      life
	will      will
	due       bool // a will is to be published: that of this session, or of one before
	ended     bool // a session has ended, and nobody was told
	unkept    bool // nobody was told the Record of that
}

type life uint8

const (
	absent life = iota
	online
	offline
)

type will uint8

const (
	noWill  will = iota
	armed        // the connection has one
	waiting      // the connection is gone, the Will Delay Interval is not over
)

// Exists reports whether there is a session to resume, or on a connection now.
// It may have expired since Poll was called last.
func (s *Session) Exists() bool { return s.life != absent }

// Connected reports whether a connection has the session.
func (s *Session) Connected() bool { return s.life == online }

// Expiry returns the Session Expiry Interval in force, seconds, 0xFFFFFFFF
// never. Before 5.0 that is 0 for a Clean Session.
func (s *Session) Expiry() uint32 { return s.expiry }

// InFlight returns how many messages this end has sent and not finished, and
// how many Packet Identifiers it holds of those it received, 0 to 65,535 each.
func (s *Session) InFlight() (sent, received int) { return s.out.InFlight(), s.in.InFlight() }

// NextDropped hands out what went with its session, or a SUBSCRIBE or
// UNSUBSCRIBE that went with its connection: one a call, until ok is false.
// See [qos.Outbound.NextDropped].
func (s *Session) NextDropped() (d qos.Dropped, ok bool) { return s.out.NextDropped() }

// Finish decides a delivery, as [qos.Inbound.Finish] says. With a connection
// use Ack, which also writes what is due then. Ticket 0 does nothing.
// [mqttwire.ErrNotYet] says that the message has not all come, see
// [Server.Payload].
func (s *Session) Finish(t qos.Ticket, reason mqttwire.Reason) (qos.Record, error) {
	switch t {
	case 0:
		return qos.Record{}, nil
	case s.coming:
		return qos.Record{}, mqttwire.ErrNotYet
	}
	return s.in.Finish(t, reason)
}

// Abandon forgets a delivery without deciding it, as [qos.Inbound.Abandon] says:
// for a message over which the connection is ended, so that it is delivered
// anew if the peer sends it again.
func (s *Session) Abandon(t qos.Ticket) (qos.Record, error) {
	if t == 0 {
		return qos.Record{}, nil
	}
	return s.in.Abandon(t)
}

// GiveUp ends the sending of a message of a session without a connection, as
// [qos.Outbound.GiveUp] says; the event is GivenUp. With a connection use that
// of Server or Client. The error is [mqttwire.ErrSessionInUse] with a
// connection, or that of the machine.
func (s *Session) GiveUp(id uint16) (Event, error) {
	if s.life == online {
		return Event{}, mqttwire.ErrSessionInUse
	}
	a, err := s.out.GiveUp(id, 0)
	if err != nil {
		return Event{}, err
	}
	return givenUp(a, mqttwire.UnspecifiedError), nil
}

// Compact gives memory back that a burst has taken, if nothing is in flight.
func (s *Session) Compact() {
	s.out.Compact()
	s.in.Compact()
}

// End ends a session without a connection, as an operator may, or a server that
// needs the room. On a connection it does nothing: disconnect first. Pull Poll
// and NextDropped after it.
func (s *Session) End() {
	if s.life == offline {
		s.end()
	}
}

// Poll returns Will when the will is to be published, then Ended when the
// session is over: after Close, after Accept, after a client's Connect, after
// End, and at Deadline. Call it until the Kind is None. After an Accept both
// speak of the session before, and it was Accept that said the Record.
func (s *Session) Poll(now time.Duration) Event {
	s.settle(now)
	switch {
	case s.due:
		was := s.State()
		s.due = false
		return Event{Kind: Will, State: s.State() != was}
	case s.ended:
		s.ended = false
		return Event{Kind: Ended, Change: s.cleared(), State: s.life == absent}
	}
	return Event{}
}

// Deadline returns when to call Poll, a moment long past where it has something
// to tell already. ok is false where nothing will happen by itself, as on a
// connection.
func (s *Session) Deadline() (at time.Duration, ok bool) {
	switch {
	case s.due || s.ended:
		return math.MinInt64, true
	case s.life != offline:
		return 0, false
	case s.will == waiting:
		return min(s.willAt(), s.endAt()), true
	}
	return s.endAt(), s.expiry != Never
}

func (s *Session) endAt() time.Duration  { return after(s.lostAt, s.expiry) }
func (s *Session) willAt() time.Duration { return after(s.lostAt, s.willDelay) }

// settle lets happen what the time has come for.
func (s *Session) settle(now time.Duration) {
	if s.will == waiting && now >= s.willAt() {
		s.will, s.due = noWill, true
	}
	if s.life == offline && s.expiry != Never && now >= s.endAt() {
		s.end()
	}
}

// end ends the session. Its will is due then at the latest (5.0 §3.1.2.5).
func (s *Session) end() {
	if s.will != noWill {
		s.will, s.due = noWill, true
	}
	s.life, s.ended, s.unkept = absent, true, true
	s.out.End()
	s.in.End()
}

// join puts the session on a connection, and returns Clear where it ends one
// that there was. A will that was waiting is not published where the session
// goes on [MQTT-3.1.3-9].
func (s *Session) join(out, in qos.Connection, expiry uint32) qos.Change {
	if !out.Resumed && s.life != absent {
		s.end()
	}
	s.out.Connect(out)
	s.in.Connect(in)
	s.life, s.will, s.expiry, s.willDelay = online, noWill, expiry, 0
	return s.cleared()
}

// cleared returns Clear once for each session that has ended.
func (s *Session) cleared() qos.Change {
	if !s.unkept {
		return 0
	}
	s.unkept = false
	return qos.Clear.Of(0, 0)
}

// arm gives the session the will of its connection.
func (s *Session) arm(delay uint32) { s.will, s.willDelay = armed, delay }

// lost takes the session off its connection.
func (s *Session) lost(now time.Duration) {
	if s.life != online {
		return
	}
	if s.coming != 0 {
		s.in.Abandon(s.coming) // the bytes that came are of no use: it is sent again as a whole
		s.coming = 0
	}
	s.out.Disconnect()
	s.in.Disconnect()
	s.life, s.lostAt = offline, now
	if s.will == armed {
		s.will = waiting
	}
	s.settle(now)
}

// after returns the moment so many seconds from now.
func after(now time.Duration, seconds uint32) time.Duration {
	d := time.Duration(seconds) * time.Second
	if now > math.MaxInt64-d {
		return math.MaxInt64
	}
	return now + d
}
