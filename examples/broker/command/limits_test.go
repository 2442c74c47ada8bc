package command

import (
	"math"
	"testing"

	"github.com/mqttwire/mqttwire/examples/broker/hub"
)

// -limits says what holds where nothing else is said.
func TestLimits(t *testing.T) {
	for which, connections := range map[string]int{"none": 0, "default": 1000, "strict": 100} {
		if got := mustParse(t, "-limits", which).server.MaxAddressConnections; got != connections {
			t.Errorf("%s: %d connections of an address", which, got)
		}
		if got := mustParse(t, "-max-address-connections", "7", "-limits", which).server.MaxAddressConnections; got != 7 {
			t.Errorf("%s: %d connections of an address, where 7 are given", which, got)
		}
	}
	none := mustParse(t, "-limits", "none").server
	if none.MaxTotalBytes != math.MaxInt64 || none.MaxAccountBytes != math.MaxInt64 || none.Bans.Credentials+none.Bans.Malformed+none.ConnectRate+none.MaxConnections != 0 {
		t.Errorf("none: %+v", none)
	}
	expectError(t, "-limits: ", "-limits", "some")
	expectError(t, "-max-account-bytes of one is more than -max-total-bytes of all", "-max-account-bytes", "1001", "-max-total-bytes", "1000")
	expectError(t, "-max-address-connections of one is more than -max-connections of all", "-max-address-connections", "11", "-max-connections", "10")
	expectError(t, "-ban-for needs ", "-limits", "none", "-ban-for", "7m")
}

// Limits by address do not bind loopback addresses, unless -limits is strict, nor
// those of -exempt; logins take turns by address all the same on loopback.
func TestExempt(t *testing.T) {
	for _, tt := range []struct {
		address                string
		args                   []string
		wantExempt, wantShared bool
	}{
		{"127.0.0.1:1", nil, true, false},
		{"[::1]:1", nil, true, false},
		{"127.0.0.1:1", []string{"-limits", "strict"}, false, false},
		{"192.0.2.9:1", nil, false, false},
		{"192.0.2.9:1", []string{"-exempt", "192.0.2.0/24"}, true, true},
		{"192.0.2.9:1", []string{"-exempt", "192.0.2.9", "-limits", "strict"}, true, true},
		{"192.0.3.9:1", []string{"-exempt", "192.0.2.0/24", "-exempt", "2001:db8::/32"}, false, false},
		{"[2001:db8::7]:1", []string{"-exempt", "192.0.2.0/24", "-exempt", "2001:db8::/32"}, true, true},
		{"pipe", []string{"-exempt", "0.0.0.0/0"}, false, false},
	} {
		s := mustParse(t, tt.args...)
		if exempt, shared := s.isExempt(tt.address), s.isShared(tt.address); exempt != tt.wantExempt || shared != tt.wantShared {
			t.Errorf("%s, %q: exempt %v, shared %v", tt.address, tt.args, exempt, shared)
		}
	}
	expectError(t, "-exempt: ", "-exempt", "a load balancer")
}

// A user may have the client ids that -client-id says; who is nobody any.
func TestClientIDs(t *testing.T) {
	for _, tt := range []struct {
		which, principal, user, id string
		want                       bool
	}{
		{"user", "user a", "a", "a", true},
		{"user", "user a", "a", "a-1", false},
		{"user", "user a", "a", "b", false},
		{"prefix", "user a", "a", "a", true},
		{"prefix", "user a", "a", "a-1", true},
		{"prefix", "user a", "a", "a/1/2", true},
		{"prefix", "user a", "a", "ab", false},
		{"prefix", "user a", "a", "b", false},
		{"prefix", "", "a", "b", true},
	} {
		s := mustParse(t, "-client-id", tt.which)
		if got := s.owns(&hub.Peer{Principal: tt.principal, UserName: tt.user, ClientID: tt.id}); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
	if s := mustParse(t); s.clientID != "" {
		t.Error("there is a rule by default")
	}
	expectError(t, "-client-id: ", "-client-id", "any")
}
