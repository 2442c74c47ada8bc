// Package text validates UTF-8 Encoded Strings (3.1.1 §1.5.3, 5.0 §1.5.4) and
// topics (3.1.1 §4.7, 5.0 §4.7 and §4.8.2), eight bytes at a time where they
// are ASCII.
//
// It is the one place where text is scanned: package codec calls it for every
// string, and package topicmatch exports what it says of topics.
package text

import (
	"math/bits"

	"github.com/mqttwire/mqttwire"
)

// Bytes is what a string can be held in.
type Bytes interface{ ~string | ~[]byte }

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
	lows  = 0x7f * ones

	// '+' is 0x2B and '#' is 0x23: with bit 3 set, both are '+'.
	wildcardBit = 0x08 * ones
	wildcards   = '+' * ones

	filler = ' ' * ones // pads a short word: ASCII, not U+0000, no wildcard
)

// plain has bit 7 of each byte set in which x has an ASCII character other
// than U+0000. A carry out of a byte spoils only what a high bit spoils anyway.
func plain(x uint64) uint64 { return (x + lows) &^ x & highs }

// notWild has bit 7 of each byte set in which x has no '+' and no '#',
// provided that all of x is ASCII.
func notWild(x uint64) uint64 { return ((x | wildcardBit) ^ wildcards + lows) & highs }

// Load returns the 8 bytes of s from i on, the first in the lowest bits.
func Load[T Bytes](s T, i int) uint64 {
	_ = s[i+7]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}

// short returns all of a string of fewer than 8 bytes in one word, some of
// them twice, the rest filled with spaces: good for asking whether a byte
// occurs, not where.
func short[T Bytes](s T) uint64 {
	n := len(s)
	switch {
	case n >= 4:
		t := s[n-4:]
		_, _ = s[3], t[3]
		return uint64(uint32(s[0])|uint32(s[1])<<8|uint32(s[2])<<16|uint32(s[3])<<24) |
			uint64(uint32(t[0])|uint32(t[1])<<8|uint32(t[2])<<16|uint32(t[3])<<24)<<32
	case n > 0:
		return filler&^0xffffff | uint64(s[0]) | uint64(s[n>>1])<<8 | uint64(s[n-1])<<16
	}
	return filler
}

// A scan gathers what words have in common. Bit 7 of each byte of some is set
// where the bytes of all words passed, provided that they are ASCII; of high,
// where one was not, which also spoils the additions of its word.
type scan struct{ some, high uint64 }

func newScan() scan { return scan{some: highs} }

func (s scan) clean() bool { return s.some&^s.high&highs == highs }

// usual reports whether a word has only what most topics are made of, which is
// quick to tell: ASCII, and no character that comes before the comma, and so no
// U+0000, '#' or '+'.
func usual(x uint64) bool { return (x+(0x80-',')*ones)&^x&highs == highs }

// text passes all except U+0000.
func (s scan) text(x uint64) scan { return scan{s.some & (x + lows), s.high | x} }

// name passes all except U+0000 and wildcard characters.
func (s scan) name(x uint64) scan {
	return scan{s.some & (x + lows) & ((x | wildcardBit) ^ wildcards + lows), s.high | x}
}

// usual passes what usual does.
func (s scan) usual(x uint64) scan { return scan{s.some & (x + (0x80-',')*ones), s.high | x} }

// CheckString returns 0, [mqttwire.ErrUTF8] [MQTT-1.5.3-1, MQTT-1.5.4-1] or
// [mqttwire.ErrNUL] [MQTT-1.5.3-2, MQTT-1.5.4-2].
func CheckString[T Bytes](s T) mqttwire.Error {
	c, n := newScan(), len(s)
	switch {
	case n < 8:
		c = c.text(short(s))
	case n <= 16:
		c = c.text(Load(s, 0)).text(Load(s, n-8))
	case n <= 32:
		c = c.text(Load(s, 0)).text(Load(s, 8)).text(Load(s, n-16)).text(Load(s, n-8))
	default:
		// What starts with a character that is not ASCII mostly goes on so.
		if c.high = Load(s, 0); c.high&highs == 0 {
			for i := 0; i < n-16; i += 16 {
				c = c.text(Load(s, i)).text(Load(s, i+8))
			}
		}
		c = c.text(Load(s, n-16)).text(Load(s, n-8))
	}
	if c.clean() {
		return 0
	}
	return checkSlow(s, false)
}

// CheckName is CheckString, and returns [mqttwire.ErrTopicWildcard] where s
// has a '+' or a '#' [3.1.1 MQTT-4.7.1-1, 5.0 MQTT-4.7.0-1]. Length is the
// caller's matter: an empty name passes.
func CheckName[T Bytes](s T) mqttwire.Error {
	c, n := newScan(), len(s)
	switch {
	case n < 8:
		c = c.usual(short(s))
	case n <= 16:
		c = c.usual(Load(s, 0)).usual(Load(s, n-8))
	case n <= 32:
		c = c.usual(Load(s, 0)).usual(Load(s, 8)).usual(Load(s, n-16)).usual(Load(s, n-8))
	default:
		// What starts with a character that is not ASCII mostly goes on so.
		if c.high = Load(s, 0); c.high&highs == 0 {
			for i := 0; i < n-16; i += 16 {
				c = c.usual(Load(s, i)).usual(Load(s, i+8))
			}
		}
		c = c.usual(Load(s, n-16)).usual(Load(s, n-8))
	}
	switch {
	case c.clean():
		return 0
	case c.high&highs != 0:
		return checkSlow(s, true)
	}
	return checkUnusual(s)
}

// checkUnusual is CheckName for a name with a space, a '$' ...
func checkUnusual[T Bytes](s T) mqttwire.Error {
	c, n := newScan(), len(s)
	if n < 8 {
		c = c.name(short(s))
	} else {
		for i := 0; i < n-8; i += 8 {
			c = c.name(Load(s, i))
		}
		c = c.name(Load(s, n-8))
	}
	if c.clean() {
		return 0
	}
	return checkSlow(s, true)
}

// checkSlow goes through s a run of ASCII, or of other characters, at a time.
// What is well-formed is Unicode's Table 3-7.
func checkSlow[T Bytes](s T, noWildcard bool) mqttwire.Error {
	wild := false
	for rest := s; len(rest) > 0; {
		var x uint64 // the first 8 bytes, zeros after the end
		if len(rest) >= 8 {
			x = Load(rest, 0)
			if plain(x)&notWild(x) == highs {
				rest = rest[8:]
				continue
			}
		} else {
			x = end(s, len(rest))
		}
		n := runeLen(x)
		if n == 0 {
			if x&0x80 != 0 {
				return mqttwire.ErrUTF8
			}
			n = min(bits.TrailingZeros64(x&highs)/8, len(rest))
			ascii := highs & (uint64(1)<<(8*n) - 1)
			if plain(x)&ascii != ascii {
				return mqttwire.ErrNUL
			}
			wild = wild || notWild(x)&ascii != ascii
		}
		rest = rest[n:]
	}
	if wild && noWildcard {
		return mqttwire.ErrTopicWildcard
	}
	return 0
}

// end returns the last n bytes of s, fewer than 8, the first in the lowest bits.
func end[T Bytes](s T, n int) (x uint64) {
	if len(s) >= 8 {
		return Load(s, len(s)-8) >> (8 * (8 - n))
	}
	for i := len(s) - 1; i >= len(s)-n; i-- {
		x = x<<8 | uint64(s[i])
	}
	return x
}

// runeLen returns how many bytes the character at the front of x takes, 2 to 4,
// and 0 where it is ASCII or not well-formed.
func runeLen(x uint64) int {
	switch {
	case x&0xc0c0f0 == 0x8080e0:
		if v := x & 0x200f; v != 0 && v != 0x200d { // below U+0800: overlong; surrogates
			return 3
		}
	case x&0xc0e0 == 0x80c0:
		if x&0x1e != 0 { // below U+0080: overlong
			return 2
		}
	case x&0xc0c0c0f8 == 0x808080f0:
		if v := x&7<<2 | x>>12&3; 1 <= v && v <= 0x10 { // below U+10000: overlong; past U+10FFFF
			return 4
		}
	}
	return 0
}
