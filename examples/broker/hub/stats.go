package hub

import "sync/atomic"

// stats are counted as things happen: what Stats tells besides.
type stats struct {
	accepted, connects, connected, most atomic.Int64
	sessionsExpired, sessionsEvicted    atomic.Int64
	shared                              atomic.Int64 // subscriptions
	packetsIn, packetsOut               atomic.Int64
	bytesIn, bytesOut                   atomic.Int64
	messagesIn, messagesOut             atomic.Int64
	payloadIn, payloadOut               atomic.Int64
	dropped, refused, expired           atomic.Int64
	queued, retained                    atomic.Int64
}

// counts are what a worker counts for itself.
type counts struct{ packetsIn, bytesIn, messagesIn, messagesOut, payloadIn, payloadOut int }

// add counts what a worker has counted.
func (s *stats) add(w *Worker) {
	addTo(&s.packetsIn, &w.counted.packetsIn)
	addTo(&s.bytesIn, &w.counted.bytesIn)
	addTo(&s.messagesIn, &w.counted.messagesIn)
	addTo(&s.messagesOut, &w.counted.messagesOut)
	addTo(&s.payloadIn, &w.counted.payloadIn)
	addTo(&s.payloadOut, &w.counted.payloadOut)
}

func addTo(total *atomic.Int64, n *int) {
	if *n != 0 {
		total.Add(int64(*n))
		*n = 0
	}
}

// sent counts a PUBLISH that was sent from a queue, or again.
func (s *stats) sent(payload []byte) {
	s.messagesOut.Add(1)
	s.payloadOut.Add(int64(len(payload)))
}

// arrived counts a client that is connected.
func (s *stats) arrived() {
	n := s.connected.Add(1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
}

// Stats are what a hub has, and what it has done since it was made.
type Stats struct {
	Clients       int   // there are, connected or not
	Connected     int   // of them
	MostConnected int   // there ever were
	Expired       int64 // sessions whose Session Expiry Interval is over
	Evicted       int64 // sessions that gave way where the whole was full, or went with the right to them

	Connections int   // open, before their CONNECT too
	Accepted    int64 // connections in all
	Connects    int64 // CONNECT packets received

	PacketsReceived, PacketsSent int64
	BytesReceived, BytesSent     int64

	// Of PUBLISH, what is sent again included, and the bytes of their payloads.
	MessagesReceived, MessagesSent int64
	PayloadReceived, PayloadSent   int64

	MessagesDropped int64 // their reader was slow, or takes none of that size
	MessagesRefused int64 // there was no room to keep them
	MessagesExpired int64

	Subscriptions       int
	SharedSubscriptions int // of them

	Retained      int   // messages, the server's own included
	RetainedBytes int64 // as MaxQueuedBytes counts
	Queued        int64 // messages that wait in sessions or are in flight: one counts for each
	QueuedBytes   int64 // of them, each once
	Charged       int64 // bytes of all that is kept for somebody
}

// Stats returns them as they are now.
func (h *Hub) Stats() Stats {
	h.locks.clients.Lock()
	clients := len(h.clients)
	h.locks.clients.Unlock()
	h.locks.doors.Lock()
	open := h.doors.open + h.doors.refused
	h.locks.doors.Unlock()
	s := &h.stats
	return Stats{
		Clients:             clients,
		Connected:           int(s.connected.Load()),
		MostConnected:       int(s.most.Load()),
		Expired:             s.sessionsExpired.Load(),
		Evicted:             s.sessionsEvicted.Load(),
		Connections:         open,
		Accepted:            s.accepted.Load(),
		Connects:            s.connects.Load(),
		PacketsReceived:     s.packetsIn.Load(),
		PacketsSent:         s.packetsOut.Load(),
		BytesReceived:       s.bytesIn.Load(),
		BytesSent:           s.bytesOut.Load(),
		MessagesReceived:    s.messagesIn.Load(),
		MessagesSent:        s.messagesOut.Load(),
		PayloadReceived:     s.payloadIn.Load(),
		PayloadSent:         s.payloadOut.Load(),
		MessagesDropped:     s.dropped.Load(),
		MessagesRefused:     s.refused.Load(),
		MessagesExpired:     s.expired.Load(),
		Subscriptions:       h.subscriptions.Len(),
		SharedSubscriptions: int(s.shared.Load()),
		Retained:            h.retained.messages.Len(),
		RetainedBytes:       s.retained.Load(),
		Queued:              s.queued.Load(),
		QueuedBytes:         h.kept.Load(),
		Charged:             h.accounts.whole.Load(),
	}
}
