package topicmatch

import "testing"

// The text of levels past 4 GiB is found where it was put.
func TestLevelsPast4GiB(t *testing.T) {
	l := levels{chunks: make([][]byte, 1<<16), list: make([]level, 1)} // as many as hold 4 GiB
	l.chunks[len(l.chunks)-1] = make([]byte, chunkSize)
	first, second := l.intern([]byte("first")), l.intern([]byte("second"))
	if l.list[second].chunk != 1<<16 {
		t.Fatalf("the level is in chunk %d", l.list[second].chunk)
	}
	for id, want := range map[uint32]string{first: "first", second: "second"} {
		if got := string(l.bytes(id)); got != want {
			t.Errorf("level %d reads %q, want %q", id, got, want)
		}
		if got := l.find([]byte(want)); got != id {
			t.Errorf("level %q has number %d, want %d", want, got, id)
		}
	}
}
