package hub

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// told are what $SYS/broker/# tells a new client.
func (s *stage) told() map[string]string {
	x := s.connected(mqttwire.V311, "exporter")
	list := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("$SYS/broker/#")})
	x.send(&codec.Subscribe{ID: 7, Subscriptions: list})
	x.next()
	all := map[string]string{}
	for p, ok := x.next().(*codec.Publish); ok; p, ok = x.next().(*codec.Publish) {
		all[strings.TrimPrefix(string(p.Topic), "$SYS/broker/")] = string(p.Payload)
	}
	x.send(&codec.Disconnect{})
	return all
}

// $SYS/broker tells what has happened, under the names that exporters know.
func TestSys(t *testing.T) {
	s := newStage(t, Config{SysInterval: time.Minute})
	away := s.join(lasting(mqttwire.V50, "away"))
	away.subscribeAt("$share/g/stored", qos.AtLeastOnce)
	away.close()
	x := s.connected(mqttwire.V311, "c")
	x.subscribeAt("a", qos.AtLeastOnce)
	x.send(publicationAt("a", "12345", qos.AtLeastOnce, 1))
	x.send(&codec.Puback{ID: 1})
	x.send(publicationAt("stored", "12345678", qos.AtLeastOnce, 2))
	kept := publicationAt("kept", "1234", qos.AtLeastOnce, 3)
	kept.Retain = true
	x.send(kept)
	s.wait(time.Minute)
	own := s.hub.Stats().Retained - 1
	// In: 2 CONNECT, 2 SUBSCRIBE, 3 PUBLISH, PUBACK. Out: 2 CONNACK, 2 SUBACK, 3
	// PUBACK, PUBLISH.
	want := map[string]string{
		"clients/connected": "1", "clients/disconnected": "1", "clients/total": "2", "clients/maximum": "1", "clients/expired": "0",
		"connections/total": "2", "messages/received": "8", "messages/sent": "8",
		"publish/messages/received": "3", "publish/messages/sent": "1", "publish/messages/dropped": "0",
		"publish/bytes/received": "17", "publish/bytes/sent": "5",
		"messages/stored": fmt.Sprint(own + 2), "store/messages/count": fmt.Sprint(own + 2),
		"subscriptions/count": "2", "shared_subscriptions/count": "1", "retained messages/count": fmt.Sprint(own + 1),
		"load/messages/received/1min": "5.06", "load/messages/received/5min": "1.45", "load/messages/received/15min": "0.52",
		"load/messages/sent/1min": "5.06", "load/publish/received/1min": "1.90", "load/publish/sent/1min": "0.63",
		"load/publish/dropped/1min": "0.00", "load/sockets/1min": "1.26", "load/connections/1min": "1.26",
		"uptime": "60 seconds", "version": Version,
	}
	got := s.told()
	for topic, value := range want {
		if got[topic] != value {
			t.Errorf("%s is %q, want %q", topic, got[topic], value)
		}
	}
	for _, topic := range []string{"timestamp", "bytes/received", "bytes/sent", "store/messages/bytes", "load/bytes/received/5min", "load/bytes/sent/15min"} {
		if got[topic] == "" || got[topic] == "0" || got[topic] == "0.00" {
			t.Errorf("%s is %q", topic, got[topic])
		}
	}
	s.wait(20 * time.Minute) // the session of away is over
	got = s.told()
	for topic, value := range map[string]string{"clients/expired": "1", "shared_subscriptions/count": "0", "clients/total": "1", "load/publish/received/1min": "0.00"} {
		if got[topic] != value {
			t.Errorf("%s is %q, want %q", topic, got[topic], value)
		}
	}
	if s := s.hub.Stats(); s.Queued != 0 || s.QueuedBytes != 0 {
		t.Errorf("%d messages of %d bytes are stored", s.Queued, s.QueuedBytes)
	}
}

// What is removed is not stored any more.
func TestRetainedBytes(t *testing.T) {
	s := newStage(t, Config{})
	x := s.connected(mqttwire.V311, "c")
	for _, payload := range []string{"1", "22", ""} {
		m := publicationAt("a", payload, qos.AtMostOnce, 0)
		m.Retain = true
		x.send(m)
		if have := s.hub.Stats(); (have.RetainedBytes > 0) != (payload != "") || have.Retained > 1 {
			t.Errorf("after %q: %d messages of %d bytes", payload, have.Retained, have.RetainedBytes)
		}
	}
}
