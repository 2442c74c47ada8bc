package jetstream

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeplog"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
)

func open(t *testing.T, dir string) *Log {
	t.Helper()
	l, err := Open(context.Background(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestStore(t *testing.T) {
	runs := uint64(0)
	keeptest.Run(t, func(t *testing.T) func() keep.Store {
		dir := t.TempDir()
		var last *Log
		return func() keep.Store {
			if last != nil {
				last.Close()
			}
			last = open(t, dir)
			runs++
			s, err := keeplog.Open(context.Background(), last, keeplog.Config{Incarnation: runs, Segment: 2000, Slack: 10_000, Overhead: Overhead})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	})
}

// Positions grow by one; an id that comes again adds nothing; what is purged is
// not read again; all of it after another start too.
func TestLog(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	l := open(t, dir)
	for i := range uint64(10) {
		for range 2 {
			if pos, err := l.Append(ctx, fmt.Sprint("id", i), fmt.Append(nil, i)); err != nil || pos != i+1 {
				t.Fatalf("%d, %v, want %d", pos, err, i+1)
			}
		}
	}
	for range 2 {
		if last, err := l.Last(ctx); err != nil || last != 10 {
			t.Errorf("Last: %d, %v", last, err)
		}
		want := uint64(4)
		err := l.Read(ctx, 4, func(pos uint64, b []byte) error {
			if pos != want || string(b) != fmt.Sprint(pos-1) {
				t.Errorf("%d, %q, want %d", pos, b, want)
			}
			want++
			return nil
		})
		if err != nil || want != 11 {
			t.Errorf("%d, %v", want, err)
		}
		l.Close()
		l = open(t, dir)
	}
	stop := errors.New("stop")
	if err := l.Read(ctx, 0, func(uint64, []byte) error { return stop }); err != stop {
		t.Error(err)
	}
}

// A second broker on the directory is told so, and the first goes on.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	if _, err := Open(context.Background(), Config{Dir: dir}); !errors.Is(err, ErrInUse) {
		t.Fatal(err)
	}
	if _, err := l.Append(context.Background(), "a", []byte("x")); err != nil {
		t.Error(err)
	}
	l.Close()
	open(t, dir)
}

// An append that would need what is to stay free is refused, and nothing written.
func TestFull(t *testing.T) {
	l, err := Open(context.Background(), Config{Dir: t.TempDir(), Free: 1 << 60})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, ok := freeBytes(l.config.Dir); !ok {
		t.Skip("nobody knows here how much is free")
	}
	if _, err := l.Append(context.Background(), "a", []byte("x")); !errors.Is(err, keep.ErrFull) {
		t.Error(err)
	}
	if last, err := l.Last(context.Background()); last != 0 || err != nil {
		t.Error(last, err)
	}
}

var _ keeplog.Log = (*Log)(nil)

// A connection that has ended is made anew, and nothing is appended twice.
func TestConnectionEnds(t *testing.T) {
	l := open(t, t.TempDir())
	s, err := keeplog.Open(context.Background(), l, keeplog.Config{Incarnation: 1})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		l.direct.conn.Close()
		s.Append(&keep.Record{Kind: keep.SessionEnded, Client: "a"})
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	if last, err := l.Last(context.Background()); err != nil || last != 10 {
		t.Errorf("%d batches, %v", last, err)
	}
}
