package conformance

import (
	"slices"

	"github.com/mqttwire/mqttwire"
)

// Level is how much a standard asks for something.
type Level uint8

const (
	// Must is for what has to be so. A fault of this level fails the subject.
	Must Level = iota
	// Should is for what is recommended: reported apart.
	Should
	// May is for what is allowed: either way passes, and which way is noted.
	May
)

// String returns "MUST", "SHOULD" or "MAY".
func (l Level) String() string {
	switch l {
	case Should:
		return "SHOULD"
	case May:
		return "MAY"
	}
	return "MUST"
}

// MarshalText implements encoding.TextMarshaler.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Check is one thing to find out about a subject.
type Check struct {
	// Name is where the check belongs, a slash, and what it looks at, such as
	// "retained/cleared". Names are unique.
	Name string
	// About says in a sentence what has to be so.
	About string
	Level Level
	// Clauses are those that the check judges. A check is run for each version
	// that has one of them, for 3.1 where 3.1.1 has one, unless Versions says
	// otherwise.
	Clauses Clauses
	// Versions are those that it is run for, nil for those of its Clauses.
	Versions []mqttwire.Version
	// Needs are what must be so for the check to mean anything. Where it is not,
	// the check is Skipped.
	Needs Needs
	// After are the names of checks that must have passed for the same version.
	// Where one has not, this is Blocked by it. A check that is not run for the
	// version, or not part of the run, holds up nothing.
	After []string
	// RestsOn are the names of checks whose rules this one takes for granted. Where
	// one of them has not passed for the same version, and this one has a fault as
	// well, that fault is put down to the other: this is Blocked by it. It waits for
	// none of them, and passes without them.
	RestsOn []string
	// Func does it. It runs in a goroutine of its own, may call T.Fatal, T.Block
	// and T.Skip only there, and has ended its own goroutines when it returns.
	Func func(*T)
}

// Needs are what a check needs of a subject beside a connection. The zero value
// needs nothing.
type Needs struct {
	Retain                  bool  // retained messages
	Wildcard                bool  // wildcards in Topic Filters
	SubscriptionIdentifiers bool  // of 5.0
	Shared                  bool  // $share, of 5.0
	Aliases                 bool  // Topic Aliases from a client, of 5.0
	QoS                     uint8 // that the subject takes at least
	Login                   bool  // a user name and a password that are right
	Anonymous               bool  // no user name needed
	// Seconds is how long the check waits on purpose. It is given so much longer.
	Seconds int
	// Alone says that nothing else may run beside it.
	Alone bool
}

// versions are those that c is run for.
func (c *Check) versions() []mqttwire.Version {
	if c.Versions != nil {
		return c.Versions
	}
	var of []mqttwire.Version
	for _, v := range []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50} {
		if len(c.Clauses.Of(v)) > 0 {
			of = append(of, v)
		}
	}
	return of
}

// RunsFor reports whether the check is run for a version.
func (c *Check) RunsFor(v mqttwire.Version) bool { return slices.Contains(c.versions(), v) }
