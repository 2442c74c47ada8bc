package codec_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// TestResync holds that a stream is found again wherever a capture of it
// begins, by version and by sender known or not.
func TestResync(t *testing.T) {
	for version, wires := range map[mqttwire.Version][]string{
		mqttwire.V311: {"\x32\x0a\x00\x03a/b\x00\x07hi!", "\xc0\x00", "\x40\x02\x00\x01", "\x82\x08\x00\x01\x00\x03a/b\x01", "\xe0\x00"},
		mqttwire.V50:  {"\x32\x0b\x00\x03a/b\x00\x07\x00hi!", "\xc0\x00", "\x40\x03\x00\x01\x10", "\x82\x09\x00\x01\x00\x00\x03a/b\x01", "\xe0\x00"},
	} {
		text := must((&codec.Publish{Topic: []byte("log/line"), Payload: []byte("0 2 4 the quick brown fox @ 3:45 [x] `y`")}).Append(nil, codec.Rules{Version: version}))(t)
		for _, r := range []codec.Rules{{}, {From: mqttwire.Client}, {Version: version}, {Version: version, From: mqttwire.Client}} {
			stream := bytes.Clone(text)
			for _, w := range wires {
				stream = append(stream, w...)
			}
			for cut := 1; cut <= len(text); cut++ {
				if got, want := codec.Resync(r, stream[cut:]), len(text)-cut; got != want {
					t.Errorf("%+v: %d bytes cut off: %d, want %d", r, cut, got, want)
				}
			}
			if got := codec.Resync(r, stream); got != 0 {
				t.Errorf("%+v: nothing cut off: %d", r, got)
			}
			// One packet is too few, two are enough, and so is a cut third.
			for n, want := range map[int]int{len(wires[0]): -1, len(wires[0]) + 2: 3, len(wires[0]) + 4: 3} {
				part := append([]byte("end"), stream[len(text):len(text)+n]...)
				if got := codec.Resync(r, part); got != want {
					t.Errorf("%+v: % x: %d, want %d", r, part, got, want)
				}
			}
		}
	}
	if got := codec.Resync(codec.Rules{}, nil); got != -1 {
		t.Errorf("nothing: %d", got)
	}
}

// TestResyncWork holds that the work is bounded by the length of the bytes, for
// noise and for bytes that look like the beginning of long packets everywhere.
func TestResyncWork(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 1<<16)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	// Each third byte begins a SUBACK of 16,130 codes that 3.1 allows.
	codes := bytes.Repeat([]byte("\x90\x82\x7e"), 1<<15)
	for name, b := range map[string][]byte{"noise": noise, "codes": codes, "zeros": make([]byte, 1<<16)} {
		for _, r := range []codec.Rules{{}, {Version: mqttwire.V31, From: mqttwire.Server}} {
			got, work := codec.ResyncWork(r, b)
			// The last place that is tried may cost all there is, in three versions.
			most, hard := int64(64+3)*int64(len(b)), name == "codes"
			if work > most || got != -1 || hard != (work > 64*int64(len(b))) {
				t.Errorf("%s, %+v: %d, looked at %d bytes of %d, want at most %d", name, r, got, work, len(b), most)
			}
		}
	}
}
