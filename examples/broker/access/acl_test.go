package access

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire/topicmatch"
)

func parseACL(t testing.TB, file string) *ACL {
	t.Helper()
	acl, line, err := ParseACL([]byte(file))
	if err != nil || line != 0 {
		t.Fatalf("%q: line %d, %v", file, line, err)
	}
	return acl
}

func TestParseACL(t *testing.T) {
	acl := parseACL(t, "\t# comment\r\n"+
		"topic read public/#\r\n"+
		"topic   write\t in box/a  b \n"+
		"\n"+
		"user alice\n"+
		"topic #\n"+
		"topic deny secret/+\n"+
		"topic readwrite read\n"+
		"pattern home/%u/#\n"+
		"user  bob not\n"+
		"topic %c\n"+
		"user alice\n"+
		"topic read more\n"+
		"user carol")
	want := map[string]struct{ fixed, templates []rule }{
		"": {
			fixed:     []rule{{write, "in box/a  b"}, {read, "public/#"}},
			templates: []rule{{read | write, "home/%u/#"}},
		},
		"alice":   {fixed: []rule{{read | write, "#"}, {read, "more"}, {read | write, "read"}, {deny, "secret/+"}}},
		"bob not": {templates: []rule{{read | write, "%c"}}},
		"carol":   {},
	}
	got := map[string]section{"": acl.everyone}
	for name, s := range acl.users {
		got[name] = *s
	}
	for name := range want {
		if !slices.Equal(got[name].fixed.rules(""), want[name].fixed) || !slices.Equal(got[name].templates, want[name].templates) {
			t.Errorf("%q: %v, want %v", name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d sections, want %d", len(got), len(want))
	}
}

func TestParseACLRefused(t *testing.T) {
	for _, tt := range []struct {
		file string
		line int
		want error
	}{
		{"tropic a", 1, ErrLine},
		{"Topic a", 1, ErrLine},
		{"read a", 1, ErrLine},
		{"\ufefftopic a", 1, ErrLine},
		{"topic\u00a0a", 1, ErrLine},
		{"topic a\n\n#\nx\n", 4, ErrLine},
		{"topic read a\x00\n", 1, ErrFilter},
		{"user", 1, ErrName},
		{"user ", 1, ErrName},
		{"user a:b", 1, ErrName},
		{"user #a", 1, ErrName},
		{"user a\rtopic #", 1, ErrName},
		{"user \xff", 1, ErrName},
		{"user " + strings.Repeat("a", MaxName+1), 1, ErrName},
		{"topic", 1, ErrFilter},
		{"topic read", 1, ErrFilter},
		{"pattern deny ", 1, ErrFilter},
		{"topic read a/#/b", 1, ErrFilter},
		{"topic a+", 1, ErrFilter},
		{"topic read a # b", 1, ErrFilter},
		{"topic read %u#", 1, ErrFilter},
		{"topic read +%c", 1, ErrFilter},
		{"topic read \xff", 1, ErrFilter},
		{"topic read " + strings.Repeat("a", topicmatch.MaxSize+1), 1, ErrFilter},
		{"topic raed a", 1, ErrAccess},
		{"topic READ a", 1, ErrAccess},
		{"topic a b", 1, ErrAccess},
		{"topic a # everyone", 1, ErrAccess},
		{"topic $share/g/a", 1, ErrShare},
		{"pattern read $share/%u", 1, ErrShare},
		{"topic read %u-%c", 1, ErrTwoNames},
		{"topic read a/%c%c/b", 1, ErrTwoNames},
	} {
		if acl, line, err := ParseACL([]byte(tt.file)); acl != nil || line != tt.line || err != tt.want {
			t.Errorf("%.30q: line %d, %v; want line %d, %v", tt.file, line, err, tt.line, tt.want)
		}
	}
}

func TestFill(t *testing.T) {
	long := strings.Repeat("n", MaxName)
	for _, tt := range []struct {
		filter, user, client, want string
		fits                       bool
	}{
		{"%u", "alice", "c1", "alice", true},
		{"%c", "alice", "c1", "c1", true},
		{"a/%u/%c/#", "alice", "c1", "a/alice/c1/#", true},
		{"a/x-%u.y/+", "alice", "", "a/x-alice.y/+", true},
		{"%u/%u", "alice", "", "alice/alice", true},
		{"a/%", "alice", "c1", "a/%", true},
		{"a/%x%%c", "alice", "c1", "a/%x%c1", true},
		{"a/%U/%C", "alice", "c1", "a/%U/%C", true},
		{"%u/x", "%c", "c1", "%c/x", true}, // not filled in again
		{"%u/%c", "%c", "%u", "%c/%u", true},
		{"a/%u", "$SYS", "", "a/$SYS", true}, // nothing special there
		{"$%u/a", "SYS", "", "$SYS/a", true}, // the file says so
		{"x%c", "", "$SYS", "x$SYS", true},
		{"%u/a", long, "", long + "/a", true},
		{"%u/#", "$SYS", "", "", false}, // would be the server's topics
		{"%u/a", "$", "", "", false},
		{"%u", "", "c1", "", false}, // the anonymous
		{"a/%u", "", "c1", "a/", false},
		{"a/%c", "u", "", "a/", false},
		{"a/%u", "b/c", "", "a/", false},
		{"a/%u", "/", "", "a/", false},
		{"a/%u", "+", "", "a/", false},
		{"a/%u", "#", "", "a/", false},
		{"a/%u/b", "x#", "", "a/", false},
		{"a/b-%u-c/d", "+", "", "a/", false},
		{"%u/%c/b", "u", "+", "u/", false},
		{"%u/%c/b", "+", "c", "", false},
		{"a/x/%c", "", "b+", "a/x/", false},
		{"a/%u", long + "n", "", "a/", false},
		{"/%u", "", "", "/", false},
		{"//%u/%c", "u", "c/", "//u/", false},
		{"$SYS/%c/log", "", "#", "$SYS/", false},
		{"a/%u", "a\nb c", "", "a/a\nb c", true}, // a level like any other
		{"a/%u", "..", "", "a/..", true},
		{"a/%u", "é%u%c", "c1", "a/é%u%c", true},
		{"a/%u", "a", strings.Repeat("#", 9), "a/a", true}, // not in this rule
	} {
		if got, fits := fill(tt.filter, tt.user, tt.client); got != tt.want || fits != tt.fits {
			t.Errorf("fill(%q, %.20q, %.20q) = %.20q, %v; want %.20q, %v", tt.filter, tt.user, tt.client, got, fits, tt.want, tt.fits)
		}
	}
}

// What is parsed has no rule that the file has not, and what the rights allow
// hangs together, whatever a client is called.
func FuzzParseACL(f *testing.F) {
	for _, file := range []string{
		"topic read public/#\npattern readwrite home/%u/#\nuser alice\ntopic write public/#\ntopic deny public/secret/#\n",
		"topic readwrite #\ntopic deny %c/+/x\npattern deny a/%u",
		"topic $SYS/%c\nuser  a b\r\ntopic deny /#\n# x\n",
		"topic %u/#\ntopic deny %u/x-%c",
	} {
		f.Add([]byte(file), "alice", "c1", "public/secret", "public/+")
		f.Add([]byte(file), "", "$SYS", "$SYS/a", "$share/g/#")
		f.Add([]byte(file), "a/b", "+", "a/b", "#")
	}
	f.Fuzz(func(t *testing.T, file []byte, user, client, topic, filter string) {
		lines := bytes.Count(file, []byte("\n")) + 1
		acl, line, err := ParseACL(file)
		if err != nil {
			if _, typed := err.(Error); !typed || acl != nil || line < 1 || line > lines {
				t.Fatalf("line %d of %d, %v", line, lines, err)
			}
			return
		}
		for name := range acl.users {
			if !validName(name) {
				t.Fatalf("a section of %q", name)
			}
		}
		model := rulesFor(acl, user)
		for _, r := range model {
			if topicmatch.CheckFilter(r.filter) != nil || topicmatch.IsShared(r.filter) || !bytes.Contains(file, []byte(r.filter)) {
				t.Fatalf("a rule about %q", r.filter)
			}
			filled, fits := fill(r.filter, user, client)
			if !fits {
				continue
			}
			for _, special := range []string{"/", "+", "#"} {
				if strings.Count(filled, special) != strings.Count(r.filter, special) {
					t.Fatalf("%q for %q and %q is %q", r.filter, user, client, filled)
				}
			}
			if (filled[0] == '$') != (r.filter[0] == '$') {
				t.Fatalf("%q for %q and %q is %q", r.filter, user, client, filled)
			}
		}
		rights := acl.For(user, client)
		if topicmatch.CheckName(topic) != nil {
			return
		}
		w := rights.Publish([]byte(topic))
		r := rights.Receive([]byte(topic))
		if wantR, wantW := modelAllows(model, user, client, topic); r != wantR || w != wantW {
			t.Fatalf("%q: read %v, write %v; want %v, %v", topic, r, w, wantR, wantW)
		}
		if topicmatch.CheckSubscription(filter) != nil || !rights.Subscribe([]byte(filter)) {
			return
		}
		if _, inner, ok := topicmatch.SplitShared(filter); ok {
			filter = inner
		}
		if topicmatch.Match(filter, topic) && !r {
			t.Fatalf("may subscribe to %q and not be sent %q", filter, topic)
		}
	})
}
