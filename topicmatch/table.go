package topicmatch

import "math/bits"

// table finds 32-bit ids by a hash. It is one open-addressed array of
// tag<<32|id, where the tag is the upper half of the hash and 0 a free slot;
// whoever looks an id up compares what it stands for.
//
// An id's home falls as its tag rises and probing is linear, so the ids stand
// in descending order of their slots, with gaps: a search ends at the first
// slot that is too small, a free one included, and growing is one pass from
// the front. The array runs past the last home, so nothing wraps around, and
// its last slot is free.
type table struct {
	slots []uint64
	homes uint64
	n     int
}

const (
	minHomes   = 8
	spareSlots = 16
)

// mix hashes two words, with a random seed: the upper half of the result is
// the tag.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^seeds[0], b^seeds[1])
	return hi ^ lo
}

func (t *table) home(h uint64) int {
	hi, _ := bits.Mul64(^h>>32<<32, t.homes)
	return int(hi)
}

// first returns the slot from which to look for hash h, and the slot's content.
// The loop over candidates is
//
//	for i, s := t.first(h); s>>32 == h>>32 && s != 0; i, s = t.next(i) { ... }
//
// with uint32(s) the id.
func (t *table) first(h uint64) (int, uint64) {
	if t.n == 0 {
		return 0, 0
	}
	i := t.home(h)
	for t.slots[i]>>32 > h>>32 {
		i++
	}
	return i, t.slots[i]
}

func (t *table) next(i int) (int, uint64) { return i + 1, t.slots[i+1] }

func (t *table) insert(h uint64, id uint32) {
	if t.full(1) {
		*t = t.grown(1)
	}
	s := h>>32<<32 | uint64(id)
	i := t.home(h)
	for t.slots[i] > s {
		i++
	}
	end := i
	for t.slots[end] != 0 {
		end++
	}
	if end == len(t.slots)-1 {
		t.slots = append(t.slots, 0)
	}
	copy(t.slots[i+1:end+1], t.slots[i:end])
	t.slots[i] = s
	t.n++
}

// remove takes out an id that is in the table under h.
func (t *table) remove(h uint64, id uint32) {
	s := h>>32<<32 | uint64(id)
	i := t.home(h)
	for t.slots[i] != s {
		i++
	}
	// Those behind it move up, as far as the first that is at home.
	end := i + 1
	for t.slots[end] != 0 && t.home(t.slots[end]) != end {
		end++
	}
	copy(t.slots[i:end-1], t.slots[i+1:end])
	t.slots[end-1] = 0
	t.n--
	if t.n == 0 {
		*t = table{}
	}
}

// full reports whether n more ids do not fit in.
func (t *table) full(n int) bool { return 4*uint64(t.n+n-1) >= 3*t.homes }

// grown returns a copy that n more ids fit into.
func (t *table) grown(n int) table {
	return t.resized(max(minHomes, t.homes+t.homes/2, uint64(t.n+n)*3/2), nil)
}

// loose reports whether the table is too large for what is in it.
func (t *table) loose() bool { return 4*uint64(t.n) < t.homes && t.homes > minHomes }

// shrunk returns a copy that is just large enough.
func (t *table) shrunk(ids []uint32) table { return t.resized(max(minHomes, uint64(t.n)*2), ids) }

// resized returns a copy of another size. If ids is not nil, it has the new
// number of each id, and the order of any two is as before.
func (t *table) resized(homes uint64, ids []uint32) table {
	onPass(len(t.slots))
	r := table{slots: make([]uint64, homes+homes/64+spareSlots), homes: homes, n: t.n}
	at := 0
	for _, s := range t.slots {
		if s == 0 {
			continue
		}
		at = max(at, r.home(s))
		if at == len(r.slots)-1 {
			r.slots = append(r.slots, 0)
		}
		if ids != nil {
			s = s>>32<<32 | uint64(ids[uint32(s)])
		}
		r.slots[at] = s
		at++
	}
	return r
}

// tableFor returns an empty table with room for n ids.
func tableFor(n int) table {
	return (&table{}).resized(max(minHomes, uint64(n)*8/5), nil)
}
