package mqttwire

// PacketType is the type of a control packet, bits 7-4 of its first byte
// (3.1.1 §2.2.1, 5.0 §2.1.2). The zero PacketType is reserved by the standard
// and means "none" where this module returns one.
type PacketType uint8

// The control packet types. AUTH exists in 5.0 only.
const (
	CONNECT     PacketType = 1
	CONNACK     PacketType = 2
	PUBLISH     PacketType = 3
	PUBACK      PacketType = 4
	PUBREC      PacketType = 5
	PUBREL      PacketType = 6
	PUBCOMP     PacketType = 7
	SUBSCRIBE   PacketType = 8
	SUBACK      PacketType = 9
	UNSUBSCRIBE PacketType = 10
	UNSUBACK    PacketType = 11
	PINGREQ     PacketType = 12
	PINGRESP    PacketType = 13
	DISCONNECT  PacketType = 14
	AUTH        PacketType = 15
)

var packetTypeNames = [16]string{"reserved", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"}

// String returns the standard's name, such as "PUBLISH", and "reserved" for 0
// and for values over 15.
func (t PacketType) String() string {
	if t > AUTH {
		return packetTypeNames[0]
	}
	return packetTypeNames[t]
}

// ExistsIn reports whether version v defines the type. For the zero Version it
// reports whether any version does.
func (t PacketType) ExistsIn(v Version) bool {
	return t >= CONNECT && (t <= DISCONNECT || t == AUTH && (v == V50 || v == 0))
}

// SentBy reports whether r may send packets of this type in version v
// (3.1.1 §2.2.1, 5.0 §2.1.2). For Either it reports ExistsIn(v). For the zero
// Version a type passes that passes in any version.
func (t PacketType) SentBy(r Role, v Version) bool {
	if !t.ExistsIn(v) {
		return false
	}
	const client = 1<<CONNECT | 1<<SUBSCRIBE | 1<<UNSUBSCRIBE | 1<<PINGREQ
	const server = 1<<CONNACK | 1<<SUBACK | 1<<UNSUBACK | 1<<PINGRESP
	switch r {
	case Client:
		return server>>t&1 == 0
	case Server:
		// DISCONNECT from a server came with 5.0.
		return client>>t&1 == 0 && (t != DISCONNECT || v == V50 || v == 0)
	}
	return true
}
