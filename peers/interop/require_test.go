package interop

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

// A requirement is programs that a test needs and a machine may lack.
type requirement struct {
	variable string // of the environment, that makes a lack of them a failure
	hint     string // what to do about it
	look     func() error
}

// lacks returns what is missing, as *required where that is a failure.
func (r *requirement) lacks() error {
	err := r.look()
	if err != nil {
		err = fmt.Errorf("%w (%s)", err, r.hint)
		if os.Getenv(r.variable) != "" {
			return &required{r.variable, err}
		}
	}
	return err
}

// required is a lack that is a failure.
type required struct {
	variable string
	error
}

var complained sync.Map // texts

// skipped says that a test, or a part of it, is left out for a reason, and fails
// it where that is not in order.
func skipped(t *testing.T, why ...error) {
	t.Helper()
	for _, err := range why {
		if r, ok := err.(*required); ok {
			t.Fatalf("%s is set, but %v", r.variable, r.error)
		}
		if _, again := complained.LoadOrStore(err.Error(), true); !again {
			complain(fmt.Sprintf("*** SKIPPED where it is needed: %v\n", err))
		}
	}
}

// complain writes to the terminal where there is one: go test shows nothing of
// what a test that passes prints, and a skipped one passes.
func complain(text string) {
	out := os.Stderr
	if tty, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0); err == nil {
		defer tty.Close()
		out = tty
	}
	out.WriteString(text)
}

// require skips a test where something is missing.
func require(t *testing.T, missing func() error) {
	t.Helper()
	if err := missing(); err != nil {
		skipped(t, err)
		t.Skip(err)
	}
}
