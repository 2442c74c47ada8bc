package conformance

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// against runs checks against a subject that does with each connection what serve
// does.
func against(t *testing.T, serve func(net.Conn), checks ...Check) *Report {
	t.Helper()
	r := Runner{Checks: checks, Patience: 100 * time.Millisecond, Limit: 500 * time.Millisecond, Open: func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { theirs.Close() })
		go serve(theirs)
		return ours, nil
	}}
	return r.Run(t.Context())
}

func silent(net.Conn) {}

var ping = Cite("3.1.1 3.12.4-1; 5.0 3.12.4-1")

func check(name string, f func(*T)) Check {
	return Check{Name: name, Clauses: ping, Versions: []mqttwire.Version{mqttwire.V50}, Func: f}
}

func states(r *Report) (all []string) {
	for _, x := range r.Results {
		all = append(all, x.Check+" "+x.State.String())
	}
	return all
}

// A fault of a clause that the check is about fails it; one of another is a
// finding, and where the check cannot go on it is blocked.
func TestOwnClauses(t *testing.T) {
	other := Cite("5.0 3.1.4-5")
	report := against(t, silent,
		check("fault", func(t *T) { t.Fault(ping, "a", "b") }),
		check("nil", func(t *T) { t.Fatal(nil, "a", "b") }),
		check("finding", func(t *T) { t.Fault(other, "a", "b") }),
		check("blocked", func(t *T) { t.Fatal(other, "a", "b") }),
		check("advice", func(t *T) { t.Advise(ping, "a", "b") }),
		check("skipped", func(t *T) { t.Skip("no") }),
	)
	want := []string{"fault failed", "nil failed", "finding passed", "blocked blocked", "advice passed", "skipped skipped"}
	if got := states(report); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if f := report.Results[2].Findings; len(f) != 1 || f[0].Clause != "5.0 MQTT-3.1.4-5" || f[0].Rule == "" {
		t.Errorf("findings %v", f)
	}
	if f := report.Results[4].Findings; len(f) != 1 || f[0].Level != Should {
		t.Errorf("findings %v", f)
	}
	if got := len(report.Broken()); got != 2 {
		t.Errorf("%d clauses are broken: %v", got, report.Broken())
	}
}

// A fault of a check of level SHOULD is no failure of the subject.
func TestLevel(t *testing.T) {
	c := check("should", func(t *T) { t.Fault(nil, "a", "b") })
	c.Level = Should
	report := against(t, silent, c)
	if report.Results[0].State != Failed || !report.Pass() {
		t.Errorf("got %v, pass %v", states(report), report.Pass())
	}
}

// What comes after a check that did not pass is blocked, and names it; what is
// selected brings along what it comes after.
func TestAfter(t *testing.T) {
	second := check("second", func(*T) {})
	second.After = []string{"first"}
	third := check("third", func(*T) {})
	third.After = []string{"second", "not there"}
	r := Runner{Select: func(name string) bool { return name == "third" }, Checks: []Check{third, second,
		check("first", func(t *T) { t.Fault(nil, "a", "b") }), check("not asked for", func(*T) {})}}
	report := r.Run(t.Context())
	want := []string{"third blocked", "second blocked", "first failed"}
	if got := states(report); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if cause := report.Results[0].Cause; !strings.Contains(cause, "second") {
		t.Errorf("cause %q", cause)
	}
}

// A choice is learnt once, and then held against the subject.
// A fault is put down to what the check rests on, where that has not passed; it
// waits for nobody, and passes without it.
func TestRestsOn(t *testing.T) {
	fails := func(t *T) { t.Fault(nil, "a", "b") }
	rests := func(c Check, on ...string) Check { c.RestsOn = on; return c }
	report := against(t, silent,
		rests(check("fails", fails), "broken"),
		rests(check("passes", func(*T) {}), "broken"),
		rests(check("on another", fails), "fine", "not there"),
		rests(check("in a circle", fails), "fails"),
		check("fine", func(*T) {}),
		check("broken", func(t *T) { time.Sleep(20 * time.Millisecond); t.Fault(nil, "c", "d") }),
	)
	want := []string{"fails blocked", "passes passed", "on another failed", "in a circle blocked", "fine passed", "broken failed"}
	if got := states(report); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if x := report.Results[0]; x.Cause != "rests on broken, which is failed" || len(x.Faults) != 1 {
		t.Errorf("%+v", x)
	}
}

func TestChoose(t *testing.T) {
	choose := func(value string) func(*T) { return func(t *T) { t.Choose("colour", value) } }
	second, third := check("second", choose("red")), check("third", choose("blue"))
	second.After, third.After = []string{"first"}, []string{"first"}
	report := against(t, silent, check("first", choose("red")), second, third)
	want := []string{"first passed", "second passed", "third failed"}
	if got := states(report); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(report.Choices) != 1 || report.Choices[0] != (Choice{"colour", "red", "first"}) {
		t.Errorf("choices %v", report.Choices)
	}
}

// However the subject and the check behave, the run ends.
func TestBounded(t *testing.T) {
	subjects := map[string]func(net.Conn){
		"hangs":   silent,
		"closes":  func(c net.Conn) { c.Close() },
		"garbage": func(c net.Conn) { c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) },
		"floods": func(c net.Conn) {
			for {
				if _, err := c.Write([]byte{0xd0, 0}); err != nil {
					return
				}
			}
		},
		"claims": func(c net.Conn) { c.Write([]byte{0x30, 0xff, 0xff, 0xff, 0x7f, 1}) },
	}
	for name, serve := range subjects {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := against(t, serve,
				check("reads", func(t *T) {
					c := t.Open("c", mqttwire.Client, t.Version)
					for {
						if _, err := c.Next(t.Patience()); err != nil {
							t.Fatalf(nil, "a packet", "%v", err)
						}
					}
				}),
				check("writes", func(t *T) {
					c := t.Open("c", mqttwire.Client, t.Version)
					for c.Send(&codec.Pingreq{}) == nil {
					}
				}),
				check("sleeps", func(t *T) { t.Sleep(time.Hour) }),
				check("panics", func(t *T) { panic("oh") }),
			)
			for _, r := range report.Results {
				if r.Took > 10*time.Second || len(r.Exchange) > keepEvents {
					t.Errorf("%s took %v, and kept %d events", r.Check, r.Took, len(r.Exchange))
				}
			}
			if got := report.Results[2].State; got != Blocked {
				t.Errorf("who sleeps for too long is %v", got)
			}
			if r := report.Results[3]; r.State != Blocked || !strings.Contains(r.Cause, "oh") {
				t.Errorf("a panic is %v: %s", r.State, r.Cause)
			}
		})
	}
}

// A packet that the standard forbids is a finding of its clause, and read where
// that can be.
func TestDeviations(t *testing.T) {
	report := against(t, func(c net.Conn) { c.Write([]byte("\xd1\x00\x38\x05\x00\x01a\x00x\xd0\x01\x00")) },
		check("reads", func(t *T) {
			c := t.Open("c", mqttwire.Client, t.Version)
			for _, want := range []mqttwire.PacketType{mqttwire.PINGRESP, mqttwire.PUBLISH} {
				if p, err := c.Next(t.Patience()); err != nil || p.Type() != want {
					t.Fatalf(nil, want.String(), "%v, %v", p, err)
				}
			}
			var bad *Malformed
			if _, err := c.Next(t.Patience()); !errors.As(err, &bad) {
				t.Fatalf(nil, "what cannot be read", "%v", err)
			}
			if n, deviations := t.Wire(); n != 3 || len(deviations) != 3 {
				t.Fatalf(nil, "3 packets, 3 deviations", "%d, %v", n, deviations)
			}
		}))
	var clauses []string
	for _, f := range report.Results[0].Findings {
		clauses = append(clauses, string(f.Clause))
	}
	if want := []string{"5.0 MQTT-2.1.3-1", "5.0 MQTT-3.3.1-2"}; len(clauses) != 3 || !slices.Equal(clauses[:2], want) {
		t.Errorf("findings of %q, want %q and another", clauses, want)
	}
	if report.Results[0].State != Passed {
		t.Errorf("%+v", report.Results[0].Faults)
	}
}

// Identifiers and topics are the check's own, and fit every server.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	f := func(t *T) {
		for _, name := range []string{"c", "d", "a very long name, longer than there is room for", "a very long name, longer than there is room for it"} {
			id := t.ID(name)
			if len(id) > 23 || seen[id] || t.ID(name) != id || strings.ContainsAny(id, " ,-") {
				panic(id)
			}
			seen[id] = true
		}
	}
	second := check("second", f)
	second.After = []string{"first"}
	for _, r := range against(t, silent, check("first", f), second).Results {
		if r.State != Passed {
			t.Error(r.Cause)
		}
	}
}

// A report of nothing but what is blocked is none of a subject that passes.
func TestJudged(t *testing.T) {
	blocks := check("blocks", func(t *T) { t.Block("no") })
	if r := against(t, silent, blocks, check("skips", func(t *T) { t.Skip("no") })); r.Judged() || r.Pass() {
		t.Error("what is blocked passes")
	}
	if r := against(t, silent, blocks, check("fine", func(*T) {})); !r.Judged() || !r.Pass() {
		t.Error("nothing is judged, and a check has passed")
	}
}

// A subject that goes away for good does not pass, whatever it has passed before.
func TestGone(t *testing.T) {
	left := 2
	r := Runner{Patience: 100 * time.Millisecond, Parallel: 1, Checks: []Check{
		check("fine", func(t *T) { t.Open("c", mqttwire.Client, t.Version) }),
		check("ends it", func(t *T) { t.Open("c", mqttwire.Client, t.Version); t.Open("d", mqttwire.Client, t.Version) }),
		check("later", func(t *T) { t.Open("c", mqttwire.Client, t.Version) }),
	}, Probe: func(net.Conn, time.Duration) error { return nil }, Open: func(context.Context) (net.Conn, error) {
		if left--; left < 0 {
			return nil, errors.New("nobody listens")
		}
		ours, theirs := net.Pipe()
		t.Cleanup(func() { theirs.Close() })
		return ours, nil
	}}
	report := r.Run(t.Context())
	if want := []string{"fine passed", "ends it blocked", "later blocked"}; !slices.Equal(states(report), want) {
		t.Errorf("got %q, want %q", states(report), want)
	}
	if report.Pass() || !strings.Contains(report.Gone, "ends it of 5.0") {
		t.Errorf("it passes, gone: %q", report.Gone)
	}
}
