package session

import "github.com/mqttwire/mqttwire"

// Request is what a Subscribe or Unsubscribe event of a Server carries and
// [Server.Suback] or [Server.Unsuback] takes: the Packet Identifier, the packet
// type, and how many Topic Filters there are. The zero Request is none.
type Request uint64

func requestOf(t mqttwire.PacketType, id uint16, filters int) Request {
	return Request(filters)<<32 | Request(t)<<16 | Request(id)
}

// ID returns the Packet Identifier.
func (r Request) ID() uint16 { return uint16(r) }

// Filters returns the number of Topic Filters, and so of the codes of the
// answer [MQTT-3.8.4-6, MQTT-3.11.3-2].
func (r Request) Filters() int { return int(r >> 32) }

func (r Request) packet() mqttwire.PacketType { return mqttwire.PacketType(r >> 16 & 15) }
