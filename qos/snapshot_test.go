package qos_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// busy returns a sender with a message in each state, one dropped and a
// request, and a receiver with an id in each state.
func busy(t testing.TB) (*sender, *receiver) {
	out, in := newSender(t, v50), newReceiver(t, v50)
	out.publish(q1, 100)
	gone := v50
	gone.Resumed = false
	out.connect(gone) // id 1 is dropped
	for i := range 5 {
		out.publish(1+qos.Level(i)%2, uint64(i)<<40)
	}
	out.pubrec(5, success)
	out.pubrec(3, success)
	if _, err := out.Subscribe(9); err != nil {
		t.Fatal(err)
	}
	in.deliver(11, q1)
	in.finish(in.deliver(900, q2), mqttwire.NoMatchingSubscribers)
	in.finish(in.deliver(12, q2), success)
	in.finish(in.deliver(13, q2), failure)
	in.deliver(14, q2)
	return out, in
}

func TestSnapshotKeepsTheSession(t *testing.T) {
	out, in := busy(t)
	var out2 sender
	var in2 receiver
	out2.t, in2.t = t, t
	noError(t, out2.Restore(out.AppendSnapshot(nil)))
	noError(t, in2.Restore(in.AppendSnapshot(nil)))
	if _, err := out2.Publish(q1, 1, 0); err != mqttwire.ErrNotConnected {
		t.Errorf("restored with a connection: %v", err)
	}
	same(t, out2.drops(), qos.Dropped{Token: 100, ID: 1, Await: qos.AwaitPuback})
	out2.connect(v50)
	same(t, out2.resends(), packet{mqttwire.PUBREL, 5, false}, packet{mqttwire.PUBREL, 3, false},
		packet{mqttwire.PUBLISH, 2, true}, packet{mqttwire.PUBLISH, 4, true}, packet{mqttwire.PUBLISH, 6, true})
	if x := out2.Find(6); x.Token != 4<<40 {
		t.Errorf("%+v", x)
	}
	if id := out2.publish(q1, 0); id != 8 { // 7 was the SUBSCRIBE's
		t.Errorf("next id %d", id)
	}

	in2.connect(v50)
	for id, event := range map[uint16]qos.Event{900: qos.Duplicate, 12: qos.Duplicate, 13: qos.Deliver, 14: qos.Deliver} {
		if a := in2.publish(id, q2, true); a.Event != event {
			t.Errorf("id %d: %v, want %v", id, a.Event, event)
		}
	}
}

// Equal states are equal bytes, however they came about.
func TestSnapshotIsCanonical(t *testing.T) {
	a, b := newReceiver(t, v50), newReceiver(t, v50)
	for i := range 50 {
		a.finish(a.deliver(uint16(1+i*64), q2), success)
		b.finish(b.deliver(uint16(1+(49-i)*64), q2), success)
	}
	a.acks()
	if x, y := a.AppendSnapshot(nil), b.AppendSnapshot(nil); !bytes.Equal(x, y) {
		t.Errorf("%x\n%x", x, y)
	}
	out, in := busy(t)
	var out2 qos.Outbound
	var in2 qos.Inbound
	prefix := []byte("prefix")
	x, y := out.AppendSnapshot(prefix), in.AppendSnapshot(prefix)
	noError(t, out2.Restore(x[len(prefix):]))
	noError(t, in2.Restore(y[len(prefix):]))
	if d := cmp.Diff(x, out2.AppendSnapshot(prefix)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(y, in2.AppendSnapshot(prefix)); d != "" {
		t.Error(d)
	}
}

func TestTicketsOfBeforeARestoreAreStale(t *testing.T) {
	in := newReceiver(t, v50)
	ticket := in.deliver(5, q2)
	noError(t, in.Restore(in.AppendSnapshot(nil)))
	wantStale(t, in, ticket)
	in.connect(v50)
	in.deliver(5, q2)
	wantStale(t, in, ticket)
}

// resum gives an altered snapshot a checksum that fits.
func resum(b []byte) []byte {
	n := len(b) - 4
	return binary.BigEndian.AppendUint32(b[:n:n], crc32.Checksum(b[:n], crc32.MakeTable(crc32.Castagnoli)))
}

func TestSnapshotCutEditedOrForeignIsAnErrorAndChangesNothing(t *testing.T) {
	out, in := busy(t)
	outSnap, inSnap := out.AppendSnapshot(nil), in.AppendSnapshot(nil)
	refused := func(what string, b []byte) {
		t.Helper()
		if out.Restore(b) != mqttwire.ErrSnapshot || in.Restore(b) != mqttwire.ErrSnapshot {
			t.Fatalf("%s: restored", what)
		}
	}
	for _, snap := range [][]byte{outSnap, inSnap} {
		for n := range snap {
			refused("cut", snap[:n])
		}
		refused("longer", append(slices.Clone(snap), 0))
		for bit := range 8 * len(snap) {
			b := slices.Clone(snap)
			b[bit/8] ^= 1 << (bit % 8)
			refused("edited", b)
		}
		refused("another version", resum(append([]byte{snap[0], 2}, snap[2:]...)))
	}
	if out.Restore(inSnap) != mqttwire.ErrSnapshot || in.Restore(outSnap) != mqttwire.ErrSnapshot {
		t.Error("foreign: restored")
	}
	// With a checksum that fits, what no machine can have written.
	const outRecord, inRecord = 8, 10 // where the first record begins
	alter := func(b []byte, edit func(b []byte)) []byte {
		b = slices.Clone(b)
		edit(b)
		return resum(b)
	}
	for what, b := range map[string][]byte{
		"more records than there are": alter(outSnap, func(b []byte) { b[outRecord-1]++ }),
		"fewer":                       alter(outSnap, func(b []byte) { b[outRecord-1]-- }),
		"very many":                   alter(outSnap, func(b []byte) { b[outRecord-4] = 0xff }),
		"id 0":                        alter(outSnap, func(b []byte) { b[outRecord], b[outRecord+1] = 0, 0 }),
		"an id twice":                 alter(outSnap, func(b []byte) { copy(b[outRecord:], b[outRecord+11:outRecord+13]) }),
		"no state":                    alter(outSnap, func(b []byte) { b[outRecord+2] = 0 }),
		"a request":                   alter(outSnap, func(b []byte) { b[outRecord+2] = byte(qos.AwaitSuback) }),
		"out of order":                alter(outSnap, func(b []byte) { b[outRecord+2] = byte(qos.AwaitPuback) }),
		"id 0 received":               alter(inSnap, func(b []byte) { b[inRecord], b[inRecord+1] = 0, 0 }),
		"ids not rising":              alter(inSnap, func(b []byte) { b[inRecord] = 0xff }),
		"refused":                     alter(inSnap, func(b []byte) { b[inRecord+2] = 0x80 }),
	} {
		refused(what, b)
	}
	if !bytes.Equal(out.AppendSnapshot(nil), outSnap) || !bytes.Equal(in.AppendSnapshot(nil), inSnap) {
		t.Error("a refused snapshot changed the machine")
	}
	out.puback(2) // still connected
}

// Two ids that meet in every ring but the largest must not cost more than it.
func TestRestoreIsBoundedInMemory(t *testing.T) {
	var before, after runtime.MemStats
	out := newSender(t, v50)
	out.publish(q1, 0)
	out.publish(q1, 0)
	snap := out.AppendSnapshot(nil)
	snap[8+11] = 0x80 // ids 1 and 0x8002
	snap[8+11+1] = 1  // 0x8001
	snap = resum(snap)
	var restored qos.Outbound
	runtime.ReadMemStats(&before)
	noError(t, restored.Restore(snap))
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 3<<20 {
		t.Errorf("%d bytes for 2 messages", n)
	}
	if x := restored.Find(32769); x.Await != qos.AwaitPuback || restored.InFlight() != 2 {
		t.Errorf("%+v, %d in flight", x, restored.InFlight())
	}
}

func FuzzRestore(f *testing.F) {
	out, in := busy(f)
	f.Add(out.AppendSnapshot(nil))
	f.Add(in.AppendSnapshot(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 4 {
			return
		}
		b = resum(b)
		var out qos.Outbound
		if out.Restore(b) == nil {
			if !bytes.Equal(out.AppendSnapshot(nil), b) {
				t.Errorf("%x is not canonical", b)
			}
			noError(t, out.Connect(v50))
			for a, ok := out.NextResend(); ok; a, ok = out.NextResend() {
				_, err := out.Resend(a.ID, 0)
				noError(t, err)
			}
			for ok := true; ok; {
				_, ok = out.NextDropped()
			}
		}
		var in qos.Inbound
		if in.Restore(b) == nil && !bytes.Equal(in.AppendSnapshot(nil), b) {
			t.Errorf("%x is not canonical", b)
		}
	})
}
