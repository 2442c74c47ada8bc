package gate

import (
	"crypto/x509/pkix"
	"os"
	"path/filepath"
	"testing"

	"github.com/mqttwire/mqttwire/examples/broker/hub"
)

// The Common Name is found in what a principal says of its subject.
func TestCommonName(t *testing.T) {
	for _, name := range []string{"a", "a b", " a,b+c=d\\e", `"x";<y>#`, "#a", "CN=b", "ünï", ""} {
		subject := pkix.Name{CommonName: name, Organization: []string{"CN=other,x"}, Country: []string{"A+CN=b"}, SerialNumber: "CN=7"}
		if got := commonName(subject.String()); got != name {
			t.Errorf("%q of %q, want %q", got, subject, name)
		}
	}
}

// What somebody has left is judged by the rules of its name: who has a certificate
// too.
func TestKeeps(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	g, err := Open(Files{Users: file("users", userLine("alice", "secret")), ACL: file("acl", "user alice\ntopic a/#\nuser car,7\ntopic c/#\npattern own/%c/#\n")})
	if err != nil {
		t.Fatal(err)
	}
	car := certifiedAs + pkix.Name{CommonName: "car,7", Organization: []string{"x"}}.String()
	for _, tt := range []struct {
		principal, client, topic string
		want                     bool
	}{
		{"user alice", "c", "a/1", true},
		{"user alice", "c", "c/1", false},
		{"user alice", "c", "own/c/1", true},
		{"user alice", "c", "own/d/1", false},
		{"user bob", "c", "own/c/1", false},
		{car, "c", "c/1", true},
		{car, "c", "a/1", false},
		{car, "d", "own/d/1", true},
		{certifiedAs + "CN=other", "c", "c/1", false},
		{"", "c", "a/1", true},
		{"method x", "c", "a/1", true},
	} {
		if got := g.Keeps(tt.principal, tt.client, hub.ToPublish, []byte(tt.topic)); got != tt.want {
			t.Errorf("%s, client %s, %s: %t", tt.principal, tt.client, tt.topic, got)
		}
	}
	file("acl", "user car,7\ntopic a/#\n")
	if _, err := g.Reload(); err != nil {
		t.Fatal(err)
	}
	if g.Keeps(car, "c", hub.ToPublish, []byte("c/1")) || !g.Keeps(car, "c", hub.ToPublish, []byte("a/1")) {
		t.Error("it is judged by rules that are not in force")
	}
}
