package gopterwire_test

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/prop"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fuzz"
	"github.com/mqttwire/mqttwire/fuzz/gopterwire"
	"github.com/mqttwire/mqttwire/fuzz/internal/twin"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// samePacket compares packets by what they say.
var samePacket = cmp.Options{
	cmp.Comparer(func(a, b []byte) bool { return bytes.Equal(a, b) }),
	cmp.Transformer("Properties", codec.Properties.Bytes),
	cmp.Transformer("Subscriptions", func(l codec.Subscriptions) []codec.Subscription { return slices.Collect(l.All()) }),
	cmp.Transformer("Filters", codec.Filters.Bytes),
	cmp.Transformer("ReasonCodes", func(l codec.ReasonCodes) []mqttwire.Reason { return slices.Collect(l.All()) }),
}

// forAll tests a property of samples for each version and sender. What holds
// returns "".
func forAll[T any](t *testing.T, gen func(codec.Rules) gopter.Gen, property func(r codec.Rules, v T) string) {
	t.Helper()
	for v := mqttwire.V31; v <= mqttwire.V50; v++ {
		for from := mqttwire.Either; from <= mqttwire.Server; from++ {
			r := codec.Rules{Version: v, From: from}
			parameters := gopter.DefaultTestParametersWithSeed(int64(v)<<8 | int64(from))
			parameters.MinSuccessfulTests = 100
			all := gopter.NewProperties(parameters)
			all.Property(fmt.Sprint(v, " from ", from), prop.ForAll(
				func(s gopterwire.Sample[T]) string { return property(r, s.Value) }, gen(r)))
			all.TestingRun(t)
		}
	}
}

func decode(r codec.Rules, b []byte) (codec.Packet, error) {
	h, body, n, err := codec.Split(r, b, 0)
	if err != nil {
		return nil, err
	}
	if n != len(b) {
		return nil, fmt.Errorf("Split took %d of %d bytes", n, len(b))
	}
	return new(codec.Decoder).Decode(r, h, body)
}

func TestDecodeUndoesAppend(t *testing.T) {
	forAll(t, gopterwire.Packet, func(r codec.Rules, p codec.Packet) string {
		b, err := p.Append(nil, r)
		if err != nil {
			return err.Error()
		}
		if p.Size(r.Version) != len(b) {
			return fmt.Sprintf("Size %d, %d bytes", p.Size(r.Version), len(b))
		}
		q, err := decode(r, b)
		if err != nil {
			return err.Error()
		}
		return cmp.Diff(p, q, samePacket)
	})
}

func TestStrictPrefixesAreIncomplete(t *testing.T) {
	forAll(t, gopterwire.Wire, func(r codec.Rules, b []byte) string {
		for n := range min(len(b), 1000) {
			if _, _, took, err := codec.Split(r, b[:n], 0); took != 0 || err != nil {
				return fmt.Sprintf("Split of %d bytes of % x: %d, %v", n, b, took, err)
			}
		}
		if _, err := decode(r, b); err != nil {
			return err.Error()
		}
		return ""
	})
}

func TestVerdicts(t *testing.T) {
	forAll(t, gopterwire.Almost, func(r codec.Rules, m gopterwire.Mutated) string {
		_, err := decode(r, m.Packet)
		if m.Verdict == fuzz.Valid && err != nil || m.Verdict == fuzz.Invalid && err == nil {
			return fmt.Sprintf("%s is %v: % x: %v", m.Name, m.Verdict, m.Packet, err)
		}
		return ""
	})
}

// A clone says the same as the packet, also when the bytes that the packet was
// decoded from are gone.
func TestCloneDetaches(t *testing.T) {
	forAll(t, gopterwire.Wire, func(r codec.Rules, b []byte) string {
		p, err := decode(r, b)
		if err != nil {
			return err.Error()
		}
		method := reflect.ValueOf(p).MethodByName("Clone")
		if !method.IsValid() { // PINGREQ and PINGRESP have nothing to clone
			return ""
		}
		before, err := p.Append(nil, r)
		if err != nil {
			return err.Error()
		}
		value := method.Call(nil)[0]
		clone := reflect.New(value.Type())
		clone.Elem().Set(value)
		if diff := cmp.Diff(p, clone.Interface(), samePacket); diff != "" {
			return diff
		}
		for i := range b {
			b[i] = 0xa5
		}
		after, err := clone.Interface().(codec.Packet).Append(nil, r)
		if err != nil || !bytes.Equal(after, before) {
			return fmt.Sprintf("% x, %v after the bytes were overwritten, % x before", after, err, before)
		}
		return ""
	})
}

// Append writes after what is there, and on an error returns the slice as it
// was.
func TestAppendLeavesWhatIsThere(t *testing.T) {
	const there = "what is there"
	forAll(t, gopterwire.Unchecked, func(r codec.Rules, p codec.Packet) string {
		dst := append(make([]byte, 0, 4096), there...)
		b, err := p.Append(dst, r)
		switch {
		case string(dst) != there || !strings.HasPrefix(string(b), there):
			return "changed what was there"
		case err == nil:
			if q, err := decode(r, b[len(there):]); err != nil {
				return fmt.Sprintf("appended, but does not decode: %v: %v", q, err)
			}
		case len(b) != len(dst) || cap(b) != cap(dst) || &b[0] != &dst[0]:
			return "another slice with the error"
		}
		return ""
	})
}

func TestProperties(t *testing.T) {
	all := gopter.NewProperties(gopter.DefaultTestParametersWithSeed(1))
	for in := codec.WillProperties; in <= mqttwire.AUTH; in++ {
		all.Property(in.String(), prop.ForAll(func(s gopterwire.Sample[codec.Properties]) string {
			if err := codec.PropertiesOf(s.Value.Bytes()).Check(in); err != nil {
				return err.Error()
			}
			var again codec.Properties
			for x := range s.Value.All() {
				again = again.Append(x)
			}
			return cmp.Diff(s.Value, again, samePacket)
		}, gopterwire.Properties(in, mqttwire.Either)))
	}
	all.TestingRun(t)
}

// The checks of topicmatch agree with their twins, on topics and on what is
// nearly one.
func TestTopicsAgreeWithTheirTwins(t *testing.T) {
	for name, gen := range map[string]gopter.Gen{
		"name": gopterwire.TopicName(), "filter": gopterwire.TopicFilter(), "shared": gopterwire.SharedFilter(),
		"broken": gopterwire.Of(func(src *fuzz.Source) string {
			b := pick(src, fuzz.TopicName, fuzz.TopicFilter, fuzz.SharedFilter)(src)
			for range 1 + src.Intn(3) {
				b = slices.Insert(b, src.Intn(len(b)+1), pick(src, '#', '+', '/', 0, src.Byte()))
			}
			return string(b[:min(len(b), 65535)])
		}),
	} {
		parameters := gopter.DefaultTestParametersWithSeed(1)
		parameters.MinSuccessfulTests = 1000
		all := gopter.NewProperties(parameters)
		all.Property(name, prop.ForAll(func(s gopterwire.Sample[string]) bool {
			v := s.Value
			return (topicmatch.CheckName(v) == nil) == twin.TopicName(v) &&
				(topicmatch.CheckFilter(v) == nil) == twin.TopicFilter(v) &&
				(topicmatch.CheckSubscription(v) == nil) == twin.Subscription(v) &&
				(name == "broken" || name == "name" && twin.TopicName(v) || name != "name" && twin.Subscription(v))
		}, gen))
		all.TestingRun(t)
	}
}

func pick[T any](src *fuzz.Source, of ...T) T { return of[src.Intn(len(of))] }

// A sample that breaks a property shrinks to a small one that does.
func TestSamplesShrink(t *testing.T) {
	parameters := gopter.DefaultTestParametersWithSeed(1)
	result := prop.ForAll(func(s gopterwire.Sample[string]) bool { return !strings.Contains(s.Value, "+") },
		gopterwire.TopicFilter()).Check(parameters)
	if result.Passed() {
		t.Fatal("no filter with a +")
	}
	s := result.Args[0].Arg.(gopterwire.Sample[string])
	if len(s.Value) > 3 {
		t.Errorf("shrunk only to %v", s)
	}
}
