package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// bench runs the command in a directory of its own, at a time of its own.
type bench struct {
	t     *testing.T
	dir   string
	now   time.Time
	stdin string
}

func (b *bench) run(status int, args ...string) (stdout, stderr string) {
	b.t.Helper()
	for i, arg := range args {
		args[i] = strings.ReplaceAll(arg, "DIR", b.dir)
	}
	var out, errs bytes.Buffer
	c := command{stdin: strings.NewReader(b.stdin), stdout: &out, stderr: &errs, now: b.now}
	if got := c.run(args); got != status {
		b.t.Fatalf("token %q: status %d, want %d\n%s%s", args, got, status, &out, &errs)
	}
	return out.String(), errs.String()
}

func TestLifeOfAToken(t *testing.T) {
	b := &bench{t: t, dir: t.TempDir(), now: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	b.run(0, "key", "-keys", "DIR/keys", "-id", "k1")
	b.run(0, "key", "-keys", "DIR/keys", "-id", "k2")
	info, err := os.Stat(filepath.Join(b.dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	// Windows has no such modes: the directory says who may read.
	if mode := info.Mode().Perm(); mode != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("the keys are open to others: %v", mode)
	}
	out, _ := b.run(0, "make", "-keys", "DIR/keys", "-key", "k2", "-account", "acme", "-instance", "post-1",
		"-type", "W", "-for", "20m", "-filter", "sensors/7/#", "-filter", "alarms")
	token := strings.TrimSpace(out)

	out, _ = b.run(0, "show", token)
	for _, want := range []string{"key       k2\n", "account   acme\n", "instance  post-1\n", "type      W\n", "issued    2026-01-01T12:00:00Z\n",
		"expires   2026-01-01T12:20:00Z\n", "filter    sensors/7/#\n", "filter    alarms\n", "verdict   unknown"} {
		if !strings.Contains(out, want) {
			t.Errorf("show lacks %q:\n%s", want, out)
		}
	}
	verdict := func(want string, args ...string) {
		t.Helper()
		out, _ := b.run(0, append([]string{"show", "-keys", "DIR/keys"}, args...)...)
		if !strings.Contains(out, "verdict   "+want+"\n") {
			t.Errorf("want %q:\n%s", want, out)
		}
	}
	verdict("0, token valid", token)
	b.stdin = token + "\n"
	verdict("0, token valid", "-")

	b.run(0, "revoke", "-revoked", "DIR/revoked", "-")
	verdict("3, token revoked", "-revoked", "DIR/revoked", token)
	b.run(0, "revoke", "-revoked", "DIR/revoked", "-account", "acme")
	verdict("-1, account permission invalid", "-revoked", "DIR/revoked", token)
	revoked, err := os.ReadFile(filepath.Join(b.dir, "revoked"))
	if err != nil || !strings.HasPrefix(string(revoked), "token k2.") || !strings.HasSuffix(string(revoked), "\naccount acme\n") {
		t.Errorf("%v: %s", err, revoked)
	}
	b.now = b.now.Add(20 * time.Minute)
	verdict("2, token expired", token)

	other := &bench{t: t, dir: t.TempDir()}
	other.run(0, "key", "-keys", "DIR/keys", "-id", "k2")
	b.dir = other.dir
	verdict("8, token signature invalid", token)
}

func TestWrongCalls(t *testing.T) {
	b := &bench{t: t, dir: t.TempDir(), now: time.Unix(1, 0)}
	b.run(0, "key", "-keys", "DIR/keys", "-id", "k1")
	made := []string{"make", "-keys", "DIR/keys", "-key", "k1", "-account", "acme", "-instance", "i", "-filter", "a"}
	if err := os.WriteFile(filepath.Join(b.dir, "bad"), []byte("#\nk1 x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		status int
		args   []string
		want   string
	}{
		{2, nil, "usage"},
		{2, []string{"steal"}, "usage"},
		{2, []string{"show"}, "usage"},
		{2, []string{"show", "a", "b"}, "usage"},
		{2, []string{"key", "-what"}, "-what"},
		{2, append(made[:len(made):len(made)], "more"), "usage"},
		{2, []string{"revoke", "-revoked", "DIR/r"}, "usage"},
		{2, []string{"revoke", "-revoked", "DIR/r", "-account", "a", "token"}, "usage"},
		{0, []string{"make", "-h"}, "-filter"},
		{1, []string{"key", "-keys", "DIR/keys", "-id", "k1"}, "keys:2: key id given twice"},
		{1, []string{"key", "-keys", "DIR/keys", "-id", "k.1"}, "key id not valid"},
		{1, append(made[:len(made):len(made)], "-type", "X"), "type is not"},
		{1, append(made[:len(made):len(made)], "-for", "0s"), "before it expires"},
		{1, append(made[:len(made):len(made)], "-filter", "a#"), "filter"},
		{1, append(made[:len(made):len(made)], "-key", "k2"), "no such key"},
		{1, append(made[:len(made):len(made)], "-keys", "DIR/none"), "none"},
		{1, append(made[:len(made):len(made)], "-keys", "DIR/bad"), "bad:2: secret"},
		{1, []string{"show", "noise"}, "not a token"},
		{1, []string{"revoke", "-revoked", "DIR/r", "noise"}, "not a token"},
		{1, []string{"revoke", "-revoked", "DIR/r", "-account", "a b"}, "character not allowed"},
		{1, []string{"revoke", "-revoked", "DIR/r", "-account", "a\naccount b"}, "character not allowed"},
		{1, []string{"revoke", "-revoked", "DIR/none/r", "-account", "a"}, "none/r"},
		{1, []string{"revoke", "-revoked", "DIR", "-account", "a"}, "DIR"},
		{1, append(made[:len(made):len(made)], "-filter", ""), "filter"},
		{1, append(made[:len(made):len(made)], "-filter", "$share/g/x"), "shared subscription"},
	} {
		out, errs := b.run(tt.status, tt.args...)
		if !strings.Contains(errs, strings.ReplaceAll(tt.want, "DIR", b.dir)) || out != "" {
			t.Errorf("token %q: %q, %q", tt.args, out, errs)
		}
	}
	if _, err := os.Stat(filepath.Join(b.dir, "r")); err == nil {
		t.Error("a revocation that failed left a file")
	}
}
