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

// Memory is given back when little is kept and much is held, and not again and again
// where it is needed again.
func TestEbbDue(t *testing.T) {
	var e ebb
	const mebi = 1 << 20
	for _, x := range []struct {
		name      string
		at        time.Duration
		kept, has int64
		due       bool
		floor     int64 // then
	}{
		{"there is little", 0, 0, 30 * mebi, false, 0},
		{"it is kept", 5, 300 * mebi, 400 * mebi, false, 0},
		{"it is gone", 10, mebi, 400 * mebi, true, 60 * mebi},
		{"no more goes", 30, mebi, 61 * mebi, false, 0},
		{"much again", 35, mebi, 400 * mebi, true, 60 * mebi},
		{"soon again", 40, mebi, 400 * mebi, false, 0},
		{"later", 45, mebi, 400 * mebi, true, 60 * mebi},
		{"it is needed", 55, mebi, 400 * mebi, false, 0},
		{"rarely", 65, mebi, 400 * mebi, true, 60 * mebi},
	} {
		if due := e.due(x.kept, x.has, x.at*time.Second); due != x.due {
			t.Errorf("%s: %t", x.name, due)
		} else if due {
			e.floor = x.floor
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
