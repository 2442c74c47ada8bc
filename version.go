package mqttwire

// Version is a protocol version, numbered as the Protocol Level of CONNECT
// (3.1.1 §3.1.2.2, 5.0 §3.1.2.2). The zero Version stands for "not known yet":
// before CONNECT has said which.
type Version uint8

// The protocol versions.
const (
	V31  Version = 3 // MQTT 3.1, Protocol Name "MQIsdp"
	V311 Version = 4 // MQTT 3.1.1, Protocol Name "MQTT"
	V50  Version = 5 // MQTT 5.0, Protocol Name "MQTT"
)

// Valid reports whether v is one of V31, V311 and V50.
func (v Version) Valid() bool { return v-V31 <= V50-V31 }

// String returns "3.1", "3.1.1", "5.0", or "unknown".
func (v Version) String() string {
	switch v {
	case V31:
		return "3.1"
	case V311:
		return "3.1.1"
	case V50:
		return "5.0"
	}
	return "unknown"
}

// Role is an end of a connection: who sends a packet, or which end a machine
// plays. Some rules bind only one of them.
type Role uint8

// The roles. Either is the zero value: whoever sent it, only rules that bind
// both ends apply.
const (
	Either Role = iota
	Client
	Server
)

// String returns "either", "client" or "server".
func (r Role) String() string {
	switch r {
	case Client:
		return "client"
	case Server:
		return "server"
	}
	return "either"
}
