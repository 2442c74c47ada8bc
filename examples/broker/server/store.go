package server

import (
	"time"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// A Store keeps sessions and retained messages over a restart. The server works
// from memory: it tells the Store what happens, record by record, waits for
// Sync before it writes what the records promise, and reads them back once,
// after a start. A Store may forget what later records have made void, as each
// kind says.
//
// Append is called with locks held and must not block long, nor call the
// server; Sync by many goroutines at once, and may take its time: it delays the
// connection that it is called for, and whoever has something to write to that.
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

// The kinds. Key and Token are numbers of messages within a client. At, of
// SessionKept, is when it lost its connection, the zero Time while it has one.
const (
	SessionKept       RecordKind = iota + 1 // Session, At: the state of a session; voids an earlier one
	SessionEnded                            // voids all of the client's
	SubscriptionKept                        // Filter, Options, SubscriptionID; voids an earlier one of the filter
	SubscriptionEnded                       // Filter
	WillKept                                // Message, At; voids an earlier one
	WillEnded
	MessageQueued   // Key, Message, At, Level, Retain, SubscriptionIDs, Filter (of a Shared Subscription)
	MessageSent     // Key, Token, ID, Level: it is in flight
	MessageReleased // Key, Token, ID: its payload is not needed any more, its PUBREL is owed
	MessageDone     // Key, Token, ID: voids what was said of the message
	MessageAccepted // ID: of QoS 2, received
	IdentifierFreed // ID: voids MessageAccepted
	MessageRetained // Message, At; voids an earlier one of the topic
	RetainedRemoved // Message has the topic
)

// A Record is something that a Store keeps. Which fields count, its Kind says.
type Record struct {
	Kind   RecordKind
	Client string // Client Identifier; not of retained messages

	// Session is what session.Session.AppendSnapshot says.
	Session []byte
	At      time.Time

	Filter         string
	Options        codec.SubscriptionOptions
	SubscriptionID uint32

	Message         *Message
	Key, Token      uint64
	ID              uint16 // Packet Identifier
	Level           qos.Level
	Retain          bool
	SubscriptionIDs []uint32
}
