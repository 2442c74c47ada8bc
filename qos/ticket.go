package qos

// Ticket is what a delivery carries and [Inbound.Finish] takes: Packet
// Identifier, QoS and a number that tells it from earlier deliveries. It means
// something only to the Inbound that gave it, until the delivery is finished,
// once. The zero Ticket is of no delivery.
type Ticket uint64

func newTicket(id uint16, l Level, serial uint32) Ticket {
	return Ticket(serial)<<32 | Ticket(l)<<16 | Ticket(id)
}

// ID returns the Packet Identifier.
func (t Ticket) ID() uint16 { return uint16(t) }

// Level returns the QoS of the delivery.
func (t Ticket) Level() Level { return Level(t >> 16 & 3) }

// Record returns the Record Accept of the delivery, for a caller that keeps it
// together with the message, before Finish says it. A snapshot taken before
// Finish does not include it: apply it after that. The zero Ticket has the zero
// Record.
func (t Ticket) Record() Record {
	if t == 0 {
		return Record{}
	}
	return Record{ID: t.ID(), Change: receivedAccept.at(t.Level())}
}
