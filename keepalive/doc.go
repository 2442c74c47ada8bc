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

// Action is what Poll tells its caller to do.
type Action uint8

// The actions.
const (
	None        Action = iota // nothing is due
	SendPingreq               // write a PINGREQ; Client only
	Close                     // close the connection as if the network had failed; a server publishes the will
)

// String returns "none", "send PINGREQ" or "close".
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return "unknown action"
}

var actionNames = [...]string{"none", "send PINGREQ", "close"}

// after returns t+d, or the end of time where that is later still.
func after(t, d time.Duration) time.Duration {
	if d > 0 && t > math.MaxInt64-d {
		return math.MaxInt64
	}
	return t + d
}
