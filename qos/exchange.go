package qos

import "iter"

// Exchange is what is in flight under a Packet Identifier. The zero Exchange is
// none.
type Exchange struct {
	// Token is the caller's handle of a message that it sends, or of a request.
	// For a message that it received it is the Ticket while that is open, else 0.
	Token uint64
	// ID is the Packet Identifier.
	ID uint16
	// Await is what has to come before the id is free, or before the next step
	// of the exchange.
	Await Await
}

// Await is what an exchange waits for.
type Await uint8

// What an exchange can wait for.
const (
	AwaitPuback   Await = iota + 1 // Outbound: a QoS 1 message
	AwaitPubrec                    // Outbound: a QoS 2 message
	AwaitPubcomp                   // Outbound: a QoS 2 message that the receiver has taken over, or that was given up
	AwaitSuback                    // Outbound: a SUBSCRIBE
	AwaitUnsuback                  // Outbound: an UNSUBSCRIBE
	AwaitFinish                    // Inbound: a delivery that is to be decided, or whose PUBACK or refusal has to wait for others
	AwaitPubrel                    // Inbound: a QoS 2 message that was taken over
)

var awaitNames = [...]string{"nothing", "await PUBACK", "await PUBREC", "await PUBCOMP", "await SUBACK", "await UNSUBACK", "await Finish", "await PUBREL"}

// String returns such as "await PUBACK", and "nothing" for 0: not in flight.
func (w Await) String() string {
	if int(w) < len(awaitNames) {
		return awaitNames[w]
	}
	return "unknown"
}

// Find returns the exchange of an id, the zero Exchange if the id is not in
// flight.
func (o *Outbound) Find(id uint16) Exchange {
	if s := o.window.find(id); s != nil {
		return s.exchange()
	}
	return Exchange{}
}

func (s *slot) exchange() Exchange { return Exchange{Token: s.token, ID: s.id, Await: Await(s.state)} }

// All walks over what is in flight: messages past their PUBREC in the order of
// their PUBRECs, the other messages in the order of their PUBLISHes, requests in
// the order they were made. The machine must not change meanwhile.
func (o *Outbound) All() iter.Seq[Exchange] {
	return func(yield func(Exchange) bool) {
		for _, head := range [...]uint16{o.release.head, o.publish.head, o.requests.head} {
			for id := head; id != 0; {
				s := o.window.at(id)
				if !yield(s.exchange()) {
					return
				}
				id = s.next
			}
		}
	}
}

// Find returns the exchange of an id, the zero Exchange if the id is not held.
func (in *Inbound) Find(id uint16) Exchange {
	if p := in.index.find(id); p != 0 {
		return in.index.entries[p].exchange()
	}
	return Exchange{}
}

func (e *entry) exchange() Exchange {
	x := Exchange{ID: e.id, Await: AwaitFinish}
	switch {
	case e.held():
		x.Await = AwaitPubrel
	case e.state&decided == 0:
		x.Token = uint64(e.ticket())
	}
	return x
}

// All walks over what is held, in no order. The machine must not change
// meanwhile.
func (in *Inbound) All() iter.Seq[Exchange] {
	return func(yield func(Exchange) bool) {
		for i := range in.index.entries {
			if e := &in.index.entries[i]; e.id != 0 && !yield(e.exchange()) {
				return
			}
		}
	}
}
