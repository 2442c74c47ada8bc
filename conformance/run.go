package conformance

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire"
)

// Runner runs checks against a subject. Set the fields, then call Run.
type Runner struct {
	// Subject is what reports call it.
	Subject string
	// Open makes a network connection with the subject: it dials a broker, or
	// waits until a client has dialled. It is called from many goroutines.
	Open func(context.Context) (net.Conn, error)
	// Checks are what may be run.
	Checks []Check
	// Probe reports whether the subject serves somebody on a fresh connection, nil
	// to be content with that it is made. It is asked after a check that did not
	// pass.
	Probe func(net.Conn, time.Duration) error
	// Revive starts the subject again after it has gone away: Open or Probe fails,
	// and has not before. What was being run is then run again, a check at a time; the
	// one with which the subject goes away again fails. Nil: what was being run, and
	// what comes after, is Blocked. See package clients for what a client is.
	Revive func(context.Context) error
	// Learn is run first, alone, as a check for no version, and fills the Facts.
	// Nil: the subject has all that there is.
	Learn func(*T, *Facts)
	// Login is who to connect as, nil for nobody.
	Login *Login
	// Versions are those to judge, nil for all.
	Versions []mqttwire.Version
	// Select says which checks to run, by name; nil for all. What these come
	// after is run with them.
	Select func(name string) bool
	// Patience is how long to wait for what has to come, 0 for 5 seconds.
	Patience time.Duration
	// Limit is how long a check may take, beside what it waits on purpose, 0 for
	// six times Patience.
	Limit time.Duration
	// Parallel is how many checks run at once, 0 for 48. Most wait.
	Parallel int
	// Progress, if set, is told of each result when it is there, one at a time,
	// and how many there will be.
	Progress func(r *Result, total int)
}

// Login is a user.
type Login struct {
	UserName string
	Password []byte
}

// run is a Runner at work.
type run struct {
	*Runner
	nonce string
	facts Facts

	dead atomic.Bool // the subject has gone away, and nobody revives it
	gone string      // how, for the report; the scheduler's alone

	mu         sync.Mutex
	choices    []Choice
	packets    map[mqttwire.Version]int
	deviations []Deviation
}

// Deviation is something that the subject has sent and may not: what T.Wire
// gathers from all connections.
type Deviation struct {
	Clause Clause
	Text   string
}

func (r *Runner) patience() time.Duration {
	if r.Patience > 0 {
		return r.Patience
	}
	return 5 * time.Second
}

func (r *Runner) limit() time.Duration {
	if r.Limit > 0 {
		return r.Limit
	}
	return 6 * r.patience()
}

func (r *run) choose(c Choice) Choice {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, first := range r.choices {
		if first.Name == c.Name {
			return first
		}
	}
	r.choices = append(r.choices, c)
	return c
}

func (r *run) count(v mqttwire.Version) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packets[v]++
}

func (r *run) deviation(c Clause, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := (Deviation{c, text}); !slices.Contains(r.deviations, d) {
		r.deviations = append(r.deviations, d)
	}
}

// Wire returns how many packets of a version the subject has sent to all checks
// so far, and what was wrong with them. It is for a check that comes last: see
// Needs.Alone.
func (t *T) Wire() (packets int, deviations []Deviation) {
	t.run.mu.Lock()
	defer t.run.mu.Unlock()
	for _, d := range t.run.deviations {
		if d.Clause.Version() == t.Version.String() {
			deviations = append(deviations, d)
		}
	}
	return t.run.packets[t.Version], deviations
}

// task is a check in a version.
type task struct {
	check   *Check
	version mqttwire.Version
	seq     int
	after   []*task
	restsOn []*task
	result  *Result // once it is done
	// The scheduler's alone: it was started, it has ended, and its result is final,
	// so that what comes after it may run.
	started, ended, done bool
	alone                bool // nothing else may run beside it
	suspect              bool // the subject has gone away while it ran, with others
	gone                 bool // it has gone away
}

// Run runs the checks and returns what became of them, in the order of
// Runner.Checks and of the versions. It returns at the latest when ctx ends and
// the checks that run have.
func (r *Runner) Run(ctx context.Context) *Report {
	began := time.Now()
	run := &run{Runner: r, nonce: nonce(), packets: map[mqttwire.Version]int{}}
	run.facts = Facts{Speaks: map[string]string{}, MaximumQoS: 2, Retain: true, Wildcard: true, SubscriptionIdentifiers: true,
		Shared: true, ReceiveMaximum: 65535, TopicAliasMaximum: 65535, Login: r.Login != nil, Anonymous: r.Login == nil}
	report := &Report{Subject: r.Subject}
	if r.Learn != nil {
		learn := &task{check: &Check{Name: "learn", About: "The subject answers at all", Func: func(t *T) { r.Learn(t, &run.facts) }}}
		if run.do(ctx, learn); learn.result.State != Passed {
			report.Unusable = learn.result.Cause
			for _, f := range learn.result.Faults {
				report.Unusable = "expected " + f.Expected + ", got " + f.Got
			}
			report.Facts, report.Results, report.Took = run.facts, []*Result{learn.result}, time.Since(began)
			return report
		}
	}
	for _, t := range run.schedule(ctx, r.tasks()) {
		report.Results = append(report.Results, t.result)
	}
	report.Facts, report.Choices, report.Gone, report.Took = run.facts, run.choices, run.gone, time.Since(began)
	slices.SortFunc(report.Choices, func(a, b Choice) int { return strings.Compare(a.Name, b.Name) })
	return report
}

// nonce tells the identifiers and topics of a run from those of others.
func nonce() string {
	const letters = "abcdefghijkmnpqrstuvwxyz23456789"
	b := make([]byte, 5)
	for i := range b {
		b[i] = letters[rand.IntN(len(letters))]
	}
	return string(b)
}

// tasks are the checks that are selected, with those that they come after.
func (r *Runner) tasks() []*task {
	byName := map[string]*Check{}
	for i := range r.Checks {
		byName[r.Checks[i].Name] = &r.Checks[i]
	}
	wanted := map[string]bool{}
	var want func(c *Check)
	want = func(c *Check) {
		if c == nil || wanted[c.Name] {
			return
		}
		wanted[c.Name] = true
		for _, name := range c.After {
			want(byName[name])
		}
	}
	for i := range r.Checks {
		if c := &r.Checks[i]; r.Select == nil || r.Select(c.Name) {
			want(c)
		}
	}
	var all []*task
	byKey := map[string]*task{}
	for i := range r.Checks {
		c := &r.Checks[i]
		if !wanted[c.Name] {
			continue
		}
		for _, v := range c.versions() {
			if r.Versions != nil && !slices.Contains(r.Versions, v) {
				continue
			}
			t := &task{check: c, version: v, seq: len(all) + 1, alone: c.Needs.Alone}
			all = append(all, t)
			byKey[v.String()+c.Name] = t
		}
	}
	for _, t := range all {
		named := func(names []string) (some []*task) {
			for _, name := range names {
				if other := byKey[t.version.String()+name]; other != nil && other != t {
					some = append(some, other)
				}
			}
			return some
		}
		t.after, t.restsOn = named(t.check.After), named(t.check.RestsOn)
	}
	return all
}

// schedule runs the tasks: each when what it comes after is done, those that
// must be alone one by one at the end.
func (r *run) schedule(ctx context.Context, all []*task) []*task {
	parallel := r.Parallel
	if parallel <= 0 {
		parallel = 48
	}
	done := make(chan *task)
	running, left, gone := 0, len(all), false
	start := func(t *task) {
		t.started = true
		running++
		go func() { r.do(ctx, t); done <- t }()
	}
	// ready returns a task that may start: the one that waits longest, so that the
	// others run meanwhile.
	ready := func(alone bool) (best *task) {
		for _, t := range all {
			if !t.started && t.alone == alone && (best == nil || t.check.Needs.Seconds > best.check.Needs.Seconds) &&
				!slices.ContainsFunc(t.after, func(b *task) bool { return !b.done }) {
				best = t
			}
		}
		return best
	}
	for left > 0 {
		for running < parallel {
			t := ready(false)
			if t == nil {
				break
			}
			start(t)
		}
		if running == 0 {
			if gone && (r.Revive == nil || r.Revive(ctx) != nil) {
				r.lose(nil)
			}
			gone = false
			t := ready(true)
			if t == nil { // they wait for each other: a bug of who wrote them
				panic("conformance: checks come after each other in a circle")
			}
			start(t)
		}
		t := <-done
		running--
		gone = gone || t.gone
		if t.gone && r.Revive == nil {
			r.lose(t)
		}
		if t.gone && r.Revive != nil && !t.suspect {
			// It may have been another: once more, when nothing else runs.
			t.started, t.alone, t.suspect, t.gone, t.result = false, true, true, false, nil
			continue
		}
		t.ended = true
		for _, t := range all {
			if !t.ended || t.done || slices.ContainsFunc(t.restsOn, func(o *task) bool { return !o.ended }) {
				continue
			}
			left--
			t.done = true
			t.putDown()
			if r.Progress != nil {
				r.Progress(t.result, len(all))
			}
		}
	}
	return all
}

// lose says that the subject has gone away for good, while a task ran, nil where it
// could not be started again.
func (r *run) lose(t *task) {
	if r.dead.Swap(true) {
		return
	}
	r.gone = "it has gone away, and could not be started again"
	if t != nil {
		r.gone = "it has gone away while " + t.check.Name + " of " + t.version.String() + " ran, perhaps with others"
	}
}

// putDown puts the faults of a check down to one that it rests on, where that one
// has not passed.
func (t *task) putDown() {
	if t.result.State != Failed {
		return
	}
	for _, o := range t.restsOn {
		if s := o.result.State; s == Failed || s == Blocked {
			t.result.State, t.result.Cause = Blocked, "rests on "+o.check.Name+", which is "+s.String()
			return
		}
	}
}

// do runs one task and sets its result.
func (r *run) do(ctx context.Context, k *task) {
	c := k.check
	result := &Result{Check: c.Name, About: c.About, Version: k.version.String(), Level: c.Level, Clauses: c.Clauses.Of(k.version)}
	if k.version == 0 {
		result.Version = ""
	}
	began := time.Now()
	defer func() { result.Took = time.Since(began); k.result = result }()
	for _, before := range k.after {
		if before.result.State != Passed {
			result.State, result.Cause = before.result.State, "after "+before.check.Name+", which is "+before.result.State.String()
			if before.result.State == Failed {
				result.State = Blocked
			}
			return
		}
	}
	if why := r.facts.lacks(c.Needs, k.version); why != "" && k.version != 0 {
		result.State, result.Cause = Skipped, why
		return
	}
	if r.dead.Load() && k.version != 0 {
		result.State, result.Cause = Blocked, "the subject has gone away"
		return
	}
	if err := ctx.Err(); err != nil {
		result.State, result.Cause = Skipped, "the run was ended"
		return
	}
	limit := r.limit() + time.Duration(c.Needs.Seconds)*time.Second*3/2
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	t := &T{Version: k.version, check: c, run: r, seq: k.seq, ctx: within, deadline: began.Add(limit), began: began, result: result}
	stop := context.AfterFunc(within, t.closeAll)
	if !t.call(limit, func() { c.Func(t) }) {
		// A bug of the check: what it still does cannot be waited for. Its result
		// is a copy, for it goes on writing to the other.
		t.mu.Lock()
		copied := *result
		t.mu.Unlock()
		result = &copied
		t.closeAll()
		result.State, result.Cause = Blocked, "the check did not end in its time"
		return
	}
	stop()
	if (len(result.Faults) > 0 || t.blocked != "") && k.version != 0 && ctx.Err() == nil && r.isGone(ctx) {
		k.gone = true
		result.Faults = nil
		if k.suspect {
			t.Fault(nil, "a subject that goes on", "it has gone away: it serves nobody any more")
		} else {
			t.blocked = "the subject has gone away: it serves nobody any more"
		}
	} else {
		r.cleanup(ctx, t)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case len(result.Faults) > 0:
		result.State = Failed
	case t.blocked != "":
		result.State, result.Cause = Blocked, t.blocked
	case t.skipped != "":
		result.State, result.Cause = Skipped, t.skipped
	case within.Err() != nil:
		result.State, result.Cause = Blocked, "the check had no time left"
	}
}

// isGone reports whether the subject serves nobody any more.
func (r *run) isGone(ctx context.Context) bool {
	if r.Probe == nil && r.Revive == nil {
		return false
	}
	within, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	nc, err := r.Open(within)
	if err != nil {
		return true
	}
	defer nc.Close()
	return r.Probe != nil && r.Probe(nc, r.patience()) != nil
}

// cleanup closes the connections of a check, and runs what Cleanup was given
// with a T that has the same identifiers and topics, and a few seconds. What is
// seen there counts for nothing.
func (r *run) cleanup(ctx context.Context, t *T) {
	t.closeAll()
	const limit = 2 * time.Second
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, c := range slices.Backward(t.cleanups) {
		after := &T{Version: t.Version, check: t.check, run: r, seq: t.seq, names: t.names, ctx: within,
			deadline: time.Now().Add(limit), began: time.Now(), result: &Result{}, cleaning: true}
		stop := context.AfterFunc(within, after.closeAll)
		ok := after.call(limit, func() { c.f(after) })
		stop()
		after.closeAll()
		if !ok {
			return
		}
	}
}

// call runs f in a goroutine, and reports whether it has ended, or would not in
// a while after its limit. A panic is a fault.
func (t *T) call(limit time.Duration, f func()) bool {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			if p := recover(); p != nil {
				t.mu.Lock()
				t.blocked = fmt.Sprintf("the check panicked: %v", p)
				t.result.Notes = append(t.result.Notes, string(debug.Stack()))
				t.mu.Unlock()
			}
		}()
		f()
	}()
	select {
	case <-ended:
		return true
	case <-time.After(limit + 3*time.Second):
		return false
	}
}

func (t *T) closeAll() {
	t.mu.Lock()
	conns := t.conns
	t.conns = nil
	t.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}
