package tokenauth

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/connack"
)

// A world is a Client with tokens of one type, an issuer and a server. The
// server tells the truth: it takes a valid token and refuses another. Tokens are
// numbers; what is dead stays dead.
type world struct {
	c     Client
	now   time.Time
	asked time.Time // when Poll asked last

	link   link
	force  int // the token that the server has in force on this connection
	proven int // the last that the client knows to have been in force
	given  int // the last that the issuer gave
	dead   map[int]bool
	last   int

	flight int    // the token of an update, 0 where none is on its way
	state  flight // how far it has come
	want   bool   // the server has said that another token is wanted
	slack  int    // 1 + losses + renewals - connections
}

type link uint8

const (
	down   link = iota
	asking      // CONNECT sent
	up
)

type flight uint8

const (
	sent   flight = iota
	taken         // in force, PUBACK on its way
	denied        // the server will say so
)

const retry = 10 * time.Second

func (w *world) valid(id int) bool { return id != 0 && !w.dead[id] }

// kill ends the life of a token.
func (w *world) kill(id int) {
	dead := map[int]bool{id: true}
	for d := range w.dead {
		dead[d] = true
	}
	w.dead = dead
}

func (w *world) lose() { w.link, w.flight, w.slack = down, 0, min(w.slack+1, 4) }

func (w *world) notice(code Code) {
	topic, payload := TopicInvalidNotice, `{"code":`+strconv.Itoa(int(code))+`,"type":"R"}`
	if code == Valid {
		topic, payload = TopicExpireNotice, `{"expireTime":1,"type":"R"}`
	}
	w.want = w.want || w.c.pending == 0
	if _, err := w.c.Notice([]byte(topic), []byte(payload)); err != nil {
		panic(err)
	}
	if w.flight != 0 && w.c.pending == 0 {
		w.flight, w.want = 0, true
	}
}

func id(token Secret) int {
	n, _ := strconv.Atoi(string(token))
	return n
}

// connect sends CONNECT, if there is something to show.
func (w *world) connect() bool {
	credentials, err := w.c.Connect()
	if err != nil {
		return false
	}
	w.link, w.force = asking, id(credentials.Tokens.Of(Read))
	w.slack--
	return true
}

func (w *world) connack() {
	if w.valid(w.force) {
		w.c.Connack(connack.Success)
		w.link, w.proven = up, w.force
	} else {
		w.c.Connack(connack.RefusedNotAuthorized)
		w.link, w.want = down, w.c.spent
	}
}

// poll lets time pass until the client asks for a token.
func (w *world) poll() error {
	if at, _ := w.c.Deadline(); at.After(w.now) {
		w.now = at
	}
	if typ := w.c.Poll(w.now); typ != Read {
		return fmt.Errorf("at its deadline the client asks for %v", typ)
	}
	if d := w.now.Sub(w.asked); d < retry {
		return fmt.Errorf("it asks after %v", d)
	}
	w.asked = w.now
	return nil
}

// give hands the client a new token, by an update where it is connected.
func (w *world) give(good, known bool) error {
	w.last++
	if !good {
		w.kill(w.last)
	}
	token, expires := Secret(strconv.Itoa(w.last)), time.Time{}
	if known {
		expires = w.now.Add(time.Hour)
	}
	w.given, w.want, w.slack = w.last, false, min(w.slack+1, 4)
	if w.link != up {
		return w.c.Set(w.now, Read, token, expires)
	}
	w.flight, w.state = w.last, sent
	_, err := w.c.Update(nil, w.now, Read, token, expires)
	return err
}

// A move is something that may happen. It reports whether it can, here.
type move struct {
	name string
	do   func(*world) (bool, error)
}

func moves() (all []move) {
	add := func(name string, can func(*world) bool, do func(*world) error) {
		all = append(all, move{name, func(w *world) (bool, error) {
			if !can(w) {
				return false, nil
			}
			return true, do(w)
		}})
	}
	isUp := func(w *world) bool { return w.link == up }
	isAsking := func(w *world) bool { return w.link == asking }
	isDue := func(w *world) bool { _, ok := w.c.Deadline(); return ok }
	isDenied := func(w *world) bool { return w.link == up && w.flight != 0 && w.state == denied }

	all = append(all, move{"CONNECT", func(w *world) (bool, error) { return w.link == down && w.connect(), nil }})
	add("CONNACK", isAsking, func(w *world) error { w.connack(); return nil })
	add("CONNACK 3", isAsking, func(w *world) error {
		w.c.Connack(connack.RefusedServerUnavailable)
		w.lose()
		return nil
	})
	add("loss", func(w *world) bool { return w.link != down }, func(w *world) error { w.lose(); return nil })

	for _, good := range []bool{true, false} {
		for _, known := range []bool{true, false} {
			add(fmt.Sprintf("fetch, good %v, expiry known %v", good, known), isDue, func(w *world) error {
				if err := w.poll(); err != nil {
					return err
				}
				return w.give(good, known)
			})
		}
	}
	add("fetch fails", isDue, (*world).poll)
	add("a token unasked for", func(w *world) bool { return w.c.pending == 0 }, func(w *world) error { return w.give(true, true) })

	add("upload arrives", func(w *world) bool { return w.flight != 0 && w.state == sent }, func(w *world) error {
		if w.state = denied; w.valid(w.flight) {
			w.state, w.force = taken, w.flight
		}
		return nil
	})
	add("PUBACK", func(w *world) bool { return w.flight != 0 && w.state == taken }, func(w *world) error {
		w.proven, w.flight = w.flight, 0
		return w.c.Acknowledged(mqttwire.Success)
	})
	add("PUBACK error", isDenied, func(w *world) error {
		w.flight, w.want = 0, true
		return w.c.Acknowledged(mqttwire.NotAuthorized)
	})
	for _, code := range []Code{Forged, Revoked, PermissionMismatch} {
		add(fmt.Sprintf("upload refused, notice %d", code), isDenied, func(w *world) error {
			w.notice(code)
			w.lose()
			return nil
		})
	}
	add("upload refused, PUBACK, notice 8", isDenied, func(w *world) error {
		if err := w.c.Acknowledged(mqttwire.Success); err != nil {
			return err
		}
		w.notice(SignatureInvalid)
		w.lose()
		return nil
	})
	add("expiry soon", isUp, func(w *world) error { w.notice(Valid); return nil })
	for _, code := range []Code{Expired, Revoked} {
		add(fmt.Sprintf("the end in force, notice %d", code), isUp, func(w *world) error {
			w.kill(w.force)
			w.notice(code)
			w.lose()
			return nil
		})
	}
	add("the end in force, no notice", isUp, func(w *world) error {
		w.kill(w.force)
		w.lose()
		return nil
	})
	add("PUBLISH refused, notice 4", isUp, func(w *world) error { w.notice(ResourceMismatch); w.lose(); return nil })
	add("the last proven dies", func(w *world) bool { return w.link != up && w.valid(w.proven) }, func(w *world) error { w.kill(w.proven); return nil })
	add("the last given dies", func(w *world) bool { return w.link != up && w.valid(w.given) }, func(w *world) error { w.kill(w.given); return nil })
	older := func(w *world) int { return id(w.c.slots[Read-1].old.token) }
	add("the one before dies", func(w *world) bool { return w.valid(older(w)) && older(w) != w.force }, func(w *world) error { w.kill(older(w)); return nil })
	return all
}

// check says what is wrong with a world.
func (w world) check() error {
	switch gate := w.c.Gate() != nil; {
	case w.slack < 0:
		return fmt.Errorf("more connections than losses and renewals")
	case w.link == up && gate != (w.flight != 0):
		return fmt.Errorf("gate closed: %v", gate)
	case w.link == up && !w.valid(w.force):
		return fmt.Errorf("connected without a valid token")
	}
	if _, due := w.c.Deadline(); w.want && w.c.pending == 0 && !due {
		return fmt.Errorf("another token is wanted, and nobody asks")
	}
	// From here on all goes well.
	entitled := w.valid(w.proven) || w.valid(w.given)
	if w.link == asking {
		w.connack()
	}
	for range 2 {
		if w.link == down && w.connect() {
			w.connack()
		}
	}
	if w.link == up {
		return nil
	}
	if entitled {
		return fmt.Errorf("locked out with a valid token")
	}
	if w.connect() {
		return fmt.Errorf("a third connection with the same tokens")
	}
	if _, ok := w.c.Deadline(); !ok {
		return fmt.Errorf("all tokens are refused, and nobody asks for another")
	}
	if err := w.poll(); err != nil {
		return err
	}
	if err := w.give(true, true); err != nil {
		return err
	}
	if w.connect() {
		w.connack()
	}
	if w.link != up {
		return fmt.Errorf("locked out with a fresh token")
	}
	return nil
}

// key is what tells worlds apart: which tokens are the same and which are valid,
// not their numbers; what is due, not when.
func (w *world) key() string {
	s := &w.c.slots[Read-1]
	due := "later"
	switch s.due {
	case atOnce:
		due = "now"
	case never:
		due = "never"
	}
	ids := []int{id(s.newest.token), id(s.old.token), id(s.shown.token), w.force, w.proven, w.given, w.flight}
	var b strings.Builder
	for _, n := range ids {
		fmt.Fprint(&b, slices.Index(ids, n), n == 0, w.valid(n))
	}
	fmt.Fprint(&b, " ", s.newest.renew == never, s.old.renew == never, s.second, s.late, s.acked, s.spent, s.polled == 0, due,
		w.c.pending, w.c.asked, w.c.older, w.c.spent, w.link, w.state, w.want, w.slack)
	return b.String()
}

// Every order of expiry, upload, PUBACK, loss, notice, refusal, renewal and their
// failures, of any length: all worlds that there are are visited.
func TestClientInEveryWorld(t *testing.T) {
	type step struct {
		from int
		move string
	}
	start := time.UnixMilli(1_600_000_000_000)
	first := world{c: Client{AccessKeyID: "a", InstanceID: "i"}, now: start, slack: 0}
	if err := first.give(true, true); err != nil { // the first connection is the one more
		t.Fatal(err)
	}
	worlds, steps, seen := []world{first}, []step{{}}, map[string]bool{first.key(): true}
	all, made := moves(), map[string]int{}
	for at := 0; at < len(worlds); at++ {
		for _, m := range all {
			w := worlds[at]
			can, err := m.do(&w)
			if !can {
				continue
			}
			made[m.name]++
			if err == nil {
				err = w.check()
			}
			if err != nil {
				path := []string{m.name}
				for i := at; i > 0; i = steps[i].from {
					path = append([]string{steps[i].move}, path...)
				}
				t.Fatalf("%v, after\n%s", err, strings.Join(path, "\n"))
			}
			if k := w.key(); !seen[k] {
				seen[k] = true
				worlds, steps = append(worlds, w), append(steps, step{at, m.name})
			}
		}
	}
	total := 0
	for _, m := range all {
		if made[m.name] == 0 {
			t.Errorf("never made: %s", m.name)
		}
		total += made[m.name]
	}
	t.Logf("%d worlds, %d moves", len(worlds), total)
	if len(worlds) < 20000 {
		t.Errorf("only %d worlds", len(worlds))
	}
}
