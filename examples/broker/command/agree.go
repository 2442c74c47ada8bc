package command

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"
)

// needs are settings that mean nothing where none of some others is set.
var needs = []struct {
	name   string
	others []string
}{
	{"tls-cert", []string{"listen-tls"}},
	{"tls-key", []string{"listen-tls"}},
	{"tls-client-ca", []string{"listen-tls"}},
	{"tls-require-cert", []string{"tls-client-ca"}},
	{"tls-cert-user", []string{"tls-client-ca"}},
	{"token-revoked", []string{"token-keys"}},
	{"token-notice", []string{"token-keys"}},
	{"token-late", []string{"token-keys"}},
	{"token-instance", []string{"token-keys"}},
	{"deny", []string{"acl", "token-keys"}},
	{"client-id", []string{"users", "token-keys", "tls-cert-user"}},
	{"keep-revoked", []string{"users", "acl", "token-keys"}},
	{"reload", []string{"users", "acl", "token-keys", "listen-tls"}},
}

// empty are settings that mean nothing beside a value of another.
var empty = []struct{ name, other, value string }{
	{"max-retained", "retain", "false"},
	{"max-inflight", "max-qos", "0"},
	{"max-queued", "max-qos", "0"},
	{"max-queued-bytes", "max-qos", "0"},
	{"receive-maximum", "max-qos", "0"},
	{"retry", "max-qos", "0"},
	{"refused-by-any", "max-qos", "0"},
	{"disconnect-slow", "max-qos", "0"},
	{"keep-revoked", "retain", "false"},
	{"max-shared", "shared", "false"},
	{"max-identified", "subscription-ids", "false"},
	{"max-identified", "wildcard", "false"},
}

// agree checks what settings say together. The errors name all of them.
func (s *settings) agree(f *flag.FlagSet, given map[string]bool) error {
	set := func(name string) bool {
		x := f.Lookup(name)
		if isLimit(name) {
			return given[name]
		}
		return x.Value.String() != x.DefValue
	}
	if len(s.listen.values)+len(s.listenTLS.values) == 0 {
		return errors.New("there is nothing to listen on: give -listen or -listen-tls")
	}
	if set("listen-tls") && !(set("tls-cert") && set("tls-key")) {
		return errors.New("-listen-tls needs -tls-cert and -tls-key")
	}
	for _, x := range needs {
		met := !set(x.name)
		for _, other := range x.others {
			met = met || set(other)
		}
		if !met {
			return fmt.Errorf("-%s needs -%s", x.name, strings.Join(x.others, " or -"))
		}
	}
	for _, x := range empty {
		if set(x.name) && f.Lookup(x.other).Value.String() == x.value {
			return fmt.Errorf("-%s means nothing with -%s=%s", x.name, x.other, x.value)
		}
	}
	return nil
}

// checkDurations checks what each of them says by itself.
func (s *settings) checkDurations() error {
	c := &s.server
	for _, x := range []struct {
		name  string
		value time.Duration
		least time.Duration
	}{
		{"write-timeout", c.WriteTimeout, 1},
		{"linger", c.Linger, 1},
		{"connect-timeout", c.ConnectTimeout, 0},
		{"retry", c.Retry, 0},
		{"grace", s.grace, 0},
		{"reload", s.reload, 0},
		{"token-notice", s.ahead, 0},
		{"token-late", s.late, 0},
		{"ban-window", c.Bans.Window, 1},
		{"ban-for", c.Bans.For, 1},
	} {
		switch {
		case x.value < 0:
			return fmt.Errorf("-%s: a negative duration", x.name)
		case x.value < x.least:
			return fmt.Errorf("-%s: a duration of 0 means nothing", x.name)
		}
	}
	if c.HoldBudget == 0 {
		return errors.New("-hold-budget: a duration of 0 means nothing; negative is no time")
	}
	if c.SysInterval == 0 {
		return errors.New("-sys-interval: a duration of 0 means nothing; negative is never")
	}
	return nil
}
