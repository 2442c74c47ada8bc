package access

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mqttwire/mqttwire/internal/topictwin"
)

// rulesFor returns all rules that are for a user, as the file has them.
func rulesFor(acl *ACL, user string) []rule {
	all := slices.Concat(acl.everyone.fixed.rules(""), acl.everyone.templates)
	if s := acl.users[user]; s != nil {
		all = slices.Concat(all, s.fixed.rules(""), s.templates)
	}
	return all
}

// modelAllows is what Rights says of a topic, by the words of the package
// comment, level by level.
func modelAllows(rules []rule, user, client, topic string) (r, w bool) {
	denied := false
	for _, x := range rules {
		matches := modelMatch(x, user, client, topic)
		denied = denied || matches && x.access == deny
		r = r || matches && x.access&read != 0
		w = w || matches && x.access&write != 0
	}
	return r && !denied, w && !denied
}

func modelMatch(x rule, user, client, topic string) bool {
	levels := strings.Split(x.filter, "/")
	bad := false
	for i, level := range levels {
		placeholder, name := "%u", user
		if strings.Contains(level, "%c") {
			placeholder, name = "%c", client
		}
		before, after, has := strings.Cut(level, placeholder)
		if has && (name == "" || len(name) > MaxName || strings.ContainsAny(name, "/+#") || i == 0 && before == "" && name[0] == '$') {
			bad = true
			levels = append(levels[:i:i], "#") // if it denies
			break
		}
		if has {
			levels[i] = before + name + after
		}
	}
	if bad && x.access != deny {
		return false
	}
	if bad && len(levels) == 1 {
		return true
	}
	return topictwin.Match(strings.Join(levels, "/"), topic)
}

func TestRights(t *testing.T) {
	const file = `
# everyone
topic read public/#
topic deny public/staff/#
pattern readwrite home/%u/#
pattern write log/%c
pattern deny home/+/locked/%c

user alice
topic readwrite public/#
topic read $SYS/#
topic write in-%u/+

user root
topic #

user guard
topic read #
topic deny a/+/secret
`
	acl := parseACL(t, file)
	for _, tt := range []struct {
		user, client string
		allowed      string // rights and topics or filters, by spaces
		denied       string
	}{
		{
			"", "c1",
			"r:public r:public/a s:public s:public/a s:$share/g/public/a w:log/c1",
			"s:public/# w:public/a r:public/staff r:public/staff/a s:public/staff s:public/+ s:public/+/a s:# s:+ r:other r:home r:home/ r:home//a w:home/c1/a w:log w:log/ w:log/c2 s:log/c1 r:log/c1 r:$SYS/a s:$SYS/# s:$share/g/# s:$share/g s:$share/g/",
		},
		{
			"alice", "c1",
			"w:public/a r:home/alice s:home/alice w:home/alice/x r:$SYS/a/b s:$SYS/# s:$SYS/+ s:$share/g/$SYS/# w:in-alice/a",
			"w:public/staff/a r:home/bob w:home/bob s:home/+ s:home/# s:home/+/a s:home/alice/# s:home/alice/+/c1 w:$SYS/a r:$SYSTEM s:# s:+/# w:in-alice/a/b w:in-bob/a w:home/alice/locked/c1 r:home/alice/locked/c1",
		},
		{
			"bob", "c2",
			"r:home/bob/x w:log/c2 w:home/bob/locked/c1 r:home/bob/locked s:home/bob/x/#",
			"r:home/alice w:public/a w:home/bob/locked/c2 r:$SYS/a w:in-bob/a",
		},
		{
			"alice/x", "c/1", // a client that would be in two levels
			"r:public/a",
			"r:home/alice/x w:home/alice/x/a w:log/c/1 w:log/c r:$SYS/a",
		},
		{
			"+", "#", // or all of them
			"r:public/a",
			"r:home/alice w:home/+/a s:home/+/a s:home/+/# w:log/a w:log s:home/# w:public/a",
		},
		{
			"root", "c1",
			"r:a w:a/b/c s:a/# s:+/a r:/ s:/# s:+ r:log/c1",
			"r:$SYS/a s:$SYS/# s:# s:+/# r:public/staff/a w:public/staff s:public/# s:+/staff s:home/x/locked/#",
		},
		{
			"guard", "c9",
			"r:a/secret r:a/b/c s:a/+ s:a/b/c s:b/# r:a/b s:a",
			"r:a/b/secret s:a/b/secret s:a/# s:a/+/# s:a/+/+ s:+/+/secret s:a/b/# s:# w:a",
		},
	} {
		r := acl.For(tt.user, tt.client)
		for _, side := range []struct {
			list string
			want bool
		}{{tt.allowed, true}, {tt.denied, false}} {
			for _, q := range strings.Fields(side.list) {
				if got := ask(r, q); got != side.want {
					t.Errorf("%q, %q: %s = %v", tt.user, tt.client, q, got)
				}
			}
		}
	}
}

// ask asks r for "r:topic", "w:topic" or "s:filter".
func ask(r *Rights, question string) bool {
	kind, topic, _ := strings.Cut(question, ":")
	switch kind {
	case "r":
		return r.Receive([]byte(topic))
	case "w":
		return r.Publish([]byte(topic))
	}
	return r.Subscribe([]byte(topic))
}

// A client whose name does not fit is not the better for it: of a rule that
// denies, the level and all below are denied.
func TestNamesThatDoNotFit(t *testing.T) {
	acl := parseACL(t, "topic #\ntopic $SYS/#\npattern deny dev/x-%c/config\n")
	root := parseACL(t, "topic #\ntopic $SYS/#\npattern deny %c/config\n")
	anonymous := parseACL(t, "topic #\npattern deny home/%u\nuser a\ntopic deny %u/x\n")
	for _, tt := range []struct {
		acl             *ACL
		user, client    string
		allowed, denied string
	}{
		{acl, "u", "c1", "r:dev/x-c2/config s:dev/x-c1 s:dev/x-c2/#", "r:dev/x-c1/config s:dev/# s:#"},
		{acl, "u", "c/1", "r:other s:other/# r:$SYS/a", "r:dev r:dev/x-c/1/config w:dev/x-c1/config w:dev/y s:dev/#"},
		{acl, "u", "#", "r:other", "r:dev r:dev/a s:dev/a"},
		{acl, "u", "", "r:other", "r:dev r:dev/a"},
		{acl, "u", strings.Repeat("c", MaxName+1), "r:other", "r:dev r:dev/a"},
		{root, "u", "c1", "r:a r:$SYS/a", "r:c1/config"},
		{root, "u", "$SYS", "", "r:a r:$SYS/a r:$SYS/config w:a s:a s:#"},
		{root, "u", "a/b", "", "r:a r:$SYS/a w:a s:a s:#"},
		{anonymous, "", "c1", "r:a s:b/#", "r:home r:home/a s:home/b"},
		{anonymous, "a", "c1", "r:a r:home/b", "r:home/a r:a/x s:a/+"},
		{&ACL{}, "a", "c1", "", "r:a w:a s:a s:#"},
	} {
		r := tt.acl.For(tt.user, tt.client)
		for _, q := range strings.Fields(tt.allowed) {
			if !ask(r, q) {
				t.Errorf("%q, %.20q: %s is denied", tt.user, tt.client, q)
			}
		}
		for _, q := range strings.Fields(tt.denied) {
			if ask(r, q) {
				t.Errorf("%q, %.20q: %s is allowed", tt.user, tt.client, q)
			}
		}
	}
}

// Random files, against the model: a name may be received or published to as
// it says, and a filter subscribed to only if all that it matches may be
// received; where one rule allows and none denies, also if.
func TestRightsAgainstModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	names := topictwin.Paths(3, "", "a", "b", "$a")
	filters := topictwin.Paths(2, "", "a", "b", "$a", "+", "#")
	templates := slices.DeleteFunc(topictwin.Paths(3, "a", "$a", "+", "#", "%u", "%c", "a%u", ""), func(s string) bool { return strings.HasPrefix(s, "$a%") })
	calls := []string{"", "a", "b", "$a", "+", "#", "a/b", "%u", "%c"}
	words := []string{"", "read ", "write ", "readwrite ", "deny "}
	for range 300 {
		var file strings.Builder
		for range 1 + random.IntN(4) {
			if random.IntN(4) == 0 {
				file.WriteString("user a\n")
			}
			file.WriteString([]string{"topic ", "pattern "}[random.IntN(2)])
			file.WriteString(words[random.IntN(len(words))])
			file.WriteString(templates[random.IntN(len(templates))] + "\n")
		}
		acl := parseACL(t, file.String())
		user, client := calls[random.IntN(len(calls))], calls[random.IntN(len(calls))]
		rules, rights := rulesFor(acl, user), acl.For(user, client)
		received := map[string]bool{}
		for _, n := range names {
			r, w := modelAllows(rules, user, client, n)
			if rights.Receive([]byte(n)) != r || rights.Publish([]byte(n)) != w {
				t.Fatalf("%q, %q: %q is to be read %v, written %v\n%s", user, client, n, r, w, file.String())
			}
			received[n] = r
		}
		for _, f := range filters {
			all := true
			for _, n := range names {
				all = all && (received[n] || !topictwin.Match(f, n))
			}
			if got := rights.Subscribe([]byte(f)); got && !all {
				t.Fatalf("%q, %q: may subscribe to %q\n%s", user, client, f, file.String())
			} else if !got && all && len(rules) == 1 {
				t.Fatalf("%q, %q: may not subscribe to %q\n%s", user, client, f, file.String())
			}
		}
	}
}

func TestRightsNoAllocs(t *testing.T) {
	r := parseACL(t, "topic read a/#\ntopic deny a/+/secret\npattern home/%u/%c/#\nuser alice\ntopic write b/+\n").For("alice", "c1")
	topic, filter, shared := []byte("home/alice/c1/lamp"), []byte("a/+/b"), []byte("$share/group/home/alice/c1/+")
	n := testing.AllocsPerRun(100, func() {
		if !r.Publish(topic) || !r.Receive(topic) || r.Subscribe([]byte("b/c")) || !r.Subscribe(filter) || !r.Subscribe(shared) {
			t.Fatal("not the rights that were given")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Rules without names are not copied.
func TestRightsShare(t *testing.T) {
	acl := parseACL(t, "topic read a/#\nuser alice\ntopic write b/+\n")
	r := acl.For("alice", "c1")
	if r.everyone != acl.everyone.fixed || r.user != acl.users["alice"].fixed || r.own != nil {
		t.Error("copied")
	}
	if n := testing.AllocsPerRun(100, func() { acl.For("alice", "c1") }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestRightsConcurrent(t *testing.T) {
	acl := parseACL(t, "topic read a/#\npattern home/%u/%c/#\ntopic deny a/b\n")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				r := acl.For("alice", "c1")
				if !r.Publish([]byte("home/alice/c1")) || r.Subscribe([]byte("a/#")) || !r.Receive([]byte("a/c")) {
					t.Error("not the rights that were given")
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkRights(b *testing.B) {
	r := parseACL(b, "topic read a/#\ntopic deny a/+/secret\npattern home/%u/%c/#\nuser alice\ntopic write b/+\n").For("alice", "c1")
	topic := []byte("home/alice/c1/lamp")
	b.ReportAllocs()
	for b.Loop() {
		r.Publish(topic)
	}
}
