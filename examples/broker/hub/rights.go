package hub

import "github.com/mqttwire/mqttwire/topicmatch"

// A right that is taken away ends what waits on it: the session of who has lost it, what
// waits in that, its will, and what it has retained. One that has merely expired leaves
// all of it as it is. Who is connected is judged by its Access at each step; what is left
// behind is judged by an audit after each change of rights, and after a restart.

// keeps reports whether a right is still there.
func (h *Hub) keeps(warrant, client string, to Right, topic []byte) bool {
	auditor, ok := h.config.Authenticator.(Auditor)
	return !ok || warrant == "" || auditor.Keeps(warrant, client, to, topic)
}

// warrantOf returns by what right a client is there.
func warrantOf(who *Peer, access Access) string {
	if access, ok := access.(WarrantAccess); ok {
		return access.Warrant()
	}
	return who.Principal
}

// entitle has it kept by what right the client is there now, where that is another than
// before. The lock is held.
func (cl *client) entitle(who *Peer) {
	if warrant := warrantOf(who, cl.access); warrant != cl.warrant {
		cl.warrant = warrant
		cl.hub.journal.session(cl)
	}
}

// auditSlice is how many messages are judged at a time: then others have their turn.
const auditSlice = 256

// An audit judges what has been left behind by the rights in force.
type audit struct {
	timer    timer
	retained *topicmatch.Walk[*message] // nil where all that is retained is judged
	clients  []*client                  // that are not judged yet
	at       int                        // how much of what waits for the first is

	messages, sessions, kept int // that went: from queues, sessions, retained
}

// audit begins to judge all that was left behind.
func (h *Hub) audit(w *Worker) {
	if _, ok := h.config.Authenticator.(Auditor); !ok {
		return
	}
	clients := h.all()
	h.locks.audit.Lock()
	defer h.locks.audit.Unlock()
	x := &h.audits
	if x.retained != nil {
		x.retained.Stop()
		x.retained = nil
	}
	if !h.config.KeepRevoked {
		x.retained = h.retained.messages.Walk([]byte("#"))
	}
	x.clients, x.at = clients, 0
	h.set(&x.timer, w.now)
}

// auditSome judges one slice.
func (h *Hub) auditSome(w *Worker) {
	h.locks.audit.Lock()
	defer h.locks.audit.Unlock()
	switch x := &h.audits; {
	case x.retained != nil:
		h.auditRetained(x)
		h.set(&x.timer, w.now+1)
	case len(x.clients) > 0:
		if x.clients[0].audit(w, x) {
			x.clients, x.at = x.clients[1:], 0
		}
		h.set(&x.timer, w.now+1)
	default:
		if x.clients = nil; x.messages+x.sessions+x.kept > 0 {
			h.config.Log.Info("what was left behind goes with the right to it", "messages", x.messages, "sessions", x.sessions, "retained", x.kept)
			x.messages, x.sessions, x.kept = 0, 0, 0
		}
	}
}

// auditRetained judges some of what is retained.
func (h *Hub) auditRetained(x *audit) {
	var gone []*message
	left, done := x.retained.Visit(auditSlice, func(_ []byte, m *message) bool {
		if !h.keeps(m.warrant, m.from, ToPublish, m.topic) {
			gone = append(gone, m)
		}
		return true
	})
	onSlice(auditSlice - left)
	if done {
		x.retained = nil
	}
	for _, m := range gone {
		h.retained.remove(h, m)
	}
	x.kept += len(gone)
	h.stats.dropped.Add(int64(len(gone)))
}

// audit judges some of what waits for the client, or ends its session, and reports
// whether that is all of it. What waits for one of a group goes to others.
func (cl *client) audit(w *Worker, x *audit) (done bool) {
	cl.mu.Lock()
	switch {
	case cl.gone:
		cl.mu.Unlock()
		return true
	case cl.conn == nil && !cl.hub.keeps(cl.warrant, cl.id, ToStay, nil):
		x.sessions++
		cl.hub.stats.sessionsEvicted.Add(1)
		cl.evict(w) // which lets go of it
		return true
	}
	var others []delivery
	end, n := min(x.at+auditSlice, cl.waiting.n), 0
	judged, kept := x.at, x.at
	mayHave := func(d *delivery) bool { return cl.hub.keeps(cl.warrant, cl.id, ToReceive, d.m.topic) }
	if cl.conn != nil {
		mayHave = func(d *delivery) bool { return cl.access == nil || cl.held || cl.access.Receive(d.m.topic) }
	}
	gone := map[int]bool{}
	for ; judged < end; judged++ {
		if d := cl.waiting.at(judged); mayHave(d) {
			kept++
		} else {
			gone[judged] = true
		}
	}
	if len(gone) > 0 {
		cl.remove(func(d *delivery) bool {
			goes := gone[n]
			if n++; goes {
				if d.share() != nil {
					others = append(others, *d)
				}
				cl.withdraw(d)
			}
			return goes
		})
	}
	onSlice(end - x.at)
	x.at, x.messages = kept, x.messages+len(gone)-len(others)
	cl.hub.stats.dropped.Add(int64(len(gone) - len(others)))
	done = x.at >= cl.waiting.n
	cl.mu.Unlock()
	for i := range others {
		cl.hub.adopt(w, &others[i], cl)
	}
	return done
}
