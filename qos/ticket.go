package qos

// Ticket is what a delivery carries and [Inbound.Finish] takes: Packet
// Identifier, QoS and connection. It means something only to the Inbound that
// gave it, until the delivery is finished, once. The zero Ticket is of no
// delivery.
type Ticket uint64

func newTicket(id uint16, l Level, epoch uint32) Ticket {
	return Ticket(epoch)<<32 | Ticket(l)<<16 | Ticket(id)
}

// ID returns the Packet Identifier.
func (t Ticket) ID() uint16 { return uint16(t) }

// Level returns the QoS of the delivery.
func (t Ticket) Level() Level { return Level(t >> 16 & 3) }

// epoch is the number of the connection that the delivery came on.
func (t Ticket) epoch() uint32 { return uint32(t >> 32) }
