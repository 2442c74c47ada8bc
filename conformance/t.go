package conformance

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/mqttwire/mqttwire"
)

// T is what a check is given: a way to the subject, and a place to say what is
// wrong. A T belongs to one check in one version. Its methods may be called from
// several goroutines, except those that end the check.
type T struct {
	// Version is the one that the check is run for.
	Version mqttwire.Version

	check    *Check
	run      *run
	seq      int
	ctx      context.Context // ends when the check must
	deadline time.Time
	began    time.Time

	mu       sync.Mutex
	result   *Result
	blocked  string
	skipped  string
	names    map[string]string
	conns    []*Conn
	cleanups []cleanup
	cleaning bool // this T is that of a cleanup
}

// Context ends when the check must.
func (t *T) Context() context.Context { return t.ctx }

// Facts are what the subject has said about itself.
func (t *T) Facts() *Facts { return &t.run.facts }

// Login is who the run connects as, nil for nobody.
func (t *T) Login() *Login { return t.run.Login }

// Patience is how long to wait for what has to come.
func (t *T) Patience() time.Duration { return t.run.patience() }

// ID returns a Client Identifier that no other check uses, the same each time
// for the same name: at most 23 letters and digits, which every server takes
// (3.1.1 [MQTT-3.1.3-5]).
func (t *T) ID(name string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if id, ok := t.names[name]; ok {
		return id
	}
	id := t.run.nonce + strconv.FormatInt(int64(t.seq), 36) + "z"
	for _, c := range name {
		if len(id) < 20 && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') {
			id += string(c)
		}
	}
	for _, other := range t.names {
		if other == id {
			id = id[:min(len(id), 20)] + "Z" + strconv.FormatInt(int64(len(t.names)), 36)
			break
		}
	}
	if t.names == nil {
		t.names = map[string]string{}
	}
	t.names[name] = id
	return id
}

// Root is a topic level that no other check uses, and no other run.
func (t *T) Root() string { return "conform-" + t.run.nonce + strconv.FormatInt(int64(t.seq), 36) }

// Topic returns name below Root: a Topic Name or a Topic Filter.
func (t *T) Topic(name string) string { return t.Root() + "/" + name }

// Sleep waits on purpose. It ends the check where that has no time for it.
func (t *T) Sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.ctx.Done():
		t.Block("the check had no time left")
	}
}

// Retry runs f, and once more where f has called late: where this machine was too
// slow for what f has seen to mean anything. late ends f, and what it has
// recorded is dropped. After a few times the check is blocked.
func (t *T) Retry(f func(late func())) {
	for range 4 {
		t.mu.Lock()
		faults, findings := len(t.result.Faults), len(t.result.Findings)
		t.mu.Unlock()
		slow, returned := false, false
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			f(func() { slow = true; runtime.Goexit() })
			returned = true
		}()
		<-ended
		switch {
		case returned:
			return
		case !slow:
			runtime.Goexit()
		}
		t.mu.Lock()
		t.result.Faults, t.result.Findings = t.result.Faults[:faults], t.result.Findings[:findings]
		t.mu.Unlock()
	}
	t.Block("this machine is too slow to act in time")
}

// Cleanup has f called when the check has ended and its connections are closed,
// the last first, with a T of the same identifiers and topics. f has a few
// seconds, and what it finds wrong counts for nothing. Of several with one key
// the first counts.
func (t *T) Cleanup(key string, f func(*T)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.cleaning && !slices.ContainsFunc(t.cleanups, func(c cleanup) bool { return c.key == key }) {
		t.cleanups = append(t.cleanups, cleanup{key, f})
	}
}

// cleanup is what Cleanup was given.
type cleanup struct {
	key string
	f   func(*T)
}

// own returns which of the clauses is judged by the check: the first that is, or
// the check's first where of is nil.
func (t *T) own(of Clauses) (Clause, bool) {
	mine := t.check.Clauses.Of(t.Version)
	if of == nil {
		if len(mine) == 0 {
			return Clause(t.Version.String() + " §" + t.check.Name), true
		}
		return mine[0], true
	}
	theirs := of.Of(t.Version)
	for _, c := range theirs {
		if slices.Contains(mine, c) {
			return c, true
		}
	}
	if len(theirs) == 0 {
		return of[0], slices.Contains(t.check.Clauses, of[0])
	}
	return theirs[0], false
}

// Fault says that a clause is broken, and goes on. Where the check is about one
// of the clauses of its version, or of is nil, the check fails; else it is a
// finding.
func (t *T) Fault(of Clauses, expected, got string) {
	c, own := t.own(of)
	level := Must
	if own {
		level = t.check.Level
	}
	t.record(c, own, level, expected, got)
}

// Faultf is Fault with a format for what was got.
func (t *T) Faultf(of Clauses, expected, format string, args ...any) {
	t.Fault(of, expected, fmt.Sprintf(format, args...))
}

// Fatal is Fault, and ends the check: it has failed, or is blocked by the other
// clause.
func (t *T) Fatal(of Clauses, expected, got string) {
	t.Fault(of, expected, got)
	if c, own := t.own(of); !own {
		t.Block("%s: expected %s, got %s", c, expected, got)
	}
	runtime.Goexit()
}

// Fatalf is Fatal with a format for what was got.
func (t *T) Fatalf(of Clauses, expected, format string, args ...any) {
	t.Fatal(of, expected, fmt.Sprintf(format, args...))
}

// Advise says that something is not as a standard recommends. The check does not
// fail by it, unless it is of level Should and about that.
func (t *T) Advise(of Clauses, expected, got string) {
	c, own := t.own(of)
	t.record(c, own && t.check.Level == Should, Should, expected, got)
}

// maxFaults is how many faults and findings of one check are kept.
const maxFaults = 50

func (t *T) record(c Clause, own bool, level Level, expected, got string) {
	if own && t.check.Level == May {
		t.Note("expected %s, got %s", expected, got) // either is right
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	rule, _ := c.Rule()
	f := Fault{Clause: c, Rule: rule.Text, Level: level, Expected: expected, Got: got, Event: len(t.result.Exchange)}
	for i := len(t.result.Exchange) - 1; i >= 0; i-- {
		if e := t.result.Exchange[i]; e.Kind == Sent {
			f.Sent = e.Conn + ": " + e.Summary()
			break
		}
	}
	list := &t.result.Findings
	if own {
		list = &t.result.Faults
	}
	for _, x := range *list {
		if x.Clause == f.Clause && x.Expected == f.Expected && x.Got == f.Got {
			return
		}
	}
	if len(*list) < maxFaults {
		*list = append(*list, f)
	}
}

// Block ends the check: something else is broken that it needs.
func (t *T) Block(format string, args ...any) {
	t.mu.Lock()
	if t.blocked == "" {
		t.blocked = fmt.Sprintf(format, args...)
	}
	t.mu.Unlock()
	runtime.Goexit()
}

// Skip ends the check: what it is about does not apply.
func (t *T) Skip(format string, args ...any) {
	t.mu.Lock()
	t.skipped = fmt.Sprintf(format, args...)
	t.mu.Unlock()
	runtime.Goexit()
}

// Note keeps a remark.
func (t *T) Note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := fmt.Sprintf(format, args...); !slices.Contains(t.result.Notes, n) {
		t.result.Notes = append(t.result.Notes, n)
	}
}

// Choose says which of the ways that a standard leaves the subject has taken.
// The first check to see one of a name sets it; where the subject does
// otherwise later, this is a fault of the check's clauses.
func (t *T) Choose(name, value string) {
	t.Note("%s: %s", name, value)
	first := t.run.choose(Choice{name, value, t.check.Name})
	if first.Value != value {
		t.Faultf(nil, "the same choice each time: "+name+": "+first.Value+", as "+first.By+" saw", "%s", value)
	}
}

// Chosen returns the value of a Choice, "" where nobody has seen it yet.
func (t *T) Chosen(name string) string {
	t.run.mu.Lock()
	defer t.run.mu.Unlock()
	for _, c := range t.run.choices {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// Failed reports whether the check has found a fault of its own clauses so far.
func (t *T) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.result.Faults) > 0
}

// keep bounds the events of one check, and what is kept of each.
const (
	keepEvents = 200
	keepBytes  = 192
)

// event records what happened on a connection.
func (t *T) event(e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.At = time.Since(t.began)
	if n := len(t.result.Exchange); n >= keepEvents {
		// The beginning and the end tell most.
		t.result.Exchange = append(t.result.Exchange[:keepEvents/4], t.result.Exchange[keepEvents/4+1:]...)
		t.result.Dropped++
	}
	t.result.Exchange = append(t.result.Exchange, e)
}
