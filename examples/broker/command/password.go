package command

import (
	"bytes"
	"fmt"
	"io"

	"github.com/mqttwire/mqttwire/examples/broker/access"
)

// hashPassword makes a line for a file of users.
func hashPassword(name string, in io.Reader, out io.Writer) error {
	password, err := io.ReadAll(io.LimitReader(in, 1<<16+2))
	if err != nil {
		return err
	}
	line, err := access.HashPassword(name, bytes.TrimRight(password, "\r\n"))
	if err == nil {
		_, err = fmt.Fprintln(out, line)
	}
	return err
}
