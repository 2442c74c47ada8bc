package command

import "time"

// again is how often a complaint is repeated while its cause lasts.
const again = time.Minute

// complaints are when each was made last, so that none is made every second.
type complaints map[string]time.Time

// of returns those of an error, which may be joined of several, that are due:
// new ones, and old ones now and then. Mended reports whether there were some
// before, and none is left.
func (c complaints) of(err error, now time.Time) (due []error, mended bool) {
	lasting := complaints{}
	for _, err := range each(err) {
		last, ok := c[err.Error()]
		if !ok || now.Sub(last) >= again {
			due = append(due, err)
			last = now
		}
		lasting[err.Error()] = last
	}
	mended = len(c) > 0 && len(lasting) == 0
	clear(c)
	for text, at := range lasting {
		c[text] = at
	}
	return due, mended
}

// each returns the errors that one is joined of.
func each(err error) (all []error) {
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	for _, err := range joined.Unwrap() {
		all = append(all, each(err)...)
	}
	return all
}
