package server

import (
	"log/slog"
	"time"
)

// Config holds the limits of a Server. A zero field takes its default.
type Config struct {
	// MaxPacketSize is the most bytes a packet from a client may take
	// (5.0 §3.2.2.3.6). Default 1 MiB.
	MaxPacketSize int
	// MaxQueue is how many bytes may wait for a client: messages that find so
	// many or more are dropped and counted. As many may be on their way to the
	// socket besides. Default 1 MiB.
	MaxQueue int
	// ConnectTimeout is how long a connection may take to send its CONNECT.
	// Default 10 s.
	ConnectTimeout time.Duration
	// WriteTimeout is how long a write to a client, of at most 64 KiB, may take
	// before the connection counts as lost. Default 20 s.
	WriteTimeout time.Duration
	// Linger is how long a connection that the server ends is kept to deliver
	// its last packet. Default 1 s.
	Linger time.Duration
	// Log gets a record for each connection, and at slog.LevelDebug for each
	// packet. Default: none.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	defaultTo(&c.MaxPacketSize, 1<<20)
	defaultTo(&c.MaxQueue, 1<<20)
	defaultTo(&c.ConnectTimeout, 10*time.Second)
	defaultTo(&c.WriteTimeout, 20*time.Second)
	defaultTo(&c.Linger, time.Second)
	defaultTo(&c.Log, slog.New(slog.DiscardHandler))
	return c
}

func defaultTo[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
