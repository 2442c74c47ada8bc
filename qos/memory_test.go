package qos

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"unsafe"
)

// Both machines of an end, idle: part of the 512 bytes that an idle session of
// a server may cost.
func TestIdleSize(t *testing.T) {
	n := unsafe.Sizeof(Outbound{}) + unsafe.Sizeof(Inbound{})
	t.Logf("Outbound %d, Inbound %d bytes", unsafe.Sizeof(Outbound{}), unsafe.Sizeof(Inbound{}))
	if n > 220 {
		t.Errorf("%d bytes", n)
	}
	if unsafe.Sizeof(slot{}) != 16 || unsafe.Sizeof(entry{}) != 16 || unsafe.Sizeof(Action{}) != 16 {
		t.Errorf("slot %d, entry %d, Action %d bytes", unsafe.Sizeof(slot{}), unsafe.Sizeof(entry{}), unsafe.Sizeof(Action{}))
	}
}

// What a full window of 16 adds to both machines.
func TestWindowOf16(t *testing.T) {
	var o Outbound
	var in Inbound
	fill(&o, &in, 16)
	n := len(o.window.slots)*int(unsafe.Sizeof(slot{})) + len(in.index.entries)*int(unsafe.Sizeof(entry{}))
	t.Logf("%d bytes", n)
	if n > 16*16+17*16 {
		t.Errorf("%d bytes", n)
	}
}

// fill puts n messages in flight at both.
func fill(o *Outbound, in *Inbound, n int) {
	o.Connect(Connection{Version: v50, Resumed: true})
	in.Connect(Connection{Version: v50, Resumed: true})
	for i := range n {
		o.Publish(q2, 0, 0)
		in.Publish(uint16(i+1), q2, false)
	}
}

func TestIdleHoldsNoMemory(t *testing.T) {
	var o Outbound
	var in Inbound
	fill(&o, &in, 1000)
	for id := uint16(1); id <= 1000; id++ {
		o.Pubrec(id, 0x80, 0)
		in.Finish(Ticket(in.Find(id).Token), 0x80)
		in.NextAck()
	}
	o.Compact()
	in.Compact()
	if o.window.slots != nil || in.index.entries != nil {
		t.Error("an idle machine keeps its window")
	}
	if a, err := o.Publish(q1, 0, 0); err != nil || a.ID != 1001 {
		t.Errorf("id %d after Compact, %v", a.ID, err)
	}
}

func TestNoStepAllocates(t *testing.T) {
	for _, c := range []Connection{{Version: v50, Resumed: true}, {Version: v311, Resumed: true, Retry: 1}} {
		var o Outbound
		var in Inbound
		fill(&o, &in, 100)
		for id := uint16(1); id <= 100; id++ {
			in.Finish(Ticket(in.Find(id).Token), 0)
		}
		snap := make([]byte, 0, 1<<12)
		if n := testing.AllocsPerRun(100, func() {
			o.Connect(c)
			in.Connect(c)
			for a, ok := o.NextResend(); ok; a, ok = o.NextResend() {
				o.Resend(a.ID, 0)
			}
			if a, ok := o.Poll(1); ok {
				o.Resend(a.ID, 1)
			}
			o.Deadline()
			a, _ := o.Publish(q1, 0, 0)
			o.Publish(3, 0, 0)
			o.Puback(a.ID, 0)
			o.Puback(a.ID, 0)
			a, _ = o.Publish(q2, 0, 0)
			o.Puback(a.ID, 0)
			o.Pubrec(a.ID, 0, 0)
			o.Pubrec(a.ID, 0, 0)
			o.Pubcomp(a.ID, 0)
			a, _ = o.Subscribe(1)
			o.Suback(a.ID)
			o.Unsubscribe(1)
			for x := range o.All() {
				o.Find(x.ID)
			}
			o.Disconnect()
			o.NextDropped()
			o.Apply(Record{Token: 5, ID: 60000, Change: sentStore.at(q2)})
			o.Apply(Record{Token: 5, ID: 60000, Change: sentRelease.at(q2)})
			o.Apply(Record{Token: 5, ID: 60000, Change: sentForget.at(q2)})
			a, _ = o.GiveUp(101, 0)
			o.GiveUp(101, 0)
			snap = o.AppendSnapshot(snap[:0])
			b, _ := in.Publish(200, q2, false)
			in.Publish(200, q1, false)
			in.Publish(7, q2, true)
			in.NextAck()
			in.Finish(b.Ticket(), 0)
			in.Finish(b.Ticket(), 0)
			in.NextAck()
			in.NextAck()
			in.Pubrel(200, 0)
			in.Pubrel(200, 0)
			b, _ = in.Publish(201, q2, false)
			in.Abandon(b.Ticket())
			for x := range in.All() {
				in.Find(x.ID)
			}
			in.Disconnect()
			in.Apply(Record{ID: 202, Change: receivedAccept.at(q2)})
			in.Apply(Record{ID: 202, Change: receivedForget.at(q2)})
		}); n > 0 && c.Retry == 0 || n > 2 { // the timers of a connection
			t.Errorf("%v: %v allocations", c.Version, n)
		}
	}
}

// A peer that chooses its ids so that they meet makes no chain longer than the
// id space allows, and costs no more memory than any other.
func TestHostileIDs(t *testing.T) {
	for _, stride := range []int{1, 64, 256, 4096} {
		var x index
		used := map[uint16]bool{}
		for i := range 2000 {
			id := uint16(i*stride + i*stride>>16)
			if id == 0 || used[id] {
				continue
			}
			used[id] = true
			x.insert(id)
			if len(x.entries) > max(minEntries, 2*len(used))+1 {
				t.Fatalf("%d entries for %d ids", len(x.entries), len(used))
			}
		}
		for i := range x.entries {
			n := 0
			for p := x.entries[i].bucket; p != 0; p = x.entries[p].chain {
				n++
			}
			if n > maxSlots/(len(x.entries)-1) {
				t.Fatalf("stride %d: chain of %d with %d entries", stride, n, len(x.entries))
			}
		}
	}
}

func TestIndexAgreesWithMap(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, ids := range []int{20, 3000, 65535} {
		var x index
		twin := map[uint16]bool{}
		for range 200_000 {
			id := uint16(1 + r.IntN(ids))
			p := x.find(id)
			if p != 0 != twin[id] || p != 0 && x.entries[p].id != id {
				t.Fatalf("id %d: place %d, want %v", id, p, twin[id])
			}
			if p == 0 {
				x.insert(id)
				twin[id] = true
			} else {
				x.remove(p)
				delete(twin, id)
			}
			if int(x.n) != len(twin) {
				t.Fatalf("%d ids, want %d", x.n, len(twin))
			}
		}
	}
	var x index // every id there is
	for id := 65535; id > 0; id-- {
		x.insert(uint16(id))
	}
	for id := 1; id <= 65535; id++ {
		x.remove(x.find(uint16(id)))
	}
	if x.n != 0 || len(x.entries) != maxSlots+1 {
		t.Errorf("%d ids, %d entries", x.n, len(x.entries))
	}
}

// 100,000 idle sessions, measured.
func TestIdleMemory(t *testing.T) {
	const n = 100_000
	type machines struct {
		out Outbound
		in  Inbound
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	all := make([]*machines, n)
	for i := range all {
		m := new(machines)
		m.out.Connect(Connection{Version: v50})
		m.in.Connect(Connection{Version: v50})
		all[i] = m
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := float64(after.HeapAlloc-before.HeapAlloc)/n - 8 // less the pointer
	t.Logf("%.0f bytes each", each)
	if each > 220 {
		t.Errorf("%.0f bytes each", each)
	}
	runtime.KeepAlive(all)
}
