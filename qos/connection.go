package qos

import (
	"time"

	"github.com/mqttwire/mqttwire"
)

// Connection is what a machine has to know of the network connection it is put
// on.
type Connection struct {
	// Version is the connection's, V31, V311 or V50. It need not be that of
	// the session's earlier connections.
	Version mqttwire.Version
	// Resumed is Session Present: both ends go on with the session they have.
	// Where it is false what the machine holds belongs to no session any more:
	// an Outbound hands it out through NextDropped, an Inbound forgets it.
	Resumed bool
	// ReceiveMaximum is that of the end that receives: for an Outbound what
	// the peer announced, for an Inbound what this end did (5.0 §3.1.2.11.3,
	// §3.2.2.3.3). 0 stands for 65,535, as if it was absent. Not used before 5.0.
	ReceiveMaximum uint16
	// Window is the most messages that this end keeps in flight, whatever the
	// Receive Maximum and whichever connection they came on; 0 stands for
	// 65,535. It bounds the memory: 16 bytes a message in either machine,
	// rounded up to a power of two of messages. Before 5.0 it is an Outbound's
	// only limit; 1 gives strict order.
	Window uint16
	// Retry is after how long without an acknowledgement a PUBLISH or PUBREL is
	// due again on the same connection; see Outbound.Poll. 0 or less is never.
	// Only for an Outbound before 5.0 (3.1 §4.2; 3.1.1 §4.4 leaves it open); 5.0
	// forbids it [MQTT-4.4.0-1], and there it is ignored.
	Retry time.Duration
	// RepeatWithoutDup has a PUBLISH of QoS 1, with an id that is not
	// acknowledged yet, taken for the same message sent again though DUP is not
	// set. The standard wants DUP there [MQTT-3.3.1-1], and no id in use for
	// another message ([MQTT-2.2.1-3, MQTT-2.2.1-4]; 3.1.1 [MQTT-2.3.1-2,
	// MQTT-2.3.1-4]); some servers send again without it. A sender that means another message
	// loses that. Only for an Inbound.
	RepeatWithoutDup bool
}

// Record returns what a caller keeps when it puts the machines of a session on
// the connection: Clear where that ends the session they had, else the zero
// Record.
func (c Connection) Record() Record {
	if c.Resumed {
		return Record{}
	}
	return Record{Change: Change(Clear)}
}

// orMax reads a limit; 0 stands for none.
func orMax(n uint16) uint16 {
	if n == 0 {
		return 65535
	}
	return n
}
