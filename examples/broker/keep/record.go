package keep

import (
	"math"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// RecordKind says what a Record is about.
type RecordKind uint8

// The kinds, each with the fields that count besides Client. Key is the number
// of a message at one client. An Exchange of Forget voids those before it with
// the same Packet Identifier and direction, and the message with its Key.
const (
	SessionKept       RecordKind = iota + 1 // State, At, Owner, Warrant: voids an earlier one
	SessionEnded                            // voids all of the client's
	SubscriptionKept                        // Filter, Options, SubscriptionID: voids an earlier one of the filter
	SubscriptionEnded                       // Filter: voids SubscriptionKept
	WillKept                                // Message, At: voids an earlier one
	WillEnded                               // voids WillKept
	MessageQueued                           // To, Message, At; with Exchange it is Exchanged too, of the client that has published; a will is WillEnded too, of From
	MessageDropped                          // Key: voids MessageQueued at the client
	Exchanged                               // Exchange: a step of a message in flight; of one that is sent with its Key
	MessageRetained                         // Message, At, no Client: voids an earlier one of the topic
	RetainedRemoved                         // Message has the topic, no Client: voids MessageRetained
)

// A Record is something that a Store keeps. Which fields count, its Kind says.
type Record struct {
	Kind   RecordKind
	Client string // Client Identifier
	Owner  string // of SessionKept: the principal whose session it is, "" for nobody's
	// Warrant is, of SessionKept, by what right there is the session, in words of
	// whoever judges rights: "" by none that could be taken away.
	Warrant string
	// At is when the message came; of SessionKept when the connection was
	// lost, the zero Time while there is one.
	At time.Time

	State    session.State // without Lost, which At says
	Exchange qos.Record

	Filter         string
	Options        codec.SubscriptionOptions
	SubscriptionID uint32

	Message *Message
	To      []Recipient
	Key     uint64

	// Place is set by a Store that writes a Record again, to where it stood
	// first: its turn among all others. 0 is where it stands. The server neither
	// sets nor reads it.
	Place uint64
}

// A Message is an application message as a Record has it.
type Message struct {
	Topic, Payload []byte
	Properties     codec.Properties // of PUBLISH, without a Topic Alias
	QoS            qos.Level
	Retain         bool
	// From is the Client Identifier of the publisher, "" for the server.
	From string
	// Warrant is, in MessageRetained, by what right it was published, as in Record.
	Warrant string
	// Will reports, in MessageQueued, that it is the will of From, which is over
	// with it.
	Will bool
}

// A Recipient is a session that a message is queued for.
type Recipient struct {
	Client          string
	Key             uint64
	Level           qos.Level
	Retain          bool // RETAIN as it is sent
	SubscriptionIDs []uint32
	Share           string // the filter of the Shared Subscription that it is for
}

// keyBits are the bits of a Key that count the messages of one node. Those above
// are the node's number.
const keyBits = 48

// MaxNode is the highest number of a node, and MaxCount the highest of a message
// that a node counts.
const (
	MaxNode  = 1<<15 - 1
	MaxCount = 1<<keyBits - 1
)

// KeyOf returns the Key of a message: the number of the node that queues it, at
// most [MaxNode], and how many it has queued by then, 1 to [MaxCount]. A broker
// that is alone is node 0.
func KeyOf(node uint16, count uint64) uint64 { return uint64(node)<<keyBits | count }

// SplitKey returns what [KeyOf] was given.
func SplitKey(key uint64) (node uint16, count uint64) { return uint16(key >> keyBits), key & MaxCount }

// Check returns mqttwire.ErrSnapshot for a Record that no server writes. Whether
// it fits those before is another question.
func (r *Record) Check() error {
	for i := range r.To {
		x := &r.To[i]
		if x.Key == 0 || x.Key > math.MaxInt64 || x.Level != qos.AtLeastOnce && x.Level != qos.ExactlyOnce {
			return mqttwire.ErrSnapshot
		}
	}
	switch r.Kind {
	case MessageQueued, WillKept, MessageRetained, RetainedRemoved:
		if m := r.Message; m == nil || topicmatch.CheckName(m.Topic) != nil || !m.QoS.Valid() || m.Will && r.Kind != MessageQueued {
			return mqttwire.ErrSnapshot
		}
	}
	if r.Exchange.Op() == qos.Clear { // for which there is SessionEnded
		return mqttwire.ErrSnapshot
	}
	return nil
}
