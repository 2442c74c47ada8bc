package tokenauth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/tokenauth"
)

func newClient(t *testing.T, life time.Duration, types ...tokenauth.Type) *tokenauth.Client {
	t.Helper()
	c := &tokenauth.Client{AccessKeyID: "acme", InstanceID: "post-1"}
	for _, typ := range types {
		if err := c.Set(epoch, typ, tokenauth.Secret("old"+typ.String()), epoch.Add(life)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func password(t *testing.T, c *tokenauth.Client) string {
	t.Helper()
	credentials := c.Connect()
	p, err := credentials.AppendPassword(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}

func update(t *testing.T, c *tokenauth.Client, typ tokenauth.Type) {
	t.Helper()
	payload, err := c.Update(nil, epoch, typ, tokenauth.Secret("new"), epoch.Add(time.Hour))
	if want := `{"token":"new","type":"` + typ.String() + `"}`; err != nil || string(payload) != want {
		t.Fatalf("%s, %v; want %s", payload, err, want)
	}
}

// Nothing but the update may leave until its PUBACK, and then the next CONNECT
// uses the new token.
func TestClientUpdate(t *testing.T) {
	c := newClient(t, time.Hour, tokenauth.Read, tokenauth.Write)
	if got := password(t, c); got != "R|oldR|W|oldW" {
		t.Fatal(got)
	}
	if err := c.Gate(); err != nil {
		t.Fatal(err)
	}
	update(t, c, tokenauth.Read)
	if err := c.Gate(); err != tokenauth.ErrUpdatePending {
		t.Errorf("Gate() = %v", err)
	}
	if got, err := c.Update([]byte("kept"), epoch, tokenauth.Write, tokenauth.Secret("x"), epoch); err != tokenauth.ErrUpdatePending || string(got) != "kept" {
		t.Errorf("a second update: %s, %v", got, err)
	}
	if err := c.Set(epoch, tokenauth.Read, tokenauth.Secret("x"), epoch); err != tokenauth.ErrUpdatePending {
		t.Errorf("Set while its update is on its way: %v", err)
	}
	if err := c.Acknowledged(mqttwire.Success); err != nil || c.Gate() != nil {
		t.Errorf("Acknowledged: %v, gate %v", err, c.Gate())
	}
	if err := c.Acknowledged(mqttwire.Success); err != tokenauth.ErrNoUpdate {
		t.Errorf("Acknowledged twice: %v", err)
	}
	if got := password(t, c); got != "R|new|W|oldW" {
		t.Error(got)
	}
}

// 5.0: a PUBACK that refuses leaves the old token.
func TestClientUpdateRefused(t *testing.T) {
	c := newClient(t, time.Hour, tokenauth.ReadWrite)
	update(t, c, tokenauth.ReadWrite)
	if err := c.Acknowledged(mqttwire.NotAuthorized); err != nil || c.Gate() != nil {
		t.Errorf("%v, gate %v", err, c.Gate())
	}
	if got := password(t, c); got != "RW|oldRW" {
		t.Error(got)
	}
}

// 3.1.1: the notice is the only word that an update was refused.
func TestClientUpdateRefusedByNotice(t *testing.T) {
	c := newClient(t, time.Hour, tokenauth.Read, tokenauth.Write)
	update(t, c, tokenauth.Read)
	n, err := c.Notice([]byte(tokenauth.TopicInvalidNotice), []byte(`{"code":8,"type":"R"}`))
	if err != nil || n.Code != tokenauth.SignatureInvalid || c.Gate() != nil {
		t.Errorf("%v, %v, gate %v", n, err, c.Gate())
	}
	if got := password(t, c); got != "R|oldR|W|oldW" {
		t.Error(got)
	}
}

// The connection is lost with an update on its way: the next CONNECT uses the
// new token, and the gate is open.
func TestClientUpdateLost(t *testing.T) {
	c := newClient(t, time.Hour, tokenauth.Read)
	update(t, c, tokenauth.Read)
	if got := password(t, c); got != "R|new" || c.Gate() != nil {
		t.Errorf("%s, gate %v", got, c.Gate())
	}
}

func TestClientUpdateErrors(t *testing.T) {
	c := newClient(t, time.Hour, tokenauth.Read)
	for _, tt := range []struct {
		typ   tokenauth.Type
		token string
		want  error
	}{
		{tokenauth.Write, "x", tokenauth.ErrNoToken},
		{0, "x", tokenauth.ErrType},
		{4, "x", tokenauth.ErrType},
		{tokenauth.Read, "", tokenauth.ErrEmpty},
		{tokenauth.Read, "a|b", tokenauth.ErrCharacter},
		{tokenauth.Read, strings.Repeat("x", tokenauth.MaxToken+1), tokenauth.ErrTooLong},
	} {
		got, err := c.Update([]byte("kept"), epoch, tt.typ, tokenauth.Secret(tt.token), epoch)
		if err != tt.want || string(got) != "kept" || c.Gate() != nil {
			t.Errorf("Update(%v, %.10q): %s, %v, gate %v", tt.typ, tt.token, got, err, c.Gate())
		}
		if tt.want == tokenauth.ErrNoToken || tt.want == tokenauth.ErrEmpty {
			continue
		}
		if err := c.Set(epoch, tt.typ, tokenauth.Secret(tt.token), epoch); err != tt.want {
			t.Errorf("Set(%v, %.10q): %v", tt.typ, tt.token, err)
		}
	}
	if got := password(t, c); got != "R|oldR" {
		t.Error(got)
	}
	if err := c.Set(epoch, tokenauth.Read, nil, time.Time{}); err != nil {
		t.Error(err)
	}
	credentials := c.Connect()
	if _, err := credentials.AppendPassword(nil); err != tokenauth.ErrNoToken {
		t.Errorf("without a token: %v", err)
	}
}

// The client keeps its own copy of a token.
func TestClientCopies(t *testing.T) {
	var c tokenauth.Client
	token := tokenauth.Secret("one")
	if err := c.Set(epoch, tokenauth.Read, token, time.Time{}); err != nil {
		t.Fatal(err)
	}
	copy(token, "two")
	if got := password(t, &c); got != "R|one" {
		t.Error(got)
	}
	if _, err := c.Update(nil, epoch, tokenauth.Read, token, time.Time{}); err != nil {
		t.Fatal(err)
	}
	copy(token, "six")
	if got := password(t, &c); got != "R|two" {
		t.Error(got)
	}
}

func TestClientRenewal(t *testing.T) {
	at := func(m int) time.Time { return epoch.Add(time.Duration(m) * time.Minute) }
	due := func(c *tokenauth.Client, m int, want ...tokenauth.Type) {
		t.Helper()
		if deadline, ok := c.Deadline(); !ok || !deadline.Equal(at(m)) {
			t.Fatalf("deadline %v, %v; want minute %d", deadline.Sub(epoch), ok, m)
		}
		if typ := c.Poll(at(m).Add(-time.Millisecond)); typ != 0 {
			t.Fatalf("before minute %d: %v", m, typ)
		}
		for _, w := range append(want, 0) {
			if typ := c.Poll(at(m)); typ != w {
				t.Fatalf("minute %d: %v, want %v", m, typ, w)
			}
		}
	}
	c := newClient(t, time.Hour, tokenauth.Read, tokenauth.Write)
	if err := c.Set(epoch, tokenauth.Write, tokenauth.Secret("x"), at(90)); err != nil {
		t.Fatal(err)
	}
	due(c, 50, tokenauth.Read)  // 10 minutes ahead
	due(c, 80, tokenauth.Write) // the first was asked for once
	if _, ok := c.Deadline(); ok {
		t.Error("nothing left, and yet a deadline")
	}
	// The notice asks again.
	if n, err := c.Notice([]byte(tokenauth.TopicExpireNotice), []byte(`{"expireTime":1600003600000,"type":"R"}`)); err != nil || !n.Time().Equal(at(60)) {
		t.Fatal(n, err)
	}
	if typ := c.Poll(at(55)); typ != tokenauth.Read {
		t.Errorf("after the notice: %v", typ)
	}
	// The new token is asked for in its turn.
	if _, err := c.Update(nil, at(55), tokenauth.Read, tokenauth.Secret("new"), at(120)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Notice([]byte(tokenauth.TopicExpireNotice), []byte(`{"expireTime":1600003600000,"type":"R"}`)); err != nil || c.Gate() == nil || c.Poll(at(56)) != 0 {
		t.Errorf("a notice that crosses the update: %v, %v", n, err)
	}
	if err := c.Acknowledged(0); err != nil {
		t.Fatal(err)
	}
	due(c, 110, tokenauth.Read)

	due(newClient(t, 4*time.Minute, tokenauth.Read), 2, tokenauth.Read) // half its time
	due(newClient(t, 0, tokenauth.Read, tokenauth.Write), 0, tokenauth.Read, tokenauth.Write)
	if typ := newClient(t, -time.Hour, tokenauth.ReadWrite).Poll(epoch); typ != tokenauth.ReadWrite {
		t.Errorf("expired when it is set: %v", typ)
	}
	c = &tokenauth.Client{Renew: time.Minute}
	if err := c.Set(epoch, tokenauth.Read, tokenauth.Secret("x"), at(10)); err != nil {
		t.Fatal(err)
	}
	due(c, 9, tokenauth.Read)

	// Without a time only a notice asks, and only for a token that there is.
	c = &tokenauth.Client{}
	if err := c.Set(epoch, tokenauth.Read, tokenauth.Secret("x"), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Deadline(); ok || c.Poll(at(1<<20)) != 0 {
		t.Error("a token of unknown time is asked for")
	}
	for _, payload := range []string{`{"code":3,"type":"W"}`, `{"code":3,"type":"R"}`} {
		if _, err := c.Notice([]byte(tokenauth.TopicInvalidNotice), []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	if got := []tokenauth.Type{c.Poll(epoch), c.Poll(epoch)}; got[0] != tokenauth.Read || got[1] != 0 {
		t.Errorf("asked for %v", got)
	}
	if n, err := c.Notice([]byte("a/b"), nil); err != tokenauth.ErrTopic || !n.IsZero() {
		t.Errorf("%v, %v", n, err)
	}
}
