// Package clients judges an MQTT client from the outside: it plays brokers that
// are right, slow, forgetful and hostile, one connection after another, to
// whatever client connects. The wire is looked at by package wirejudge, and each
// check provokes what it is about.
//
// The client decides what it does: whether it subscribes, and what it publishes
// at which QoS. A check of what it does not do is Skipped. It should connect again
// whenever it is disconnected, or be started again; one session is best, with
// Clean Session or Clean Start 0, a subscription at QoS 2, a message at each QoS
// every second or oftener, and a Keep Alive of a few seconds.
package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/conformance/wirejudge"
)

// Wait is how long Run waits for a client to connect, or to connect again.
const Wait = 20 * time.Second

// enough is how often a client is waited for in vain before the other checks wait
// for a moment only.
const enough = 3

// Checks returns all checks, for a list; Run runs them.
func Checks() []conformance.Check { return new(watcher).checks() }

// Run judges the client that connects to l, by those of the runner's Checks that
// Checks has, or all where it has none. It sets Open, Checks, Versions and
// Parallel of the runner, and closes l. Revive of the runner ends the client and
// starts it again: it is called where the client does not come again.
func Run(ctx context.Context, l net.Listener, r conformance.Runner) *conformance.Report {
	w := &watcher{start: time.Now(), conns: make(chan net.Conn), wait: Wait, revive: r.Revive}
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var accepting sync.WaitGroup
	accepting.Go(func() { w.accept(l) })
	defer accepting.Wait()
	defer l.Close()
	defer w.close()
	report := &conformance.Report{Subject: r.Subject}
	version, err := w.first(ctx)
	if err != nil {
		report.Unusable = err.Error()
		return report
	}
	r.Open, r.Versions, r.Parallel, r.Learn, r.Revive = w.open, []mqttwire.Version{version}, 1, nil, nil
	r.Checks = w.checks()
	return r.Run(ctx)
}

// A watcher has the connections of the client, and a judge that looks on.
type watcher struct {
	start time.Time
	conns chan net.Conn
	wait  time.Duration
	// revive ends the client and starts it again, nil where nobody can.
	revive func(context.Context) error

	mu    sync.Mutex // what follows
	judge *wirejudge.Judge
	sent  sent
	t     *conformance.T // of the check that runs
	vain  int            // how often the client was waited for in vain, since it came last
	ended bool
	// hostile says that the server has sent what it may not on this connection, so that
	// what the client does on it, and what it keeps of it, is nobody's to judge.
	hostile bool
}

// forget has the judge begin anew with the next connection.
func (w *watcher) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hostile = true
}

// accept takes connections, one at a time: what comes meanwhile waits.
func (w *watcher) accept(l net.Listener) {
	defer close(w.conns)
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		select {
		case w.conns <- c:
		case <-time.After(10 * time.Minute):
			c.Close()
			return
		}
		w.mu.Lock()
		ended := w.ended
		w.mu.Unlock()
		if ended {
			c.Close()
			return
		}
	}
}

// close takes what still comes from accept.
func (w *watcher) close() {
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	go func() {
		for c := range w.conns {
			c.Close()
		}
	}()
}

// maxConnect is how many bytes of a CONNECT are looked at for its version.
const maxConnect = 64 << 10

// first waits for the client, to learn its version.
func (w *watcher) first(ctx context.Context) (mqttwire.Version, error) {
	select {
	case c, ok := <-w.conns:
		if !ok {
			return 0, errors.New("no client connects")
		}
		defer c.Close()
		c.SetReadDeadline(time.Now().Add(w.wait))
		for b := []byte(nil); ; {
			b = slices.Grow(b, maxConnect/8)
			n, err := c.Read(b[len(b):cap(b)])
			b = b[:len(b)+n]
			in := codec.Inspect(codec.Rules{From: mqttwire.Client}, b)
			switch whole := in.Size > 0 || err != nil || len(b) > maxConnect; {
			case len(b) > 0 && in.Header.Type != mqttwire.CONNECT:
				return 0, fmt.Errorf("the client begins with what is no CONNECT: % x", b[:min(len(b), 16)])
			case whole && in.Size > 0 && in.Version != 0: // whatever else is wrong
				return in.Version, nil
			case conformance.IsTimeout(err):
				return 0, errors.New("no CONNECT came, or not all of one")
			case err != nil:
				return 0, errors.New("the client ends the connection without a CONNECT")
			case whole:
				return 0, errors.New("the client sends a CONNECT that nobody can read")
			}
		}
	case <-ctx.Done():
		return 0, errors.New("no client connected")
	}
}

// open waits for the next connection.
func (w *watcher) open(ctx context.Context) (net.Conn, error) {
	wait := w.wait
	w.mu.Lock()
	switch { // not again for each check
	case w.vain >= enough:
		wait /= 100
	case w.vain > 0:
		wait /= 10
	}
	revive := w.vain < enough && w.revive != nil
	w.mu.Unlock()
	var c net.Conn
	if revive {
		c = w.next(ctx, wait/5)
		if c == nil && ctx.Err() == nil && w.revive(ctx) == nil {
			w.note("the client did not connect again, and was started anew")
			w.forget() // it may have kept nothing
		}
	}
	if c == nil {
		c = w.next(ctx, wait)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if c == nil {
		w.vain++
		return nil, errors.New("the client does not connect again")
	}
	if w.hostile {
		w.hostile, w.judge = false, w.newJudge()
		w.judge.Elsewhere = true // what the client has kept is not known
	}
	return &watched{Conn: c, w: w, judge: w.judge.Open(w.now())}, nil
}

// next waits for a connection. It returns nil where none comes in time.
func (w *watcher) next(ctx context.Context, within time.Duration) net.Conn {
	select {
	case c := <-w.conns:
		return c
	case <-time.After(within):
	case <-ctx.Done():
	}
	return nil
}

func (w *watcher) note(text string) {
	w.mu.Lock()
	t := w.t
	w.mu.Unlock()
	if t != nil {
		t.Note("%s", text)
	}
}

func (w *watcher) now() time.Duration { return time.Since(w.start) }

// found gives what the judge has found to the check that runs.
func (w *watcher) found(f wirejudge.Finding) {
	if f.By != mqttwire.Client {
		return
	}
	w.sent.found(f)
	if w.t == nil || w.hostile && f.Rule != wirejudge.Bytes {
		return // what a client makes of what is malformed is not its fault
	}
	c := conformance.Clauses{conformance.Clause(f.Version.String() + " " + f.Clause)}
	expected := f.Wording()
	switch f.Level {
	case wirejudge.Must:
		w.t.Fault(c, expected, f.Text)
	case wirejudge.Should:
		w.t.Advise(c, expected, f.Text)
	default:
		if f.Rule != wirejudge.CutPacket { // it is the check that cuts
			w.t.Note("%s [%s]", f.Text, f.Clause)
		}
	}
}

func (w *watcher) newJudge() *wirejudge.Judge {
	return &wirejudge.Judge{OnPacket: w.sent.packet, OnFinding: w.found}
}

// checks returns all checks, of this watcher.
func (w *watcher) checks() []conformance.Check {
	w.judge = w.newJudge()
	all := slices.Concat(handshake, sending, receiving, keeping, hostile(), malformed(true), last, forms())
	for i := range all {
		f := all[i].play
		all[i].Func = func(t *conformance.T) {
			w.mu.Lock()
			w.t = t
			w.mu.Unlock()
			defer func() {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.t = nil
			}()
			f(&stage{T: t, w: w})
		}
	}
	list := make([]conformance.Check, len(all))
	for i := range all {
		list[i] = all[i].Check
	}
	return list
}

// A check is one whose function is given a stage.
type check struct {
	conformance.Check
	play func(*stage)
}

func scene(name, about, clauses string, play func(*stage)) check {
	return check{conformance.Check{Name: name, About: about, Clauses: conformance.Cite(clauses)}, play}
}

// watched is a connection that the judge looks on at.
type watched struct {
	net.Conn
	w     *watcher
	judge *wirejudge.Conn
	once  sync.Once
}

func (c *watched) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.judge.Bytes(mqttwire.Client, b[:n], c.w.now())
	c.judge.Poll(c.w.now())
	if err != nil && !conformance.IsTimeout(err) {
		if err != io.EOF {
			c.judge.Missed(mqttwire.Client)
		}
		c.judge.Close(mqttwire.Client, c.w.now())
	}
	return n, err
}

func (c *watched) Write(b []byte) (int, error) {
	c.w.mu.Lock()
	c.judge.Bytes(mqttwire.Server, b, c.w.now())
	c.w.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *watched) Close() error {
	c.once.Do(func() {
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		c.judge.Missed(mqttwire.Client)
		c.judge.Close(mqttwire.Server, c.w.now())
	})
	return c.Conn.Close()
}
