package server

import (
	"errors"
	"os"
	"time"
)

const (
	maxDrain = 256 // reads of 64 KiB: more than a socket holds
	// glance is how long a connection that cannot be looked at without waiting,
	// such as one with TLS, is looked at.
	glance = 20 * time.Millisecond
)

// drain reads what has come already, and has it received. It returns why nothing
// can be read any more, nil where that may change. The read deadline is to be set
// anew.
func (c *conn) drain() error {
	c.armed = 0
	for range maxDrain {
		if c.raw != nil {
			c.net.SetReadDeadline(time.Time{})
			if err := c.drainRaw(); !errors.Is(err, os.ErrDeadlineExceeded) {
				return err
			}
			continue // it was woken meanwhile
		}
		began := time.Now()
		c.net.SetReadDeadline(began.Add(glance))
		err := c.read()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if took := time.Since(began); glance <= took && took < 2*glance {
			break
		}
		// It was stopped again, or woken, and may not have looked.
	}
	return nil
}
