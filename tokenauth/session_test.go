package tokenauth_test

import (
	"slices"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/tokenauth"
)

// fake is a Verifier that knows tokens by heart: their type, and what is wrong
// with them.
type fake map[string]struct {
	typ  tokenauth.Type
	code tokenauth.Code
}

func (f fake) Verify(now time.Time, r tokenauth.Request) (*tokenauth.Grant, tokenauth.Code) {
	token, ok := f[string(r.Token)]
	switch {
	case !ok:
		return nil, tokenauth.Forged
	case token.code != tokenauth.Valid:
		return nil, token.code
	}
	return &tokenauth.Grant{Type: token.typ, ID: string(r.Token), Filters: filters("a/+/c")}, tokenauth.Valid
}

func (f fake) Recheck(account string, g *tokenauth.Grant) tokenauth.Code { return f[g.ID].code }

// grants is a Verifier that hands out what it was given, whoever asks.
type grants map[string]*tokenauth.Grant

func (g grants) Verify(_ time.Time, r tokenauth.Request) (*tokenauth.Grant, tokenauth.Code) {
	if grant := g[string(r.Token)]; grant != nil {
		return grant, tokenauth.Valid
	}
	return nil, tokenauth.Forged
}

func (g grants) Recheck(string, *tokenauth.Grant) tokenauth.Code { return tokenauth.Valid }

func filters(list ...string) tokenauth.Filters {
	f, err := tokenauth.CompileFilters(list)
	if err != nil {
		panic(err)
	}
	return f
}

var epoch = time.UnixMilli(1_600_000_000_000)

func connect(version mqttwire.Version, password string) tokenauth.Connect {
	return tokenauth.Connect{Version: version, UserName: []byte("Token|acme|post-1"), Password: []byte(password)}
}

func connected(t *testing.T, v tokenauth.Verifier, password string) *tokenauth.Session {
	t.Helper()
	var s tokenauth.Session
	if code, err := s.Connect(epoch, v, connect(mqttwire.V50, password)); code != 0 || err != nil {
		t.Fatalf("CONNECT refused: %v, %v", code, err)
	}
	return &s
}

// A CONNECT is answered with 0, 4 or 5, in 5.0 with 0, 0x86 or 0x87.
func TestSessionConnect(t *testing.T) {
	v := fake{
		"r": {tokenauth.Read, 0}, "w": {tokenauth.Write, 0}, "rw": {tokenauth.ReadWrite, 0},
		"expired": {0, tokenauth.Expired}, "revoked": {0, tokenauth.Revoked}, "unsigned": {0, tokenauth.SignatureInvalid},
		"elsewhere": {0, tokenauth.ResourceMismatch}, "type": {0, tokenauth.PermissionMismatch}, "account": {0, tokenauth.AccountInvalid},
	}
	for _, tt := range []struct {
		userName, password, will string
		v3, v5                   connack.Code
		err                      error
	}{
		{"Token|acme|post-1", "R|r", "", 0, 0, nil},
		{"Token|acme|post-1", "W|w|RW|rw|R|r", "", 0, 0, nil},
		{"Token|acme|post-1", "W|w", "a/b/c", 0, 0, nil},
		{"Token|acme|post-1", "R|forged", "", 4, 0x86, tokenauth.Forged},
		{"Token|acme|post-1", "R|unsigned", "", 4, 0x86, tokenauth.SignatureInvalid},
		{"Token|acme|post-1", "R|expired", "", 5, 0x87, tokenauth.Expired},
		{"Token|acme|post-1", "R|revoked", "", 5, 0x87, tokenauth.Revoked},
		{"Token|acme|post-1", "R|elsewhere", "", 5, 0x87, tokenauth.ResourceMismatch},
		{"Token|acme|post-1", "R|type", "", 5, 0x87, tokenauth.PermissionMismatch},
		{"Token|acme|post-1", "R|account", "", 5, 0x87, tokenauth.AccountInvalid},
		{"Token|acme|post-1", "R|r|W|expired", "", 5, 0x87, tokenauth.Expired}, // all of them have to be good
		{"Token|acme|post-1", "W|r", "", 5, 0x87, tokenauth.PermissionMismatch},
		{"Token|acme|post-1", "RW|r", "", 5, 0x87, tokenauth.PermissionMismatch},
		{"Token|acme|post-1", "R|r", "a/b/c", 5, 0x87, tokenauth.PermissionMismatch}, // a will is a PUBLISH
		{"Token|acme|post-1", "W|w", "a/b/d", 5, 0x87, tokenauth.ResourceMismatch},
		{"Token|acme|post-1", "W|w", tokenauth.TopicUpdate, 5, 0x87, tokenauth.ResourceMismatch},
		{"Token|acme|post-1", "W|w", tokenauth.TopicInvalidNotice, 5, 0x87, tokenauth.ResourceMismatch},
		{"Token|acme|post-1", "", "", 4, 0x86, tokenauth.ErrNoToken},
		{"Token|acme|post-1", "R|r|W", "", 4, 0x86, tokenauth.ErrPassword},
		{"Token|acme|post-1", "R|r|R|r", "", 4, 0x86, tokenauth.ErrTypeTwice},
		{"Token|acme", "R|r", "", 4, 0x86, tokenauth.ErrUserName},
		{"alice", "secret", "", 4, 0x86, tokenauth.ErrNotToken},
	} {
		for version, want := range map[mqttwire.Version]connack.Code{mqttwire.V31: tt.v3, mqttwire.V311: tt.v3, mqttwire.V50: tt.v5} {
			c := tokenauth.Connect{Version: version, UserName: []byte(tt.userName), Password: []byte(tt.password)}
			if tt.will != "" {
				c.WillTopic = []byte(tt.will)
			}
			s := connected(t, v, "RW|rw") // what was before is gone
			code, err := s.Connect(epoch, v, c)
			if code != want || err != tt.err || !code.ValidIn(version) {
				t.Errorf("%v %s %s: CONNACK %#x, %v; want %#x, %v", version, tt.userName, tt.password, uint8(code), err, uint8(want), tt.err)
			}
			if err != nil && (s.Publish(epoch, []byte("a/b/c")).OK() || s.Deliver(epoch, []byte("a/b/c")).OK() ||
				s.Subscribe(epoch, []byte(tokenauth.TopicInvalidNotice)).OK()) {
				t.Errorf("%s %s: refused, and yet allowed", tt.userName, tt.password)
			}
		}
	}
}

// The user name is what the Verifier is asked about, also in an update.
func TestSessionRequest(t *testing.T) {
	var asked []tokenauth.Request
	v := verifierFunc(func(r tokenauth.Request) (*tokenauth.Grant, tokenauth.Code) {
		r.Token = slices.Clone(r.Token)
		asked = append(asked, r)
		return &tokenauth.Grant{Type: r.Type}, tokenauth.Valid
	})
	s := connected(t, v, "W|one|R|two")
	s.Update(epoch, []byte(`{"token":"three","type":"W"}`))
	want := []tokenauth.Request{
		{AccessKeyID: "acme", InstanceID: "post-1", Type: tokenauth.Read, Token: tokenauth.Secret("two")},
		{AccessKeyID: "acme", InstanceID: "post-1", Type: tokenauth.Write, Token: tokenauth.Secret("one")},
		{AccessKeyID: "acme", InstanceID: "post-1", Type: tokenauth.Write, Token: tokenauth.Secret("three")},
	}
	for i, w := range want {
		if i >= len(asked) || asked[i].AccessKeyID != w.AccessKeyID || asked[i].InstanceID != w.InstanceID || asked[i].Type != w.Type || string(asked[i].Token) != string(w.Token) {
			t.Fatalf("asked %+v", asked)
		}
	}
}

type verifierFunc func(tokenauth.Request) (*tokenauth.Grant, tokenauth.Code)

func (f verifierFunc) Verify(_ time.Time, r tokenauth.Request) (*tokenauth.Grant, tokenauth.Code) {
	return f(r)
}
func (f verifierFunc) Recheck(string, *tokenauth.Grant) tokenauth.Code { return tokenauth.Valid }

// ms is a moment after epoch.
func ms(n int64) int64 { return epoch.UnixMilli() + n }

func TestSessionPermissions(t *testing.T) {
	const hour = 3_600_000
	v := grants{
		"r":   {Type: tokenauth.Read, Expires: ms(hour), Filters: filters("in/#", "news/+/today")},
		"w":   {Type: tokenauth.Write, Expires: ms(2 * hour), Filters: filters("out/#")},
		"rw":  {Type: tokenauth.ReadWrite, Expires: ms(3 * hour), Filters: filters("both/+")},
		"all": {Type: tokenauth.ReadWrite, Expires: ms(hour), Filters: filters("#", "$SYS/#")},
	}
	type ask int
	const publish, subscribe, deliver = ask(0), ask(1), ask(2)
	for _, tt := range []struct {
		password string
		after    time.Duration
		ask      ask
		topic    string
		want     tokenauth.Verdict
	}{
		{"R|r", 0, subscribe, "in/#", tokenauth.Verdict{}},
		{"R|r", 0, subscribe, "in/+/x", tokenauth.Verdict{}},
		{"R|r", 0, subscribe, "in", tokenauth.Verdict{}},
		{"R|r", 0, subscribe, "news/a/today", tokenauth.Verdict{}},
		{"R|r", 0, subscribe, "news/+/today", tokenauth.Verdict{}},
		{"R|r", 0, subscribe, "news/#", tokenauth.Verdict{Code: tokenauth.ResourceMismatch, Type: tokenauth.Read}},
		{"R|r", 0, subscribe, "+/a", tokenauth.Verdict{Code: tokenauth.ResourceMismatch, Type: tokenauth.Read}},
		{"R|r", 0, subscribe, "#", tokenauth.Verdict{Code: tokenauth.ResourceMismatch, Type: tokenauth.Read}},
		{"R|r", 0, subscribe, "$share/g/in/a", tokenauth.Verdict{}},
		{"R|r", 0, subscribe, "$share/g/out/a", tokenauth.Verdict{Code: tokenauth.ResourceMismatch, Type: tokenauth.Read}},
		{"R|r", 0, subscribe, "$share/in/#", tokenauth.Verdict{Code: tokenauth.ResourceMismatch, Type: tokenauth.Read}},
		{"R|r", 0, deliver, "in/a", tokenauth.Verdict{}},
		{"R|r", 0, deliver, "out/a", tokenauth.Verdict{Code: tokenauth.ResourceMismatch, Type: tokenauth.Read}},
		{"R|r", 0, publish, "in/a", tokenauth.Verdict{Code: tokenauth.PermissionMismatch, Type: tokenauth.Read}},
		{"W|w", 0, publish, "out/a", tokenauth.Verdict{}},
		{"W|w", 0, publish, "in/a", tokenauth.Verdict{Code: tokenauth.ResourceMismatch, Type: tokenauth.Write}},
		{"W|w", 0, subscribe, "out/a", tokenauth.Verdict{Code: tokenauth.PermissionMismatch, Type: tokenauth.Write}},
		{"W|w", 0, deliver, "out/a", tokenauth.Verdict{Code: tokenauth.PermissionMismatch, Type: tokenauth.Write}},
		{"R|r|W|w|RW|rw", 0, publish, "both/a", tokenauth.Verdict{}},
		{"R|r|W|w|RW|rw", 0, deliver, "both/a", tokenauth.Verdict{}},
		{"R|r|W|w|RW|rw", 0, deliver, "in/a", tokenauth.Verdict{}},
		// The exact end of a token, and what is left after it.
		{"R|r", time.Hour - time.Millisecond, deliver, "in/a", tokenauth.Verdict{}},
		{"R|r", time.Hour, deliver, "in/a", tokenauth.Verdict{Code: tokenauth.Expired, Type: tokenauth.Read}},
		{"R|r", time.Hour, publish, "in/a", tokenauth.Verdict{Code: tokenauth.PermissionMismatch, Type: tokenauth.Read}},
		{"R|r|RW|rw", time.Hour, deliver, "both/a", tokenauth.Verdict{}},
		{"R|r|RW|rw", time.Hour, deliver, "in/a", tokenauth.Verdict{Code: tokenauth.ResourceMismatch, Type: tokenauth.ReadWrite}},
		{"W|w|RW|rw", 4 * time.Hour, publish, "out/a", tokenauth.Verdict{Code: tokenauth.Expired, Type: tokenauth.Write}},
		// The topics of tokens: nothing lets a client publish a notice.
		{"RW|all", 0, publish, "a", tokenauth.Verdict{}},
		{"RW|all", 0, publish, "$SYS/a", tokenauth.Verdict{}},
		{"RW|all", 0, publish, tokenauth.TopicExpireNotice, tokenauth.Verdict{Code: tokenauth.ResourceMismatch, Type: tokenauth.ReadWrite}},
		{"RW|all", 0, publish, tokenauth.TopicInvalidNotice, tokenauth.Verdict{Code: tokenauth.ResourceMismatch, Type: tokenauth.ReadWrite}},
		{"RW|all", 0, publish, tokenauth.TopicUpdate, tokenauth.Verdict{Code: tokenauth.ResourceMismatch, Type: tokenauth.ReadWrite}},
		{"R|r", 0, publish, tokenauth.TopicInvalidNotice, tokenauth.Verdict{Code: tokenauth.ResourceMismatch, Type: tokenauth.Read}},
		{"W|w", 0, subscribe, tokenauth.TopicExpireNotice, tokenauth.Verdict{}},
		{"W|w", 0, subscribe, tokenauth.TopicInvalidNotice, tokenauth.Verdict{}},
		{"R|r", 0, subscribe, "$SYS/#", tokenauth.Verdict{Code: tokenauth.ResourceMismatch, Type: tokenauth.Read}},
		{"R|r", 0, subscribe, tokenauth.TopicUpdate, tokenauth.Verdict{Code: tokenauth.ResourceMismatch, Type: tokenauth.Read}},
	} {
		s := connected(t, v, tt.password)
		ask := []func(time.Time, []byte) tokenauth.Verdict{s.Publish, s.Subscribe, s.Deliver}[tt.ask]
		got := ask(epoch.Add(tt.after), []byte(tt.topic))
		if got != tt.want {
			t.Errorf("%s, %d %s after %v: %+v, want %+v", tt.password, tt.ask, tt.topic, tt.after, got, tt.want)
		}
		if n := got.Notice(); n.Type != tt.want.Type || n.Code != tt.want.Code || n.Final() == got.OK() {
			t.Errorf("%s, %s: notice %v", tt.password, tt.topic, n)
		}
	}
}

// Before 5.0 a filter of $share/... is a filter like any other.
func TestSessionSharedBefore5(t *testing.T) {
	v := grants{"r": {Type: tokenauth.Read, Filters: filters("in/#")}, "rw": {Type: tokenauth.ReadWrite, Filters: filters("$share/#")}}
	for password, want := range map[string]bool{"R|r": false, "RW|rw": true} {
		var s tokenauth.Session
		if _, err := s.Connect(epoch, v, connect(mqttwire.V311, password)); err != nil {
			t.Fatal(err)
		}
		if got := s.Subscribe(epoch, []byte("$share/g/in/a")).OK(); got != want {
			t.Errorf("%s: %v", password, got)
		}
	}
}

func TestZeroSessionAllowsNothing(t *testing.T) {
	var s tokenauth.Session
	for _, topic := range []string{"a", tokenauth.TopicUpdate, tokenauth.TopicExpireNotice} {
		if s.Publish(epoch, []byte(topic)).OK() || s.Subscribe(epoch, []byte(topic)).OK() || s.Deliver(epoch, []byte(topic)).OK() {
			t.Errorf("%s is allowed", topic)
		}
	}
	if v := s.Update(epoch, []byte(`{"token":"a","type":"R"}`)); v.OK() {
		t.Error("an update is taken")
	}
	if v := s.Recheck(); !v.OK() {
		t.Error(v)
	}
	if _, ok := s.Deadline(); ok || !s.Poll(epoch).IsZero() {
		t.Error("something is due")
	}
}

func TestSessionUpdate(t *testing.T) {
	v := grants{
		"old":     {Type: tokenauth.Read, Issued: ms(0), Expires: ms(1000), Filters: filters("old")},
		"new":     {Type: tokenauth.Read, Issued: ms(500), Expires: ms(9000), Filters: filters("new")},
		"older":   {Type: tokenauth.Read, Issued: ms(-1), Expires: ms(9000), Filters: filters("new")}, // by another issuer's clock
		"expired": {Type: tokenauth.Read, Issued: ms(500), Expires: ms(600), Filters: filters("new")},
		"w":       {Type: tokenauth.Write, Issued: ms(500), Expires: ms(9000), Filters: filters("new")},
	}
	now := epoch.Add(700 * time.Millisecond)
	for _, tt := range []struct {
		name, payload string
		want          tokenauth.Verdict
	}{
		{"good", `{"token":"new","type":"R"}`, tokenauth.Verdict{}},
		{"again", `{"token":"old","type":"R"}`, tokenauth.Verdict{}},
		{"no JSON", `{"token":"new","type":"R"`, tokenauth.Verdict{Code: tokenauth.Forged, Type: tokenauth.Read}},
		{"empty", ``, tokenauth.Verdict{Code: tokenauth.Forged, Type: tokenauth.Read}},
		{"unknown type", `{"token":"new","type":"X"}`, tokenauth.Verdict{Code: tokenauth.Forged, Type: tokenauth.Read}},
		{"forged", `{"token":"forged","type":"R"}`, tokenauth.Verdict{Code: tokenauth.Forged, Type: tokenauth.Read}},
		{"for another type", `{"token":"w","type":"W"}`, tokenauth.Verdict{Code: tokenauth.PermissionMismatch, Type: tokenauth.Write}},
		{"swapped type", `{"token":"w","type":"R"}`, tokenauth.Verdict{Code: tokenauth.PermissionMismatch, Type: tokenauth.Read}},
		{"expired", `{"token":"expired","type":"R"}`, tokenauth.Verdict{Code: tokenauth.Expired, Type: tokenauth.Read}},
		{"older", `{"token":"older","type":"R"}`, tokenauth.Verdict{}},
	} {
		s, other := connected(t, v, "R|old"), connected(t, v, "R|old")
		if got := s.Update(now, []byte(tt.payload)); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
		// After a refusal the old token is in force, and no other session is
		// touched in any case.
		replaced := tt.name == "good" || tt.name == "older"
		if got := s.Deliver(now, []byte("new")).OK(); got != replaced {
			t.Errorf("%s: new allowed: %v", tt.name, got)
		}
		if got := s.Deliver(now, []byte("old")).OK(); got == replaced {
			t.Errorf("%s: old allowed: %v", tt.name, got)
		}
		if !other.Deliver(now, []byte("old")).OK() || other.Deliver(now, []byte("new")).OK() {
			t.Errorf("%s: another session is touched", tt.name)
		}
	}
}

func TestSessionPoll(t *testing.T) {
	minute := int64(time.Minute / time.Millisecond)
	v := grants{
		"r":     {Type: tokenauth.Read, Expires: ms(60 * minute)},
		"w":     {Type: tokenauth.Write, Expires: ms(30 * minute)},
		"rw":    {Type: tokenauth.ReadWrite}, // never expires
		"short": {Type: tokenauth.Read, Expires: ms(2 * minute)},
		"new":   {Type: tokenauth.Write, Expires: ms(90 * minute)},
	}
	at := func(m int64) time.Time { return time.UnixMilli(ms(m * minute)) }
	s := connected(t, v, "RW|rw|R|r|W|w")
	step := func(m int64, want ...tokenauth.Notice) {
		t.Helper()
		if deadline, ok := s.Deadline(); !ok || !deadline.Equal(at(m)) {
			t.Fatalf("deadline %v, want minute %d", deadline.Sub(epoch), m)
		}
		if n := s.Poll(at(m).Add(-time.Millisecond)); !n.IsZero() {
			t.Fatalf("before minute %d: %v", m, n)
		}
		for _, w := range append(want, tokenauth.Notice{}) {
			if n := s.Poll(at(m)); n != w {
				t.Fatalf("minute %d: %v, want %v", m, n, w)
			}
		}
	}
	step(25, tokenauth.Notice{Type: tokenauth.Write, ExpireTime: at(30).UnixMilli()})
	if v := s.Update(at(26), []byte(`{"token":"new","type":"W"}`)); !v.OK() {
		t.Fatal(v)
	}
	step(55, tokenauth.Notice{Type: tokenauth.Read, ExpireTime: at(60).UnixMilli()})
	if deadline, ok := s.Deadline(); !ok || !deadline.Equal(at(60)) {
		t.Fatalf("deadline %v", deadline.Sub(epoch))
	}
	for range 2 { // until the server disconnects
		if n := s.Poll(at(60)); n != (tokenauth.Notice{Type: tokenauth.Read, Code: tokenauth.Expired}) {
			t.Fatalf("at the expiry: %v", n)
		}
	}

	// The notice of the new token is due anew.
	s = connected(t, v, "W|w")
	step(25, tokenauth.Notice{Type: tokenauth.Write, ExpireTime: at(30).UnixMilli()})
	s.Update(at(26), []byte(`{"token":"new","type":"W"}`))
	step(85, tokenauth.Notice{Type: tokenauth.Write, ExpireTime: at(90).UnixMilli()})

	// A token of less than five minutes is announced at once.
	s = connected(t, v, "R|short")
	if n := s.Poll(at(0)); n.ExpireTime != at(2).UnixMilli() {
		t.Fatalf("short: %v", n)
	}
	// Too late for the notice, not for the end.
	s = connected(t, v, "R|r")
	if n := s.Poll(at(61)); n.Code != tokenauth.Expired {
		t.Fatalf("late: %v", n)
	}
	// Ahead is the server's choice, kept when the client connects again.
	s = &tokenauth.Session{Ahead: -1}
	if _, err := s.Connect(epoch, v, connect(mqttwire.V50, "R|r")); err != nil {
		t.Fatal(err)
	}
	step2 := func(want int64) {
		t.Helper()
		if deadline, ok := s.Deadline(); !ok || !deadline.Equal(at(want)) {
			t.Fatalf("Ahead %v: deadline %v", s.Ahead, deadline.Sub(epoch))
		}
	}
	step2(60)
	s.Ahead = 10 * time.Minute
	step2(50)
	s = connected(t, v, "RW|rw")
	if deadline, ok := s.Deadline(); ok || !s.Poll(at(1<<30)).IsZero() {
		t.Errorf("a token that never expires: %v", deadline)
	}
}

func TestSessionRecheck(t *testing.T) {
	v := fake{"r": {tokenauth.Read, 0}, "w": {tokenauth.Write, 0}}
	s := connected(t, v, "R|r|W|w")
	if got := s.Recheck(); !got.OK() {
		t.Errorf("nothing revoked: %+v", got)
	}
	v["w"] = fake{"": {tokenauth.Write, tokenauth.Revoked}}[""]
	if got := s.Recheck(); got != (tokenauth.Verdict{Code: tokenauth.Revoked, Type: tokenauth.Write}) {
		t.Errorf("revoked: %+v", got)
	}
}

// eight is a session whose token of eight filters allows the topic by the last
// of them.
func eight(t testing.TB) *tokenauth.Session {
	v := grants{"t": {Type: tokenauth.ReadWrite, Expires: ms(1 << 30), Filters: filters(
		"plant/1/line/+/sensor/temperature", "plant/1/line/+/sensor/pressure", "plant/1/line/+/sensor/humidity", "plant/1/alarm/#",
		"plant/2/line/+/sensor/temperature", "plant/2/line/+/sensor/pressure", "plant/2/line/+/sensor/humidity", "plant/2/alarm/#",
	)}}
	var s tokenauth.Session
	if _, err := s.Connect(epoch, v, connect(mqttwire.V50, "RW|t")); err != nil {
		t.Fatal(err)
	}
	return &s
}

func TestNoAllocs(t *testing.T) {
	s := eight(t)
	name, filter, not := []byte("plant/2/alarm/fire"), []byte("plant/2/alarm/+"), []byte("plant/3/alarm/fire")
	user, password := []byte("Token|acme|post-1"), []byte("R|123|W|abcd|RW|x")
	update := []byte(`{"token":"a\u003d","type":"R"}`)
	notice := []byte(`{"code":2,"type":"R"}`)
	var c tokenauth.Credentials
	var u tokenauth.Update
	var n tokenauth.Notice
	var err error
	buf := make([]byte, 0, 256)
	allocs := testing.AllocsPerRun(100, func() {
		for _, topic := range [][]byte{name, not} {
			s.Publish(epoch, topic)
			s.Deliver(epoch, topic)
			s.Subscribe(epoch, topic)
		}
		s.Subscribe(epoch, filter)
		s.Poll(epoch)
		s.Deadline()
		err = c.Decode(user, password)
		buf, err = c.AppendUserName(buf[:0])
		buf, err = c.AppendPassword(buf[:0])
		err = c.Decode(user, user)
		err = u.Decode(update)
		buf, err = u.Append(buf[:0])
		err = u.Decode(notice)
		err = n.Decode([]byte(tokenauth.TopicInvalidNotice), notice)
		buf, err = n.Append(buf[:0])
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
	_ = err
}

func BenchmarkPermission(b *testing.B) {
	s := eight(b)
	for _, bb := range []struct {
		name  string
		ask   func(time.Time, []byte) tokenauth.Verdict
		topic string
		want  bool
	}{
		{"publish/last", s.Publish, "plant/2/alarm/fire", true},
		{"publish/none", s.Publish, "plant/2/line/7/sensor/colour", false},
		{"deliver/last", s.Deliver, "plant/2/alarm/fire", true},
		{"subscribe/last", s.Subscribe, "plant/2/alarm/+", true},
		{"subscribe/none", s.Subscribe, "plant/2/line/+/sensor/+", false},
	} {
		b.Run(bb.name, func(b *testing.B) {
			topic := []byte(bb.topic)
			b.ReportAllocs()
			for b.Loop() {
				if bb.ask(epoch, topic).OK() != bb.want {
					b.Fatal("wrong verdict")
				}
			}
		})
	}
}
