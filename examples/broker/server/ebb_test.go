package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/internal/race"
)

// Memory is looked for when little is kept and much is held, and rarely where none of
// it can be given back.
func TestEbbDue(t *testing.T) {
	var e ebb
	const mebi = 1 << 20
	for _, x := range []struct {
		name      string
		at        time.Duration
		kept, has int64
		due       bool
		gives     int64
	}{
		{"there is little", 0, 0, 30 * mebi, false, 0},
		{"it is kept", 5, 300 * mebi, 400 * mebi, false, 0},
		{"it is gone", 10, mebi, 400 * mebi, true, 300 * mebi},
		{"soon again", 14, mebi, 400 * mebi, false, 0},
		{"again", 15, mebi, 400 * mebi, true, 300 * mebi},
		{"it is needed", 20, mebi, 400 * mebi, true, 0},
		{"soon", 25, mebi, 400 * mebi, false, 0},
		{"and still", 30, mebi, 400 * mebi, true, mebi},
		{"later", 45, mebi, 400 * mebi, false, 0},
		{"not any more", 50, mebi, 400 * mebi, true, 300 * mebi},
		{"and again", 55, mebi, 400 * mebi, true, 300 * mebi},
	} {
		now := x.at * time.Second
		if due := e.due(x.kept, x.has, now); due != x.due {
			t.Errorf("%s: %t", x.name, due)
		} else if due {
			e.gave(x.gives, now)
		}
	}
}

// What retained messages took is the system's again when they are cleared.
func TestEbb(t *testing.T) {
	if race.Enabled {
		t.Skip("it takes long, and no memory is as it is")
	}
	s, address := listen(t, Config{})
	p := dial(t, address, mqttwire.V311, "c")
	s.life.Lock()
	s.ebb.timer.Stop() // it is looked at here
	s.life.Unlock()
	retain := func(payload string) {
		for i := range 100 {
			m := publication(fmt.Sprint(i), payload)
			m.Retain = true
			p.send(m)
		}
		p.send(&codec.Pingreq{})
		p.receive()
	}
	retain(strings.Repeat("x", 1_000_000))
	s.lookAtMemory()
	full := memoryInUse()
	retain("")
	s.ebb.after = 0 // some time later
	if s.lookAtMemory(); memoryInUse() > full-60_000_000 {
		t.Errorf("%d bytes of %d are kept", memoryInUse(), full)
	}
}
