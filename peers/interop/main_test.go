package interop

import (
	"flag"
	"os"
	"testing"
)

// TestMain ends the node program after all tests.
func TestMain(m *testing.M) {
	flag.Parse()
	if !isSet("test.parallel") { // they wait more than they work
		flag.Set("test.parallel", "8")
	}
	code := m.Run()
	if nodeStarted {
		if n, err := theNode(); err == nil {
			n.stop()
		}
	}
	os.Exit(code)
}

func isSet(name string) (found bool) {
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}
