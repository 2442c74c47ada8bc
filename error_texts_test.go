package mqttwire_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/testdata"
)

// unseen are the errors that no peer's bytes earn, beside those of reason 0x83,
// which are mistakes of a call.
var unseen = []mqttwire.Error{
	mqttwire.ErrFieldTooLong, mqttwire.ErrTopicTooLong, // a length of two bytes cannot say it
	mqttwire.ErrPacketIDQoS0,     // the bytes are payload
	mqttwire.ErrFieldWithoutFlag, // they are bytes left over
	mqttwire.ErrSessionInUse,     // the caller has closed nothing
}

// TestErrorTexts holds that testdata lists the errors that a peer can earn, with
// the reason and the clauses that they have here.
func TestErrorTexts(t *testing.T) {
	got, err := testdata.Errors()
	if err != nil {
		t.Fatal(err)
	}
	var want []testdata.ErrorText
	for e := mqttwire.Error(1); e <= lastError; e++ {
		if e.Reason() == mqttwire.ImplementationSpecificError || slices.Contains(unseen, e) {
			continue
		}
		x := testdata.ErrorText{Error: e.Error(), Layer: testdata.LayerCodec, Reason: testdata.Code(e.Reason()), Clauses: map[string]string{}}
		if e >= mqttwire.ErrPacketIDInUse || e == mqttwire.ErrPacketTooLarge {
			x.Layer = testdata.LayerState
		}
		for _, v := range []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50} {
			if clause, ok := e.Clause(v); ok {
				x.Clauses[v.String()] = clause
			}
		}
		want = append(want, x)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("testdata/errors.jsonl (-want +got):\n%s", diff)
	}
}

// TestErrorTextsAreShown holds that each text of layer codec is that of a
// vector, and of no vector is another.
func TestErrorTextsAreShown(t *testing.T) {
	texts, err := testdata.Errors()
	if err != nil {
		t.Fatal(err)
	}
	vectors, err := testdata.Vectors()
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, v := range vectors {
		shown[v.Error] = true
	}
	for _, x := range texts {
		if x.Layer == testdata.LayerCodec && !shown[x.Error] {
			t.Errorf("no vector shows %q", x.Error)
		}
		delete(shown, x.Error)
	}
	delete(shown, "")
	for text := range shown {
		t.Errorf("%q of a vector is not in errors.jsonl", text)
	}
}
