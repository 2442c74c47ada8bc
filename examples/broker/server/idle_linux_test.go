package server

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/internal/race"
)

// A connection that has done nothing since it began waits on a small stack, though
// to let it in took a deep one.
func TestIdleStack(t *testing.T) {
	if race.Enabled {
		t.Skip("with -race stacks are others")
	}
	stacks := func() uint64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/stacks:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	_, address := listen(t, Config{SysInterval: -1})
	dial(t, address, mqttwire.V50, "first")
	runtime.GC() // which would make small what is large
	before := stacks()
	const n = 200
	for i := range n {
		dial(t, address, mqttwire.V50, fmt.Sprint(i))
	}
	if each := (int64(stacks()) - int64(before)) / n; each > 5<<10 {
		t.Errorf("%d bytes of stack for each", each)
	}
}
