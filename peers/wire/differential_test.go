package wire

import (
	"fmt"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/testdata"
)

// summarise returns what our Decode reads.
func summarise(rules codec.Rules, raw []byte) (s summary, p codec.Packet, err error) {
	h, body, n, err := codec.Split(rules, raw, 0)
	if err != nil {
		return s, nil, err
	}
	if n != len(raw) {
		return s, nil, mqttwire.ErrTruncated
	}
	var d codec.Decoder
	if p, err = d.Decode(rules, h, body); err != nil {
		return s, nil, err
	}
	switch p := p.(type) {
	case *codec.Publish:
		s.publish(string(p.Topic), p.Payload, p.ID, byte(p.QoS), p.Dup, p.Retain)
	case *codec.Connect:
		s.connect(string(p.ClientID), p.KeepAlive, p.CleanStart, string(p.UserName), p.Password)
		if p.WillFlag {
			s.will(string(p.Will.Topic), p.Will.Payload, byte(p.Will.QoS), p.Will.Retain)
		}
	case *codec.Subscribe:
		s.id(p.ID)
		for x := range p.Subscriptions.All() {
			s.filter(string(x.Filter), byte(x.Options.QoS()))
		}
	case *codec.Unsubscribe:
		s.id(p.ID)
		for f := range p.Filters.All() {
			s.filter(string(f), 0)
		}
	}
	return s, p, nil
}

// known reports what peers are known to refuse and should not.
func known(p peer, v mqttwire.Version, raw []byte) bool {
	switch p.name {
	case "paho.golang": // v0.23.0 does not know the short form of DISCONNECT (5.0 §3.14.2.1)
		return string(raw) == "\xe0\x00"
	case "mochi": // v2.7.9 applies 3.1.1's rule for DUP with QoS 0 to 3.1
		return v == mqttwire.V31 && raw[0]&^1 == 0x38
	}
	return false
}

// compare says what is wrong with what a peer reads in a packet that we accept.
func compare(p peer, v mqttwire.Version, raw []byte, ours summary) error {
	if known(p, v, raw) {
		return nil
	}
	theirs, err := p.read(v, raw)
	switch {
	case err != nil:
		return fmt.Errorf("%s of %v refuses %x: %w", p.name, v, raw, err)
	case theirs != ours:
		return fmt.Errorf("%s of %v reads %x otherwise:\nours   %stheirs %s", p.name, v, raw, ours.text, theirs.text)
	}
	return nil
}

// check compares what we accept, and what we write of it, with all peers. They
// do not know what 3.1 leaves unused, so there only what we write counts.
func check(t *testing.T, v mqttwire.Version, raw []byte) (accepted bool) {
	rules := codec.Rules{Version: v}
	ours, packet, err := summarise(rules, raw)
	if err != nil {
		return false
	}
	written, err := packet.Append(nil, rules)
	if err != nil {
		t.Fatalf("what was read cannot be written: %x: %v", raw, err)
	}
	for _, p := range peers {
		if !p.speaks(v) {
			continue
		}
		if err := compare(p, v, written, ours); err != nil {
			t.Error(err)
		}
		if v == mqttwire.V31 {
			continue
		}
		if err := compare(p, v, raw, ours); err != nil {
			t.Error(err)
		}
	}
	return true
}

var versions = []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50}

// TestVectors also says what peers accept that no one may send: nothing that
// a test could hold against them, but good to know with -v.
func TestVectors(t *testing.T) {
	all, err := testdata.Vectors()
	if err != nil {
		t.Fatal(err)
	}
	refused, total := map[string]int{}, map[string]int{}
	for _, x := range all {
		for _, v := range versions {
			switch {
			case v.String() != x.Version:
			case x.Valid():
				if !check(t, v, x.Bytes()) {
					t.Errorf("%s %s: we refuse it", x.Version, x.Name)
				}
			default:
				for _, p := range peers {
					if p.speaks(v) {
						total[p.name]++
						if invalid(p, v, x.Bytes()) {
							refused[p.name]++
						}
					}
				}
			}
		}
	}
	for _, p := range peers {
		t.Logf("%s refuses %d of the %d invalid packets in its versions", p.name, refused[p.name], total[p.name])
	}
}

// invalid reports whether a peer refuses a packet, be it by a panic.
func invalid(p peer, v mqttwire.Version, raw []byte) (refused bool) {
	defer func() {
		if recover() != nil {
			refused = true
		}
	}()
	_, err := p.read(v, raw)
	return err != nil
}

func FuzzDecode(f *testing.F) {
	all, err := testdata.Vectors()
	if err != nil {
		f.Fatal(err)
	}
	for _, x := range all {
		for _, v := range versions {
			if v.String() == x.Version {
				f.Add(byte(v), x.Bytes())
			}
		}
	}
	f.Fuzz(func(t *testing.T, version byte, raw []byte) {
		if v := mqttwire.Version(version); v.Valid() {
			check(t, v, raw)
		}
	})
}
