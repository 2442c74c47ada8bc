package keep_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
	"github.com/mqttwire/mqttwire/qos"
)

// same compares Records by what they say.
var same = cmp.Options{
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b codec.Properties) bool { return bytes.Equal(a.Bytes(), b.Bytes()) }),
}

// What Append writes Consume reads, all of it and no more; Size is exact; a
// prefix is nothing yet.
func TestRecordRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		want := keeptest.Random(r)
		b, err := want.Append([]byte{1, 2})
		if err != nil {
			t.Fatalf("%+v: %v", want, err)
		}
		b = b[2:]
		if want.Size() != len(b) {
			t.Fatalf("%+v: Size %d, %d bytes", want, want.Size(), len(b))
		}
		var got keep.Record
		n, err := got.Consume(append(bytes.Clone(b), "more"...))
		if err != nil || n != len(b) {
			t.Fatalf("%+v: Consume: %d of %d, %v", want, n, len(b), err)
		}
		if diff := cmp.Diff(want, got, same); diff != "" {
			t.Fatal(diff)
		}
		for i := range b {
			if n, err := got.Consume(b[:i]); n != 0 || err != nil {
				t.Fatalf("%+v: %d of %d bytes: %d, %v", want, i, len(b), n, err)
			}
		}
	}
}

// What Append refuses, and leaves dst as it was.
func TestRecordRefused(t *testing.T) {
	long := strings.Repeat("x", 65536)
	m := &keep.Message{Topic: []byte("t")}
	tests := []struct {
		name string
		r    keep.Record
		want error
	}{
		{"client", keep.Record{Kind: keep.SessionEnded, Client: long}, keep.ErrTooLarge},
		{"filter", keep.Record{Kind: keep.SubscriptionEnded, Filter: long}, keep.ErrTooLarge},
		{"from", keep.Record{Kind: keep.MessageRetained, Message: &keep.Message{Topic: []byte("t"), From: long}}, keep.ErrTooLarge},
		{"recipient", keep.Record{Kind: keep.MessageQueued, Message: m, To: []keep.Recipient{{Client: long, Key: 1, Level: 1}}}, keep.ErrTooLarge},
		{"share", keep.Record{Kind: keep.MessageQueued, Message: m, To: []keep.Recipient{{Share: long, Key: 1, Level: 1}}}, keep.ErrTooLarge},
		{"kind 0", keep.Record{}, keep.ErrKind},
		{"kind", keep.Record{Kind: keep.RetainedRemoved + 1}, keep.ErrKind},
	}
	for _, tt := range tests {
		if b, err := tt.r.Append([]byte("as it was")); err != tt.want || string(b) != "as it was" {
			t.Errorf("%s: %q, %v", tt.name, b, err)
		}
	}
}

// A number that promises more than there is has nothing made for it.
func TestRecordBounded(t *testing.T) {
	var r keep.Record
	huge := binary.AppendUvarint([]byte{byte(keep.MessageQueued), 0, 0, 1, 't', 0, 0, 0, 0, 0}, 1<<63)
	if n := testing.AllocsPerRun(10, func() {
		if n, err := r.Consume(huge); n != 0 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}); n > 20 {
		t.Errorf("%v allocations", n)
	}
	for _, b := range [][]byte{
		binary.AppendUvarint([]byte{byte(keep.SessionEnded)}, 65536),
		binary.AppendUvarint([]byte{byte(keep.MessageRetained), 0, 1, 't'}, 1<<28),
	} {
		if n, err := r.Consume(b); n != 0 || err != keep.ErrMalformed {
			t.Errorf("%x: %d, %v", b, n, err)
		}
	}
}

// No memory but the result's, where there is room for it.
func TestAppendAllocates(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	buf := make([]byte, 0, 1<<16)
	for range 100 {
		x := keeptest.Random(r)
		if n := testing.AllocsPerRun(5, func() { x.Append(buf) }); n != 0 {
			t.Errorf("%+v: %v allocations", x, n)
		}
	}
}

// A batch whose bits are not all as they were is damaged, whichever it is.
func TestBatchFlipped(t *testing.T) {
	want := keep.Batch{Node: 3, Incarnation: 1 << 40, First: 1000, Needs: 900, Part: 2, More: true}
	for x := range 20 {
		rec := keeptest.Random(rand.New(rand.NewPCG(uint64(x), 3)))
		want.Records, _ = rec.Append(want.Records)
	}
	b := want.Append([]byte("x"))[1:]
	if len(b) != want.Size() {
		t.Errorf("Size %d, %d bytes", want.Size(), len(b))
	}
	var got keep.Batch
	if err := got.Decode(b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	for i := range 8 * len(b) {
		b[i/8] ^= 1 << (i % 8)
		if err := got.Decode(b); err != keep.ErrDamaged {
			t.Fatalf("bit %d: %v", i, err)
		}
		b[i/8] ^= 1 << (i % 8)
	}
	for i := range b {
		if err := got.Decode(b[:i]); err != keep.ErrDamaged {
			t.Fatalf("%d bytes: %v", i, err)
		}
	}
}

func FuzzRecord(f *testing.F) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 200 {
		x := keeptest.Random(r)
		b, _ := x.Append(nil)
		f.Add(b)
	}
	for _, v := range vectors(f) {
		f.Add([]byte(v.Hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var x keep.Record
		n, err := x.Consume(b)
		if n == 0 {
			return
		}
		if err != nil {
			t.Fatalf("%d bytes and %v", n, err)
		}
		again, err := x.Append(nil)
		if err != nil || !bytes.Equal(again, b[:n]) || x.Size() != n {
			t.Fatalf("%x is read as %+v, and written as %x, %v, Size %d", b[:n], x, again, err, x.Size())
		}
		if x.Kind == keep.Exchanged && x.Exchange.Op() == qos.Clear {
			t.Error("Clear, for which there is SessionEnded")
		}
	})
}

func FuzzBatch(f *testing.F) {
	for _, x := range []keep.Batch{{First: 1}, {Node: 9, Incarnation: 1 << 60, First: 1 << 50, Needs: 1 << 49, Part: 7, More: true, Records: []byte("abc")}} {
		f.Add(x.Append(nil)[5:])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		// A checksum that fits: what is fuzzed is what stands behind it.
		b := binary.BigEndian.AppendUint32([]byte{1}, sumOf(1, body))
		b = append(b, body...)
		var x keep.Batch
		switch err := x.Decode(b); err {
		case nil:
			if again := x.Append(nil); !bytes.Equal(again, b) {
				t.Fatalf("%x is read as %+v, and written as %x", b, x, again)
			}
		case keep.ErrMalformed:
		default:
			t.Fatal(err)
		}
	})
}
