package codec

import "github.com/mqttwire/mqttwire"

const (
	enoughPackets = 4  // in a row are no chance
	fewestPackets = 2  // are enough where the bytes end after them
	resyncWork    = 64 // bytes looked at for each byte of the input, at most
)

// Resync returns where in b a packet begins, for a capture that begins in the
// middle of one, and for what follows a packet that is Lost. It is the first
// place from which four whole packets follow each other without a fault in one
// version, or two up to where b ends: two and the beginning of a third. It
// returns -1 where there is none: then more bytes may help.
//
// It is a guess: the payload of a PUBLISH can hold packets. The work is bounded
// by the length of b; for bytes that are made to be hard to judge Resync returns
// -1.
func Resync(r Rules, b []byte) int {
	n, _ := resync(r, b)
	return n
}

// resync is Resync, and returns how many bytes it has looked at.
func resync(r Rules, b []byte) (n int, work int64) {
	limit := resyncWork * int64(len(b))
	for n := range b {
		ok, cost := r.beginsAt(b[n:])
		if work += int64(cost); ok {
			return n, work
		}
		if work > limit {
			break
		}
	}
	return -1, work
}

// beginsAt reports whether packets begin at the front of b.
func (r Rules) beginsAt(b []byte) (ok bool, cost int) {
	versions := AnyVersion
	if r.Version.Valid() {
		versions = 1 << r.Version
	}
	for whole := 0; ; whole++ {
		if whole == enoughPackets || len(b) == 0 {
			return whole >= fewestPackets, cost
		}
		in := Inspection{r: r}
		in.read(b)
		for v := mqttwire.V31; v <= mqttwire.V50; v++ {
			if versions.Has(v) {
				clean, n := in.isClean(v)
				if cost += n; !clean {
					versions &^= 1 << v
				}
			}
		}
		switch {
		case versions == 0:
			return false, cost
		case in.Size == 0:
			return whole >= fewestPackets, cost
		}
		b = b[in.Size:]
	}
}

// isClean reports whether nothing is wrong in version v, and how many bytes it
// looked at.
func (in *Inspection) isClean(v mqttwire.Version) (clean bool, cost int) {
	w := in.walk(v)
	clean = true
	w.onFault = func(Fault) bool {
		clean = false
		return false
	}
	w.packet()
	return clean, 1 + w.looked
}
