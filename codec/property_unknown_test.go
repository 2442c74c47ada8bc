package codec_test

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// An identifier that the standard does not define is refused everywhere,
// whatever follows it.
func TestUnknownPropertyIsRefused(t *testing.T) {
	for id := range 256 {
		if codec.PropertyID(id).Defined() {
			continue
		}
		for in := codec.WillProperties; in <= mqttwire.AUTH; in++ {
			for _, value := range []string{"", "\x00", "\x00\x00", "\x01\x00", "\x00\x00\x00\x00"} {
				b := append([]byte{byte(id)}, value...)
				if err := codec.PropertiesOf(b).Check(in); err == nil {
					t.Errorf("% x passes in %v", b, in)
				}
			}
		}
	}
}
