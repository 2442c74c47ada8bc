package command

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/access"
	"github.com/mqttwire/mqttwire/examples/broker/gate"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/tokenauth"
)

func mustParse(t *testing.T, args ...string) *settings {
	t.Helper()
	var out bytes.Buffer
	s, err := parse(args, &out)
	if err != nil || out.Len() != 0 {
		t.Fatalf("%q: %v, %q", args, err, &out)
	}
	return s
}

// expectError has settings refused, with all that is said in the error.
func expectError(t *testing.T, want string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	if s, err := parse(args, &out); err == nil || !strings.Contains(err.Error(), want) || out.Len() != 0 {
		t.Errorf("%q: %v, %v, %q, want an error with %q", args, s, err, &out, want)
	}
}

// flags returns all flags there are, except -config.
func flags() (all []*flag.Flag) {
	f := flag.NewFlagSet("", flag.ContinueOnError)
	new(settings).flags(f)
	f.VisitAll(func(x *flag.Flag) { all = append(all, x) })
	return all
}

func TestDefaults(t *testing.T) {
	s := mustParse(t)
	if !reflect.DeepEqual(s.server.ServerOptions, hub.DefaultOptions()) {
		t.Errorf("options %+v, want those of package server, %+v", s.server.ServerOptions, hub.DefaultOptions())
	}
	if !slices.Equal(s.listen.values, []string{"127.0.0.1:1883"}) || len(s.listenTLS.values) != 0 {
		t.Errorf("listens on %v, %v", &s.listen, &s.listenTLS)
	}
	if !s.anonymous || s.certificateCN || s.certificates != (gate.CertificateFiles{}) || s.files != (gate.Files{}) || s.ahead != tokenauth.DefaultAhead || s.reload != time.Second || s.grace != 5*time.Second {
		t.Errorf("%+v", s)
	}
	c := s.server
	if c.NoQoS1 || c.NoQoS2 || c.NoRetain || c.NoWildcard || c.NoShared || c.NoSubscriptionID || c.DisconnectSlow {
		t.Errorf("something is refused: %+v", c)
	}
	if !slices.Equal(c.RefusedFilters, []string{"test/nosubscribe"}) || c.ResponseInformation != "" {
		t.Errorf("%q, %q", c.RefusedFilters, c.ResponseInformation)
	}
	if c.Bans.Credentials == 0 || c.Bans.Malformed == 0 || c.MaxConnections == 0 || c.MaxAddressConnections == 0 || c.ConnectRate == 0 {
		t.Errorf("something is not limited: %+v", c)
	}
	for level, want := range map[slog.Level]bool{slog.LevelDebug: false, slog.LevelInfo: true} {
		if c.Log.Enabled(context.Background(), level) != want {
			t.Errorf("the log has %v: %v", level, !want)
		}
	}
}

// The defaults that -help tells are those of package server, where that has
// one.
func TestDefaultsOfServer(t *testing.T) {
	set := reflect.ValueOf(mustParse(t).server)
	for name, want := range map[string]any{
		"MaxQueue": 1 << 20, "MaxQueuedMessages": 100_000, "MaxQueuedBytes": 64 << 20, "MaxTotalBytes": int64(1 << 30), "MaxAccountBytes": int64(256 << 20), "MaxShared": 1000, "MaxIdentified": 1000,
		"MaxSessions": 1_000_000, "MaxSubscriptions": 100_000, "MaxLevels": 128,
		"HoldBudget": 200 * time.Millisecond, "WriteTimeout": time.Minute, "Linger": time.Second, "SysInterval": 10 * time.Second,
	} {
		if got := set.FieldByName(name).Interface(); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

func TestFlags(t *testing.T) {
	s := mustParse(t,
		"-listen", "a:1", "-listen=b:2", "--refuse-filter", "x/#", "-refuse-filter", "y",
		"-users", "users of mine", "-acl=acl", "-token-keys", "keys", "-token-revoked", "revoked", "-token-notice", "1h30m",
		"-max-qos", "1", "-retain=false", "-wildcard=false", "-shared=false", "-subscription-ids=0",
		"-max-connect", "4096", "-max-packet", "16", "-receive-maximum", "65535", "-max-session-expiry", "4294967295", "-max-total-bytes", "17179869184",
		"-ban-credentials", "3", "-ban-window", "1s", "-anonymous", "-log-level", "warn", "-sys-interval", "-1s")
	c := s.server
	if !slices.Equal(s.listen.values, []string{"a:1", "b:2"}) || !slices.Equal(c.RefusedFilters, []string{"x/#", "y"}) {
		t.Errorf("lists: %v, %v", &s.listen, c.RefusedFilters)
	}
	if want := (gate.Files{Users: "users of mine", ACL: "acl", TokenKeys: "keys", Revocations: "revoked"}); s.files != want || s.ahead != 90*time.Minute {
		t.Errorf("files: %+v, %v", s.files, s.ahead)
	}
	if c.NoQoS1 || !c.NoQoS2 || !c.NoRetain || !c.NoWildcard || !c.NoShared || !c.NoSubscriptionID || !s.anonymous {
		t.Errorf("switches: %+v", c)
	}
	if c.MaximumConnectSize != 4096 || c.MaximumPacketSize != 16 || c.ReceiveMaximum != 65535 || c.MaximumSessionExpiry != 4294967295 || c.MaxTotalBytes != 17179869184 || c.Bans.Credentials != 3 {
		t.Errorf("numbers: %+v", c)
	}
	if c.Bans.Window != time.Second || c.SysInterval != -time.Second {
		t.Errorf("durations: %+v", c)
	}
	if c.Log.Enabled(context.Background(), slog.LevelInfo) || !c.Log.Enabled(context.Background(), slog.LevelWarn) {
		t.Error("the log is not at level warn")
	}
	for level, args := range map[slog.Level][]string{
		slog.LevelDebug:     {"-v"},
		slog.LevelDebug + 1: {"-v", "-log-level", "debug"},
		slog.LevelDebug + 2: {"-v", "-config", write(t, "config.json", `{"log-level": "error"}`)},
		slog.LevelError:     {"-log-level", "error", "-config", write(t, "config.json", `{"v": true}`)},
	} {
		log := mustParse(t, args...).server.Log
		if got := log.Enabled(context.Background(), slog.LevelDebug); got != (level < slog.LevelInfo) {
			t.Errorf("%q: debug is %v", args, got)
		}
	}
	if s := mustParse(t, "-max-qos", "0", "-refuse-filter", ""); !s.server.NoQoS1 || !s.server.NoQoS2 || len(s.server.RefusedFilters) != 0 {
		t.Errorf("%+v", s.server)
	}
}

func TestFlagErrors(t *testing.T) {
	for _, x := range []struct {
		want string
		args []string
	}{
		{"-port", []string{"-port", "1883"}},
		{`what is "1883"?`, []string{"1883"}},
		{`what is "1883"?`, []string{"-v", "1883"}},
		{"needs an argument", []string{"-users"}},
		{"not from 0 to 2", []string{"-max-qos", "3"}},
		{"not from 0 to 2", []string{"-max-qos=-1"}},
		{"not a number", []string{"-max-qos", "one"}},
		{"not a number", []string{"-max-qos", ""}},
		{"not a number", []string{"-max-qos", "1\n2"}},
		{"not a number", []string{"-max-qos", "1.0"}},
		{"not a number", []string{"-max-qos", "99999999999999999999"}},
		{"not from 1 to 65535", []string{"-receive-maximum", "0"}},
		{"not from 1 to 65535", []string{"-receive-maximum", "65536"}},
		{"not from 16 to 268435460", []string{"-max-connect", "15"}},
		{"not from 16 to 268435460", []string{"-max-packet", "15"}},
		{"not from 0 to 4294967295", []string{"-max-session-expiry", "4294967296"}},
		{"-grace", []string{"-grace", "soon"}},
		{"-grace", []string{"-grace", "5"}},
		{"-retain", []string{"-retain=perhaps"}},
		{"-max-total-bytes", []string{"-max-total-bytes", "much"}},
	} {
		expectError(t, x.want, x.args...)
	}
	expectError(t, "-help", "-port", "1883") // which would have told
}

func TestContradictions(t *testing.T) {
	for _, x := range []struct {
		want string
		args []string
	}{
		{"nothing to listen on", []string{"-listen", ""}},
		{"-listen-tls needs -tls-cert and -tls-key", []string{"-listen-tls", ":8883"}},
		{"-listen-tls needs -tls-cert and -tls-key", []string{"-listen-tls", ":8883", "-tls-cert", "c"}},
		{"-listen-tls needs -tls-cert and -tls-key", []string{"-listen-tls", ":8883", "-tls-key", "k"}},
		{"-tls-require-cert needs -tls-client-ca", []string{"-tls-require-cert"}},
		{"-tls-cert needs -listen-tls", []string{"-tls-cert", "c"}},
		{"-tls-key needs -listen-tls", []string{"-tls-key", "k"}},
		{"-tls-client-ca needs -listen-tls", []string{"-tls-client-ca", "ca"}},
		{"-tls-cert-user needs -tls-client-ca", []string{"-tls-cert-user"}},
		{"-token-revoked needs -token-keys", []string{"-token-revoked", "r"}},
		{"-token-notice needs -token-keys", []string{"-token-notice", "10s"}},
		{"-token-late needs -token-keys", []string{"-token-late", "10s"}},
		{"-token-instance needs -token-keys", []string{"-token-instance", "post-1"}},
		{"-token-instance: character", []string{"-token-keys", "k", "-token-instance", "post|1"}},
		{"-deny needs -acl or -token-keys", []string{"-deny", "close"}},
		{"-ban-window needs -ban-credentials or -ban-malformed", []string{"-limits", "none", "-ban-window", "1h"}},
		{"-ban-for needs -ban-credentials or -ban-malformed", []string{"-config", write(t, "config.json", `{"limits": "none", "ban-for": "1h"}`)}},
		{"-max-retained means nothing with -retain=false", []string{"-retain=false", "-max-retained", "5"}},
		{"-max-inflight means nothing with -max-qos=0", []string{"-max-qos", "0", "-max-inflight", "5"}},
		{"-max-queued means nothing with -max-qos=0", []string{"-max-qos", "0", "-max-queued", "5"}},
		{"-max-queued-bytes means nothing with -max-qos=0", []string{"-max-qos", "0", "-max-queued-bytes", "5"}},
		{"-receive-maximum means nothing with -max-qos=0", []string{"-max-qos", "0", "-receive-maximum", "5"}},
		{"-refused-by-any means nothing with -max-qos=0", []string{"-max-qos", "0", "-refused-by-any"}},
		{"-disconnect-slow means nothing with -max-qos=0", []string{"-max-qos", "0", "-disconnect-slow"}},
		{"-keep-revoked means nothing with -retain=false", []string{"-users", "u", "-retain=false", "-keep-revoked"}},
		{"-max-shared means nothing with -shared=false", []string{"-shared=false", "-max-shared", "5"}},
		{"-max-shared means nothing with -shared=false", []string{"-shared=false", "-max-shared", "1000"}},
		{"-max-identified means nothing with -subscription-ids=false", []string{"-subscription-ids=false", "-max-identified", "5"}},
		{"-max-identified means nothing with -wildcard=false", []string{"-wildcard=false", "-max-identified", "5"}},
		{"-client-id needs -users or -token-keys or -tls-cert-user", []string{"-client-id", "user"}},
		{"-keep-revoked needs -users or -acl or -token-keys", []string{"-keep-revoked"}},
		{"-reload needs -users or -acl or -token-keys or -listen-tls", []string{"-reload", "5s"}},
		{"-retry means nothing with -max-qos=0", []string{"-max-qos", "0", "-retry", "5s"}},
		{"-max-queued-bytes of a session is more than -max-total-bytes of all", []string{"-max-queued-bytes", "1001", "-max-total-bytes", "1000"}},
		{"-v and -log-level error contradict each other", []string{"-v", "-log-level", "error"}},
		{"-v and -log-level error contradict each other", []string{"-config", write(t, "config.json", `{"v": true, "log-level": "error"}`)}},
		{"neither acknowledge nor close", []string{"-deny", "ignore"}},
		{"neither acknowledge nor close", []string{"-deny", ""}},
		{"-log-level", []string{"-log-level", "loud"}},
		{"-log-format", []string{"-log-format", "xml"}},
		{"-max-total-bytes: ", []string{"-max-total-bytes", "0"}},
		{"-sys-interval: ", []string{"-sys-interval", "0"}},
		{"-write-timeout: ", []string{"-write-timeout", "0"}},
		{"-linger: ", []string{"-linger", "0"}},
		{"-hold-budget: ", []string{"-hold-budget", "0"}},
		{"-linger: ", []string{"-linger", "-1s"}},
		{"-connect-timeout: ", []string{"-connect-timeout", "-1s"}},
		{"-retry: ", []string{"-retry", "-1s"}},
		{"-grace: ", []string{"-grace", "-1s"}},
		{"-reload: ", []string{"-reload", "-1s"}},
		{"-token-notice: ", []string{"-token-keys", "k", "-token-notice", "-1s"}},
		{"-token-late: ", []string{"-token-keys", "k", "-token-late", "-1s"}},
		{"-ban-window: ", []string{"-ban-malformed", "1", "-ban-window", "0"}},
		{"-ban-for: ", []string{"-ban-malformed", "1", "-ban-for", "-1m"}},
	} {
		expectError(t, x.want, x.args...)
	}
}

// Who asks for TLS gets no listener without, unless that is asked for too.
func TestListenTLS(t *testing.T) {
	tls := []string{"-listen-tls", ":8883", "-listen-tls", ":8884", "-tls-cert", "c", "-tls-key", "k"}
	s := mustParse(t, tls...)
	if len(s.listen.values) != 0 || !slices.Equal(s.listenTLS.values, []string{":8883", ":8884"}) {
		t.Errorf("%v, %v", &s.listen, &s.listenTLS)
	}
	s = mustParse(t, append(tls, "-listen", ":1883")...)
	if !slices.Equal(s.listen.values, []string{":1883"}) || len(s.listenTLS.values) != 2 {
		t.Errorf("%v, %v", &s.listen, &s.listenTLS)
	}
}

// Leniencies are named, and are those of the server.
func TestLenient(t *testing.T) {
	if l := mustParse(t).server.Lenient; l != 0 {
		t.Errorf("by default: %v", l)
	}
	for _, args := range [][]string{
		{"-lenient", "dup-qos-0,bad-filter"}, {"-lenient", "bad-filter, dup-qos-0"}, {"-lenient", "bad-filter", "-lenient", "dup-qos-0"},
		{"-config", write(t, "config.json", `{"lenient": ["bad-filter", "dup-qos-0"]}`)},
	} {
		if l := mustParse(t, args...).server.Lenient; l != codec.DupQoS0|codec.BadFilter {
			t.Errorf("%q: %v", args, l)
		}
	}
	for _, name := range []string{"all", "dup", "dup-qos-0,", "DUP-QOS-0"} {
		expectError(t, "-lenient: there is no", "-lenient", name)
	}
	expectError(t, "reserved-flags", "-lenient", "flags") // which it might have meant
}

// Without users and tokens everybody is let in; with them it takes a word.
func TestAnonymous(t *testing.T) {
	for _, x := range []struct {
		args []string
		want bool
	}{
		{nil, true},
		{[]string{"-acl", "a"}, true},
		{[]string{"-users", "u"}, false},
		{[]string{"-token-keys", "k"}, false},
		{[]string{"-users", "u", "-token-keys", "k", "-anonymous"}, true},
		{[]string{"-anonymous=false"}, false},
	} {
		if got := mustParse(t, x.args...).anonymous; got != x.want {
			t.Errorf("%q: %v", x.args, got)
		}
	}
}

// Without notices the gate gives none, and by default those that -help tells.
func TestTokenNotice(t *testing.T) {
	for arg, want := range map[string]time.Duration{"": tokenauth.DefaultAhead, "-token-notice=0": -1, "-token-notice=0s": -1, "-token-notice=20s": 20 * time.Second} {
		args := []string{"-token-keys", write(t, "keys", "# none\n")}
		if arg != "" {
			args = append(args, arg)
		}
		g, err := mustParse(t, args...).gate()
		if err != nil || g.Ahead != want {
			t.Errorf("%q: %v ahead, want %v; %v", arg, g.Ahead, want, err)
		}
	}
}

// What the gate is told: its own tests are about what it does.
func TestGateSettings(t *testing.T) {
	keys := write(t, "keys", "k AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
	type told struct {
		late     time.Duration
		instance string
		deny     gate.Deny
	}
	for _, x := range []struct {
		args []string
		want told
	}{
		{nil, told{}},
		{[]string{"-token-late", "10s"}, told{late: 10 * time.Second}},
		{[]string{"-token-instance", "post-1"}, told{instance: "post-1"}},
		{[]string{"-deny", "acknowledge"}, told{deny: gate.DenyAcknowledge}},
		{[]string{"-deny", "close"}, told{deny: gate.DenyClose}},
	} {
		g, err := mustParse(t, append([]string{"-token-keys", keys}, x.args...)...).gate()
		if err != nil {
			t.Fatal(err)
		}
		if got := (told{g.Late, g.Instance, g.Deny}); got != x.want {
			t.Errorf("%q: %+v", x.args, got)
		}
	}
}

// What is logged, and as what.
func TestLog(t *testing.T) {
	stderr := os.Stderr
	defer func() { os.Stderr = stderr }()
	for _, x := range []struct {
		args []string
		want string
	}{
		{nil, "level=INFO msg=b\nlevel=WARN msg=c\n"},
		{[]string{"-log-level", "warn"}, "level=WARN msg=c\n"},
		{[]string{"-log-level", "error"}, ""},
		{[]string{"-log-level", "debug"}, "level=DEBUG msg=a\nlevel=INFO msg=b\nlevel=WARN msg=c\n"},
		{[]string{"-v"}, "level=DEBUG msg=a\nlevel=INFO msg=b\nlevel=WARN msg=c\n"},
		{[]string{"-log-format", "text", "-log-level", "warn"}, "level=WARN msg=c\n"},
		{[]string{"-log-format", "json", "-log-level", "warn"}, `"level":"WARN","msg":"c"}` + "\n"},
	} {
		f, err := os.Create(filepath.Join(t.TempDir(), "log"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		os.Stderr = f
		log := mustParse(t, x.args...).server.Log
		log.Debug("a")
		log.Info("b")
		log.Warn("c")
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for line := range strings.Lines(string(b)) { // without the time
			got.WriteString(line[strings.Index(line, "level")-strings.Count(line[:1], "{"):])
		}
		if got.String() != x.want {
			t.Errorf("%q: logged %q, want %q", x.args, got.String(), x.want)
		}
	}
}

// No log of the broker shows a token.
func TestLogIsDiscreet(t *testing.T) {
	stderr := os.Stderr
	defer func() { os.Stderr = stderr }()
	for _, format := range []string{"text", "json"} {
		f, err := os.Create(filepath.Join(t.TempDir(), "log"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		os.Stderr = f
		s := mustParse(t, "-log-format", format)
		s.server.Log.Info("x", "user", "Token|T1.k1.secret")
		b, err := os.ReadFile(f.Name())
		if err != nil || strings.Contains(string(b), "secret") || !strings.Contains(string(b), "[token]") {
			t.Errorf("%s, %v", b, err)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, arg := range []string{"-h", "-help", "--help"} {
		var out bytes.Buffer
		if s, err := parse([]string{arg}, &out); s != nil || !errors.Is(err, flag.ErrHelp) {
			t.Fatalf("%s: %v, %v", arg, s, err)
		}
		for _, f := range flags() {
			if strings.TrimSpace(f.Usage) == "" {
				t.Errorf("-%s has no usage", f.Name)
			}
			i := strings.Index(out.String(), "\n  -"+f.Name)
			if i < 0 || !strings.Contains(out.String()[i:], strings.ReplaceAll(f.Usage, "`", "")) {
				t.Errorf("%s does not tell of -%s", arg, f.Name)
			}
			if d := f.DefValue; d != "" && d != "false" && d != "0s" && i >= 0 {
				end := strings.Index(out.String()[i+1:], "\n  -")
				if end < 0 {
					end = len(out.String()) - i - 1
				}
				if told := out.String()[i : i+1+end]; !strings.Contains(told, "(default "+d+")") && !strings.Contains(told, `(default "`+d+`")`) {
					t.Errorf("-%s does not tell its default %s: %s", f.Name, d, told)
				}
			}
		}
		if !strings.Contains(out.String(), "\n  -config file") {
			t.Error("it does not tell of -config")
		}
	}
}

// A line that -hash-password makes is one of a file of users.
func TestHashPassword(t *testing.T) {
	s := mustParse(t, "-hash-password", "alice")
	var out bytes.Buffer
	if err := hashPassword(s.hashPassword, strings.NewReader("secret\r\n"), &out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "secret") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%q", &out)
	}
	users, line, err := access.ParseUsers(out.Bytes())
	if err != nil || users.Len() != 1 {
		t.Fatalf("line %d: %v", line, err)
	}
	if got := users.Check("alice", []byte("secret")); got != access.OK {
		t.Errorf("the password is %v", got)
	}
	for _, x := range []struct {
		name, password string
		want           error
	}{
		{"alice", "", access.ErrPassword},
		{"alice", "\n", access.ErrPassword},
		{"alice", strings.Repeat("x", 65536), access.ErrPassword},
		{"alice", strings.Repeat("x", 1<<20), access.ErrPassword},
		{"a:b", "secret", access.ErrName},
	} {
		var out bytes.Buffer
		if err := hashPassword(x.name, strings.NewReader(x.password), &out); !errors.Is(err, x.want) || out.Len() != 0 {
			t.Errorf("%s, %.10q: %v, %q", x.name, x.password, err, &out)
		}
	}
	broken := errors.New("broken")
	if err := hashPassword("alice", io.MultiReader(strings.NewReader("sec"), failing{broken}), io.Discard); err != broken {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
