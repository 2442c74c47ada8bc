package session

// Phase is where a network connection stands. The state diagrams are in the
// package's README.
type Phase uint8

// The phases.
const (
	Idle       Phase = iota // there is no network connection; the zero value
	Opened                  // Server: the CONNECT is awaited
	Connecting              // the CONNECT was sent, or came, and is not answered
	Connected               // a CONNACK has accepted
	Closing                 // all is said: write what there is, close the network connection, call Close
)

var phaseNames = [...]string{"idle", "opened", "connecting", "connected", "closing"}

// String returns the name in lower case, such as "connected".
func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return "unknown phase"
}
