package hub

import (
	"cmp"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire"
)

// A relief is that accounts give way while the whole is full, the heaviest first: of
// what waits for its sessions, and has no Packet Identifier yet, the oldest; then its
// absent sessions, the longest absent first; then its retained messages, the oldest
// first; at last its clients are disconnected, who holds the most first. It proceeds
// in slices, under a lock that who relieves the hub tries to have.
type relief struct {
	timer timer
	pause atomic.Int64 // not to look again before, where nobody has anything to give

	heavy    []*account  // that are to give way, the heaviest first
	clients  []*client   // of the first of them, in the order of the stage
	stage    reliefStage // how far that has come
	gave     given       // since that was logged
	loggedAt time.Duration
}

// given is what has given way.
type given struct{ messages, sessions, retained, connections int }

type reliefStage uint8

const (
	waitingGives reliefStage = iota
	absentGive
	retainedGive
	presentGive
	reliefStages
)

const (
	reliefSlice = 256         // messages that give way at a time: then others have their turn
	reliefPause = time.Second // until it is looked again whether anybody has something to give
)

// relieve has one slice give way while the whole is full.
func (h *Hub) relieve(w *Worker) {
	r := &h.accounts.relief
	if !h.locks.relief.TryLock() {
		return // somebody does it
	}
	defer h.locks.relief.Unlock()
	full := func() bool { return h.accounts.whole.Load() > h.config.MaxTotalBytes }
	if full() && len(r.heavy) == 0 {
		h.weigh()
	}
	for full() && len(r.heavy) > 0 {
		if n := h.giveWay(w, r.heavy[0]); n > 0 {
			next := w.now + 1
			if r.stage == presentGive {
				next = w.now + reliefPause/10 // until it has left
			}
			if len(r.heavy) > 1 && r.heavy[0].bytes.Load() < r.heavy[1].bytes.Load()/4*3 {
				r.begin(nil) // another is the heaviest by far
			}
			onSlice(n)
			h.set(&r.timer, next)
			return
		}
		if r.stage, r.clients = r.stage+1, nil; r.stage == reliefStages {
			r.begin(r.heavy[1:])
		}
	}
	if full() {
		r.pause.Store(int64(w.now + reliefPause)) // all that is left is of who cannot give
	}
	r.begin(nil)
	if r.gave != (given{}) && w.now-r.loggedAt >= reliefPause {
		h.config.Log.Warn("the heaviest give way", "messages", r.gave.messages, "sessions", r.gave.sessions, "retained", r.gave.retained, "connections", r.gave.connections)
		r.gave, r.loggedAt = given{}, w.now
	}
}

// begin begins with the first of the accounts that are to give way.
func (r *relief) begin(heavy []*account) { r.heavy, r.clients, r.stage = heavy, nil, 0 }

// weigh finds the heaviest accounts: those that hold more than the others on average.
func (h *Hub) weigh() {
	h.locks.accounts.Lock()
	all := slices.Collect(maps.Values(h.accounts.all))
	h.locks.accounts.Unlock()
	average := h.accounts.whole.Load() / int64(max(1, len(all)))
	all = slices.DeleteFunc(all, func(a *account) bool { return a.bytes.Load() == 0 || a.bytes.Load() < average })
	slices.SortFunc(all, func(a, b *account) int { return cmp.Compare(b.bytes.Load(), a.bytes.Load()) })
	h.accounts.relief.begin(all)
}

// giveWay has one slice of what an account holds give way, by the stage that has come,
// and returns how much there was.
func (h *Hub) giveWay(w *Worker, a *account) (n int) {
	r := &h.accounts.relief
	if r.clients == nil && r.stage != retainedGive {
		r.clients = h.lineUp(a, r.stage)
	}
	if r.stage == retainedGive {
		n = h.dropRetained(a)
		r.gave.retained += n
		return n
	}
	if r.stage == absentGive {
		h.journal.Begin()
		defer h.journal.End()
	}
	for n == 0 && len(r.clients) > 0 {
		cl := r.clients[0]
		cl.mu.Lock()
		switch {
		case cl.gone:
		case r.stage == waitingGives:
			for ; n < reliefSlice && cl.waiting.n > 0; n++ {
				cl.withdraw(cl.waiting.at(0))
				cl.pop()
			}
			r.gave.messages += n
			h.stats.dropped.Add(int64(n))
		case r.stage == absentGive && cl.conn == nil:
			h.stats.sessionsEvicted.Add(1)
			r.gave.sessions++
			cl.evict(w) // which lets go of it
			r.clients = r.clients[1:]
			return 1
		case r.stage == presentGive && cl.conn != nil:
			cl.conn.Kick(mqttwire.QuotaExceeded, "there is no room for all")
			r.gave.connections++
			n = 1
		}
		cl.mu.Unlock()
		if n < reliefSlice {
			r.clients = r.clients[1:]
		}
	}
	return n
}

// lineUp returns the clients of an account in the order in which they give way.
func (h *Hub) lineUp(a *account, stage reliefStage) []*client {
	h.locks.clients.Lock()
	all := slices.Collect(maps.Keys(a.clients))
	h.locks.clients.Unlock()
	keys := make(map[*client]int64, len(all))
	all = slices.DeleteFunc(all, func(cl *client) bool {
		cl.mu.Lock()
		defer cl.mu.Unlock()
		switch stage {
		case waitingGives:
			keys[cl] = int64(-cl.waiting.n) // the fullest
		case absentGive:
			keys[cl] = int64(cl.state.State().Lost) // the longest absent
		case presentGive:
			keys[cl] = int64(-cl.bytes - cl.charged)
			if c := cl.conn; c != nil {
				keys[cl] -= int64(c.output)
			}
		}
		return stage == waitingGives && cl.waiting.n == 0 || stage != waitingGives && (cl.conn == nil) != (stage == absentGive)
	})
	slices.SortFunc(all, func(a, b *client) int { return cmp.Or(cmp.Compare(keys[a], keys[b]), cmp.Compare(a.serial, b.serial)) })
	return all
}

// dropRetained drops the oldest retained messages of an account, and returns how many.
func (h *Hub) dropRetained(a *account) (n int) {
	h.locks.retained.Lock()
	defer h.locks.retained.Unlock()
	for ; n < reliefSlice && a.oldest != nil; n++ {
		h.retained.clear(h, a.oldest.topic)
	}
	h.stats.dropped.Add(int64(n))
	return n
}
