package keeplog_test

import (
	"context"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeplog"
)

// discard is a Log that keeps nothing, to measure all but the log.
type discard struct{ pos uint64 }

func (d *discard) Append(context.Context, string, []byte) (uint64, error) { d.pos++; return d.pos, nil }
func (d *discard) Read(context.Context, uint64, func(uint64, []byte) error) error {
	return nil
}
func (d *discard) Last(context.Context) (uint64, error) { return 0, nil }
func (d *discard) Purge(context.Context, uint64) error  { return nil }

// A message to a session whose client is away, 200 of them a Sync.
func BenchmarkQueue(b *testing.B) {
	s, err := keeplog.Open(context.Background(), new(discard), keeplog.Config{Incarnation: 1, Slack: 1 << 50})
	if err != nil {
		b.Fatal(err)
	}
	session := keep.Record{Kind: keep.SessionKept, Client: "away"}
	session.State.Exists = true
	s.Append(&session)
	at := time.Now()
	r := keep.Record{Kind: keep.MessageQueued, At: at, Message: &keep.Message{Topic: []byte("t/123"), Payload: make([]byte, 200), QoS: 1, From: "p123"},
		To: []keep.Recipient{{Client: "away", Level: 1}}}
	b.ReportAllocs()
	key := uint64(0)
	for b.Loop() {
		key++
		r.To[0].Key = key
		if s.Append(&r); key%200 == 0 {
			s.Sync()
		}
	}
}
