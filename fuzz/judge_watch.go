package fuzz

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mqttwire/mqttwire/codec"
)

// watch calls a parser in a goroutine of its own, and notices where it does not
// come back.
type watch struct {
	calls   chan evidence
	answers chan answer
	ticker  *time.Ticker
}

// patienceSteps is in how many steps a call's patience is measured.
const patienceSteps = 10

// answer is what came of a call.
type answer struct {
	refused  bool
	said     string // the error
	panicked string // what with, "" if it did not
}

// exited is what a call is told to have panicked with that has ended its
// goroutine, as testing.T.FailNow does.
const exited = "runtime.Goexit"

func startWatch(parse func(codec.Rules, []byte) error, patience time.Duration) *watch {
	// An answer has room, so that a call that comes back late ends its goroutine.
	w := &watch{make(chan evidence), make(chan answer, 1), time.NewTicker(max(patience/patienceSteps, 1))}
	go w.run(parse)
	return w
}

func (w *watch) run(parse func(codec.Rules, []byte) error) {
	ended := false
	defer func() {
		if !ended { // the parser has ended the goroutine: another one goes on
			w.answers <- answer{panicked: exited}
			go w.run(parse)
		}
	}()
	for c := range w.calls {
		w.answers <- called(parse, c)
	}
	ended = true
}

func called(parse func(codec.Rules, []byte) error, c evidence) (a answer) {
	defer func() {
		if x := recover(); x != nil {
			a.panicked = short(fmt.Sprint(x))
			if a.panicked == "" {
				a.panicked = "a panic without words"
			}
		}
	}()
	if err := parse(c.rules, slices.Clip(bytes.Clone(c.packet))); err != nil {
		a.refused, a.said = true, short(err.Error())
	}
	return a
}

// short cuts what a parser says, which may hold the packet, to what one reads.
func short(s string) string {
	const most = 500 // bytes
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// call returns ok false where the call hangs. The watch has ended then.
func (w *watch) call(c evidence) (a answer, ok bool) {
	w.calls <- c
	for steps := 0; ; {
		select {
		case a = <-w.answers:
			return a, true
		case <-w.ticker.C:
			// The first step is not a whole one.
			if steps++; steps > patienceSteps {
				w.stop()
				return answer{}, false
			}
		}
	}
}

// stop ends the goroutine, once the call that it is in has returned.
func (w *watch) stop() {
	close(w.calls)
	w.ticker.Stop()
}
