package fuzz_test

import (
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fuzz"
)

func TestJudgeOurs(t *testing.T) {
	r := fuzz.Judge(t, func(r codec.Rules, packet []byte) error {
		_, err := decode(r, packet)
		return err
	})
	if r.Calls < 20_000 {
		t.Errorf("%d calls", r.Calls)
	}
}

// small is a Trial of few packets that nobody waits for.
var small = fuzz.Trial{Packets: 2000}

// wrong is our parser with one mistake: mistaken decides.
func wrong(mistaken func(r codec.Rules, packet []byte, err error) error) func(codec.Rules, []byte) error {
	return func(r codec.Rules, packet []byte) error {
		_, err := decode(r, packet)
		return mistaken(r, packet, err)
	}
}

func TestJudgeAccepts(t *testing.T) {
	r := small.Judge(nil, wrong(func(_ codec.Rules, _ []byte, err error) error {
		if err == mqttwire.ErrPacketID {
			return nil
		}
		return err
	}))
	if len(r.Faults) != 1 {
		t.Fatalf("%v", r)
	}
	f := r.Faults[0]
	if f.Kind != fuzz.Accepts || f.Error != mqttwire.ErrPacketID.Error() || f.Clause == "" || len(f.Packet) != 4 || f.Count < 10 || f.Name == "" {
		t.Errorf("%+v", f)
	}
}

func TestJudgeAcceptsThePartOfAPacket(t *testing.T) {
	r := small.Judge(nil, wrong(func(_ codec.Rules, _ []byte, err error) error {
		if err == errIncomplete {
			return nil
		}
		return err
	}))
	if len(r.Faults) != 1 || r.Faults[0].Kind != fuzz.Accepts || len(r.Faults[0].Packet) != 0 {
		t.Errorf("%v", r)
	}
}

func TestJudgeRefuses(t *testing.T) {
	r := small.Judge(nil, wrong(func(r codec.Rules, packet []byte, err error) error {
		if err == nil && r.Version == mqttwire.V50 && packet[0] == 0x3d {
			return errors.New("3d at 0")
		}
		return err
	}))
	if len(r.Faults) != 1 || r.Faults[0].Kind != fuzz.Refuses || r.Faults[0].Said != "3d at 0" || r.Faults[0].Error != "" || len(r.Faults[0].Packet) > 8 {
		t.Errorf("%v", r)
	}
}

// A panic is one fault whatever its numbers, and is shown by few bytes.
func TestJudgePanics(t *testing.T) {
	r := small.Judge(nil, wrong(func(_ codec.Rules, packet []byte, err error) error {
		if len(packet) > 4 && packet[0]>>4 == 8 {
			_ = packet[len(packet)+int(packet[4])] // the index is in the panic
		}
		return err
	}))
	if len(r.Faults) != 1 || r.Faults[0].Kind != fuzz.Panics || len(r.Faults[0].Packet) != 5 || !strings.Contains(r.Faults[0].Said, "out of range") {
		t.Errorf("%v", r)
	}
	if s := r.String(); !strings.Contains(s, "panics 8") || strings.Count(s, "\n") != 1 {
		t.Error(s)
	}
}

// A parser that ends its goroutine, as T.FailNow does, panics; the trial goes on.
func TestJudgeGoexit(t *testing.T) {
	before := runtime.NumGoroutine()
	r := small.Judge(nil, wrong(func(_ codec.Rules, packet []byte, err error) error {
		if len(packet) > 4 && packet[0]>>4 == 8 {
			runtime.Goexit()
		}
		return err
	}))
	if len(r.Faults) != 1 || r.Faults[0].Kind != fuzz.Panics || len(r.Faults[0].Packet) != 5 || r.Faults[0].Said != "runtime.Goexit" || r.Calls < 2000 {
		t.Errorf("%v", r)
	}
	settled(t, before)
}

type silent struct{}

func (*silent) Error() string { panic("it has no words") }

// An error that panics when it is asked what it says is a panic too.
func TestJudgeErrorThatPanics(t *testing.T) {
	r := small.Judge(nil, wrong(func(_ codec.Rules, _ []byte, err error) error {
		if err == mqttwire.ErrPacketID {
			return (*silent)(nil)
		}
		return err
	}))
	if len(r.Faults) != 1 || r.Faults[0].Kind != fuzz.Panics || r.Faults[0].Said != "it has no words" {
		t.Errorf("%v", r)
	}
}

func TestJudgeCutsWhatIsSaid(t *testing.T) {
	long := errors.New(strings.Repeat("é", 100_000))
	r := small.Judge(nil, wrong(func(_ codec.Rules, packet []byte, err error) error {
		if err == nil && packet[0] == 0x3d {
			return long
		}
		return err
	}))
	if len(r.Faults) != 1 || len(r.Faults[0].Said) > 600 || !strings.HasSuffix(r.Faults[0].Said, "é...") {
		t.Errorf("%v", r)
	}
}

// What hangs ends the trial. Once it returns, nothing of the trial is left.
func TestJudgeHangs(t *testing.T) {
	before := runtime.NumGoroutine()
	release := make(chan struct{})
	trial := small
	trial.Patience = 200 * time.Millisecond
	r := trial.Judge(nil, wrong(func(_ codec.Rules, packet []byte, err error) error {
		if len(packet) > 20 {
			<-release
		}
		return err
	}))
	if n := len(r.Faults); n != 1 || r.Faults[0].Kind != fuzz.Hangs || r.Calls >= 2000 {
		t.Error(r)
	}
	close(release)
	settled(t, before)
}

func TestJudgeLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	small.Judge(t, wrong(func(_ codec.Rules, _ []byte, err error) error { return err }))
	settled(t, before)
}

// settled waits until there are no more goroutines than there were.
func settled(t *testing.T, before int) {
	t.Helper()
	for range 1_000_000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func TestJudgeIsRepeatable(t *testing.T) {
	refuse := func(codec.Rules, []byte) error { return errIncomplete }
	a, b := small.Judge(nil, refuse), small.Judge(nil, refuse)
	if !reflect.DeepEqual(a, b) {
		t.Errorf("%v\n%v", a, b)
	}
	if len(a.Faults) != 15 { // one a packet type
		t.Errorf("%v", a)
	}
}

func TestJudgeVersions(t *testing.T) {
	trial := small
	trial.Versions = []mqttwire.Version{mqttwire.V311}
	trial.Judge(t, func(r codec.Rules, packet []byte) error {
		if r.Version != mqttwire.V311 || r.From == mqttwire.Either || len(packet) != cap(packet) {
			t.Errorf("%+v, %d of %d bytes", r, len(packet), cap(packet))
		}
		_, err := decode(r, packet)
		return err
	})
}
