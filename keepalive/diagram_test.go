package keepalive_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqttwire/mqttwire/internal/mermaid"
	"github.com/mqttwire/mqttwire/keepalive"
)

func title(s keepalive.State) string {
	name := s.String()
	return strings.ToUpper(name[:1]) + name[1:]
}

// arrow draws one transition, as the diagrams do; "" where nothing happened.
func arrow(from, to keepalive.State, call string, due keepalive.Due) string {
	if from == to && due == keepalive.None {
		return ""
	}
	line := title(from) + " --> " + title(to) + ": " + call
	if due != keepalive.None {
		line += " / " + due.String()
	}
	return line
}

// never asks for nothing: a moment at which nothing is due.
const never = 1000 * time.Second

func TestClientDiagram(t *testing.T) {
	// Each way into a state, at the moment never. Keep Alive is 60 s, so a
	// PINGREQ is due 45 s later, and no answer is waited for longer than 50 s.
	ways := []func(*keepalive.Client){
		func(c *keepalive.Client) {},
		func(c *keepalive.Client) { c.Start(never, 60) },
		func(c *keepalive.Client) { c.Start(never, 60); c.Ping(never) },
		func(c *keepalive.Client) { c.Ping(never) }, // Waiting, with Keep Alive 0
		func(c *keepalive.Client) { c.Start(0, 60); c.Poll(45 * second); c.Poll(never) },
	}
	type call struct {
		name string
		do   func(*keepalive.Client) keepalive.Due
	}
	poll := func(sent, received, now time.Duration) func(*keepalive.Client) keepalive.Due {
		return func(c *keepalive.Client) keepalive.Due {
			c.Sent(sent)
			c.Received(received)
			return c.Poll(now)
		}
	}
	none := func(f func(*keepalive.Client)) func(*keepalive.Client) keepalive.Due {
		return func(c *keepalive.Client) keepalive.Due { f(c); return keepalive.None }
	}
	calls := []call{
		{"Sent", none(func(c *keepalive.Client) { c.Sent(never) })},
		{"Received", none(func(c *keepalive.Client) { c.Received(never) })},
		{"Pingresp", none(func(c *keepalive.Client) { c.Pingresp(never) })},
		{"Ping", none(func(c *keepalive.Client) { c.Ping(never) })},
		{"Poll", poll(never, never, never)},
		{"Poll, nothing sent", poll(never, never+44*second, never+45*second)},
		{"Poll, nothing received", poll(never+44*second, never, never+45*second)},
		{"Poll, no answer", poll(never+44*second, never, never+50*second)},
	}
	seen := map[string]bool{}
	for _, way := range ways {
		start := func() keepalive.Client {
			c := keepalive.Client{Timeout: 50 * second}
			way(&c)
			return c
		}
		from := start()
		for _, call := range calls {
			c := start()
			due := call.do(&c)
			name := call.name
			if c.State() == keepalive.Off && name == "Pingresp" {
				name += ", Keep Alive 0"
			}
			if from.State() == keepalive.Dead && strings.HasPrefix(name, "Poll") {
				name = "Poll"
			}
			// What makes a PINGREQ due also holds when its answer is missing.
			if from.State() == keepalive.Alive && name == "Poll, no answer" {
				name = "Poll, nothing received"
			}
			seen[arrow(from.State(), c.State(), name, due)] = true
		}
		for seconds, want := range map[uint16]keepalive.State{0: keepalive.Off, 1: keepalive.Alive} {
			c := from
			if c.Start(never, seconds); c.State() != want {
				t.Errorf("%v, Start with %d: %v", from.State(), seconds, c.State())
			}
		}
		c := from
		if c.Stop(); c.State() != keepalive.Off {
			t.Errorf("%v, Stop: %v", from.State(), c.State())
		}
	}
	compare(t, "Client", seen)
}

func TestServerDiagram(t *testing.T) {
	ways := []func(*keepalive.Server){
		func(s *keepalive.Server) {},
		func(s *keepalive.Server) { s.Start(never, 60) },
		func(s *keepalive.Server) { s.Start(0, 60); s.Poll(90 * second) },
	}
	seen := map[string]bool{}
	for _, way := range ways {
		var from keepalive.Server
		way(&from)
		for _, name := range []string{"Received", "Poll", "Poll, nothing received"} {
			s, due := from, keepalive.None
			switch name {
			case "Received":
				s.Received(never)
			case "Poll":
				due = s.Poll(never)
			default:
				due = s.Poll(never + 90*second)
			}
			if from.State() == keepalive.Dead {
				name = "Poll"
			}
			seen[arrow(from.State(), s.State(), name, due)] = true
		}
		for seconds, want := range map[uint16]keepalive.State{0: keepalive.Off, 1: keepalive.Alive} {
			s := from
			if s.Start(never, seconds); s.State() != want {
				t.Errorf("%v, Start with %d: %v", from.State(), seconds, s.State())
			}
		}
		s := from
		if s.Stop(); s.State() != keepalive.Off {
			t.Errorf("%v, Stop: %v", from.State(), s.State())
		}
	}
	compare(t, "Server", seen)
}

// compare holds the transitions seen against the diagram. Start out of Off is
// drawn; Start and Stop elsewhere are in the README's words.
func compare(t *testing.T, heading string, seen map[string]bool) {
	t.Helper()
	delete(seen, "")
	seen["Off --> Alive: Start"] = true
	var got []string
	for line := range seen {
		got = append(got, line)
	}
	slices.Sort(got)
	if diff := cmp.Diff(mermaid.Arrows(t, heading), got); diff != "" {
		t.Errorf("the diagram (-) and the code (+) differ:\n%s", diff)
	}
}
