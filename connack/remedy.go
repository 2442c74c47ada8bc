package connack

// Remedy is what a client can do next, given the code of its CONNACK. The
// connection is closed in every case except Proceed [MQTT-3.2.2-7; 3.1.1
// MQTT-3.2.2-5].
type Remedy uint8

// The remedies.
const (
	Proceed           Remedy = iota // the connection is accepted
	Retry                           // wait, then send the same CONNECT to the same server; back off
	ChangeCredentials               // ask for another user name, password or token, or authentication method
	ChangeVersion                   // the server does not speak this version: try another
	ChangeClientID                  // another Client Identifier, or an empty one with Clean Session
	ChangeWill                      // the server does not take the will: connect with another, or without
	ChangeServer                    // the Server Reference says where to (5.0 §4.11), else configuration must
	GiveUp                          // nothing that a program can change by itself: tell someone
)

// String returns the remedy as a few words: "proceed", "retry", "change
// credentials" ...
func (r Remedy) String() string {
	if int(r) < len(remedyNames) {
		return remedyNames[r]
	}
	return "unknown remedy"
}

var remedyNames = [...]string{"proceed", "retry", "change credentials", "change version", "change client identifier",
	"change will", "change server", "give up"}

// Remedy says what a client can do about the code. A code that no version
// defines is GiveUp.
//
// 0x80 is Retry: the server keeps its reason to itself, and waiting costs a
// device less than standing still for good.
func (c Code) Remedy() Remedy {
	if int(c) < len(codes) && codes[c].text != "" {
		return codes[c].remedy
	}
	return GiveUp
}

// Temporary reports whether the same CONNECT may well be accepted by the same
// server later, so that a client with nobody to ask should try again, with
// growing pauses: all that [Code.Remedy] calls Retry, and 0x9C, after which the
// client is welcome back once it has been elsewhere. It is false for 0.
func (c Code) Temporary() bool {
	return c.Remedy() == Retry || c == UseAnotherServer
}
