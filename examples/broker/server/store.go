package server

import (
	"time"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// A Store keeps sessions and retained messages over a restart. The server works
// from memory: it tells the Store what happens, record by record, waits for
// Sync before it writes what the records promise, and reads them back once,
// after a start.
//
// A record is kept whole or not at all, and none without those before it. A
// Store may forget records that later ones have made void, as each kind says,
// and those of different clients and topics in any order; of each client
// SessionKept comes first.
//
// Append is called with locks held and must not block long, nor call the
// server; Sync by many goroutines at once, and may take its time: it delays the
// connections whose bytes the records are about, and no others.
type Store interface {
	// Append adds a record. What it refers to is read during the call only.
	Append(r *Record)
	// Sync returns when all that was appended before the call is durable.
	Sync() error
	// Replay calls back with what is kept, in its order, and stops at the first
	// error, which it returns.
	Replay(func(r *Record) error) error
}

// RecordKind says what a Record is about.
type RecordKind uint8

// The kinds, each with the fields that count besides Client. Key is the number
// of a message at one client. An Exchange of Forget voids those before it with
// the same Packet Identifier and direction, and the message with its Key.
const (
	SessionKept       RecordKind = iota + 1 // State, At: voids an earlier one
	SessionEnded                            // voids all of the client's
	SubscriptionKept                        // Filter, Options, SubscriptionID: voids an earlier one of the filter
	SubscriptionEnded                       // Filter: voids SubscriptionKept
	WillKept                                // Message, At: voids an earlier one
	WillEnded                               // voids WillKept
	MessageQueued                           // To, Message, At; with Exchange it is Exchanged too, of the client that has published
	MessageDropped                          // Key: voids MessageQueued at the client
	Exchanged                               // Exchange: a step of a message in flight; of one that is sent with its Key
	MessageRetained                         // Message, At, no Client: voids an earlier one of the topic
	RetainedRemoved                         // Message has the topic, no Client: voids MessageRetained
)

// A Record is something that a Store keeps. Which fields count, its Kind says.
type Record struct {
	Kind   RecordKind
	Client string // Client Identifier
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
