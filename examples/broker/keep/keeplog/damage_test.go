package keeplog_test

import (
	"context"
	"errors"
	"testing"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeplog"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeplog/simlog"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
)

func TestStore(t *testing.T) {
	runs := uint64(0)
	keeptest.Run(t, func(t *testing.T) func() keep.Store {
		disk := new(simlog.Disk)
		return func() keep.Store {
			runs++
			s, err := keeplog.Open(context.Background(), disk.Open(), tiny(runs))
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	})
}

// written returns a disk with some batches, some of them in parts, and the State.
func written(t *testing.T, batches int) (*simlog.Disk, string) {
	t.Helper()
	disk := new(simlog.Disk)
	s, _, err := replayed(disk, disk.Open(), 1)
	if err != nil {
		t.Fatal(err)
	}
	l := keeptest.NewLife(3)
	var all []keep.Record
	for range batches {
		for range 1 + l.Rand.IntN(8) {
			all = append(all, l.Next())
			s.Append(&all[len(all)-1])
		}
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	return disk, keeptest.State(all)
}

// refused opens a disk that is damaged, and returns where that is said to be.
func refused(t *testing.T, disk *simlog.Disk, want error) uint64 {
	t.Helper()
	_, _, err := replayed(disk, disk.Open(), 2)
	var damage *keeplog.DamageError
	if !errors.As(err, &damage) || !errors.Is(err, want) {
		t.Fatalf("%v, want %v", err, want)
	}
	return damage.Pos
}

// Whichever bit of a log is not as it was written, the start says where.
func TestFlippedBits(t *testing.T) {
	disk, _ := written(t, 6)
	for _, pos := range disk.Positions() {
		bits := 0
		disk.Clone().Change(pos, func(b []byte) []byte { bits = 8 * len(b); return b })
		for i := range bits {
			d := disk.Clone()
			d.Change(pos, func(b []byte) []byte { b[i/8] ^= 1 << (i % 8); return b })
			if at := refused(t, d, keep.ErrDamaged); at != pos {
				t.Fatalf("bit %d of position %d: said to be at %d", i, pos, at)
			}
		}
	}
}

// A batch that is missing is missed, the first as well; and one that is cut off.
func TestMissingBatches(t *testing.T) {
	disk, _ := written(t, 30)
	all := disk.Positions()
	for i, pos := range all[:len(all)-1] {
		d := disk.Clone()
		d.Change(pos, func([]byte) []byte { return nil })
		if at := refused(t, d, keep.ErrGap); i > 0 && at != all[i+1] {
			t.Errorf("without position %d: said to be at %d", pos, at)
		}
		d = disk.Clone()
		d.Change(pos, func(b []byte) []byte { return b[:len(b)-1] })
		if at := refused(t, d, keep.ErrDamaged); at != pos {
			t.Errorf("position %d is cut: said to be at %d", pos, at)
		}
	}
}

// What a later version has written is no damage, and is said to be from there.
func TestLaterVersion(t *testing.T) {
	disk, _ := written(t, 3)
	later := keep.Batch{Incarnation: 9, First: 1 << 40, Records: []byte{99}}
	disk.Change(disk.Positions()[2], func(b []byte) []byte {
		var x keep.Batch
		if err := x.Decode(b); err != nil {
			t.Fatal(err)
		}
		later.First = x.First
		return later.Append(nil)
	})
	refused(t, disk, keep.ErrKind)
}

// A batch that is written in parts, and not to its end, was never promised: it is
// left out, and what comes after it is good, whichever process has written it.
func TestTornEnd(t *testing.T) {
	for parts := 1; parts < 5; parts++ {
		disk, before := written(t, 5)
		log, n := disk.Open(), 0
		log.Fate = func(op simlog.Op) simlog.Fate {
			if op != simlog.Append {
				return simlog.Done
			}
			if n++; n > parts {
				return simlog.CrashBefore
			}
			return simlog.Done
		}
		s, _, err := replayed(disk, log, 3)
		if err != nil {
			t.Fatal(err)
		}
		x := keep.Record{Kind: keep.MessageRetained, Message: &keep.Message{Topic: []byte("large"), Payload: make([]byte, 1500)}}
		s.Append(&x)
		if err := s.Sync(); !errors.Is(err, simlog.ErrCrashed) {
			t.Fatal(err)
		}
		for run := uint64(4); run < 7; run++ {
			s, got, err := replayed(disk, disk.Open(), run)
			if err != nil {
				t.Fatal(err)
			}
			if state := keeptest.State(got); state != before {
				t.Fatalf("%d parts: got\n%s\nwant\n%s", parts, state, before)
			}
			y := keep.Record{Kind: keep.RetainedRemoved, Message: &keep.Message{Topic: []byte("none")}}
			s.Append(&y)
			if err := s.Sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What an error that is not "full" leaves nobody knows: all Syncs fail after it.
func TestBrokenIsFinal(t *testing.T) {
	for _, fate := range []simlog.Fate{simlog.Broken, simlog.Lost} {
		disk := new(simlog.Disk)
		log := disk.Open()
		s, _, err := replayed(disk, log, 1)
		if err != nil {
			t.Fatal(err)
		}
		tries := 0
		log.Fate = func(simlog.Op) simlog.Fate { tries++; return fate }
		x := keep.Record{Kind: keep.SessionEnded, Client: "a"}
		s.Append(&x)
		first := s.Sync()
		if first == nil || fate == simlog.Lost && tries != 6 {
			t.Errorf("%v after %d tries", first, tries)
		}
		log.Fate = nil
		s.Append(&x)
		if err := s.Sync(); err != first {
			t.Errorf("a later Sync: %v", err)
		}
	}
}

// A record without a form fails the Sync that would promise it.
func TestRecordWithoutForm(t *testing.T) {
	disk := new(simlog.Disk)
	s, _, err := replayed(disk, disk.Open(), 1)
	if err != nil {
		t.Fatal(err)
	}
	s.Append(&keep.Record{Kind: keep.SessionEnded, Client: string(make([]byte, 70_000))})
	if err := s.Sync(); !errors.Is(err, keep.ErrTooLarge) {
		t.Error(err)
	}
}
