package hub

import (
	"math"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/mqttwire/mqttwire/codec"
)

// Version is what $SYS/broker/version says.
const Version = "mqttwire broker"

// A sys publishes $SYS/broker/# by a timer.
type sys struct {
	timer timer
	at    time.Duration // when it did last
	loads [9]load
}

// built returns when this program was built, or else when it was started.
func (h *Hub) built() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.time" {
				return s.Value
			}
		}
	}
	return h.started.UTC().Format(time.RFC3339)
}

// tick publishes what $SYS/broker tells, retained, now and then: Stats, under the
// names that mosquitto has given.
func (h *Hub) tick(w *Worker) {
	h.set(&h.sys.timer, w.now+h.config.SysInterval)
	tell := func(topic, value string) {
		w.pub.set(&codec.Publish{Topic: []byte("$SYS/broker/" + topic), Payload: []byte(value), Retain: true}, "", w.now)
		h.routeHere(w, &w.pub, origin{})
	}
	s := h.Stats()
	tell("version", Version)
	tell("timestamp", h.built())
	tell("uptime", strconv.FormatInt(int64(w.now/time.Second), 10)+" seconds")
	for _, x := range []struct {
		topic string
		n     int64
	}{
		{"clients/connected", int64(s.Connected)},
		{"clients/disconnected", int64(max(s.Clients-s.Connected, 0))},
		{"clients/total", int64(s.Clients)},
		{"clients/maximum", int64(s.MostConnected)},
		{"clients/expired", s.Expired},
		{"clients/evicted", s.Evicted},
		{"connections/total", s.Accepted},
		{"messages/received", s.PacketsReceived},
		{"messages/sent", s.PacketsSent},
		{"messages/stored", s.Queued + int64(s.Retained)},
		{"store/messages/count", s.Queued + int64(s.Retained)},
		{"store/messages/bytes", s.QueuedBytes + s.RetainedBytes},
		{"publish/messages/received", s.MessagesReceived},
		{"publish/messages/sent", s.MessagesSent},
		{"publish/messages/dropped", s.MessagesDropped},
		{"publish/messages/refused", s.MessagesRefused},
		{"publish/messages/expired", s.MessagesExpired},
		{"publish/bytes/received", s.PayloadReceived},
		{"publish/bytes/sent", s.PayloadSent},
		{"bytes/received", s.BytesReceived},
		{"bytes/sent", s.BytesSent},
		{"subscriptions/count", int64(s.Subscriptions)},
		{"shared_subscriptions/count", int64(s.SharedSubscriptions)},
		{"retained messages/count", int64(s.Retained)},
	} {
		tell(x.topic, strconv.FormatInt(x.n, 10))
	}
	passed := w.now - h.sys.at
	h.sys.at = w.now
	for i, x := range [len(h.sys.loads)]struct {
		topic string
		n     int64
	}{
		{"messages/received", s.PacketsReceived},
		{"messages/sent", s.PacketsSent},
		{"publish/received", s.MessagesReceived},
		{"publish/sent", s.MessagesSent},
		{"publish/dropped", s.MessagesDropped},
		{"bytes/received", s.BytesReceived},
		{"bytes/sent", s.BytesSent},
		{"connections", s.Connects},
		{"sockets", s.Accepted},
	} {
		l := &h.sys.loads[i]
		l.add(x.n, passed)
		for i, span := range []string{"/1min", "/5min", "/15min"} {
			tell("load/"+x.topic+span, strconv.FormatFloat(l.averages[i], 'f', 2, 64))
		}
	}
}

// A load is how often something happens in a minute, on average over the last 1, 5
// and 15.
type load struct {
	last     int64
	averages [3]float64
}

var spans = [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}

// add takes what was counted up to now, so long after the last time.
func (l *load) add(n int64, passed time.Duration) {
	if passed == 0 {
		return
	}
	rate := float64(n-l.last) / passed.Minutes()
	for i, span := range spans {
		l.averages[i] = rate + math.Exp(-float64(passed)/float64(span))*(l.averages[i]-rate)
	}
	l.last = n
}
