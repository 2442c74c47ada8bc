package codec_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// TestFind holds that Find and the getters see what a walk sees, in lists of
// every vector and in garbage, which nobody has judged.
func TestFind(t *testing.T) {
	every := make([]codec.PropertyID, 0, 256)
	for id := range 256 {
		every = append(every, codec.PropertyID(id))
	}
	check := func(p codec.Properties) {
		t.Helper()
		first := map[codec.PropertyID]codec.Property{}
		for x := range p.All() {
			if _, ok := first[x.ID]; !ok {
				first[x.ID] = x
			}
		}
		before := codec.Property{ID: codec.TopicAlias, Number: 77}
		found := p.Find([]codec.Property{before}, every...)
		if len(found) != 257 || !cmp.Equal(found[0], before) {
			t.Fatalf("%x: %d properties, the first %v", p.Bytes(), len(found), found[0])
		}
		for i, x := range found[1:] {
			want := first[every[i]]
			if x.ID != want.ID || x.Number != want.Number || !bytes.Equal(x.Key, want.Key) || !bytes.Equal(x.Value, want.Value) {
				t.Errorf("%x: Find of 0x%02x is %v, the walk has %v", p.Bytes(), i, x, want)
			}
		}
		text, ok := p.ContentType()
		if want, there := first[codec.ContentType]; ok != there || string(text) != string(want.Value) {
			t.Errorf("%x: Content Type %q, %v", p.Bytes(), text, ok)
		}
		twice := p.Find(nil, codec.UserProperty, codec.TopicAlias, codec.UserProperty)
		if want := first[codec.UserProperty]; !cmp.Equal(twice[0], want) || !cmp.Equal(twice[2], want) {
			t.Errorf("%x: User Property twice: %v", p.Bytes(), twice)
		}
	}
	var d codec.Decoder
	for _, x := range allReceived(t) {
		h, body, _, err := codec.Split(x.rules, x.wire, 0)
		if err != nil || h.Type == 0 {
			continue
		}
		if p, err := d.Decode(x.rules, h, body); err == nil && p.PropertyList() != nil {
			check(*p.PropertyList())
			check(codec.PropertiesOf(p.PropertyList().Bytes()))
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2_000 {
		b := make([]byte, random.IntN(24))
		for i := range b {
			b[i] = byte(random.IntN(48))
			if random.IntN(2) == 0 {
				b[i] = byte(random.IntN(3))
			}
		}
		check(codec.PropertiesOf(b))
	}
	if x := (codec.Properties{}).Find(nil, codec.PropertyID(mqttwire.AUTH)); len(x) != 1 || !cmp.Equal(x[0], codec.Property{}) {
		t.Errorf("of an empty list: %v", x)
	}
}
