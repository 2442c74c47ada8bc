package prove

import (
	"context"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/durable/jetstream"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeplog"
	"github.com/mqttwire/mqttwire/examples/broker/server"
)

// TestRestart measures a start with many messages of 200 bytes that wait in a
// hundred sessions, beside reading and checking the same files.
func TestRestart(t *testing.T) {
	n, rounds := 20_000, 1
	if *table {
		n, rounds = 1_000_000, 3
	}
	dir := t.TempDir()
	c := jetstream.Config{Dir: dir, Durability: jetstream.Durability{Interval: -1}}
	log, err := jetstream.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	s, err := keeplog.Open(context.Background(), log, keeplog.Config{Incarnation: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		r := keep.Record{Kind: keep.SessionKept, Client: fmt.Sprint("client", i), At: time.Now()}
		r.State.Exists, r.State.Expiry = true, 1<<32-1
		s.Append(&r)
	}
	for i := range n {
		s.Append(&keep.Record{Kind: keep.MessageQueued, At: time.Now(), Message: &keep.Message{Topic: fmt.Append(nil, "t/", i%1000), Payload: make([]byte, 200), QoS: 1, From: "p"},
			To: []keep.Recipient{{Client: fmt.Sprint("client", i%100), Key: uint64(i) + 1, Level: 1}}})
		if i%100 == 99 {
			if err := s.Sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	log.Close()
	for range rounds {
		began, bytes := time.Now(), 0
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				b, _ := os.ReadFile(path)
				crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
				bytes += len(b)
			}
			return nil
		})
		read := time.Since(began)

		began = time.Now()
		if log, err = jetstream.Open(context.Background(), c); err != nil {
			t.Fatal(err)
		}
		opened := time.Since(began)
		if s, err = keeplog.Open(context.Background(), log, keeplog.Config{Incarnation: 2}); err != nil {
			t.Fatal(err)
		}
		taken := time.Since(began)
		b := server.New(server.Config{Store: s, SysInterval: -1})
		if err := b.Restore(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d messages, %d bytes: read and summed in %v; started in %v, of it %v to look through the files and start nats-server, %v to read the log, %v to restore",
			n, bytes, read.Round(time.Millisecond), time.Since(began).Round(time.Millisecond), opened.Round(time.Millisecond), (taken - opened).Round(time.Millisecond), (time.Since(began) - taken).Round(time.Millisecond))
		b.Shutdown(context.Background())
		log.Close()
	}
}
