package tokenauth_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/connack"
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
	credentials, err := c.Connect()
	if err != nil {
		return err.Error()
	}
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
	c.Connack(connack.Success)
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
	if at, ok := c.Deadline(); ok || c.Poll(epoch.Add(2*time.Hour)) != 0 {
		t.Errorf("asks for a token that cannot be uploaded yet, at %v", at)
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

// 5.0: a PUBACK that refuses leaves the old token, and another is asked for.
func TestClientUpdateRefused(t *testing.T) {
	c := newClient(t, time.Hour, tokenauth.ReadWrite)
	password(t, c)
	c.Connack(connack.Success)
	at := epoch.Add(50 * time.Minute)
	if typ := c.Poll(at); typ != tokenauth.ReadWrite {
		t.Fatal(typ)
	}
	update(t, c, tokenauth.ReadWrite)
	if err := c.Acknowledged(mqttwire.NotAuthorized); err != nil || c.Gate() != nil {
		t.Errorf("%v, gate %v", err, c.Gate())
	}
	at = at.Add(tokenauth.DefaultRetry)
	if due, ok := c.Deadline(); !ok || !due.Equal(at) || c.Poll(at.Add(-time.Millisecond)) != 0 || c.Poll(at) != tokenauth.ReadWrite {
		t.Errorf("asks again at %v, %v", due, ok)
	}
	if got := password(t, c); got != "RW|oldRW" {
		t.Error(got)
	}
}

// Before 5.0 the notice is the only word that an update was refused, before the
// PUBACK or after it.
func TestClientUpdateRefusedByNotice(t *testing.T) {
	for _, acknowledged := range []bool{false, true} {
		for _, code := range []string{"1", "8"} {
			c := newClient(t, time.Hour, tokenauth.Read, tokenauth.Write)
			password(t, c)
			c.Connack(connack.Success)
			update(t, c, tokenauth.Read)
			if acknowledged {
				c.Acknowledged(mqttwire.Success)
			}
			n, err := c.Notice([]byte(tokenauth.TopicInvalidNotice), []byte(`{"code":`+code+`,"type":"R"}`))
			if err != nil || c.Gate() != nil {
				t.Errorf("%v, %v, gate %v", n, err, c.Gate())
			}
			if typ := c.Poll(epoch); typ != tokenauth.Read {
				t.Errorf("asks for %v", typ)
			}
			if got := password(t, c); got != "R|oldR|W|oldW" {
				t.Errorf("code %s, acknowledged %v: %s", code, acknowledged, got)
			}
		}
	}
}

// The old token expires while the upload is in flight, or the connection is lost
// before the PUBACK: the new token comes first, the old one next, and whichever
// gets in is the one that stays.
func TestClientKeepsBoth(t *testing.T) {
	for _, expired := range []bool{false, true} {
		for _, good := range []string{"R|new", "R|oldR", "neither"} {
			c := newClient(t, time.Hour, tokenauth.Read)
			password(t, c)
			c.Connack(connack.Success)
			c.Poll(epoch.Add(50 * time.Minute))
			update(t, c, tokenauth.Read)
			if expired {
				if _, err := c.Notice([]byte(tokenauth.TopicInvalidNotice), []byte(`{"code":2,"type":"R"}`)); err != nil {
					t.Fatal(err)
				}
			}
			var shown []string
			for range 4 {
				p := password(t, c)
				shown = append(shown, p)
				if p == good {
					c.Connack(connack.Success)
				} else {
					c.Connack(connack.RefusedNotAuthorized)
				}
			}
			refused := tokenauth.ErrRefused.Error()
			want := map[string][]string{
				"R|new":   {"R|new", "R|new", "R|new", "R|new"},
				"R|oldR":  {"R|new", "R|oldR", "R|oldR", "R|oldR"},
				"neither": {"R|new", "R|oldR", refused, refused},
			}[good]
			if !slices.Equal(shown, want) {
				t.Errorf("%s is good: shown %v", good, shown)
			}
			if due, ok := c.Deadline(); !ok || good != "R|new" && !due.Equal(epoch.Add(50*time.Minute+tokenauth.DefaultRetry)) {
				t.Errorf("%s is good: asks again at %v, %v", good, due, ok)
			}
		}
	}
}

// Which of several types was refused a CONNACK does not say: every combination
// is tried, the newest first.
func TestClientCombinations(t *testing.T) {
	newest := func(c *tokenauth.Client) {
		for _, typ := range []tokenauth.Type{tokenauth.Read, tokenauth.ReadWrite} {
			if err := c.Set(epoch, typ, tokenauth.Secret("new"), time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	c := newClient(t, time.Hour, tokenauth.Read, tokenauth.Write, tokenauth.ReadWrite)
	newest(c)
	var shown []string
	for range 5 {
		shown = append(shown, password(t, c))
		c.Connack(connack.BadUserNameOrPassword)
	}
	want := []string{
		"R|new|W|oldW|RW|new", "R|oldR|W|oldW|RW|new", "R|new|W|oldW|RW|oldRW", "R|oldR|W|oldW|RW|oldRW", tokenauth.ErrRefused.Error(),
	}
	if !slices.Equal(shown, want) {
		t.Errorf("%q", shown)
	}
	for _, want := range []tokenauth.Type{tokenauth.Read, tokenauth.Write, tokenauth.ReadWrite, 0} {
		if typ := c.Poll(epoch); typ != want {
			t.Errorf("asks for %v, want %v", typ, want)
		}
	}
	// One new token, and it is tried with what there is.
	if err := c.Set(epoch, tokenauth.Write, tokenauth.Secret("another"), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if got := password(t, c); got != "R|new|W|another|RW|new" {
		t.Error(got)
	}
	// Another code is about something else.
	c.Connack(connack.ServerUnavailable)
	c.Connack(connack.NotAuthorized) // to no CONNECT
	if got := password(t, c); got != "R|new|W|another|RW|new" {
		t.Error(got)
	}
}

// Of several updates on a connection only the last needs the token before: the
// server would not have gone on.
func TestClientUpdatesInTurn(t *testing.T) {
	c := newClient(t, time.Hour, tokenauth.Read, tokenauth.Write)
	password(t, c)
	c.Connack(connack.Success)
	for _, typ := range []tokenauth.Type{tokenauth.Read, tokenauth.Write} {
		update(t, c, typ)
		c.Acknowledged(mqttwire.Success)
	}
	for _, want := range []string{"R|new|W|new", "R|new|W|oldW", tokenauth.ErrRefused.Error()} {
		if got := password(t, c); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		c.Connack(connack.NotAuthorized)
	}
}

// A token that is set while a CONNECT is on its way has no part in its answer.
func TestClientSetWhileConnecting(t *testing.T) {
	set := func(c *tokenauth.Client, token string) {
		if err := c.Set(epoch, tokenauth.Read, tokenauth.Secret(token), time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	c := newClient(t, time.Hour, tokenauth.Read, tokenauth.Write)
	c.Set(epoch, tokenauth.Write, tokenauth.Secret("newW"), time.Time{})
	password(t, c)
	c.Connack(connack.NotAuthorized) // now the older W is shown
	if got := password(t, c); got != "R|oldR|W|oldW" {
		t.Fatal(got)
	}
	set(c, "late")
	c.Connack(connack.Success)
	if got := password(t, c); got != "R|late|W|oldW" {
		t.Fatal(got)
	}
	c.Connack(connack.NotAuthorized)
	if got := password(t, c); got != "R|oldR|W|oldW" {
		t.Error(got)
	}
	set(c, "later")
	c.Connack(connack.NotAuthorized) // was not about it
	if got := password(t, c); got != "R|later|W|oldW" {
		t.Error(got)
	}
	c.Set(epoch, tokenauth.Read, nil, time.Time{}) // removed meanwhile
	c.Connack(connack.Success)
	if got := password(t, c); got != "W|oldW" {
		t.Error(got)
	}
}

// A clock that is wrong makes nobody ask without end: a token that is over when
// it is issued is one that the server will speak about.
func TestClientClockWrong(t *testing.T) {
	c := newClient(t, -time.Hour, tokenauth.Read)
	password(t, c)
	c.Connack(connack.Success)
	if typ := c.Poll(epoch); typ != tokenauth.Read {
		t.Fatal(typ)
	}
	if _, err := c.Update(nil, epoch, tokenauth.Read, tokenauth.Secret("new"), epoch.Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	c.Acknowledged(mqttwire.Success)
	if at, ok := c.Deadline(); ok {
		t.Errorf("asks again at %v", at)
	}
	c.Notice([]byte(tokenauth.TopicExpireNotice), []byte(`{"expireTime":1600003600000,"type":"R"}`))
	if at, ok := c.Deadline(); !ok || !at.Equal(epoch.Add(tokenauth.DefaultRetry)) {
		t.Errorf("after the notice at %v, %v", at, ok)
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
	if credentials, err := c.Connect(); err != tokenauth.ErrNoToken || credentials.Tokens.Len() != 0 {
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
	c.Retry = 5 * time.Minute
	due(c, 50, tokenauth.Read) // 10 minutes ahead
	due(c, 55, tokenauth.Read) // no token has come: again
	if _, err := c.Update(nil, at(56), tokenauth.Read, tokenauth.Secret("new"), at(120)); err != nil {
		t.Fatal(err)
	}
	notice := func(c *tokenauth.Client, topic, payload string) {
		t.Helper()
		if _, err := c.Notice([]byte(topic), []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	notice(c, tokenauth.TopicExpireNotice, `{"expireTime":1600003600000,"type":"R"}`) // crosses the update
	if c.Gate() == nil || c.Poll(at(70)) != 0 {
		t.Error("asks for what is on its way")
	}
	if err := c.Acknowledged(0); err != nil {
		t.Fatal(err)
	}
	due(c, 80, tokenauth.Write)
	notice(c, tokenauth.TopicExpireNotice, `{"expireTime":1600007200000,"type":"R"}`)
	if typ := c.Poll(at(81)); typ != tokenauth.Read {
		t.Errorf("after the notice: %v", typ)
	}

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

	// Without a time only the server has it ask, and only for a token that there is.
	c = &tokenauth.Client{}
	if err := c.Set(epoch, tokenauth.Read, tokenauth.Secret("x"), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Deadline(); ok || c.Poll(at(1<<20)) != 0 {
		t.Error("a token of unknown time is asked for")
	}
	for _, payload := range []string{`{"code":3,"type":"W"}`, `{"code":3,"type":"R"}`} {
		notice(c, tokenauth.TopicInvalidNotice, payload)
	}
	if at, ok := c.Deadline(); !ok || at.After(epoch) {
		t.Errorf("after the notice: %v, %v", at, ok)
	}
	if got := []tokenauth.Type{c.Poll(epoch), c.Poll(epoch)}; got[0] != tokenauth.Read || got[1] != 0 {
		t.Errorf("asked for %v", got)
	}
	if n, err := c.Notice([]byte("a/b"), nil); err != tokenauth.ErrTopic || !n.IsZero() {
		t.Errorf("%v, %v", n, err)
	}
}
