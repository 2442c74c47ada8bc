package command

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"

	"github.com/mqttwire/mqttwire/examples/broker/gate"
)

// list is a flag that may be given more than once. What is given replaces the
// default.
type list struct {
	values []string
	given  bool
}

func (l *list) String() string { return strings.Join(l.values, ",") }

func (l *list) Set(s string) error {
	if !l.given {
		l.values, l.given = nil, true
	}
	if s != "" {
		l.values = append(l.values, s)
	}
	return nil
}

// deny is a flag for what becomes of who is denied something.
type deny gate.Deny

func (d *deny) String() string {
	switch gate.Deny(*d) {
	case gate.DenyAcknowledge:
		return "acknowledge"
	case gate.DenyClose:
		return "close"
	}
	return ""
}

func (d *deny) Set(s string) error {
	switch s {
	case "acknowledge":
		*d = deny(gate.DenyAcknowledge)
	case "close":
		*d = deny(gate.DenyClose)
	default:
		return errors.New("neither acknowledge nor close")
	}
	return nil
}

// number is a flag for an integer of some size.
type number[T ~int | ~uint16 | ~uint32] struct {
	value    *T
	min, max int64
}

func (n number[T]) String() string {
	if n.value == nil {
		return ""
	}
	return fmt.Sprint(*n.value)
}

func (n number[T]) Set(s string) error {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return errors.New("not a number")
	}
	if v < n.min || v > n.max {
		return fmt.Errorf("not from %d to %d", n.min, n.max)
	}
	*n.value = T(v)
	return nil
}

func define[T ~int | ~uint16 | ~uint32](f *flag.FlagSet, p *T, name string, value T, min, max int64, usage string) {
	*p = value
	f.Var(number[T]{p, min, max}, name, usage)
}
