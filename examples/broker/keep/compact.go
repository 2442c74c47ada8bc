package keep

// Compact returns the least sequence that restores the same as all: it leaves out
// what later Records have made void, as [RecordKind] says, and has SessionKept
// come first. What the Records refer to is shared. The error is that of
// [Image.Replay].
func Compact(all []Record) (kept []Record, err error) {
	m := Image{Holds: true}
	for i := range all {
		m.Apply(m.Reach(&all[i]), uint64(i)+1, 0, nil)
	}
	err = m.Replay(func(r *Record) error {
		kept = append(kept, *r)
		return nil
	})
	return kept, err
}
