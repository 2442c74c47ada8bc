package text_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/internal/text"
)

// The slow twins say the same with the standard library, a rule at a time.

func slowString(s string) mqttwire.Error {
	// What comes first decides: an ill-formed character or U+0000.
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return mqttwire.ErrUTF8
		case r == 0:
			return mqttwire.ErrNUL
		}
		i += n
	}
	return 0
}

func slowName(s string) mqttwire.Error {
	if e := slowString(s); e != 0 {
		return e
	}
	if strings.ContainsAny(s, "+#") {
		return mqttwire.ErrTopicWildcard
	}
	return 0
}

func slowFilter(s string) mqttwire.Error {
	switch {
	case s == "":
		return mqttwire.ErrTopicEmpty
	case len(s) > 65535:
		return mqttwire.ErrTopicTooLong
	}
	if e := slowString(s); e != 0 {
		return e
	}
	// The first wildcard that is wrong is what is wrong.
	levels := strings.Split(s, "/")
	for i, level := range levels {
		if level == "+" || level == "#" && i == len(levels)-1 {
			continue
		}
		switch at := strings.IndexAny(level, "+#"); {
		case at < 0:
		case level[at] == '#':
			return mqttwire.ErrMultiLevelWildcard
		default:
			return mqttwire.ErrSingleWildcard
		}
	}
	return 0
}

func slowSubscription(s string) mqttwire.Error {
	rest, shared := strings.CutPrefix(s, "$share/")
	if !shared {
		return slowFilter(s)
	}
	if len(s) > 65535 {
		return mqttwire.ErrTopicTooLong
	}
	group, filter, _ := strings.Cut(rest, "/")
	if group == "" {
		return mqttwire.ErrShareName
	}
	switch e := slowName(group); e {
	case 0:
	case mqttwire.ErrTopicWildcard:
		return mqttwire.ErrShareWildcard
	default:
		return e
	}
	if filter == "" {
		return mqttwire.ErrShareFilter
	}
	return slowFilter(filter)
}

// agree compares all checks with their twins, for both kinds of strings.
func agree(t *testing.T, s string) {
	t.Helper()
	for _, c := range []struct {
		name             string
		got, bytes, want mqttwire.Error
	}{
		{"CheckString", text.CheckString(s), text.CheckString([]byte(s)), slowString(s)},
		{"CheckName", text.CheckName(s), text.CheckName([]byte(s)), slowName(s)},
		{"CheckFilter", text.CheckFilter(s), text.CheckFilter([]byte(s)), slowFilter(s)},
		{"CheckSubscription", text.CheckSubscription(s), text.CheckSubscription([]byte(s)), slowSubscription(s)},
	} {
		if c.got != c.want || c.bytes != c.want {
			t.Errorf("%s(%q) = %v, of bytes %v, want %v", c.name, s, c.got, c.bytes, c.want)
		}
	}
	// With no room, with just enough, and with more, in which nothing is written.
	for _, room := range []int{0, len(s), len(s) + 5} {
		memory := append(append(make([]byte, 0, 2+room), "x/"...), strings.Repeat("~", room)...)
		got, e := text.AppendString(memory[:2], s)
		if string(got) != "x/"+s || e != slowString(s) {
			t.Errorf("AppendString(x/, %q), room for %d = %q, %v", s, room, got, e)
		}
		if room > len(s) && string(memory[2+len(s):]) != "~~~~~" {
			t.Errorf("AppendString(x/, %q) wrote after its end: %q", s, memory)
		}
	}
}

// TestShortStrings tries all strings of a few pieces of an awkward alphabet,
// before and after what fills a word.
func TestShortStrings(t *testing.T) {
	alphabet := []string{"a", "/", "+", "#", "$", "\x00", "\x7f", "\x80", "\xbf", "\xc2", "\xe0\xa0", "\xed", "\xf4\x8f", "\xff", "é", "\u20ac", "\U0010ffff"}
	var all func(alphabet []string, prefix string, n int)
	all = func(alphabet []string, prefix string, n int) {
		agree(t, prefix)
		agree(t, "abcdefg"+prefix)
		agree(t, prefix+"/234567")
		if n > 0 {
			for _, a := range alphabet {
				all(alphabet, prefix+a, n-1)
			}
		}
	}
	all(alphabet, "", 3)
	all([]string{"a", "/", "+", "#", "\xff"}, "", 5)
	for _, group := range []string{"", "g", "é", "+", "#", "\xff", "\x00", "a b"} {
		for _, filter := range []string{"", "/", "//", "/a", "/#", "/a#", "/+/b", "/\xff", "//a"} {
			agree(t, "$share/"+group+filter)
		}
	}
	for _, s := range []string{"$share", "$SHARE/g", "$shared/g/#", "x$share/g"} {
		agree(t, s)
	}
}

// TestEveryByteEverywhere puts each byte, in long strings those that something
// is special about, and pairs that a carry could run through, at each place of
// strings of up to 40 bytes.
func TestEveryByteEverywhere(t *testing.T) {
	for _, fill := range []byte{'a', '/'} {
		for n := 1; n <= 40; n++ {
			s := bytes.Repeat([]byte{fill}, n)
			for i := range s {
				for c := range 256 {
					if n > 10 && !strings.Contains("\x00\x01!#*+/\x7f\x80\xbf\xc0\xc2\xe0\xed\xf0\xf4\xff", string([]byte{byte(c)})) {
						continue
					}
					s[i] = byte(c)
					agree(t, string(s))
					s[i] = fill
				}
				if i+1 < n {
					for _, pair := range []string{"\xff\x00", "\x80\x00", "\x81+", "\x00\xff", "\x01\x00", "\x7f\x00", "\xc2\x80", "+#", "#+", "/+", "+/", "/#", "#/"} {
						copy(s[i:], pair)
						agree(t, string(s))
						s[i], s[i+1] = fill, fill
					}
				}
			}
		}
	}
}

// TestEveryCharacter tries each code point, surrogates included, as an encoder
// that does not care would write it.
func TestEveryCharacter(t *testing.T) {
	for r := range rune(0x120000) {
		var b []byte
		switch {
		case r < 0x80:
			b = []byte{byte(r)}
		case r < 0x800:
			b = []byte{0xc0 | byte(r>>6), 0x80 | byte(r&0x3f)}
		case r < 0x10000:
			b = []byte{0xe0 | byte(r>>12), 0x80 | byte(r>>6&0x3f), 0x80 | byte(r&0x3f)}
		default:
			b = []byte{0xf0 | byte(r>>18), 0x80 | byte(r>>12&0x3f), 0x80 | byte(r>>6&0x3f), 0x80 | byte(r&0x3f)}
		}
		want := mqttwire.Error(0)
		switch {
		case r == 0:
			want = mqttwire.ErrNUL
		case !utf8.ValidRune(r):
			want = mqttwire.ErrUTF8
		}
		if got := text.CheckString(b); got != want {
			t.Fatalf("U+%04X: %v, want %v", r, got, want)
		}
	}
}

// TestOverlong holds that no character may be longer than it must.
func TestOverlong(t *testing.T) {
	for _, s := range []string{"\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80"} {
		for _, around := range []string{"", "a", "abcdefgh"} {
			agree(t, around+s)
			agree(t, s+around)
			if e := text.CheckString(around + s); e != mqttwire.ErrUTF8 {
				t.Errorf("%q: %v", around+s, e)
			}
		}
	}
}

func TestAllocatesNothing(t *testing.T) {
	dst := make([]byte, 0, 64)
	for _, s := range []string{"", "a/b", "sensors/room-12/temp", "$share/g/sensors/+/temp/#", "é/ü/\U0001f600/and/more", "bad\xff", "bad\x00byte", "a#"} {
		b := []byte(s)
		if n := testing.AllocsPerRun(10, func() {
			text.CheckString(b)
			text.CheckName(b)
			text.CheckFilter(b)
			text.CheckSubscription(b)
			text.SplitShared(b)
			text.CheckSubscription(s)
			text.AppendString(dst, b)
			text.AppendString(dst, s)
		}); n != 0 {
			t.Errorf("%q: %v allocations", s, n)
		}
	}
}
