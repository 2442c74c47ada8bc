package hub

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// At slog.LevelDebug every packet is in the log, in both directions.
func TestTrace(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		var log bytes.Buffer
		s := newStage(t, Config{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		x := s.connected(v, "c")
		x.subscribeAt("a", qos.ExactlyOnce)
		x.send(publicationAt("a", "0", qos.AtMostOnce, 0))
		x.send(publicationAt("a", "1", qos.AtLeastOnce, 1))
		x.send(&codec.Puback{ID: 1})
		x.send(publicationAt("a", "2", qos.ExactlyOnce, 2))
		x.send(&codec.Pubrel{ID: 2})
		x.send(&codec.Pubrec{ID: 1})
		x.send(&codec.Pubcomp{ID: 1})
		x.send(&codec.Unsubscribe{ID: 3, Filters: codec.Filters{}.Append([]byte("a"))})
		x.send(&codec.Pingreq{})
		x.send(&codec.Disconnect{})
		y := s.connected(v, "c")
		s.connected(v, "c") // takes it over
		y.next()
		want := []string{
			"received CONNECT", "sent CONNACK", "received SUBSCRIBE", "sent SUBACK",
			"received PUBLISH", "sent PUBLISH",
			"received PUBLISH", "sent PUBLISH", "sent PUBACK", "received PUBACK",
			"received PUBLISH", "sent PUBLISH", "sent PUBREC", "received PUBREL", "sent PUBCOMP",
			"received PUBREC", "sent PUBREL", "received PUBCOMP",
			"received UNSUBSCRIBE", "sent UNSUBACK", "received PINGREQ", "sent PINGRESP", "received DISCONNECT",
			"received CONNECT", "sent CONNACK", "received CONNECT",
		}
		if v == mqttwire.V50 {
			want = append(want, "sent DISCONNECT")
		}
		want = append(want, "sent CONNACK")
		var got []string
		for _, m := range regexp.MustCompile(`msg=(received|sent) .*?packet="?([A-Z]+)`).FindAllStringSubmatch(log.String(), -1) {
			got = append(got, m[1]+" "+m[2])
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// A CONNECT that is refused is answered in the log too.
func TestTraceRefused(t *testing.T) {
	var log bytes.Buffer
	s := newStage(t, Config{MaxSessions: 1, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	s.join(lasting(mqttwire.V311, "a"))
	x := s.open(mqttwire.V311)
	x.send(lasting(mqttwire.V311, "b"))
	x.next()
	if !strings.Contains(log.String(), `msg=sent client=b packet="CONNACK code=0x03`) {
		t.Error(log.String())
	}
}
