package fuzz

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mqttwire/mqttwire/codec"
)

// A FaultKind is what a parser did wrong.
type FaultKind uint8

// The kinds of faults, the worst first.
const (
	noFault FaultKind = iota
	Hangs             // it did not come back within the Patience
	Panics            // it panicked
	Accepts           // it accepted what it must refuse
	Refuses           // it refused what it must accept
)

// String returns "hangs", "panics", "accepts" or "refuses".
func (k FaultKind) String() string {
	return [...]string{"no fault", "hangs", "panics", "accepts", "refuses"}[min(k, Refuses)]
}

// A Fault is one thing that a parser does wrong, with the shortest packet that
// shows it.
type Fault struct {
	Kind FaultKind
	// Rules are the version and the sender by whose rules it is wrong.
	Rules codec.Rules
	// Packet is what the parser was given.
	Packet []byte
	// Name says where it comes from: the vector, or the mutation, the number and
	// the Seed. Of another packet than the one it names if Cut.
	Name string
	// Cut says that Packet is a shorter one than that of Name.
	Cut bool
	// Error is what is wrong with the packet, in the words of
	// mqttwire.Error, and Clause the rule of the version that it breaks. Both
	// are empty where it is valid, Clause also where bytes are missing.
	Error, Clause string
	// Said is the error or the panic of the parser, or its beginning.
	Said string
	// Count is how many packets showed the same.
	Count int

	verdict Verdict
}

// String returns one line.
func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v % x", f.Kind, f.Packet[:min(len(f.Packet), 64)])
	if len(f.Packet) > 64 {
		fmt.Fprintf(&b, " ... (%d bytes)", len(f.Packet))
	}
	fmt.Fprintf(&b, " (%v of MQTT %v, from a %v)", packetName(f.Packet), f.Rules.Version, f.Rules.From)
	if f.Error != "" {
		fmt.Fprintf(&b, ": %s", f.Error)
	}
	if f.Clause != "" {
		fmt.Fprintf(&b, " [%s]", f.Clause)
	}
	if f.Said != "" {
		fmt.Fprintf(&b, ": %q", f.Said)
	}
	fmt.Fprintf(&b, "; %s", f.Name)
	if f.Cut {
		b.WriteString(", cut down")
	}
	if f.Count > 1 {
		fmt.Fprintf(&b, "; %d times", f.Count)
	}
	return b.String()
}

// A Report is the outcome of a Trial.
type Report struct {
	// Calls is how often the parser was called.
	Calls int
	// Faults are what it does wrong, the worst kind first, then what was shown
	// by the most packets. There are none where it does nothing wrong.
	Faults []Fault
}

// String returns a line that counts, and a line for each fault.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d faults in %d calls", len(r.Faults), r.Calls)
	for _, f := range r.Faults {
		b.WriteString("\n")
		b.WriteString(f.String())
	}
	return b.String()
}

func (j *judge) report() Report {
	r := Report{Calls: j.calls}
	for _, key := range j.order {
		r.Faults = append(r.Faults, *j.faults[key])
	}
	slices.SortStableFunc(r.Faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(b.Count, a.Count))
	})
	return r
}
