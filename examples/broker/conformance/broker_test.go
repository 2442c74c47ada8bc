package conformance

import (
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/conformance/conformancetest"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/examples/broker/server"
	"github.com/mqttwire/mqttwire/examples/broker/servertest"
)

// The broker, as nobody has configured it except for how long it waits for a CONNECT,
// does all that a standard asks for, and all that one recommends.
func TestBroker(t *testing.T) {
	t.Parallel()
	o := hub.DefaultOptions()
	o.ConnectTimeout = 4 * time.Second
	addr, _ := servertest.Start(t, server.Config{ServerOptions: o})
	report := conformancetest.Broker(t, addr)
	for _, r := range report.Results {
		if r.State != conformance.Passed && r.State != conformance.Skipped {
			t.Errorf("%s of %s is %v: %s", r.Check, r.Version, r.State, r.Cause)
		}
		for _, f := range r.Findings {
			t.Errorf("%s of %s: %s (%v): expected %s, got %s", r.Check, r.Version, f.Clause, f.Level, f.Expected, f.Got)
		}
	}
	choices := map[string]string{}
	for _, c := range report.Choices {
		choices[c.Name] = c.Value
	}
	for name, want := range map[string]string{
		"overlapping subscriptions in 3.1.1":     "one copy",
		"overlapping subscriptions in 5.0":       "one copy",
		"publishing to topics that begin with $": "acknowledged, and not delivered",
	} {
		if choices[name] != want {
			t.Errorf("%s: %q, want %q", name, choices[name], want)
		}
	}
}
