package hub

// flight holds what has been sent and may have to be sent again, by the tokens
// that the session hands back. Token 0 is a message that is not kept.
type flight struct {
	slots []flown
	free  uint64 // the first free token, chained by their next
}

type flown struct {
	delivery
	next uint64
	used bool
}

// next returns the token that put will use.
func (f *flight) next() uint64 {
	if f.free != 0 {
		return f.free
	}
	return uint64(len(f.slots)) + 1
}

func (f *flight) put(d delivery) {
	if token := f.free; token != 0 {
		s := &f.slots[token-1]
		f.free = s.next
		*s = flown{delivery: d, used: true}
		return
	}
	f.slots = append(f.slots, flown{delivery: d, used: true})
}

// get returns what a token stands for, nil for none.
func (f *flight) get(token uint64) *delivery {
	if token == 0 || token > uint64(len(f.slots)) || !f.slots[token-1].used {
		return nil
	}
	return &f.slots[token-1].delivery
}

func (f *flight) remove(token uint64) {
	if f.get(token) != nil {
		f.slots[token-1] = flown{next: f.free}
		f.free = token
	}
}

// place puts a delivery at a token of an earlier run. relink has to follow.
func (f *flight) place(token uint64, d delivery) {
	for uint64(len(f.slots)) < token {
		f.slots = append(f.slots, flown{})
	}
	f.slots[token-1] = flown{delivery: d, used: true}
}

// relink finds the free tokens anew, after place.
func (f *flight) relink() {
	f.free = 0
	for i := range f.slots {
		if !f.slots[i].used {
			f.slots[i].next = f.free
			f.free = uint64(i) + 1
		}
	}
}

// compact gives the memory back where nothing is held.
func (f *flight) compact() {
	for i := range f.slots {
		if f.slots[i].used {
			return
		}
	}
	*f = flight{}
}
