package fuzz_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fuzz"
	"github.com/mqttwire/mqttwire/internal/race"
)

// samePacket compares packets by what they say.
var samePacket = cmp.Options{
	cmp.Comparer(func(a, b []byte) bool { return bytes.Equal(a, b) }),
	cmp.Transformer("Properties", codec.Properties.Bytes),
	cmp.Transformer("Subscriptions", func(l codec.Subscriptions) []codec.Subscription { return slices.Collect(l.All()) }),
	cmp.Transformer("Filters", codec.Filters.Bytes),
	cmp.Transformer("ReasonCodes", func(l codec.ReasonCodes) []mqttwire.Reason { return slices.Collect(l.All()) }),
}

func mustEqual(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, samePacket); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// rules turns two bytes of a fuzzer into Rules, the zero Version included.
func rules(version, from byte) codec.Rules {
	v := [...]mqttwire.Version{mqttwire.V50, mqttwire.V311, mqttwire.V31, 0}[version%4]
	return codec.Rules{Version: v, From: mqttwire.Role(from % 3)}
}

// version and from are the bytes of which rules makes r.
func version(r codec.Rules) byte {
	return byte(slices.Index([]mqttwire.Version{mqttwire.V50, mqttwire.V311, mqttwire.V31, 0}, r.Version))
}

func from(r codec.Rules) byte { return byte(r.From) }

// seeds returns all seeds; under the race detector, which finds nothing where one
// goroutine runs and takes six times as long, one in eight.
func seeds() []fuzz.Seed {
	all := fuzz.Seeds()
	if !race.Enabled {
		return all
	}
	var some []fuzz.Seed
	for i := 0; i < len(all); i += 8 {
		some = append(some, all[i])
	}
	return some
}

// addSeeds calls add with each of the seeds.
func addSeeds(add func(b []byte, version, from byte)) {
	for _, s := range seeds() {
		add(s.Packet, version(s.Rules), from(s.Rules))
	}
}

// split and decode a packet that b consists of.
func decode(r codec.Rules, b []byte) (codec.Packet, error) {
	h, body, n, err := codec.Split(r, b, 0)
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, errIncomplete
	case n < len(b):
		return nil, errMore
	}
	var d codec.Decoder
	p, err := d.Decode(r, h, body)
	if err != nil {
		return nil, err
	}
	return p, nil
}

type checkError string

func (e checkError) Error() string { return string(e) }

const (
	errIncomplete checkError = "incomplete"
	errMore       checkError = "more than a packet"
)

// mustBeTyped fails unless err is a mqttwire.Error that names the rule it
// breaks in version v and the reason to give.
func mustBeTyped(t *testing.T, err error, v mqttwire.Version) {
	t.Helper()
	e, ok := err.(mqttwire.Error)
	if !ok {
		t.Fatalf("%T %v, want a mqttwire.Error", err, err)
	}
	_, named := e.Clause(v)
	for _, any := range [...]mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50} {
		if _, ok := e.Clause(any); ok && v == 0 {
			named = true
		}
	}
	if !named {
		t.Fatalf("%v: no clause in %v", err, v)
	}
	if !e.Reason().IsError() {
		t.Fatalf("%v: reason %v", err, e.Reason())
	}
}

// mustRoundTrip fails unless p appends under r to the bytes that Size promises,
// after what is there, and these decode to p. It returns them.
func mustRoundTrip(t *testing.T, r codec.Rules, p codec.Packet) []byte {
	t.Helper()
	const there = "what is there"
	b, err := p.Append([]byte(there), r)
	if err != nil {
		t.Fatalf("Append(%v): %v", p, err)
	}
	head, b := b[:len(there)], b[len(there):]
	if string(head) != there {
		t.Fatalf("Append(%v) changed what was there: %q", p, head)
	}
	if size := p.Size(r.Version); size != len(b) {
		t.Fatalf("Size(%v) = %d, Append wrote %d bytes", p, size, len(b))
	}
	q, err := decode(r, b)
	if err != nil {
		t.Fatalf("Decode of what Append wrote for %v: %v\n% x", p, err, b)
	}
	mustEqual(t, "decoded again", q, p)
	again, err := q.Append(nil, r)
	if err != nil || !bytes.Equal(again, b) {
		t.Fatalf("appended again: % x, %v\nfirst: % x", again, err, b)
	}
	return b
}
