package connack_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/connack"
)

const none = -1

// want is every defined code: the code of 3.1 and 3.1.1 that stands for it,
// that of 5.0, and what a client does. Whatever is not here is reserved.
var want = map[connack.Code]struct {
	v3, v5    int
	remedy    connack.Remedy
	temporary bool
}{
	0: {0, 0, connack.Proceed, false},
	1: {1, 0x84, connack.ChangeVersion, false},
	2: {2, 0x85, connack.ChangeClientID, false},
	3: {3, 0x88, connack.Retry, true},
	4: {4, 0x86, connack.ChangeCredentials, false},
	5: {5, 0x87, connack.ChangeCredentials, false},

	0x80: {none, 0x80, connack.Retry, true},
	0x81: {none, 0x81, connack.GiveUp, false},
	0x82: {none, 0x82, connack.GiveUp, false},
	0x83: {none, 0x83, connack.GiveUp, false},
	0x84: {1, 0x84, connack.ChangeVersion, false},
	0x85: {2, 0x85, connack.ChangeClientID, false},
	0x86: {4, 0x86, connack.ChangeCredentials, false},
	0x87: {5, 0x87, connack.ChangeCredentials, false},
	0x88: {3, 0x88, connack.Retry, true},
	0x89: {3, 0x89, connack.Retry, true},
	0x8A: {5, 0x8A, connack.GiveUp, false},
	0x8C: {5, 0x8C, connack.ChangeCredentials, false},
	0x90: {none, 0x90, connack.ChangeWill, false},
	0x95: {none, 0x95, connack.GiveUp, false},
	0x97: {3, 0x97, connack.Retry, true},
	0x99: {none, 0x99, connack.ChangeWill, false},
	0x9A: {none, 0x9A, connack.ChangeWill, false},
	0x9B: {none, 0x9B, connack.ChangeWill, false},
	0x9C: {3, 0x9C, connack.ChangeServer, true},
	0x9D: {3, 0x9D, connack.ChangeServer, false},
	0x9F: {3, 0x9F, connack.Retry, true},
}

// Every value of Code in every version, against the table above.
func TestAllCodes(t *testing.T) {
	for i := range 256 {
		c := connack.Code(i)
		w, defined := want[c]
		if !defined {
			w.v3, w.v5, w.remedy = none, none, connack.GiveUp
		}
		if got := c.Remedy(); got != w.remedy {
			t.Errorf("%#02x.Remedy() = %v, want %v", i, got, w.remedy)
		}
		if got := c.Temporary(); got != w.temporary {
			t.Errorf("%#02x.Temporary() = %v, want %v", i, got, w.temporary)
		}
		for _, v := range []struct {
			version mqttwire.Version
			code    int
		}{{mqttwire.V31, w.v3}, {mqttwire.V311, w.v3}, {mqttwire.V50, w.v5}} {
			if got := c.ValidIn(v.version); got != (v.code == i) {
				t.Errorf("%#02x.ValidIn(%v) = %v", i, v.version, got)
			}
			got, ok := c.In(v.version)
			if ok != (v.code != none) || ok && int(got) != v.code || !ok && got != 0 {
				t.Errorf("%#02x.In(%v) = %#02x, %v; want %#x", i, v.version, uint8(got), ok, v.code)
			}
			if ok && !got.ValidIn(v.version) {
				t.Errorf("%#02x.In(%v) = %#02x, which %[2]v does not have", i, v.version, uint8(got))
			}
		}
		if got := c.ValidIn(0); got != defined {
			t.Errorf("%#02x.ValidIn(0) = %v", i, got)
		}
		if got, ok := c.In(0); ok != defined || ok && got != c {
			t.Errorf("%#02x.In(0) = %#02x, %v", i, uint8(got), ok)
		}
		for _, v := range []mqttwire.Version{1, 2, 6, 0x83, 0x84, 255} {
			if _, ok := c.In(v); ok || c.ValidIn(v) {
				t.Errorf("%#02x is said to exist in version %d", i, v)
			}
		}
		reason := mqttwire.UnspecifiedError
		if defined {
			reason = mqttwire.Reason(w.v5)
		}
		if got := c.Reason(); got != reason {
			t.Errorf("%#02x.Reason() = %v, want %v", i, got, reason)
		}
	}
}

// Each code has a name and a message of its own; in 5.0 the name is that of
// the Reason with the same number.
func TestText(t *testing.T) {
	for i := range 256 {
		c := connack.Code(i)
		if !c.ValidIn(0) {
			if c.String() != "reserved" || c.Error() != "connection refused: reserved code" {
				t.Errorf("%#02x: %q, %q", i, c.String(), c.Error())
			}
			continue
		}
		if c.ValidIn(mqttwire.V50) && c.String() != mqttwire.Reason(c).String() {
			t.Errorf("%#02x.String() = %q, the Reason is %q", i, c.String(), mqttwire.Reason(c).String())
		}
		if i != 0 && (!strings.HasPrefix(c.Error(), "connection refused: ") || c.String() == "reserved") {
			t.Errorf("%#02x: %q, %q", i, c.String(), c.Error())
		}
	}
	if got := connack.Success.Error(); got != "connection accepted" {
		t.Errorf("Success.Error() = %q", got)
	}
	seen := map[string]bool{}
	for a := connack.Proceed; a <= connack.GiveUp; a++ {
		if s := a.String(); s == "" || s == "unknown remedy" || seen[s] {
			t.Errorf("Remedy(%d).String() = %q", a, s)
		} else {
			seen[s] = true
		}
	}
	if got := connack.Remedy(200).String(); got != "unknown remedy" {
		t.Errorf("Remedy(200).String() = %q", got)
	}
}

// A translation keeps the client's remedy, except for the losses that In lists.
func TestTranslationKeepsRemedy(t *testing.T) {
	lossy := map[connack.Code]bool{connack.Banned: true, connack.UseAnotherServer: true, connack.ServerMoved: true}
	for i := range 256 {
		c := connack.Code(i)
		for _, v := range []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50} {
			if got, ok := c.In(v); ok && got != c && (got.Remedy() == c.Remedy()) == lossy[c] {
				t.Errorf("%#02x (%v) is %#02x (%v) in %v", i, c.Remedy(), uint8(got), got.Remedy(), v)
			}
		}
	}
}

func TestErr(t *testing.T) {
	if err := connack.Success.Err(); err != nil {
		t.Errorf("Success.Err() = %v", err)
	}
	for i := 1; i < 256; i++ {
		var c connack.Code
		if err := connack.Code(i).Err(); !errors.As(err, &c) || int(c) != i {
			t.Fatalf("Code(%d).Err() = %v", i, err)
		}
	}
}

func TestIs(t *testing.T) {
	for _, tt := range []struct {
		err, target error
		want        bool
	}{
		{connack.Code(5), connack.NotAuthorized, true},
		{connack.Code(0x87), connack.RefusedNotAuthorized, true},
		{connack.Code(3), connack.ServerUnavailable, true},
		{connack.ServerBusy, connack.RefusedServerUnavailable, false},
		{connack.Code(6), connack.Code(6), true}, // equal, by errors.Is itself
		{connack.Code(6), connack.Code(7), false},
		{connack.Code(6), connack.UnspecifiedError, false},
		{connack.NotAuthorized, mqttwire.ErrConnackCode, false},
	} {
		if got := errors.Is(tt.err, tt.target); got != tt.want {
			t.Errorf("errors.Is(%#02x, %v) = %v", tt.err, tt.target, got)
		}
	}
}

func TestNoAllocs(t *testing.T) {
	var s string
	var err error
	n := testing.AllocsPerRun(10, func() {
		for i := range 256 {
			c := connack.Code(i)
			err = c.Err()
			s = c.Error()
			s = c.String()
			s = c.Remedy().String()
			code, _ := c.In(mqttwire.V311)
			if code.Temporary() != c.Temporary() && errors.Is(c, code) {
				s = c.Reason().String()
			}
		}
	})
	if n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
	_, _ = s, err
}
