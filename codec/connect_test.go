package codec_test

import (
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// Counting the characters of a Client Identifier of 3.1 allocates nothing,
// whatever they are.
func TestClientIDOf31CountsCharacters(t *testing.T) {
	for _, tt := range []struct {
		id   string
		want error
	}{
		{strings.Repeat("x", 23), nil},
		{strings.Repeat("x", 24), mqttwire.ErrClientIDTooLong},
		{strings.Repeat("\u00e4", 23), nil},
		{strings.Repeat("\u00e4", 24), mqttwire.ErrClientIDTooLong},
		{strings.Repeat("\U0001f600", 23), nil},
		{strings.Repeat("\U0001f600", 1000), mqttwire.ErrClientIDTooLong},
	} {
		p := codec.Connect{Version: mqttwire.V31, ClientID: []byte(tt.id)}
		var err error
		b := make([]byte, 0, 8<<10)
		if n := testing.AllocsPerRun(1, func() { _, err = p.Append(b, codec.Rules{}) }); n != 0 {
			t.Errorf("%q: %v allocations", tt.id, n)
		}
		if err != tt.want {
			t.Errorf("%q: %v, want %v", tt.id, err, tt.want)
		}
	}
}
