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
	expectError(t, "-exempt means nothing with -limits none", "-limits", "none", "-exempt", "192.0.2.1")
	mustParse(t, "-limits", "none", "-exempt", "192.0.2.1", "-connect-rate", "5")
	expectError(t, "-max-queued-bytes of a session is more than -max-account-bytes of who has it", "-limits", "strict", "-max-queued-bytes", "67108864")
	mustParse(t, "-max-account-bytes", "1000") // what is there by default bows
	expectError(t, "-max-packet of one is more than -max-account-bytes of who sends it", "-max-account-bytes", "1000", "-max-packet", "1001")
	expectError(t, "-max-connect of one is more than -max-account-bytes of who sends it", "-max-account-bytes", "1000", "-max-connect", "1001")
}

// There are no more connections than there may be files: with those who are only told
// that there is no room.
func TestFit(t *testing.T) {
	for _, tt := range []struct {
		args  []string
		files int64
		want  int
		lower bool
	}{
		{nil, math.MaxInt64, 50_000, false},
		{nil, 1 << 20, 50_000, false},
		{nil, 1024, 448, true},
		{nil, 10, 1, true},
		{[]string{"-max-connections", "300"}, 1024, 300, false},
		{[]string{"-max-connections", "500"}, 1024, 448, true},
		{[]string{"-limits", "none"}, 1024, 0, false},
	} {
		s := mustParse(t, tt.args...)
		if lower := s.fit(tt.files); lower != tt.lower || s.server.MaxConnections != tt.want {
			t.Errorf("%q with %d files: %d connections", tt.args, tt.files, s.server.MaxConnections)
		}
		if n := s.server.MaxAddressConnections; n > 1+s.server.MaxConnections/4 && tt.lower {
			t.Errorf("%d connections of one address, %d of all", n, s.server.MaxConnections)
		}
	}
	if descriptors() < 1 {
		t.Error("no files")
	}
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
		s := mustParse(t, "-users", "u", "-client-id", tt.which)
		if got := s.owns(&hub.Peer{Principal: tt.principal, UserName: tt.user, ClientID: tt.id}); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
	if s := mustParse(t); s.clientID != "" {
		t.Error("there is a rule by default")
	}
	expectError(t, "-client-id: ", "-client-id", "any")
}
