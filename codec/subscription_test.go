package codec_test

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// Options of 5.0 are refused before it with a rule that the version has.
func TestOptionsBefore5NameAClause(t *testing.T) {
	p := codec.Subscribe{ID: 1, Subscriptions: codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("a"), Options: codec.NoLocal})}
	for v, want := range map[mqttwire.Version]error{
		mqttwire.V31: mqttwire.ErrNotInVersion, mqttwire.V311: mqttwire.ErrSubscribeReserved, mqttwire.V50: nil,
	} {
		_, err := p.Append(nil, codec.Rules{Version: v})
		if err != want {
			t.Errorf("%v: %v, want %v", v, err, want)
		}
		if e, ok := err.(mqttwire.Error); ok {
			if _, ok := e.Clause(v); !ok {
				t.Errorf("%v: %v has no clause", v, err)
			}
		}
	}
}
