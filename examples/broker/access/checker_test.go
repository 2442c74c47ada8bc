package access

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// parseUsers reads users whose passwords are their names.
func parseUsers(t testing.TB, names ...string) *Users {
	t.Helper()
	var file strings.Builder
	for _, name := range names {
		password := strings.TrimPrefix(name, "!")
		text := testLine(t, password, password, MinIterations)
		if name != password {
			text = strings.Replace(text, ":", ":!", 1)
		}
		file.WriteString(text + "\n")
	}
	users, _, err := ParseUsers([]byte(file.String()))
	if err != nil {
		t.Fatal(err)
	}
	return users
}

// Bad passwords from one address, as many as there can be, keep the right one from
// another out at no time.
func TestBadPasswordsInALoop(t *testing.T) {
	names := make([]string, 15)
	for i := range names {
		names[i] = fmt.Sprint("user", i)
	}
	users, c := parseUsers(t, names...), NewChecker()
	var ended atomic.Bool
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			for !ended.Load() {
				if r := c.Check(users, "192.0.2.1", names[i%15], []byte("wrong")); r != Wrong && r != Busy {
					t.Error(r)
				}
			}
		})
	}
	for _, name := range names { // a new one each time, which is not known yet
		if r := c.Check(users, "192.0.2.2", name, []byte(name)); r != OK {
			t.Errorf("%s: %v", name, r)
		}
	}
	ended.Store(true)
	all.Wait()
}

// What was right before is known without a queue: where nobody may wait it is let
// in, and all else is Busy.
func TestKnownAgain(t *testing.T) {
	users, c := parseUsers(t, "alice", "bob"), NewChecker()
	if r := c.Check(users, "o", "alice", []byte("alice")); r != OK {
		t.Fatal(r)
	}
	c.turns = newTurns(0, 0, 0)
	for _, tt := range []struct {
		users          *Users
		name, password string
		want           Result
	}{
		{users, "alice", "alice", OK},
		{users, "alice", "alice\x00", Busy},
		{users, "alice", "wrong", Busy},
		{users, "alice", "", Busy},
		{users, "bob", "bob", Busy},
		{users, "bob", "alice", Busy},
		{users, "carol", "alice", Busy},
		{parseUsers(t, "alice"), "alice", "alice", Busy}, // another salt
		{parseUsers(t, "bob"), "alice", "alice", Busy},   // removed
		{&Users{}, "alice", "alice", Busy},
	} {
		if r := c.Check(tt.users, "o", tt.name, []byte(tt.password)); r != tt.want {
			t.Errorf("%s with %q: %v, want %v", tt.name, tt.password, r, tt.want)
		}
	}
	who := users.byName["alice"]
	who.locked = true
	users.byName["alice"] = who
	if r := c.Check(users, "o", "alice", []byte("alice")); r != Locked {
		t.Errorf("locked since: %v", r)
	}
}

// A fleet with one user name that comes at once costs one PBKDF2, or a few that had
// begun: those that wait behind it profit.
func TestFleet(t *testing.T) {
	users, c := parseUsers(t, "fleet"), NewChecker()
	c.turns = newTurns(1, 1000, 1000)
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if r := c.Check(users, "192.0.2.1", "fleet", []byte("fleet")); r != OK {
				t.Error(r)
			}
		})
	}
	all.Wait()
}

// Passwords of users that are gone are forgotten.
func TestForgotten(t *testing.T) {
	c := NewChecker()
	for i := range 20 {
		name := fmt.Sprint("user", i)
		if r := c.Check(parseUsers(t, name), "o", name, []byte(name)); r != OK {
			t.Fatal(r)
		}
		if len(c.known) > 3 {
			t.Fatalf("%d known, of one user at a time", len(c.known))
		}
	}
}
