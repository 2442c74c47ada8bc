package outbox

import (
	"errors"
	"testing"
	"time"
)

func gather(o *Outbox, s string) { o.Gather(append(o.Bytes(), s...)) }

// One batch is under way at a time, and the next carries all that has gathered
// meanwhile.
func TestOrder(t *testing.T) {
	var o Outbox
	if _, ok := o.Take(); ok || !o.Idle() || o.Await() {
		t.Fatal("there is something in an empty outbox")
	}
	gather(&o, "a")
	o.Owe(1)
	first, ok := o.Take()
	if !ok || string(first.Bytes) != "a" || first.Owes != 1 || first.Parts != 1 || o.Len() != 0 || o.Idle() {
		t.Fatal(first, ok)
	}
	gather(&o, "b")
	o.Owe(2)
	if gather(&o, "c"); o.Len() != 2 {
		t.Error("it holds", o.Len())
	}
	if _, ok := o.Take(); ok {
		t.Error("two writes at once")
	}
	if string(first.Bytes) != "a" {
		t.Error("what is written has changed")
	}
	if o.Wrote(first, nil) {
		t.Error("nobody waits")
	}
	if next, ok := o.Take(); !ok || string(next.Bytes) != "bc" || next.Owes != 2 || next.Parts != 2 {
		t.Error(next, ok)
	} else if !o.Await() || !o.Wrote(next, nil) {
		t.Error("somebody waits")
	}
	if !o.Idle() {
		t.Error("there is something left")
	}
}

// After a write that has failed nothing is written.
func TestLost(t *testing.T) {
	for _, fails := range []bool{false, true} {
		var o Outbox
		gather(&o, "a")
		b, _ := o.Take()
		gather(&o, "b")
		if fails {
			o.Wrote(b, errors.New("broken"))
		} else {
			o.Lose()
			o.Wrote(b, nil)
		}
		gather(&o, "c")
		if _, ok := o.Take(); ok || !o.Lost() || o.Await() {
			t.Error("it is not lost")
		}
	}
}

// What is counted down is what is left when it is written: where that is done in
// pieces, in those that are written later.
func TestCountDown(t *testing.T) {
	var o Outbox
	gather(&o, "\x00\x00\x00\x00\x0a\x00\x00\x00\x00\x0a")
	o.CountDown(1, 10*time.Second)
	o.CountDown(6, 10*time.Second)
	b, _ := o.Take()
	if !b.Ages() {
		t.Error("nothing is counted down")
	}
	b.Age(3, 4*time.Second-1)
	if want := "\x00\x00\x00\x00\x0a\x00\x00\x00\x00\x07"; string(b.Bytes) != want {
		t.Errorf("%q, want %q", b.Bytes, want)
	}
	b.Age(0, 11*time.Second)
	if want := "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"; string(b.Bytes) != want {
		t.Errorf("%q, want %q", b.Bytes, want)
	}
	b.Age(0, 0)
	if b.Bytes[4] != 0 {
		t.Error("it counts up")
	}
	o.Wrote(b, nil)
	gather(&o, "next")
	if b, _ := o.Take(); b.Ages() {
		t.Error("the next has taken over what was counted down")
	}
}

// Gathering and writing allocate nothing.
func TestAllocates(t *testing.T) {
	var o Outbox
	if n := testing.AllocsPerRun(100, func() {
		gather(&o, "0123456789")
		o.CountDown(1, time.Second)
		b, _ := o.Take()
		o.Wrote(b, nil)
	}); n > 0.1 {
		t.Errorf("%v allocations", n)
	}
}
