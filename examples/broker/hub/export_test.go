package hub

import "fmt"

// Kept returns how many bytes of messages are accounted for.
func (h *Hub) Kept() int64 { return h.kept.Load() }

// Leftover says what there is of clients, or "" when nobody and nothing is left.
func (h *Hub) Leftover() string {
	switch {
	case len(h.clients) > 0:
		return fmt.Sprint(len(h.clients), " sessions")
	case h.kept.Load() != 0:
		return fmt.Sprint(h.kept.Load(), " bytes of messages")
	case len(h.timers.heap) > 0:
		return fmt.Sprint(len(h.timers.heap), " timers")
	case h.doors.open+h.doors.refused > 0:
		return fmt.Sprint(h.doors.open+h.doors.refused, " connections")
	case h.subscriptions.Len() > 0:
		return fmt.Sprint(h.subscriptions.Len(), " subscriptions")
	case len(h.interests) > 0:
		return fmt.Sprint(len(h.interests), " interests")
	}
	// All that was charged is freed, except for what is retained.
	owed := map[*account]int64{}
	h.retained.messages.Visit([]byte("#"), func(_ []byte, m *message) bool {
		owed[m.payer] += int64(m.retainedSize())
		return true
	})
	whole := h.accounts.whole.Load()
	for _, a := range h.accounts.all {
		n := a.bytes.Load()
		if n != owed[a] {
			return fmt.Sprintf("%d bytes charged to %s, of %d", n, a.name, owed[a])
		}
		whole -= n
	}
	if whole != 0 {
		return fmt.Sprint(whole, " bytes charged to nobody")
	}
	return ""
}
