package codec_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// A proxy passes on what it does not change, and what it changes in the
// packet's own form.
func ExampleAppendRaw() {
	rules := codec.Rules{Version: mqttwire.V311, From: mqttwire.Client}
	// The Remaining Length takes two bytes where one would do.
	h, body, _, err := codec.Split(rules, []byte("\x32\x87\x00\x00\x01a\x00\x07hi"), 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := codec.AppendRaw(nil, h, body)
	fmt.Printf("% x %v\n", b, err)
	// Output: 32 87 00 00 01 61 00 07 68 69 <nil>
}

// TestAppendRaw holds that every vector that can be framed comes back byte for
// byte, by every form of its Remaining Length, from Split and from a Framer.
func TestAppendRaw(t *testing.T) {
	framed := 0
	for _, v := range vectors(t) {
		r := codec.Rules{Version: mqttwire.V31} // which frames what the others do, and long forms
		for wire := v.Bytes(); len(wire) > 1; wire = longer(wire) {
			h, body, n, err := codec.Split(r, wire, 0)
			if n != len(wire) || err != nil {
				break
			}
			framed++
			mustBeRaw(t, v.Name, h, body, wire)
			f := codec.Framer{Rules: r}
			for rest := wire; len(rest) > 0; {
				n := copy(f.Buffer(), rest)
				f.Filled(n)
				rest = rest[n:]
			}
			h, body, ok, err := f.Next()
			if !ok || err != nil {
				t.Fatalf("%s: Framer: %v, %v", v.Name, ok, err)
			}
			mustBeRaw(t, v.Name, h, body, wire)
		}
	}
	if framed < 2*len(vectors(t)) {
		t.Errorf("only %d packets framed, of %d vectors", framed, len(vectors(t)))
	}
}

func mustBeRaw(t *testing.T, name string, h fixedheader.Header, body, wire []byte) {
	t.Helper()
	got, err := codec.AppendRaw([]byte("x"), h, body)
	if err != nil || !bytes.Equal(got[1:], wire) || got[0] != 'x' {
		t.Fatalf("%s: AppendRaw = %x, %v, want %x", name, got, err, wire)
	}
}

// longer returns the packet with one more byte of Remaining Length, nil where
// there can be none.
func longer(wire []byte) []byte {
	_, n, err := fixedheader.Consume(wire)
	if n == 0 || n == fixedheader.MaxSize || err != nil {
		return nil
	}
	b := slices.Insert(slices.Clone(wire), n, 0)
	b[n-1] |= 0x80
	return b
}

func TestAppendRawRefuses(t *testing.T) {
	h := fixedheader.Header{Type: mqttwire.PUBACK, Length: 2}
	for _, c := range []struct {
		name string
		h    fixedheader.Header
		body string
		want error
	}{
		{"short", h, "1", mqttwire.ErrTruncated},
		{"long", h, "123", mqttwire.ErrTrailing},
		{"too wide", fixedheader.Header{Type: mqttwire.PUBACK, Width: 5}, "", mqttwire.ErrVarintTooLong},
	} {
		if b, err := codec.AppendRaw([]byte("x"), c.h, []byte(c.body)); string(b) != "x" || !errors.Is(err, c.want) {
			t.Errorf("%s: %q, %v, want %v", c.name, b, err, c.want)
		}
	}
}

func TestAppendRawAllocatesNothing(t *testing.T) {
	h, body := fixedheader.Header{Type: mqttwire.PUBLISH, Width: 3, Length: 7}, []byte("\x00\x03a/bhi")
	dst := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := codec.AppendRaw(dst, h, body); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
