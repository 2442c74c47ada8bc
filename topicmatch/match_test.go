package topicmatch_test

import (
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire/internal/topictwin"
	"github.com/mqttwire/mqttwire/topicmatch"
)

var matchTests = []struct {
	clause, filter, name string
	want                 bool
}{
	// The multi-level wildcard, with its parent level.
	{"MQTT-4.7.1-1", "sport/tennis/player1/#", "sport/tennis/player1", true},
	{"MQTT-4.7.1-1", "sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
	{"MQTT-4.7.1-1", "sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
	{"MQTT-4.7.1-1", "sport/tennis/player1/#", "sport/tennis/player1/", true},
	{"MQTT-4.7.1-1", "sport/tennis/player1/#", "sport/tennis/player12", false},
	{"MQTT-4.7.1-1", "sport/tennis/player1/#", "sport/tennis/player", false},
	{"MQTT-4.7.1-1", "sport/tennis/player1/#", "sport/tennis", false},
	{"MQTT-4.7.1-1", "#", "a", true},
	{"MQTT-4.7.1-1", "#", "/", true},
	{"MQTT-4.7.1-1", "#", "/a/b", true},
	{"MQTT-4.7.1-1", "/#", "/", true},
	{"MQTT-4.7.1-1", "/#", "/a", true},
	{"MQTT-4.7.1-1", "/#", "a", false},
	{"MQTT-4.7.1-1", "a/#", "a", true},
	{"MQTT-4.7.1-1", "a/#", "ab", false},
	{"MQTT-4.7.1-1", "a//#", "a/", true},
	{"MQTT-4.7.1-1", "a//#", "a", false},

	// The single-level wildcard.
	{"MQTT-4.7.1-2", "sport/tennis/+", "sport/tennis/player1", true},
	{"MQTT-4.7.1-2", "sport/tennis/+", "sport/tennis/player1/ranking", false},
	{"MQTT-4.7.1-2", "sport/+", "sport", false},
	{"MQTT-4.7.1-2", "sport/+", "sport/", true},
	{"MQTT-4.7.1-2", "+", "finance", true},
	{"MQTT-4.7.1-2", "+", "/finance", false},
	{"MQTT-4.7.1-2", "+/+", "/finance", true},
	{"MQTT-4.7.1-2", "/+", "/finance", true},
	{"MQTT-4.7.1-2", "+/tennis/#", "a/tennis", true},
	{"MQTT-4.7.1-2", "a/+/b", "a//b", true},
	{"MQTT-4.7.1-2", "a/+/b", "a/b", false},
	{"MQTT-4.7.1-2", "+/+", "/", true},
	{"MQTT-4.7.1-2", "+", "/", false},
	{"MQTT-4.7.1-2", "+/#", "a", true},
	{"MQTT-4.7.1-2", "+/#", "/", true},
	{"MQTT-4.7.1-2", "a/+/#", "a/b", true},
	{"MQTT-4.7.1-2", "a/+/#", "a", false},

	// Names that start with "$".
	{"MQTT-4.7.2-1", "#", "$SYS/uptime", false},
	{"MQTT-4.7.2-1", "+/uptime", "$SYS/uptime", false},
	{"MQTT-4.7.2-1", "+/#", "$SYS", false},
	{"MQTT-4.7.2-1", "+", "$", false},
	{"MQTT-4.7.2-1", "$SYS/#", "$SYS/uptime", true},
	{"MQTT-4.7.2-1", "$SYS/#", "$SYS", true},
	{"MQTT-4.7.2-1", "$SYS/+", "$SYS/uptime", true},
	{"MQTT-4.7.2-1", "$SYS/monitor/+", "$SYS/monitor/Clients", true},
	{"MQTT-4.7.2-1", "a/+", "a/$b", true},
	{"MQTT-4.7.2-1", "/#", "/$SYS", true},
	{"MQTT-4.7.2-1", "+/$SYS", "/$SYS", true},

	// Nothing is normalised, and case counts.
	{"MQTT-4.7.3-4", "ACCOUNTS", "Accounts", false},
	{"MQTT-4.7.3-4", "Accounts payable", "Accounts payable", true},
	{"MQTT-4.7.3-4", "/finance", "finance", false},
	{"MQTT-4.7.3-4", "a/b", "a/b/", false},
	{"MQTT-4.7.3-4", "a/b/", "a/b", false},
	{"MQTT-4.7.3-4", "a//b", "a/b", false},
	{"MQTT-4.7.3-4", "a/./b", "a/b", false},
	{"MQTT-4.7.3-4", "caf\u00e9", "cafe\u0301", false},
	{"MQTT-4.7.3-4", "温度/+", "温度/東京", true},
	{"MQTT-4.7.3-4", "温度/東", "温度/東京", false},
	{"MQTT-4.7.3-4", "\ufeffa", "a", false},
}

func TestMatchClauses(t *testing.T) {
	for _, tt := range matchTests {
		if got := topicmatch.Match(tt.filter, tt.name); got != tt.want {
			t.Errorf("%s: Match(%q, %q) = %v, want %v", tt.clause, tt.filter, tt.name, got, tt.want)
		}
		if got := topictwin.Match(tt.filter, tt.name); got != tt.want {
			t.Errorf("%s: the twin says %v for (%q, %q), want %v", tt.clause, got, tt.filter, tt.name, tt.want)
		}
	}
}

func TestMatchExhaustive(t *testing.T) {
	for _, tt := range []struct{ names, filters []string }{
		{topictwin.Paths(4, "", "a", "ab", "$"), topictwin.Paths(4, "", "a", "$", "+", "#")},
		{topictwin.Paths(3, "", "a", "b", "ab", "$", "$a"), topictwin.Paths(3, "", "a", "b", "ab", "$", "$a", "+", "#")},
		{topictwin.Paths(2, "a", "abcdefgh", "abcdefghi", "abcdefghijklmnop", "abcdefghijklmnox"), topictwin.Paths(2, "a", "abcdefgh", "abcdefghi", "abcdefghijklmnop", "+", "#")},
	} {
		for _, filter := range tt.filters {
			for _, name := range tt.names {
				if got, want := topicmatch.Match(filter, name), topictwin.Match(filter, name); got != want {
					t.Fatalf("Match(%q, %q) = %v, want %v", filter, name, got, want)
				}
			}
		}
	}
}

// A filter covers another if no name is matched by the second alone. One
// level that neither filter has stands for all that they do not name, and one
// level more than they have for all longer names.
func TestCoversExhaustive(t *testing.T) {
	names := topictwin.Paths(4, "", "a", "b", "$", "z", "$z")
	filters := topictwin.Paths(3, "", "a", "b", "$", "+", "#")
	matched := make([]map[string]bool, len(filters))
	for i, f := range filters {
		matched[i] = make(map[string]bool)
		for _, n := range names {
			if topictwin.Match(f, n) {
				matched[i][n] = true
			}
		}
	}
	for i, f := range filters {
		for j, other := range filters {
			want := true
			for n := range matched[j] {
				if !matched[i][n] {
					want = false
					break
				}
			}
			if got := topicmatch.Covers(f, other); got != want {
				t.Fatalf("Covers(%q, %q) = %v, want %v", f, other, got, want)
			}
		}
	}
}

func TestCovers(t *testing.T) {
	tests := []struct {
		filter, other string
		want          bool
	}{
		{"a/#", "a", true},
		{"a/#", "a/+/c", true},
		{"a/#", "a/#", true},
		{"a/+", "a/#", false},
		{"a/+/#", "a/#", false},
		{"a/b", "a/+", false},
		{"+/b", "a/b", true},
		{"#", "+/#", true},
		{"+/#", "#", true},
		{"+/+/#", "#", false},
		{"#", "$SYS/#", false},
		{"+/a", "$SYS/a", false},
		{"$SYS/#", "$SYS/+/b", true},
		{"$SYS/#", "#", false},
		{"#", "/", true},
		{"/#", "#", false},
	}
	for _, tt := range tests {
		if got := topicmatch.Covers(tt.filter, tt.other); got != tt.want {
			t.Errorf("Covers(%q, %q) = %v, want %v", tt.filter, tt.other, got, tt.want)
		}
	}
}

// What is not valid gets an answer, whichever it is, and no panic.
func TestMatchGarbage(t *testing.T) {
	all := append(topictwin.Paths(2, "", "a", "+", "#", "a+", "#a", "\xff", "\x00", "+#"), "", "#/", "#/#", "#/a/+")
	for _, f := range all {
		for _, n := range all {
			topicmatch.Match(f, n)
			topicmatch.Covers(f, n)
		}
	}
	if topicmatch.Match("", "") || topicmatch.Match("#", "") || topicmatch.Match("", "a") {
		t.Error("the empty string is no name and no filter, and yet it matched")
	}
}

func TestMatchKinds(t *testing.T) {
	type topic string
	const filter, name = "a/+/c/#", "a/b/c/d"
	if !topicmatch.Match(topic(filter), []byte(name)) || !topicmatch.Match([]byte(filter), topic(name)) {
		t.Error("Match differs between kinds of arguments")
	}
	if !topicmatch.Covers([]byte("#"), topic(filter)) {
		t.Error("Covers differs between kinds of arguments")
	}
}

func TestMatchNoAllocs(t *testing.T) {
	filter, name := []byte("site/+/line/#"), []byte("site/7/line/12/temperature")
	n := testing.AllocsPerRun(100, func() {
		if !topicmatch.Match(filter, name) || !topicmatch.Match("site/+/line/#", name) || !topicmatch.Covers("#", filter) {
			t.Fatal("no match")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The longest topics, of as many levels as they can have.
func TestMatchDeep(t *testing.T) {
	slashes := strings.Repeat("/", 65535)
	plus := strings.Repeat("+/", 32766) + "+/#" // 32,768 levels in 65,535 bytes
	if !topicmatch.Match(slashes, slashes) || !topicmatch.Match("#", slashes) {
		t.Error("65,536 empty levels do not match themselves")
	}
	if !topicmatch.Match(plus, slashes) || topicmatch.Match(plus, slashes[:32765]) || !topicmatch.Match(plus, slashes[:32766]) {
		t.Error("32,767 single-level wildcards count wrongly")
	}
	if !topicmatch.Covers(plus, plus) || !topicmatch.Covers("+/#", plus) || topicmatch.Covers(plus, "+/#") {
		t.Error("Covers is wrong for the longest filters")
	}
}

var sinkBool bool

func BenchmarkMatch(b *testing.B) {
	const name = "plant/north/line-4/cell-17/temp"
	for _, bb := range []struct{ what, filter string }{
		{"exact", name},
		{"plus", "plant/+/line-4/cell-17/temp"},
		{"hash", "plant/north/line-4/#"},
		{"differ", "plant/north/line-4/cell-17/tamp"},
	} {
		b.Run(bb.what+"/string", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sinkBool = topicmatch.Match(bb.filter, name)
			}
		})
		f, n := []byte(bb.filter), []byte(name)
		b.Run(bb.what+"/bytes", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sinkBool = topicmatch.Match(f, n)
			}
		})
	}
}

func BenchmarkCovers(b *testing.B) {
	for b.Loop() {
		sinkBool = topicmatch.Covers("plant/+/line-4/#", "plant/north/line-4/cell-17/+")
	}
}
