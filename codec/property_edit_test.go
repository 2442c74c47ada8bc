package codec_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// editTwin is Edit.Append told slowly, of a list that can be read to its end.
func editTwin(e codec.Edit, dst, p codec.Properties) codec.Properties {
	all := slices.Collect(p.All())
	placed := map[codec.PropertyID]bool{}
	setOf := func(id codec.PropertyID) (some []codec.Property) {
		for _, x := range e.Set {
			if x.ID == id {
				some = append(some, x)
			}
		}
		return some
	}
	for _, x := range all {
		instead := setOf(x.ID)
		switch {
		case len(instead) > 0 && !placed[x.ID]:
			dst = dst.Append(instead...)
			placed[x.ID] = true
		case len(instead) > 0, slices.Contains(e.Without, x.ID):
		case x.ID == codec.MessageExpiryInterval && x.Number > e.Waited:
			x.Number -= e.Waited
			dst = dst.Append(x)
		case x.ID == codec.MessageExpiryInterval:
			x.Number = 0
			dst = dst.Append(x)
		default:
			dst = dst.Append(x)
		}
	}
	for _, x := range e.Set {
		if !placed[x.ID] {
			dst = dst.Append(x)
		}
	}
	return dst
}

// genProperty makes properties of all IDs, some that no standard defines, and
// values that are right or not.
var genProperty = gopter.CombineGens(
	gen.OneGenOf(gen.OneConstOf(codec.TopicAlias, codec.MessageExpiryInterval, codec.SubscriptionIdentifier, codec.UserProperty, codec.ContentType), gen.UInt8Range(0, 70).Map(func(n uint8) codec.PropertyID { return codec.PropertyID(n) })),
	gen.OneGenOf(gen.UInt32Range(0, 3), gen.UInt32()),
	gen.OneConstOf("", "k", "\xff"), gen.OneConstOf("", "v", "a/+"),
).Map(func(v []any) codec.Property {
	return codec.Property{ID: v[0].(codec.PropertyID), Number: v[1].(uint32), Key: []byte(v[2].(string)), Value: []byte(v[3].(string))}
})

func editProperties(t *testing.T, p *gopter.TestParameters, holds func(list, before []codec.Property, e codec.Edit) bool) {
	t.Helper()
	properties := gopter.NewProperties(p)
	properties.Property("edit", prop.ForAll(
		func(list, before, set []codec.Property, without []uint8, waited uint32) bool {
			e := codec.Edit{Set: set, Waited: waited}
			for _, id := range without {
				e.Without = append(e.Without, codec.PropertyID(id))
			}
			return holds(list, before, e)
		},
		gen.SliceOfN(6, genProperty), gen.SliceOfN(1, genProperty), gen.SliceOfN(2, genProperty),
		gen.SliceOfN(2, gen.UInt8Range(0, 70)), gen.OneGenOf(gen.UInt32Range(0, 2), gen.UInt32())))
	properties.TestingRun(t)
}

// defined leaves out what cannot be encoded, which an edit does not meet.
func defined(list []codec.Property) (p codec.Properties) {
	for _, x := range list {
		if q := (codec.Properties{}).Append(x); q.Size() > 0 {
			p = p.Append(x)
		}
	}
	return p
}

// An edited list is what its properties make when they are appended one by one:
// the same bytes, and as right or wrong; and the list itself stays as it was.
func TestEditAgreesWithTwin(t *testing.T) {
	parameters := gopter.DefaultTestParameters()
	parameters.MinSuccessfulTests = 3000
	editProperties(t, parameters, func(list, before []codec.Property, e codec.Edit) bool {
		judged, start := defined(list), codec.Properties{}.Append(before...)
		for _, p := range []codec.Properties{judged, codec.PropertiesOf(judged.Bytes())} {
			was := bytes.Clone(p.Bytes())
			got, want := e.Append(start.Clone(), p), editTwin(e, start.Clone(), p)
			if !bytes.Equal(got.Bytes(), want.Bytes()) || !bytes.Equal(was, p.Bytes()) {
				t.Logf("%x edited by %+v is %x, want %x", was, e, got.Bytes(), want.Bytes())
				return false
			}
			for in := codec.WillProperties; in <= mqttwire.AUTH; in++ {
				if g, w := got.Check(in), want.Check(in); g != w {
					t.Logf("%x edited by %+v in %v: %v, want %v", was, e, in, g, w)
					return false
				}
			}
		}
		return true
	})
}

// What cannot be read is not lost in silence, whatever is set behind it.
func TestEditOfGarbage(t *testing.T) {
	parameters := gopter.DefaultTestParameters()
	parameters.MinSuccessfulTests = 2000
	editProperties(t, parameters, func(list, _ []codec.Property, e codec.Edit) bool {
		whole := defined(list)
		for n := range whole.Size() {
			p := codec.PropertiesOf(whole.Bytes()[:n])
			read := 0
			for x := range p.All() {
				read += codec.Properties{}.Append(x).Size()
			}
			q := e.Append(codec.Properties{}, p)
			publish := codec.Publish{Topic: []byte("t"), Properties: q}
			_, err := publish.Append(nil, unchecked(v50))
			if read < n && (err == nil || q.Check(mqttwire.PUBLISH) == nil) {
				t.Logf("%x edited by %+v is %x without an error", p.Bytes(), e, q.Bytes())
				return false
			}
		}
		return true
	})
}

// An error of building goes with the list, and an undefined property is told by
// its name.
func TestEditKeepsErrors(t *testing.T) {
	unknown := codec.Property{ID: 0x7f}
	for name, c := range map[string]struct {
		p    codec.Properties
		e    codec.Edit
		want error
	}{
		"left out before":   {codec.Properties{}.Append(unknown), codec.Edit{}, mqttwire.ErrPropertyUnknown},
		"set":               {codec.Properties{}, codec.Edit{Set: []codec.Property{unknown}}, mqttwire.ErrPropertyUnknown},
		"unreadable":        {codec.PropertiesOf([]byte{0x7f, 1}), codec.Edit{}, mqttwire.ErrPropertyUnknown},
		"cut":               {codec.PropertiesOf([]byte{2, 0, 0}), codec.Edit{}, mqttwire.ErrTruncated},
		"not minimal":       {codec.PropertiesOf([]byte{0x0b, 0x81, 0}), codec.Edit{}, mqttwire.ErrVarintNotMin},
		"wrong, left out":   {codec.AppendTopicAlias(codec.Properties{}, 0), codec.Edit{Without: []codec.PropertyID{codec.TopicAlias}}, nil},
		"wrong, replaced":   {codec.AppendTopicAlias(codec.Properties{}, 0), codec.Edit{Set: []codec.Property{{ID: codec.TopicAlias, Number: 1}}}, nil},
		"wrong, and stays":  {codec.AppendTopicAlias(codec.Properties{}, 0), codec.Edit{Waited: 1}, mqttwire.ErrTopicAliasZero},
		"twice, not at all": {codec.PropertiesOf([]byte{0x23, 0, 1, 0x23, 0, 2}), codec.Edit{Without: []codec.PropertyID{codec.TopicAlias}}, nil},
	} {
		if err := c.e.Append(codec.Properties{}, c.p).Check(mqttwire.PUBLISH); err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// With room for it an edit allocates nothing, and writes to the caller's memory.
func TestEditAllocatesNothing(t *testing.T) {
	p := codec.AppendTopicAlias(codec.AppendSubscriptionIdentifier(benchProperties(t), 300), 9)
	buf := make([]byte, 0, p.Size()+10)
	var q codec.Properties
	n := testing.AllocsPerRun(100, func() {
		q = codec.Edit{
			Without: []codec.PropertyID{codec.TopicAlias, codec.ResponseTopic},
			Set:     []codec.Property{{ID: codec.SubscriptionIdentifier, Number: 1}, {ID: codec.SubscriptionIdentifier, Number: 2}},
			Waited:  600,
		}.Append(codec.PropertiesOf(buf), p)
	})
	if expiry, _ := q.MessageExpiryInterval(); n != 0 || expiry != 3000 || &q.Bytes()[0] != &buf[:1][0] {
		t.Errorf("%v allocations, expiry %d", n, expiry)
	}
}

// BenchmarkEdit stands beside the same properties walked and appended.
func BenchmarkEdit(b *testing.B) {
	p := codec.AppendTopicAlias(benchProperties(b), 9)
	var q codec.Properties
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			q = codec.Edit{Without: []codec.PropertyID{codec.TopicAlias}, Waited: 1}.Append(q.Reset(), p)
		}
	})
	b.Run("by hand", func(b *testing.B) {
		for b.Loop() {
			q = q.Reset()
			for x := range p.All() {
				if x.ID == codec.MessageExpiryInterval {
					x.Number--
				}
				if x.ID != codec.TopicAlias {
					q = q.Append(x)
				}
			}
		}
	})
}

// FuzzEdit edits any bytes. Its twin is editTwin where they are a list in its
// shortest form; of what cannot be read to its end the error stays.
func FuzzEdit(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x00\x3c\x23\x00\x09\x26\x00\x01k\x00\x01v"), []byte("\x0b\x01\x0b\x02"), []byte("\x23"), uint32(61))
	f.Add([]byte("\x0b\x81\x00\x02\x00"), []byte("\x02\x00\x00\x00\x01"), []byte("\x7f"), uint32(1))
	f.Fuzz(func(t *testing.T, list, set, without []byte, waited uint32) {
		e := codec.Edit{Set: slices.Collect(codec.PropertiesOf(set).All()), Waited: waited}
		for _, id := range without {
			e.Without = append(e.Without, codec.PropertyID(id))
		}
		all := slices.Collect(codec.PropertiesOf(list).All())
		shortest := bytes.Equal(codec.Properties{}.Append(all...).Bytes(), list)
		lists := []codec.Properties{codec.PropertiesOf(list)}
		if shortest {
			lists = append(lists, codec.Properties{}.Append(all...))
		}
		before := codec.AppendPayloadFormatIndicator(codec.Properties{}, 1)
		for _, dst := range []codec.Properties{{}, before, codec.PropertiesOf(before.Bytes())} {
			for _, p := range lists {
				was := bytes.Clone(p.Bytes())
				got := e.Append(dst.Clone(), p)
				if !bytes.Equal(p.Bytes(), was) || !bytes.HasPrefix(got.Bytes(), dst.Bytes()) {
					t.Fatalf("%x edited by %+v is %x, and itself %x", was, e, got.Bytes(), p.Bytes())
				}
				err := got.Check(mqttwire.PUBLISH)
				if !shortest {
					read := 0
					for rest, ok := p, true; ok; {
						var next codec.Properties
						if _, next, ok = rest.Next(); ok {
							read += rest.Size() - next.Size()
							rest = next
						}
					}
					if read < len(was) && err == nil {
						t.Fatalf("%x edited by %+v is %x without an error", was, e, got.Bytes())
					}
					continue
				}
				if want := editTwin(e, dst.Clone(), p); !bytes.Equal(got.Bytes(), want.Bytes()) || err != want.Check(mqttwire.PUBLISH) {
					t.Fatalf("%x edited by %+v is %x, %v, want %x, %v", was, e, got.Bytes(), err, want.Bytes(), want.Check(mqttwire.PUBLISH))
				}
			}
		}
	})
}
