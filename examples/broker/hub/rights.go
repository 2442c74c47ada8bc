package hub

// A right that is taken away ends what waits on it: the will of who has lost it is
// not published, and what it has retained goes. One that has merely expired leaves
// both as they are.

// keeps reports whether what a principal has left behind may stay.
func (h *Hub) keeps(principal, client string, topic []byte) bool {
	auditor, ok := h.config.Authenticator.(Auditor)
	return !ok || principal == "" || auditor.Keeps(principal, client, topic)
}

// auditSlice is how many retained messages are judged at a time: then others have
// their turn.
const auditSlice = 256

// audit has all retained messages judged by the rights in force.
func (h *Hub) audit(w *Worker) {
	if _, ok := h.config.Authenticator.(Auditor); !ok || h.config.KeepRevoked {
		return
	}
	var all []*message
	h.retained.messages.Visit([]byte("#"), func(_ []byte, m *message) bool {
		if m.principal != "" {
			all = append(all, m)
		}
		return true
	})
	h.locks.retained.Lock()
	h.retained.suspects = all // those of an audit that goes on are among them
	h.locks.retained.Unlock()
	h.set(&h.retained.audit, w.now)
}

func (h *Hub) auditSome(w *Worker) {
	h.locks.retained.Lock()
	defer h.locks.retained.Unlock()
	r := &h.retained
	for n := 0; n < auditSlice && len(r.suspects) > 0; n++ {
		m := r.suspects[0]
		r.suspects = r.suspects[1:]
		if r.has(m) && !h.keeps(m.principal, m.from, m.topic) {
			r.drop(h, m)
			h.stats.dropped.Add(1)
			h.config.Log.Info("a retained message goes with the right to it", "topic", string(m.topic), "principal", m.principal)
		}
	}
	if len(r.suspects) > 0 {
		h.set(&r.audit, w.now)
	} else {
		r.suspects = nil
	}
}
