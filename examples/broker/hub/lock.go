package hub

import "sync"

// The locks of the hub, all of them. Who holds one takes only such as come after it:
// relief and audit, retained, one client's mu, one of the rest, timers. Those of the
// topic indexes and of the journal are taken under any and take none, except that what
// is retained is sent while it is looked at. Outboxes and machines are guarded by the mu
// of the client that has their connection; before it has one, nobody but who serves it
// knows a connection.
type (
	locks struct {
		relief sync.Mutex // of who has accounts give way
		audit  sync.Mutex // of who judges what was left behind

		// retained is held while a message to be retained is stored and routed,
		// and while a client subscribes: nobody gets it twice, or not at all.
		retained sync.Mutex

		clients   sync.Mutex // who there is
		doors     sync.Mutex // connections and their rates
		accounts  sync.Mutex // who pays
		bans      sync.Mutex
		interests sync.Mutex
		timers    sync.Mutex
	}

	// clientLock guards a client, its session, and what its connection has to
	// write.
	clientLock struct{ sync.Mutex }
)

// onSlice is told how many steps were taken under a lock that others need, where work
// may be long and proceeds in slices. Tests count by it.
var onSlice = func(steps int) {}
