package command

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfig(t *testing.T) {
	path := write(t, "config.json", `{
		"listen": ["127.0.0.1:1", "[::1]:2"], "refuse-filter": [], "listen-tls": "x:3", "tls-cert": "c", "tls-key": "k",
		"users": "their file", "anonymous": true, "max-qos": 1, "retain": false, "grace": "7s",
		"max-total-bytes": 17179869184, "max-session-expiry": "60", "log-format": "json"}`)
	s := mustParse(t, "-config", path)
	if !slices.Equal(s.listen.values, []string{"127.0.0.1:1", "[::1]:2"}) || len(s.server.RefusedFilters) != 0 || !slices.Equal(s.listenTLS.values, []string{"x:3"}) {
		t.Errorf("lists: %v, %v, %v", &s.listen, s.server.RefusedFilters, &s.listenTLS)
	}
	if s.files.Users != "their file" || !s.anonymous || s.maximumQoS != 1 || !s.server.NoQoS2 || !s.server.NoRetain || s.grace != 7*time.Second {
		t.Errorf("%+v", s)
	}
	if s.server.MaxTotalBytes != 17179869184 || s.server.MaximumSessionExpiry != 60 {
		t.Errorf("numbers: %+v", s.server)
	}
	if got := mustParse(t, "-config", write(t, "empty", " {}\n")); !reflect.DeepEqual(got.server.ServerOptions, mustParse(t).server.ServerOptions) {
		t.Errorf("an empty file sets something: %+v", got)
	}
}

// What the command line says comes before what the file says, all of a list,
// and only what it says.
func TestConfigComesSecond(t *testing.T) {
	path := write(t, "config.json", `{"listen": ["a:1", "b:2"], "max-qos": 0, "retain": false, "users": "u", "anonymous": true, "max-levels": 7}`)
	for _, args := range [][]string{
		{"-config", path, "-listen", "c:3", "-max-qos=2", "-retain", "-anonymous=false"},
		{"-listen", "c:3", "-max-qos=2", "-retain", "-anonymous=false", "-config", path},
	} {
		s := mustParse(t, args...)
		if !slices.Equal(s.listen.values, []string{"c:3"}) || s.maximumQoS != 2 || s.server.NoRetain || s.anonymous {
			t.Errorf("%q: %+v", args, s)
		}
		if s.files.Users != "u" || s.server.MaxLevels != 7 {
			t.Errorf("%q: the rest of the file does not count: %+v", args, s)
		}
	}
	// What is given in the file counts as given.
	s := mustParse(t, "-config", write(t, "config.json", `{"listen": "127.0.0.1:1", "listen-tls": ":2"}`), "-tls-cert", "c", "-tls-key", "k")
	if !slices.Equal(s.listen.values, []string{"127.0.0.1:1"}) {
		t.Errorf("listens on %v", &s.listen)
	}
	if mustParse(t, "-config", write(t, "config.json", `{"anonymous": false}`)).anonymous {
		t.Error("anonymous though the file says not")
	}
}

// Errors name the file and the setting.
func TestConfigErrors(t *testing.T) {
	for _, x := range []struct{ text, want string }{
		{`{"port": 1883}`, `there is no setting "port"`},
		{`{"Listen": ":1"}`, `there is no setting "Listen"`},
		{`{"config": "other"}`, `there is no setting "config"`},
		{`{"hash-password": "alice"}`, `there is no setting "hash-password"`},
		{`{"help": true}`, `there is no setting "help"`},
		{`{"max-qos": "many"}`, `"max-qos": not a number`},
		{`{"max-qos": 3}`, `"max-qos": not from 0 to 2`},
		{`{"max-qos": 1.5}`, `"max-qos": not a number`},
		{`{"max-qos": true}`, `"max-qos": not a number`},
		{`{"max-qos": [1]}`, `"max-qos"`},
		{`{"max-qos": []}`, `"max-qos"`},
		{`{"max-qos": null}`, `"max-qos"`},
		{`{"retain": 7}`, `"retain"`},
		{`{"retain": "perhaps"}`, `"retain"`},
		{`{"grace": 5}`, `"grace"`},
		{`{"users": {"alice": "secret"}}`, `"users"`},
		{`{"users": ["a", "b"]}`, `"users"`},
		{`{"users": null}`, `"users"`},
		{`{"listen": [1, 2]}`, `"listen"`},
		{`{"listen": {"a": "b"}}`, `"listen"`},
		{`{"listen": null}`, `"listen"`},
		{`{"listen": ":1",}`, "invalid character"},
		{`{"listen": ":1"} {}`, "invalid character"},
		{`listen = ":1"`, "invalid character"},
		{`["listen"]`, "cannot unmarshal"},
		{``, "unexpected end"},
	} {
		path := write(t, "config.json", x.text)
		expectError(t, x.want, "-config", path)
		expectError(t, path+": ", "-config", path)
	}
	missing := filepath.Join(t.TempDir(), "missing.json")
	expectError(t, missing, "-config", missing)
	expectError(t, "-log-level", "-config", write(t, "config.json", `{"log-level": "loud"}`)) // as on the command line
	expectError(t, "nothing to listen on", "-config", write(t, "config.json", `{"listen": []}`))
}

// another is a value of a flag that is not its default.
func another(f *flag.Flag) string {
	switch f.Name {
	case "log-level":
		return "warn"
	case "log-format":
		return "json"
	case "deny":
		return "close"
	case "lenient":
		return "dup-qos-0"
	case "limits":
		return "strict"
	case "client-id":
		return "prefix"
	case "exempt":
		return "192.0.2.0/24"
	}
	switch f.Value.(type) {
	case *list:
		return "name"
	case interface{ IsBoolFlag() bool }:
		if f.DefValue == "true" {
			return "false"
		}
		return "true"
	}
	if _, err := time.ParseDuration(f.DefValue); err == nil && f.Value.Set("7m") == nil {
		return "7m"
	}
	for _, number := range []string{"1", "16"} {
		if f.DefValue != "" && f.Value.Set(number) == nil {
			return number
		}
	}
	return "name"
}

// Every flag can be set by a file, to the same, and each is read by something.
func TestConfigOfAll(t *testing.T) {
	tls := []string{"-listen-tls", "x:1", "-tls-cert", "c", "-tls-key", "k", "-tls-client-ca", "ca"}
	keys, users := []string{"-token-keys", "k"}, []string{"-users", "u"}
	needed := map[string][]string{"anonymous": users, "client-id": users, "keep-revoked": users, "reload": users,
		"listen-tls": tls, "tls-cert": tls, "tls-key": tls, "tls-client-ca": tls, "tls-require-cert": tls, "tls-cert-user": tls,
		"token-revoked": keys, "token-notice": keys, "token-late": keys, "token-instance": keys, "deny": keys}
	for _, f := range flags() {
		if f.Name == "hash-password" {
			continue
		}
		value := another(f)
		b, err := json.Marshal(map[string]string{f.Name: value})
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		if value == "true" || value == "false" || value == "1" || value == "16" {
			text = strings.Replace(text, `"`+value+`"`, value, 1)
		}
		more := needed[f.Name]
		plain := mustParse(t, more...)
		if at := slices.Index(more, "-"+f.Name); at >= 0 {
			more = slices.Delete(slices.Clone(more), at, at+2)
		}
		line := mustParse(t, append([]string{"-" + f.Name + "=" + value}, more...)...)
		file := mustParse(t, append([]string{"-config", write(t, "config.json", text)}, more...)...)
		for _, s := range []*settings{plain, line, file} {
			if f.Name != "log-level" && f.Name != "log-format" && f.Name != "v" {
				s.server.Log = nil // which is new each time
			}
		}
		if !reflect.DeepEqual(line, file) {
			t.Errorf("%s in a file:\n%+v\nas a flag:\n%+v", text, file, line)
		}
		if reflect.DeepEqual(line, plain) {
			t.Errorf("-%s=%s changes nothing", f.Name, value)
		}
	}
}
