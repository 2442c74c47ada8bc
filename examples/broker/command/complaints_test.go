package command

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// What is wrong is told at once, again now and then, each for itself, and that
// it is over.
func TestComplaints(t *testing.T) {
	a, b := errors.New("a"), errors.New("b")
	c, now := complaints{}, time.Unix(1000, 0)
	for i, x := range []struct {
		after  time.Duration
		err    error
		due    []error
		mended bool
	}{
		{0, nil, nil, false},
		{0, a, []error{a}, false},
		{time.Second, a, nil, false},
		{time.Second, errors.Join(a, b), []error{b}, false},
		{again - 3*time.Second, errors.Join(b, a), nil, false},
		{time.Second, errors.Join(a, b), []error{a}, false},
		{2 * time.Second, errors.Join(errors.Join(b), nil), []error{b}, false},
		{time.Second, errors.Join(a, b), []error{a}, false}, // it was away
		{time.Second, nil, nil, true},
		{time.Second, nil, nil, false},
		{time.Second, b, []error{b}, false},
		{again, b, []error{b}, false},
		{time.Second, b, nil, false},
	} {
		now = now.Add(x.after)
		due, mended := c.of(x.err, now)
		if !slices.Equal(due, x.due) || mended != x.mended {
			t.Errorf("%d: %v is told as %v, %v; want %v, %v", i, x.err, due, mended, x.due, x.mended)
		}
	}
}
