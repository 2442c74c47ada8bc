package keeptest_test

import (
	"testing"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
)

// The Recorder is a Store like any other.
func TestRecorder(t *testing.T) {
	keeptest.Run(t, func(*testing.T) func() keep.Store {
		s := new(keeptest.Recorder)
		return func() keep.Store {
			s = s.Crashed()
			return s
		}
	})
}
