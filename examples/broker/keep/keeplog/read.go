package keeplog

import "github.com/mqttwire/mqttwire/examples/broker/keep"

// A reader puts batches together as they come in the log, and finds by their
// numbers that none is missing.
type reader struct {
	names  keep.Names
	from   uint64 // the position of the first batch
	begins uint64 // the number of the first record
	next   uint64 // the number that comes next, 0 before there is any
	needs  uint64 // the first record that the last batch needs
	pos    uint64

	group keep.Batch // the last one, or its last part
	open  bool       // another part is to come
	parts []byte     // the records of it so far
	last  keep.Record
}

// take takes a batch, which it goes on referring to. It reports whether the batch
// begins a group, and whether the group is whole with it: each has its records
// then.
func (r *reader) take(pos uint64, b []byte) (begins, whole bool, err error) {
	var x keep.Batch
	if err := x.Decode(b); err != nil {
		return false, false, err
	}
	if r.from == 0 {
		r.from = pos
	}
	r.pos = pos
	last := &r.group
	ours := x.Node == last.Node && x.Incarnation == last.Incarnation
	switch {
	case r.open && ours && x.First == last.First && x.Part == last.Part+1:
		r.parts = append(r.parts, x.Records...)
	case r.next > 0 && ours && (x.First < r.next || r.open && x.First == last.First && x.Part <= last.Part):
		return false, false, nil // it was appended again, because nobody knew
	case r.next == 0 && x.Part > 0:
		return false, false, nil // what came before it is purged
	case x.Part > 0 || r.open && ours || r.next > 0 && x.First != r.next:
		return false, false, keep.ErrGap
	default: // where a group is open, its process has died over it
		if begins = true; r.next == 0 {
			r.begins, r.next = x.First, x.First
		}
		r.parts = x.Records
		if x.More { // to be appended to
			r.parts = append([]byte(nil), r.parts...)
		}
	}
	r.group, r.open, r.needs = x, x.More, x.Needs
	return begins, !x.More, nil
}

// each calls back with the records of the group, each with its number and form,
// which refers to the batches; the record itself is valid during the call.
func (r *reader) each(back func(x *keep.Record, number uint64, form []byte)) error {
	for b := r.parts; len(b) > 0; r.next++ {
		n, err := r.names.Consume(&r.last, b)
		switch {
		case err != nil:
			return err
		case n == 0:
			return keep.ErrMalformed
		}
		back(&r.last, r.next, b[:n:n])
		b = b[n:]
	}
	r.parts = nil
	return nil
}
