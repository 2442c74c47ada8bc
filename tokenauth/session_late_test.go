package tokenauth_test

import (
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/tokenauth"
)

// late is a session of a client that has connected without a user name.
func late(t *testing.T, v tokenauth.Verifier, instance string) *tokenauth.Session {
	t.Helper()
	s := &tokenauth.Session{Late: 10 * time.Second, Instance: instance, Ahead: -1}
	if code, err := s.Connect(epoch, v, tokenauth.Connect{Version: mqttwire.V311}); code != 0 || err != nil {
		t.Fatalf("CONNECT refused: %v, %v", code, err)
	}
	return s
}

// The tokens of two accounts, and of one of two instances.
var owned = grants{
	"r":      {Type: tokenauth.Read, AccessKeyID: "acme", InstanceID: "post-1", Expires: ms(3_600_000), Filters: filters("#")},
	"w":      {Type: tokenauth.Write, AccessKeyID: "acme", InstanceID: "post-1", Filters: filters("#")},
	"nobody": {Type: tokenauth.Read, Filters: filters("#")},
}

// Who has no user name may upload, and do nothing else before.
func TestSessionLate(t *testing.T) {
	s := late(t, owned, "")
	none := tokenauth.Verdict{Code: tokenauth.PermissionMismatch}
	for _, topic := range []string{"a", tokenauth.TopicExpireNotice, tokenauth.TopicInvalidNotice} {
		if p, q, r := s.Publish(epoch, []byte(topic)), s.Subscribe(epoch, []byte(topic)), s.Deliver(epoch, []byte(topic)); p.OK() || q != none || r != none || !s.Waiting() {
			t.Errorf("%s: %v, %v, %v", topic, p, q, r)
		}
	}
	// A bad upload, with which it still waits.
	for payload, want := range map[string]tokenauth.Verdict{
		"{}":                              {Code: tokenauth.Forged},
		`{"token":"forged","type":"W"}`:   {Code: tokenauth.Forged, Type: tokenauth.Write},
		`{"token":"nobody","type":"R"}`:   {Code: tokenauth.AccountInvalid, Type: tokenauth.Read},
		`{"token":"r","type":"W"}`:        {Code: tokenauth.PermissionMismatch, Type: tokenauth.Write},
		`{"token":"nobody2","type":"RW"}`: {Code: tokenauth.Forged, Type: tokenauth.ReadWrite},
	} {
		if got := s.Update(epoch, []byte(payload)); got != want || !s.Waiting() {
			t.Errorf("%s: %v, want %v", payload, got, want)
		}
	}
	if at, ok := s.Deadline(); !ok || !at.Equal(epoch.Add(10*time.Second)) {
		t.Errorf("deadline %v", at)
	}
	if n := s.Poll(epoch.Add(10*time.Second - 1)); !n.IsZero() {
		t.Errorf("turned out early: %v", n)
	}
	n := s.Poll(epoch.Add(10 * time.Second))
	if _, err := n.Append(nil); !n.Final() || err != tokenauth.ErrType {
		t.Errorf("not turned out in time: %v, %v", n, err)
	}

	if got := s.Update(epoch, []byte(`{"token":"r","type":"R"}`)); !got.OK() || s.Waiting() {
		t.Fatal(got)
	}
	if !s.Subscribe(epoch, []byte("a")).OK() || !s.Subscribe(epoch, []byte(tokenauth.TopicExpireNotice)).OK() || s.Publish(epoch, []byte("a")).OK() {
		t.Error("the token does not say what is allowed")
	}
	if n := s.Poll(epoch.Add(time.Minute)); !n.IsZero() {
		t.Error(n)
	}
	if at, ok := s.Deadline(); !ok || !at.Equal(epoch.Add(time.Hour)) {
		t.Errorf("deadline %v", at)
	}
	// Another type, which the CONNECT did not have.
	if got := s.Update(epoch, []byte(`{"token":"w","type":"W"}`)); !got.OK() || !s.Publish(epoch, []byte("a")).OK() || !s.Subscribe(epoch, []byte("a")).OK() {
		t.Error(got)
	}
}

// Without the setting a CONNECT without a user name is none of ours, and a type
// that it did not have is refused.
func TestSessionNotLate(t *testing.T) {
	var s tokenauth.Session
	if code, err := s.Connect(epoch, owned, tokenauth.Connect{Version: mqttwire.V311}); code != 4 || err != tokenauth.ErrNotToken || s.Waiting() {
		t.Errorf("CONNECT without a user name: %v, %v", code, err)
	}
	s = *connected(t, owned, "R|r")
	if got := s.Update(epoch, []byte(`{"token":"w","type":"W"}`)); got != (tokenauth.Verdict{Code: tokenauth.PermissionMismatch, Type: tokenauth.Write}) {
		t.Error(got)
	}
	s = tokenauth.Session{Late: time.Second}
	for _, c := range []tokenauth.Connect{{UserName: []byte{}}, {UserName: []byte("alice")}} {
		if _, err := s.Connect(epoch, owned, c); err != tokenauth.ErrNotToken || s.Waiting() {
			t.Errorf("%q: %v", c.UserName, err)
		}
	}
	if code, err := s.Connect(epoch, owned, tokenauth.Connect{Version: mqttwire.V50, WillTopic: []byte("a")}); code != connack.NotAuthorized || err != tokenauth.PermissionMismatch || s.Waiting() {
		t.Errorf("a will: %v, %v", code, err)
	}
}

// Whom the Verifier is asked about: the user name, or the first token, or the
// instance that the Session is for.
func TestSessionLateRequest(t *testing.T) {
	var asked tokenauth.Request
	v := verifierFunc(func(r tokenauth.Request) (*tokenauth.Grant, tokenauth.Code) {
		asked = r
		return &tokenauth.Grant{Type: r.Type, AccessKeyID: "acme", InstanceID: "post-1"}, tokenauth.Valid
	})
	for _, instance := range []string{"", "post-1"} {
		s := late(t, v, instance)
		s.Update(epoch, []byte(`{"token":"x","type":"W"}`))
		if asked.AccessKeyID != "" || asked.InstanceID != instance {
			t.Errorf("first asked about %q, %q", asked.AccessKeyID, asked.InstanceID)
		}
		s.Update(epoch, []byte(`{"token":"x","type":"R"}`))
		if asked.AccessKeyID != "acme" || asked.InstanceID != "post-1" {
			t.Errorf("then about %q, %q", asked.AccessKeyID, asked.InstanceID)
		}
	}
}

// Clients of other instances are refused, whatever their token is.
func TestSessionInstance(t *testing.T) {
	for instance, want := range map[string]error{"": nil, "post-1": nil, "post-2": tokenauth.ResourceMismatch, "POST-1": tokenauth.ResourceMismatch} {
		s := tokenauth.Session{Instance: instance}
		for range 2 { // it is kept
			if _, err := s.Connect(epoch, owned, connect(mqttwire.V50, "R|r")); err != want || (err == nil) != s.Deliver(epoch, []byte("a")).OK() {
				t.Errorf("%q: %v", instance, err)
			}
		}
	}
}
