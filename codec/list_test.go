package codec_test

import (
	"bytes"
	"iter"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// list is the one style of the four lists.
type list[T, L any] interface {
	Append(items ...T) L
	All() iter.Seq[T]
	Next() (T, L, bool)
	Len() int
	Size() int
	Bytes() []byte
	Reset() L
	Clone() L
}

// checkList holds that a list gives back what was appended to it, in every way
// there is to look at it.
func checkList[T any, L list[T, L]](t *testing.T, items []T, wire string, of func([]byte) L) {
	t.Helper()
	var none L
	if x, rest, ok := none.Next(); ok || !cmp.Equal(x, *new(T)) || rest.Bytes() != nil || none.Len() != 0 || none.Size() != 0 || none.Bytes() != nil {
		t.Errorf("the zero list has something in it: %v", x)
	}
	once, each := none.Append(items...), none
	for _, x := range items {
		each = each.Append(x)
	}
	owned := once.Clone()
	for i := range once.Bytes() {
		once.Bytes()[i] = 0xff // must not reach the clone
	}
	for name, l := range map[string]L{"at once": owned, "one by one": each, "of bytes": of([]byte(wire)), "again": owned.Clone().Reset().Append(items...)} {
		if got := slices.Collect(l.All()); !cmp.Equal(got, items) {
			t.Errorf("%s: All gives %v, want %v", name, got, items)
		}
		var got []T
		rest := l
		for {
			x, after, ok := rest.Next()
			if !ok {
				if !cmp.Equal(x, *new(T)) || after.Bytes() != nil {
					t.Errorf("%s: at its end Next gives %v and %x", name, x, after.Bytes())
				}
				break
			}
			if after.Len() != rest.Len()-1 {
				t.Errorf("%s: Len is %d, and %d after the next", name, rest.Len(), after.Len())
			}
			got, rest = append(got, x), after
		}
		if !cmp.Equal(got, items) {
			t.Errorf("%s: Next gives %v, want %v", name, got, items)
		}
		if l.Len() != len(items) || l.Size() != len(wire) || string(l.Bytes()) != wire {
			t.Errorf("%s: Len %d, Size %d, Bytes %q, want %d, %d, %q", name, l.Len(), l.Size(), l.Bytes(), len(items), len(wire), wire)
		}
		if l := l.Reset(); l.Len() != 0 || l.Size() != 0 {
			t.Errorf("%s: Len %d, Size %d after Reset", name, l.Len(), l.Size())
		}
	}
	// What is cut ends a walk.
	for n := range wire {
		cut := of([]byte(wire[:n]))
		walked := 0
		for _, rest, ok := cut.Next(); ok; _, rest, ok = rest.Next() {
			walked++
		}
		if got := len(slices.Collect(cut.All())); got != walked || cut.Len() != walked || cut.Size() != n {
			t.Errorf("%d bytes: All %d, Next %d, Len %d, Size %d", n, got, walked, cut.Len(), cut.Size())
		}
	}
}

var (
	listedProperties = []codec.Property{
		{ID: codec.TopicAlias, Number: 3}, {ID: codec.MessageExpiryInterval, Number: 60}, {ID: codec.SubscriptionIdentifier, Number: 300},
		{ID: codec.PayloadFormatIndicator, Number: 1}, {ID: codec.ContentType, Value: []byte("ct")}, {ID: codec.UserProperty, Key: []byte("k"), Value: []byte("v")},
	}
	listedSubscriptions = []codec.Subscription{{Filter: []byte("a/+"), Options: 1}, {Filter: []byte("b"), Options: 2 | codec.NoLocal}}
	listedFilters       = [][]byte{[]byte("a/+"), []byte("b")}
	listedCodes         = []mqttwire.Reason{0, 1, 0x80}
)

func TestLists(t *testing.T) {
	t.Run("Properties", func(t *testing.T) {
		checkList(t, listedProperties, "\x23\x00\x03\x02\x00\x00\x00\x3c\x0b\xac\x02\x01\x01\x03\x00\x02ct\x26\x00\x01k\x00\x01v", codec.PropertiesOf)
	})
	t.Run("Subscriptions", func(t *testing.T) {
		checkList(t, listedSubscriptions, "\x00\x03a/+\x01\x00\x01b\x06", codec.SubscriptionsOf)
	})
	t.Run("Filters", func(t *testing.T) {
		checkList(t, listedFilters, "\x00\x03a/+\x00\x01b", codec.FiltersOf)
	})
	t.Run("ReasonCodes", func(t *testing.T) {
		checkList(t, listedCodes, "\x00\x01\x80", codec.ReasonCodesOf)
	})
}

// TestErrorOfBuildingStays holds that what could not be appended to a list is
// left out, alone, and is an error of every packet with that list, with a clone
// of it and with what follows in it, until Reset.
func TestErrorOfBuildingStays(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 65536)
	subs := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("a")}, codec.Subscription{Filter: long}, codec.Subscription{Filter: []byte("b")})
	filters := codec.Filters{}.Append([]byte("a"), long, []byte("b"))
	props := codec.Properties{}.Append(codec.Property{ID: codec.ReasonString, Value: []byte("a")}, codec.Property{ID: 0x7e},
		codec.Property{ID: codec.CorrelationData, Value: long}, codec.Property{ID: codec.UserProperty})
	if string(subs.Bytes()) != "\x00\x01a\x00\x00\x01b\x00" || string(filters.Bytes()) != "\x00\x01a\x00\x01b" || string(props.Bytes()) != "\x1f\x00\x01a\x26\x00\x00\x00\x00" {
		t.Errorf("%q, %q, %q", subs.Bytes(), filters.Bytes(), props.Bytes())
	}
	_, restOfSubs, _ := subs.Next()
	_, restOfFilters, _ := filters.Next()
	_, restOfProps, _ := props.Next()
	subscribe, unsubscribe := codec.Subscribe{ID: 1, Subscriptions: subs}, codec.Unsubscribe{ID: 1, Filters: filters}
	puback := codec.Puback{ID: 1, Properties: props}
	clones := [...]codec.Packet{ref(subscribe.Clone()), ref(unsubscribe.Clone()), ref(puback.Clone())}
	for _, x := range []struct {
		name   string
		packet codec.Packet
		want   error
	}{
		{"subscriptions", &subscribe, mqttwire.ErrTopicTooLong},
		{"subscriptions, cloned", &codec.Subscribe{ID: 1, Subscriptions: subs.Clone()}, mqttwire.ErrTopicTooLong},
		{"subscriptions, packet cloned", clones[0], mqttwire.ErrTopicTooLong},
		{"subscriptions, rest", &codec.Subscribe{ID: 1, Subscriptions: restOfSubs}, mqttwire.ErrTopicTooLong},
		{"subscriptions, one alone", &codec.Subscribe{ID: 1, Subscriptions: codec.Subscriptions{}.Append(codec.Subscription{Filter: long})}, mqttwire.ErrTopicTooLong},
		{"subscriptions, reset", &codec.Subscribe{ID: 1, Subscriptions: subs.Clone().Reset().Append(listedSubscriptions...)}, nil},
		{"filters", &unsubscribe, mqttwire.ErrTopicTooLong},
		{"filters, cloned", &codec.Unsubscribe{ID: 1, Filters: filters.Clone()}, mqttwire.ErrTopicTooLong},
		{"filters, packet cloned", clones[1], mqttwire.ErrTopicTooLong},
		{"filters, rest", &codec.Unsubscribe{ID: 1, Filters: restOfFilters}, mqttwire.ErrTopicTooLong},
		{"filters, one alone", &codec.Unsubscribe{ID: 1, Filters: codec.Filters{}.Append(long)}, mqttwire.ErrTopicTooLong},
		{"filters, reset", &codec.Unsubscribe{ID: 1, Filters: filters.Clone().Reset().Append(listedFilters...)}, nil},
		{"properties: the first error", &puback, mqttwire.ErrPropertyUnknown},
		{"properties, cloned", &codec.Puback{ID: 1, Properties: props.Clone()}, mqttwire.ErrPropertyUnknown},
		{"properties, packet cloned", clones[2], mqttwire.ErrPropertyUnknown},
		{"properties, rest", &codec.Puback{ID: 1, Properties: restOfProps}, mqttwire.ErrPropertyUnknown},
		{"properties, one alone", &codec.Puback{ID: 1, Properties: codec.Properties{}.Append(codec.Property{ID: 0x7e})}, mqttwire.ErrPropertyUnknown},
		{"properties, reset", &codec.Puback{ID: 1, Properties: codec.AppendReasonString(props.Clone().Reset(), "a")}, nil},
	} {
		for _, r := range []codec.Rules{v50, unchecked(v50)} {
			if b, err := x.packet.Append([]byte("x"), r); err != x.want || x.want != nil && string(b) != "x" {
				t.Errorf("%s, unchecked %v: %v, want %v", x.name, r.Unchecked, err, x.want)
			}
		}
	}
}

func ref[T any](x T) *T { return &x }

// walkers return function literals that walk lists with Next. They are inlined
// into their callers: that is where a range over All would allocate.

func walkProperties(l codec.Properties) func() {
	return func() {
		for x, rest, ok := l.Next(); ok; x, rest, ok = rest.Next() {
			sink += int(x.ID)
		}
	}
}

func walkSubscriptions(l codec.Subscriptions) func() {
	return func() {
		for s, rest, ok := l.Next(); ok; s, rest, ok = rest.Next() {
			sink += len(s.Filter)
		}
	}
}

func walkFilters(l codec.Filters) func() {
	return func() {
		for f, rest, ok := l.Next(); ok; f, rest, ok = rest.Next() {
			sink += len(f)
		}
	}
}

func walkCodes(l codec.ReasonCodes) func() {
	return func() {
		for c, rest, ok := l.Next(); ok; c, rest, ok = rest.Next() {
			sink += int(c)
		}
	}
}

func TestNextNeverAllocates(t *testing.T) {
	for name, walk := range map[string]func(){
		"Properties":    walkProperties(codec.Properties{}.Append(listedProperties...)),
		"Subscriptions": walkSubscriptions(codec.Subscriptions{}.Append(listedSubscriptions...)),
		"Filters":       walkFilters(codec.Filters{}.Append(listedFilters...)),
		"ReasonCodes":   walkCodes(codec.ReasonCodes{}.Append(listedCodes...)),
	} {
		if n := testing.AllocsPerRun(100, walk); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestPropertyList holds that the list that a packet shows is its own.
func TestPropertyList(t *testing.T) {
	reason := codec.AppendUserProperty(codec.Properties{}, "k", "v")
	for _, p := range everyPacket(t) {
		c, l := p.Type(), p.PropertyList()
		if none := c == mqttwire.PINGREQ || c == mqttwire.PINGRESP; none != (l == nil) {
			t.Errorf("%v: %v", c, l)
		} else if none {
			continue
		}
		*l = codec.Properties{}
		before := p.Size(mqttwire.V50)
		*l = reason
		if p.Size(mqttwire.V50) < before+reason.Size() || p.PropertyList().Len() != 1 {
			t.Errorf("%v: the list is not the packet's", c)
		}
	}
}
