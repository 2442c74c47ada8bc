package server

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
)

// Who always has more to say lets others run again and again meanwhile: the runtime
// alone would take the processor away after 10 ms, from each of many in its turn.
func TestFloodYields(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	s, address := listen(t, Config{})
	conn := dialRaw(t, address)
	defer conn.Close()
	conn.Write(hello(t, mqttwire.V311, "c"))
	b := encode(t, mqttwire.V311, publication("a", string(make([]byte, 64<<10))))
	b = bytes.Repeat(b, 64)
	go conn.Write(b)
	var longest, last int64
	for deadline := time.Now().Add(time.Minute); last < int64(len(b)) && time.Now().Before(deadline); {
		runtime.Gosched()
		now := s.Stats().BytesReceived
		longest, last = max(longest, now-last), now
	}
	switch {
	case last < int64(len(b)):
		t.Error("not all is handled:", last)
	case longest > 512<<10:
		t.Errorf("%d bytes are handled at once", longest)
	}
}
