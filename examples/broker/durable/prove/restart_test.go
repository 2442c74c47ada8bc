//go:build unix

package prove

import (
	"context"
	"flag"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/durable/jetstream"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeplog"
	"github.com/mqttwire/mqttwire/examples/broker/server"
)

var restart = flag.Int("prove.restart", 20_000, "messages that are restored")

// TestRestart measures a start with many messages of 200 bytes that wait in a
// hundred sessions, beside reading and checking the same files: by ReadFile and
// CRC-32C, and by the engine's own Read, with the hash of each of its records and the
// CRC-32C of each batch.
func TestRestart(t *testing.T) {
	n, rounds := *restart, 1
	if n > 20_000 {
		rounds = 5
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
	var files, engine, opened, taken, restored laps
	bytes := 0
	for range rounds {
		began, used := time.Now(), processor()
		lap := func(x *laps) {
			x.took, x.used = append(x.took, time.Since(began)), append(x.used, processor()-used)
			runtime.GC() // nobody pays for what others have left
			began, used = time.Now(), processor()
		}
		bytes = 0
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				b, _ := os.ReadFile(path)
				crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
				bytes += len(b)
			}
			return nil
		})
		lap(&files)
		percent := debug.SetGCPercent(200) // as package keeping has it
		if log, err = jetstream.Open(context.Background(), c); err != nil {
			t.Fatal(err)
		}
		lap(&opened)
		if s, err = keeplog.Open(context.Background(), log, keeplog.Config{Incarnation: 2}); err != nil {
			t.Fatal(err)
		}
		lap(&taken)
		b := server.New(server.Config{Store: s, SysInterval: -1})
		if err := b.Restore(); err != nil {
			t.Fatal(err)
		}
		lap(&restored)
		debug.SetGCPercent(percent)
		b.Shutdown(context.Background())
		runtime.GC()
		began, used = time.Now(), processor()
		err := log.Read(context.Background(), 0, func(_ uint64, b []byte) error {
			var x keep.Batch
			return x.Decode(b)
		})
		if err != nil {
			t.Fatal(err)
		}
		lap(&engine)
		log.Close()
	}
	start := laps{[]time.Duration{middle(opened.took) + middle(taken.took) + middle(restored.took)}, []time.Duration{middle(opened.used) + middle(taken.used) + middle(restored.used)}}
	t.Logf("%d messages, %d bytes, medians of %d, time and processor time: ReadFile and CRC %v; the engine's Read and CRC %v; a start %v: %v to look through the files and start nats-server, %v to read the log, %v to restore",
		n, bytes, rounds, files, engine, start, opened, taken, restored)
}

// laps are times of the same thing, and of the processors meanwhile.
type laps struct{ took, used []time.Duration }

func (x laps) String() string { return fmt.Sprint(middle(x.took), " (", middle(x.used), ")") }

func middle(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2].Round(time.Millisecond)
}

// processor returns how much this process has had.
func processor() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
