package jetstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeplog"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
)

// filled returns a directory with some batches, and the State that they make.
func filled(t *testing.T, batches, payload int) (dir string, state string) {
	t.Helper()
	dir = t.TempDir()
	l := open(t, dir)
	s, err := keeplog.Open(context.Background(), l, keeplog.Config{Incarnation: 1})
	if err != nil {
		t.Fatal(err)
	}
	life := keeptest.NewLife(1)
	life.Payload = payload
	var all []keep.Record
	for range batches {
		for range 5 {
			all = append(all, life.Next())
			s.Append(&all[len(all)-1])
		}
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, keeptest.State(all)
}

// restarted opens the directory and returns the State that is left, and what was
// logged.
func restarted(dir string) (state, said string, err error) {
	var log bytes.Buffer
	l, err := Open(context.Background(), Config{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		return "", log.String(), err
	}
	defer l.Close()
	s, err := keeplog.Open(context.Background(), l, keeplog.Config{Incarnation: 2})
	if err != nil {
		return "", log.String(), err
	}
	var all []keep.Record
	err = s.Replay(func(r *keep.Record) error {
		all = append(all, keeptest.Copy(r))
		return nil
	})
	return keeptest.State(all), log.String(), err
}

// Whichever bit of the file is not as it was, it is found: as damage, or where it
// is in the last record, which a torn write may have left so, as a torn end.
func TestFlippedBits(t *testing.T) {
	dir, _ := filled(t, 8, 20)
	var said bytes.Buffer
	c := Config{Dir: dir, Log: slog.New(slog.NewTextHandler(&said, nil))}
	files, err := blockFiles(c.blocks())
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0].path)
	if err != nil {
		t.Fatal(err)
	}
	end := 0 // where the last record begins
	for at := 0; at < len(b); at += files[0].hash().record(b[at:]) {
		end = at
	}
	f, err := os.OpenFile(files[0].path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := range 8 * len(b) {
		said.Reset()
		f.WriteAt([]byte{b[i/8] ^ 1<<(i%8)}, int64(i/8))
		_, _, err := c.check()
		f.WriteAt(b[i/8:i/8+1], int64(i/8))
		switch torn := strings.Contains(said.String(), "torn"); {
		case i/8 < end && !errors.Is(err, keep.ErrDamaged):
			t.Fatalf("bit %d: %v", i, err)
		case i/8 >= end && (err != nil || !torn):
			t.Fatalf("bit %d, in the last record: %v, %s", i, err, said.String())
		}
	}
	if last, _, err := c.check(); err != nil || last != 8 {
		t.Fatal(last, err)
	}
}

// A record that is cut off anywhere at the end is left out, and said to be.
func TestTornFile(t *testing.T) {
	for _, cut := range []int{1, 8, 30, 60} {
		dir, _ := filled(t, 8, 20)
		c := Config{Dir: dir}
		files, err := blockFiles(c.blocks())
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(files[0].path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(files[0].path, info.Size()-int64(cut)); err != nil {
			t.Fatal(err)
		}
		state, said, err := restarted(dir)
		if err != nil || !strings.Contains(said, "torn") {
			t.Fatalf("%d bytes cut off: %v, %s", cut, err, said)
		}
		again, said, err := restarted(dir)
		if err != nil || strings.Contains(said, "torn") || again != state {
			t.Fatalf("%d bytes cut off, the second time: %v, %s", cut, err, said)
		}
	}
}

// Files that are gone, cut or not what they were stop the start, or do no harm.
func TestDamagedFiles(t *testing.T) {
	tests := []struct {
		name   string
		file   string // below the stream
		damage func(path string) error
		stops  bool
	}{
		{"description gone", "meta.inf", os.Remove, true},
		{"its sum gone", "meta.sum", os.Remove, true},
		{"description changed", "meta.inf", flipFirst, true},
		{"state gone", "msgs/index.db", os.Remove, false},
		{"state changed", "msgs/index.db", flipFirst, false},
		{"first file gone", "msgs/1.blk", os.Remove, true},
		{"file in the middle gone", "msgs/2.blk", os.Remove, true},
		{"first file empty", "msgs/1.blk", func(path string) error { return os.Truncate(path, 0) }, true},
		{"first file ends early", "msgs/1.blk", func(path string) error {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			h := blockFile{path, 1}.hash()
			at, last := 0, 0
			for at < len(b) {
				last = at
				at += h.record(b[at:])
			}
			return os.Truncate(path, int64(last))
		}, true},
	}
	whole, want := filled(t, 130, 200_000)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			c := Config{Dir: dir}
			if files, err := blockFiles(c.blocks()); err != nil || len(files) < 3 {
				t.Fatal(files, err)
			}
			if err := tt.damage(filepath.Join(c.dir(), tt.file)); err != nil {
				t.Fatal(err)
			}
			state, said, err := restarted(dir)
			switch {
			case tt.stops && err == nil:
				t.Errorf("it starts, and says %s", said)
			case !tt.stops && (err != nil || state != want):
				t.Errorf("%v, same state: %v, %s", err, state == want, said)
			}
			if tt.stops {
				t.Log(err)
			}
		})
	}
}

func flipFirst(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[len(b)/2] ^= 1
	return os.WriteFile(path, b, 0o600)
}

// A crash while the stream is made leaves nothing that a start could not use.
func TestHalfMade(t *testing.T) {
	for _, left := range []string{"meta.inf", "meta.sum", "neither"} {
		dir := t.TempDir()
		open(t, dir).Close()
		c := Config{Dir: dir}
		for _, name := range []string{"meta.inf", "meta.sum"} {
			if name != left {
				if err := os.Remove(filepath.Join(c.dir(), name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		l := open(t, dir)
		if pos, err := l.Append(context.Background(), "a", []byte("x")); err != nil || pos == 0 {
			t.Errorf("%s: %d, %v", left, pos, err)
		}
		l.Close()
		if last, err := open(t, dir).Last(context.Background()); err != nil || last == 0 {
			t.Errorf("%s: %d, %v", left, last, err)
		}
	}
}

// What is purged is gone from the disk, in whole files, after another start too.
func TestPurge(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	l := open(t, dir)
	for i := range 40 {
		if _, err := l.Append(ctx, fmt.Sprint(i), make([]byte, 1_000_000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Purge(ctx, 30); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		files, err := blockFiles(l.config.blocks())
		if err != nil || len(files) > 3 {
			t.Errorf("%d files, %v", len(files), err)
		}
		first := uint64(0)
		err = l.Read(ctx, 0, func(pos uint64, _ []byte) error {
			if first == 0 {
				first = pos
			}
			return nil
		})
		if err != nil || first > 30 || first <= 20 {
			t.Errorf("the first is %d, %v", first, err)
		}
		l.Close()
		l = open(t, dir)
	}
}
