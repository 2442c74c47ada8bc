package access

import "runtime"

// gate bounds the hashes that are computed at once, and those that wait.
type gate struct{ room, slots chan struct{} }

// One for all users that are ever loaded, as the processors are the same. Half
// of them are left to the clients that are in.
var processors = newGate(max(1, runtime.GOMAXPROCS(0)/2), 32)

// newGate returns a gate that lets n at a time through while queue for each of
// them wait.
func newGate(n, queue int) gate {
	return gate{make(chan struct{}, n*(1+queue)), make(chan struct{}, n)}
}

// enter waits for a slot. It returns false at once where too many do.
func (g gate) enter() bool {
	select {
	case g.room <- struct{}{}:
	default:
		return false
	}
	g.slots <- struct{}{}
	return true
}

// leave gives the slot back.
func (g gate) leave() {
	<-g.slots
	<-g.room
}
