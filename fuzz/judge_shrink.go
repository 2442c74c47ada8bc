package fuzz

import "slices"

// shrinkCalls is how often the parser is called to make one packet shorter.
const shrinkCalls = 2000

// shrink makes the packets of all faults shorter, if a shorter one shows the
// same.
func (j *judge) shrink() {
	for _, key := range j.order {
		f := j.faults[key]
		left := shrinkCalls
		for left > 0 && !j.hung && j.shorter(key, f, &left) {
		}
		if j.hung {
			return
		}
	}
}

// shorter replaces the packet of a fault with a shorter one, if it finds any.
func (j *judge) shorter(key faultKey, f *Fault, left *int) bool {
	for size := len(f.Packet) / 2; size > 0; size /= 2 {
		for at := 0; at+size <= len(f.Packet); at++ {
			for _, packet := range without(f.Packet, at, size) {
				c := evidence{f.Rules, packet, f.verdict, f.Name}
				if !sameVerdict(c, f) {
					continue
				}
				if *left--; *left <= 0 || j.hung {
					return false
				}
				kind, k, said := j.ask(c)
				if j.hung {
					j.order = append(j.order, k)
					j.faults[k] = &Fault{Kind: kind, Rules: c.rules, Packet: packet, Name: c.name + ", cut", Count: 1}
					return false
				}
				if k == key {
					f.Packet, f.Said, f.Cut = packet, said, true
					f.Error, f.Clause = broken(c)
					return true
				}
			}
		}
	}
	return false
}

// without returns a packet without some of its bytes: as it is, with the
// Remaining Length put right where that is a single byte, and with the length of
// a field put right that the byte before them may be the end of.
func without(b []byte, at, size int) [][]byte {
	cut := slices.Concat(b[:at], b[at+size:])
	if at < 2 || len(b) > 129 || int(b[1]) != len(b)-2 {
		return [][]byte{cut}
	}
	whole := slices.Clone(cut)
	whole[1] = byte(len(whole) - 2)
	if at == 2 || int(whole[at-1]) < size {
		return [][]byte{whole, cut}
	}
	field := slices.Clone(whole)
	field[at-1] -= byte(size)
	return [][]byte{field, whole, cut}
}

// sameVerdict reports whether a shorter packet is to be judged as that of a
// fault was. What is to be judged as Unsure may be anything.
func sameVerdict(c evidence, f *Fault) bool {
	err := check(c.rules, c.packet)
	switch f.verdict {
	case Valid:
		return err == nil
	case Invalid, Incomplete:
		return err != nil && err.Error() == f.Error
	}
	return true
}
