package server

import (
	"time"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
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
// of a message at one client, Token that of an exchange in flight.
const (
	SessionKept       RecordKind = iota + 1 // At, Expiry, Will, WillDelay: voids an earlier one
	SessionEnded                            // voids all of the client's
	SubscriptionKept                        // Filter, Options, SubscriptionID: voids an earlier one of the filter
	SubscriptionEnded                       // Filter: voids SubscriptionKept
	WillKept                                // Message, At: voids an earlier one
	WillEnded                               // voids WillKept
	MessageQueued                           // To, Message, At; with ID it is MessageAccepted too, of the client that has published
	MessageSent                             // Key, Token, ID, Level: it is in flight
	MessageReleased                         // Key, Token, ID: its payload is not needed any more, its PUBREL is owed
	MessageDone                             // Key, Token, ID: voids what was said of the message at the client
	MessageAccepted                         // ID: a message of QoS 2 that the client has published is the server's
	IdentifierFreed                         // ID: voids MessageAccepted
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

	Expiry    uint32 // Session Expiry Interval in force, seconds
	Will      bool   // a will is to be published when its time comes
	WillDelay uint32 // Will Delay Interval, seconds

	Filter         string
	Options        codec.SubscriptionOptions
	SubscriptionID uint32

	Message    *Message
	To         []Recipient
	Key, Token uint64
	ID         uint16 // Packet Identifier
	Level      qos.Level
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
