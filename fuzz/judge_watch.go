package fuzz

import (
	"bytes"
	"fmt"
	"slices"
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
	err      error
	panicked string // what with, "" if it did not
}

func startWatch(parse func(codec.Rules, []byte) error, patience time.Duration) *watch {
	// An answer has room, so that a call that comes back late ends its goroutine.
	w := &watch{make(chan evidence), make(chan answer, 1), time.NewTicker(max(patience/patienceSteps, 1))}
	go func() {
		for c := range w.calls {
			w.answers <- called(parse, c)
		}
	}()
	return w
}

func called(parse func(codec.Rules, []byte) error, c evidence) (a answer) {
	defer func() {
		if x := recover(); x != nil {
			a.panicked = fmt.Sprint(x)
			if a.panicked == "" {
				a.panicked = "a panic without words"
			}
		}
	}()
	return answer{err: parse(c.rules, slices.Clip(bytes.Clone(c.packet)))}
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
