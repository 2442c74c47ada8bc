// Package keepalive is the Keep Alive of MQTT (3.1.1 §3.1.2.10, 5.0 §3.1.2.10)
// as two small state machines: [Client] says when a PINGREQ is due and when its
// PINGRESP is overdue, [Server] when a client has been silent for one and a
// half times its Keep Alive. The state diagrams are in the package's README.
//
// # Time
//
// The machines have no clock. Each call is given now: a reading of a monotonic
// clock, as the time since a moment that the caller chooses once and keeps. A
// program takes it with
//
//	start := time.Now()        // once
//	now := time.Since(start)   // at every call
//
// It is a Duration and not a [time.Time] because the machines stay with a
// session for its whole connection: 40 and 16 bytes, where a Time alone is 24,
// and because a Time may lose its monotonic reading without anyone noticing.
//
// Deadline says when to call Poll, Poll says what to do. A Poll too many, or
// too early, does nothing; one that comes late acts then. A now that lies
// before an earlier one is taken as no time having passed.
//
// # First what was received, then Poll
//
// Tell the machine of all packets that have been received before you call Poll.
// A process that did not run for a while (suspended, stopped by SIGSTOP, on a
// busy machine) wakes up after its deadline, with packets of the peer in the
// buffers of the system that came in time: a Poll before they are read ends a
// connection that is good, and no later call revives it. So at a deadline read
// what there is without waiting, call Received or Pingresp for it, with the
// time at which it was read, and then Poll with the same or a later time. There
// is nothing to lose: a Poll that is late by one read closes late by as much.
//
// A machine belongs to one owner: it has no lock. No call allocates.
package keepalive

import (
	"math"
	"time"
)

// State is where a machine stands.
type State uint8

// The states.
const (
	Off     State = iota // not started, or Keep Alive is 0; the zero value of both machines
	Alive                // started, nothing outstanding
	Waiting              // a PINGREQ is unanswered; Client only
	Dead                 // the connection has to be closed
)

// String returns "off", "alive", "waiting" or "dead".
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown state"
}

var stateNames = [...]string{"off", "alive", "waiting", "dead"}

// Due is what is due: what Poll tells its caller to do.
type Due uint8

// What can be due.
const (
	None        Due = iota // nothing
	SendPingreq            // write a PINGREQ; Client only
	Close                  // close the connection as if the network had failed; a server publishes the will
)

// String returns "none", "send PINGREQ" or "close".
func (d Due) String() string {
	if int(d) < len(dueNames) {
		return dueNames[d]
	}
	return "unknown due"
}

var dueNames = [...]string{"none", "send PINGREQ", "close"}

// after returns t+d, or the end of time where that is later still.
func after(t, d time.Duration) time.Duration {
	if d > 0 && t > math.MaxInt64-d {
		return math.MaxInt64
	}
	return t + d
}
