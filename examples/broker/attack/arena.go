package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// An attack is one way of being a bad neighbour.
type attack struct {
	name  string
	about string
	users bool // it takes a broker that knows the users and the rules of start.go
	tls   bool // it takes a broker that speaks TLS
	run   func(a *arena)
}

// An arena is where an attack goes on: the broker, and what the attacker may
// spend on it. Beyond that, and when the time is up, its peers are dead, and what
// they are told to do does nothing.
type arena struct {
	ctx    context.Context
	broker string
	secure bool   // over TLS
	local  net.IP // where the attacker comes from
	id     string // begins the attacker's Client Identifiers and topics

	victim         string // begins the victims' Client Identifiers
	user, password string

	bytes       atomic.Int64 // that may still be sent
	connections atomic.Int64 // that may still be opened at a time
	sent        atomic.Int64
	dialed      atomic.Int64
	refused     atomic.Int64 // packets of the attacker's that were answered with a refusal
	owed        atomic.Int64 // messages acknowledged to the attacker and not delivered

	mu       sync.Mutex
	peers    map[*peer]struct{}
	working  sync.WaitGroup
	sessions map[string]bool // that outlive their connections
	retained map[string]bool // topics
}

// newArena returns one where id begins the names.
func newArena(ctx context.Context, broker string, local net.IP, id, user, password string) *arena {
	return &arena{
		ctx: ctx, broker: broker, local: local, user: user, password: password,
		id:    fmt.Sprintf("%s/%d-", id, time.Now().UnixNano()%1e9),
		peers: map[*peer]struct{}{}, sessions: map[string]bool{}, retained: map[string]bool{},
	}
}

// hold waits until the time is up.
func (a *arena) hold() { <-a.ctx.Done() }

// pause waits, at most until the time is up.
func (a *arena) pause(d time.Duration) {
	select {
	case <-a.ctx.Done():
	case <-time.After(d):
	}
}

// goes reports whether the time is not up.
func (a *arena) goes() bool { return a.ctx.Err() == nil }

// name returns the i-th of the attacker's names.
func (a *arena) name(i int) string { return fmt.Sprintf("%s%d", a.id, i) }

// each does something for 0 to n-1, at most 16 at a time, while the time lasts.
func (a *arena) each(n int, do func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, 16) {
		all.Go(func() {
			for a.goes() {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				do(i)
			}
		})
	}
	all.Wait()
}

// repeat does something again and again in n goroutines until the time is up.
func (a *arena) repeat(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			for a.goes() {
				do(i)
			}
		})
	}
	all.Wait()
}

// leave ends what the attacker has on.
func (a *arena) leave() {
	a.mu.Lock()
	for p := range a.peers {
		p.conn.Close()
	}
	a.mu.Unlock()
	a.working.Wait()
}

// clean takes away what the attacker has left behind, as a broker that goes on
// wants it.
func (a *arena) clean(ctx context.Context) {
	a.ctx, a.peers = ctx, map[*peer]struct{}{}
	a.bytes.Store(1 << 30)
	a.connections.Store(16)
	ids := make([]string, 0, len(a.sessions))
	for id := range a.sessions {
		ids = append(ids, id)
	}
	a.each(len(ids), func(i int) { a.join(ids[i]).close() })
	p := a.join(a.id + "cleans")
	for topic := range a.retained {
		p.send(publish(topic, nil, 0, true))
	}
	p.ping()
	a.leave()
}
