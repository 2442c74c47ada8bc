package filelog

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
)

func open(t *testing.T, dir string) *Log {
	t.Helper()
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func lines(t *testing.T, l *Log) (all []string) {
	t.Helper()
	if err := l.Replay(func(b []byte) error { all = append(all, string(b)); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func seq(all []string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, s := range all {
			if !yield([]byte(s)) {
				return
			}
		}
	}
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestLog(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	if _, err := Open(dir); err != ErrLocked {
		t.Errorf("a second process: %v", err)
	}
	want := []string{"one", "", "three"}
	for _, s := range want {
		l.Append([]byte(s))
	}
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	l.Append([]byte("four"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != ErrClosed {
		t.Error(err)
	}
	if l.Append(nil); l.Sync() != ErrClosed {
		t.Error("Sync after Close")
	}
	l = open(t, dir)
	same(t, lines(t, l), append(want, "four"))
	l.Append([]byte("forgotten"))
	if err := l.Compact(seq([]string{"a", "b"})); err != nil {
		t.Fatal(err)
	}
	l.Append([]byte("c"))
	l.Close()
	l = open(t, dir)
	defer l.Close()
	same(t, lines(t, l), []string{"a", "b", "c"})
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("%v", files)
	}
	failed := errors.New("stop")
	if err := l.Replay(func([]byte) error { return failed }); err != failed {
		t.Error(err)
	}
}

// Whatever a crash leaves of the tail, all whole lines before it are there.
func TestTornTail(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	var want []string
	ends := []int{len(magic)}
	for i := range 6 {
		s := fmt.Sprintf("line %d %s", i, bytes.Repeat([]byte("x"), i*3))
		want = append(want, s)
		l.Append([]byte(s))
		ends = append(ends, ends[i]+lineHeader+len(s))
	}
	l.Close()
	whole, err := os.ReadFile(l.path(1))
	if err != nil {
		t.Fatal(err)
	}
	check := func(b []byte, n int) {
		t.Helper()
		dir := t.TempDir()
		os.WriteFile(dir+"/log-1", b, 0o600)
		l := open(t, dir)
		same(t, lines(t, l), want[:n])
		if l.Torn() != int64(len(b)-ends[n]) {
			t.Errorf("torn %d of %d", l.Torn(), len(b))
		}
		l.Append([]byte("new"))
		l.Close()
		l = open(t, dir)
		same(t, lines(t, l), append(slices.Clone(want[:n]), "new"))
		l.Close()
	}
	for cut := len(magic); cut <= len(whole); cut++ {
		n := 0
		for n+1 < len(ends) && ends[n+1] <= cut {
			n++
		}
		check(whole[:cut], n)
		if cut < len(whole) {
			b := slices.Clone(whole)
			b[cut] ^= 0x40
			check(b, n)
		}
	}
}

func TestOtherVersion(t *testing.T) {
	for _, content := range []string{"", "mqttwire", "mqttwire filelog 2\nabc"} {
		dir := t.TempDir()
		os.WriteFile(dir+"/log-3", []byte(content), 0o600)
		if _, err := Open(dir); !errors.Is(err, ErrVersion) {
			t.Errorf("%q: %v", content, err)
		}
		if b, _ := os.ReadFile(dir + "/log-3"); string(b) != content {
			t.Errorf("%q became %q", content, b)
		}
	}
}

// A compaction that a crash has cut short leaves either log.
func TestCompactionCutShort(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	l.Append([]byte("old"))
	l.Close()
	old, _ := os.ReadFile(l.path(1))
	os.WriteFile(dir+"/log-2.tmp", []byte("half"), 0o600)
	l = open(t, dir)
	same(t, lines(t, l), []string{"old"})
	l.Compact(seq([]string{"new"}))
	l.Close()
	os.WriteFile(dir+"/log-1", old, 0o600) // it was not removed
	l = open(t, dir)
	defer l.Close()
	same(t, lines(t, l), []string{"new"})
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("%v", files)
	}
}

// A disk that fails says so to all, and for good.
func TestDiskFails(t *testing.T) {
	l := open(t, t.TempDir())
	l.Append([]byte("a"))
	l.file.Close()
	if err := l.Sync(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v", err)
	}
	l.Append([]byte("b"))
	if err := l.Sync(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("again: %v", err)
	}
	if err := l.Compact(seq(nil)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Compact: %v", err)
	}
	l.lock.Close()
}

// What Sync has said is durable is there, whoever appends meanwhile.
func TestConcurrent(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				l.Append(fmt.Appendf(nil, "%d %d", g, i))
				if rand.IntN(3) == 0 {
					if err := l.Sync(); err != nil {
						t.Error(err)
					}
				}
			}
			l.Sync()
		})
	}
	wg.Wait()
	next := map[int]int{}
	if err := l.Replay(func(b []byte) error {
		var g, i int
		fmt.Sscan(string(b), &g, &i)
		if next[g] != i {
			t.Errorf("%d: %d after %d", g, i, next[g])
		}
		next[g]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for g := range 8 {
		if next[g] != 50 {
			t.Errorf("%d has %d lines", g, next[g])
		}
	}
	l.Close()
}
