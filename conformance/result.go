package conformance

import (
	"time"

	"github.com/mqttwire/mqttwire"
)

// State is what became of a check.
type State uint8

const (
	// Passed: what the check is about is so.
	Passed State = iota
	// Failed: it is not, of the check's own clauses.
	Failed
	// Blocked: something else is broken that the check needs.
	Blocked
	// Skipped: the subject does not have, or was not given, what it needs.
	Skipped
)

// String returns "passed", "failed", "blocked" or "skipped".
func (s State) String() string {
	switch s {
	case Failed:
		return "failed"
	case Blocked:
		return "blocked"
	case Skipped:
		return "skipped"
	}
	return "passed"
}

// MarshalText implements encoding.TextMarshaler.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Result is what became of a check in one version.
type Result struct {
	Check   string  `json:"check"`
	About   string  `json:"about"`
	Version string  `json:"version"`
	Level   Level   `json:"level"`
	State   State   `json:"state"`
	Clauses Clauses `json:"clauses"`
	// Cause says why it is Blocked or Skipped.
	Cause string `json:"cause,omitempty"`
	// Faults are what is wrong with the clauses of the check. Where it is Blocked
	// they may come from what it rests on, and count for nothing.
	Faults []Fault `json:"faults,omitempty"`
	// Findings are of other clauses, and what only should be so.
	Findings []Fault `json:"findings,omitempty"`
	// Notes are what the subject chose, and what is worth knowing.
	Notes []string `json:"notes,omitempty"`
	// Exchange is what went over the wire, as far as it was kept.
	Exchange []Event `json:"exchange,omitempty"`
	// Dropped is how many events in the middle were not kept.
	Dropped int `json:"dropped,omitempty"`
	// Took is how long it ran, in nanoseconds in JSON.
	Took time.Duration `json:"took"`
}

// Fault is one thing that is not as a clause wants it.
type Fault struct {
	Clause Clause `json:"clause"`
	Rule   string `json:"rule,omitempty"` // the clause in this project's words
	Level  Level  `json:"level"`
	// Sent is the last that the peer of the subject had sent before.
	Sent     string `json:"sent,omitempty"`
	Expected string `json:"expected"`
	Got      string `json:"got"`
	// Event is the place in Result.Exchange after which it was seen.
	Event int `json:"event"`
}

// Event is something that happened on a connection.
type Event struct {
	At   time.Duration `json:"at"` // since the check began, in nanoseconds in JSON
	Conn string        `json:"conn"`
	Kind EventKind     `json:"kind"`
	// Version is that of the connection, 0 where nobody knows it.
	Version mqttwire.Version `json:"version,omitempty"`
	// From is who sent Data.
	From mqttwire.Role `json:"-"`
	// Data is the first bytes of what was sent or received, hex in JSON, and
	// Size how many there were.
	Data Bytes `json:"data,omitempty"`
	Size int   `json:"size,omitempty"`
	// Text says the rest: why a connection ended.
	Text string `json:"text,omitempty"`
}

// EventKind is what an Event is.
type EventKind string

const (
	Opened EventKind = "opened" // a network connection was made
	Sent   EventKind = "sent"   // to the subject
	Got    EventKind = "got"    // from the subject, a packet
	Ended  EventKind = "ended"  // by the subject
	Closed EventKind = "closed" // by us
)

// Report is what became of a run.
type Report struct {
	// Subject is what the run was told it judges.
	Subject string `json:"subject"`
	Facts   Facts  `json:"facts"`
	// Unusable says why nothing could be judged, "" if something could.
	Unusable string `json:"unusable,omitempty"`
	// Gone says how the subject has gone away for good, "" if it has not.
	Gone    string        `json:"gone,omitempty"`
	Results []*Result     `json:"results"`
	Choices []Choice      `json:"choices,omitempty"`
	Took    time.Duration `json:"took"` // nanoseconds in JSON
}

// Choice is one that a standard leaves, and how the subject has made it.
type Choice struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	By    string `json:"by"` // the check that learnt it
}

// Count returns how many results of level Must have a state.
func (r *Report) Count(s State) int {
	n := 0
	for _, x := range r.Results {
		if x.State == s && x.Level == Must {
			n++
		}
	}
	return n
}

// Broken returns the clauses of level Must that the subject breaks, by failures
// and by findings, each with what showed it first, in the order of the results.
func (r *Report) Broken() []Fault {
	var all []Fault
	seen := map[Clause]bool{}
	for _, x := range r.Results {
		lists := [][]Fault{x.Faults, x.Findings}
		if x.State == Blocked {
			lists = lists[1:]
		}
		for _, list := range lists {
			for _, f := range list {
				if f.Level == Must && !seen[f.Clause] {
					seen[f.Clause] = true
					all = append(all, f)
				}
			}
		}
	}
	return all
}

// Judged reports whether something could be judged: whether a check has passed or
// failed, or been skipped for what the subject lacks and none is blocked.
func (r *Report) Judged() bool {
	blocked := false
	for _, x := range r.Results {
		if x.State == Passed || x.State == Failed {
			return r.Unusable == ""
		}
		blocked = blocked || x.State == Blocked
	}
	return r.Unusable == "" && !blocked
}

// Pass reports whether something could be judged, the subject is still there, and no
// clause of level Must is broken.
func (r *Report) Pass() bool { return r.Judged() && r.Gone == "" && len(r.Broken()) == 0 }
