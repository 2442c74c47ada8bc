package session

import (
	"iter"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// State is what must outlive the process of a session, beside the messages in
// flight. It is comparable; the zero State is that of no session. It changes
// with Accept, with the event Accepted (whose State is true), with a client's
// Connect that has Clean Start and its Disconnect that has a Session Expiry
// Interval, with Close and End, and with every Event whose State is true. Keep
// it then, before the bytes of the step are written.
type State struct {
	// Exists reports that there is a session to resume, or one whose end Poll
	// has still to tell.
	Exists bool
	// Connected reports that a connection has the session. If the process ends
	// now, Resume takes the connection to be lost at its own now.
	Connected bool
	// Will reports that a will is to be published WillDelay after the
	// connection is lost, or that it is due.
	Will bool
	// Expiry is the Session Expiry Interval in force, seconds, 0xFFFFFFFF never
	// (5.0 §3.1.2.11.2).
	Expiry uint32
	// WillDelay is the Will Delay Interval, seconds (5.0 §3.1.3.2.2).
	WillDelay uint32
	// Lost is when the connection was lost, on the caller's clock; 0 while
	// Connected. A process that starts again has a new clock: keep the moment as
	// a time of the day, and give Resume what that is by the new clock.
	Lost time.Duration
}

// State returns the state of the session.
func (s *Session) State() State {
	switch {
	case s.life == online:
		return State{Exists: true, Connected: true, Will: s.will == armed, Expiry: s.expiry, WillDelay: s.willDelay}
	case s.life == offline:
		return State{Exists: true, Will: s.will == waiting || s.due, Expiry: s.expiry, WillDelay: s.willDelay, Lost: s.lostAt}
	case s.ended:
		return State{Exists: true, Will: s.due, Lost: s.lostAt}
	}
	return State{}
}

// Resume gives a session without a connection a State that was kept: after a
// crash, once its Records have been applied. What is in flight stays, unless the
// State is zero. Then pull Poll, which tells what the time has come for.
//
// A client of 5.0 that knows that its state is empty, such as one that starts
// for the first time after its first CONNACK was lost, resumes State{Exists:
// true, Expiry: Never}: without it a Session Present is an error
// [MQTT-3.2.2-4].
//
// The only error is [mqttwire.ErrSessionInUse], for a session on a connection.
func (s *Session) Resume(st State, now time.Duration) error {
	switch {
	case s.life == online:
		return mqttwire.ErrSessionInUse
	case !st.Exists:
		s.void()
		return nil
	}
	s.life, s.will, s.due, s.ended, s.unkept = offline, noWill, false, false, false
	s.expiry, s.willDelay, s.lostAt = st.Expiry, st.WillDelay, st.Lost
	if st.Connected {
		s.lostAt = now
	}
	if st.Will {
		s.will = waiting
	}
	return nil
}

// Apply replays a Record to a session without a connection, from a snapshot on
// or from the zero Session: that becomes one without a connection, which does
// not expire until Resume says when. A Clear leaves the zero Session.
//
// A Record that does not fit what was applied before, or any on a connection, is
// [mqttwire.ErrSnapshot], and changes nothing.
func (s *Session) Apply(r qos.Record) error {
	if s.life == online {
		return mqttwire.ErrSnapshot
	}
	if r == (qos.Record{Change: qos.Clear.Of(0, 0)}) {
		s.void()
		return nil
	}
	machine := s.out.Apply
	if r.Direction() == qos.Received {
		machine = s.in.Apply
	}
	if err := machine(r); err != nil || r == (qos.Record{}) {
		return err
	}
	if s.life == absent {
		s.life, s.expiry = offline, Never
	}
	return nil
}

// void makes a session without a connection the zero Session, and tells
// nothing.
func (s *Session) void() {
	clear := qos.Record{Change: qos.Clear.Of(0, 0)}
	s.out.Apply(clear)
	s.in.Apply(clear)
	*s = Session{out: s.out, in: s.in}
}

// Sent walks over the messages and requests that this end has sent and that are
// not finished, as [qos.Outbound.All] does.
func (s *Session) Sent() iter.Seq[qos.Exchange] { return s.out.All() }

// Received walks over the Packet Identifiers that this end holds of messages
// received, as [qos.Inbound.All] does.
func (s *Session) Received() iter.Seq[qos.Exchange] { return s.in.All() }

// Find returns the exchange of a Packet Identifier of a direction, the zero
// Exchange if it is not in flight.
func (s *Session) Find(d qos.Direction, id uint16) qos.Exchange {
	if d == qos.Received {
		return s.in.Find(id)
	}
	return s.out.Find(id)
}
