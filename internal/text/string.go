// Package text validates UTF-8 Encoded Strings (3.1.1 §1.5.3, 5.0 §1.5.4) and
// topics (3.1.1 §4.7, 5.0 §4.7 and §4.8.2), eight bytes at a time where they
// are ASCII.
//
// It is the one place where text is scanned: package codec calls it for every
// string, and package topicmatch exports what it says of topics.
package text

import "github.com/mqttwire/mqttwire"

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

// load4 returns the 4 bytes of s from i on, the first in the lowest bits.
func load4[T Bytes](s T, i int) uint64 {
	_ = s[i+3]
	return uint64(uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24)
}

// short returns all of a string of fewer than 8 bytes in one word, some of
// them twice, the rest filled with spaces: good for asking whether a byte
// occurs, not where.
func short[T Bytes](s T) uint64 {
	if n := len(s); n >= 4 {
		return load4(s, 0) | load4(s, n-4)<<32
	}
	return tiny(s)
}

// tiny is short for fewer than 4 bytes.
func tiny[T Bytes](s T) uint64 {
	if n := len(s); n > 0 {
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
	case n < 4:
		c = c.text(tiny(s))
	case n < 8:
		c = c.text(load4(s, 0) | load4(s, n-4)<<32)
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

// AppendString appends s to dst and returns what CheckString says of s: of a
// short one in one pass.
func AppendString[T Bytes](dst []byte, s T) ([]byte, mqttwire.Error) {
	c, n := newScan(), len(s)
	if n < 4 || n > 16 || cap(dst)-len(dst) < n {
		return append(dst, s...), CheckString(s)
	}
	room := dst[len(dst) : len(dst)+n]
	if n < 8 {
		x, y := load4(s, 0), load4(s, n-4)
		store4(room, 0, x)
		store4(room, n-4, y)
		c = c.text(x | y<<32)
	} else {
		x, y := Load(s, 0), Load(s, n-8)
		store(room, 0, x)
		store(room, n-8, y)
		c = c.text(x).text(y)
	}
	if dst = dst[:len(dst)+n]; c.clean() {
		return dst, 0
	}
	return dst, checkSlow(s, false)
}

// store writes x into the 8 bytes of b from i on, the lowest bits first.
func store(b []byte, i int, x uint64) {
	_ = b[i+7]
	b[i], b[i+1], b[i+2], b[i+3] = byte(x), byte(x>>8), byte(x>>16), byte(x>>24)
	b[i+4], b[i+5], b[i+6], b[i+7] = byte(x>>32), byte(x>>40), byte(x>>48), byte(x>>56)
}

// store4 writes x into the 4 bytes of b from i on, the lowest bits first.
func store4(b []byte, i int, x uint64) {
	_ = b[i+3]
	b[i], b[i+1], b[i+2], b[i+3] = byte(x), byte(x>>8), byte(x>>16), byte(x>>24)
}

// CheckName is CheckString, and returns [mqttwire.ErrTopicWildcard] where s
// has a '+' or a '#' [3.1.1 MQTT-4.7.1-1, 5.0 MQTT-4.7.0-1]. Length is the
// caller's matter: an empty name passes.
func CheckName[T Bytes](s T) mqttwire.Error {
	c, n := newScan(), len(s)
	switch {
	case n < 4:
		c = c.usual(tiny(s))
	case n < 8:
		c = c.usual(load4(s, 0) | load4(s, n-4)<<32)
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

// checkSlow goes through s a byte at a time, or a word where that is plain.
func checkSlow[T Bytes](s T, noWildcard bool) mqttwire.Error {
	state, wild, rest := start, uint64(0), s
	for ; len(rest) >= 8; rest = rest[8:] {
		x := Load(rest, 0)
		wild |= highs &^ (x | ((x&lows | wildcardBit) ^ wildcards + lows))
		if state&63 == start && plain(x) == highs {
			continue
		}
		state = next[byte(x)] >> (state & 63)
		state = next[byte(x>>8)] >> (state & 63)
		state = next[byte(x>>16)] >> (state & 63)
		state = next[byte(x>>24)] >> (state & 63)
		state = next[byte(x>>32)] >> (state & 63)
		state = next[byte(x>>40)] >> (state & 63)
		state = next[byte(x>>48)] >> (state & 63)
		state = next[byte(x>>56)] >> (state & 63)
	}
	for i := range len(rest) {
		state = next[rest[i]] >> (state & 63)
		if rest[i] == '+' || rest[i] == '#' {
			wild = 1
		}
	}
	switch state & 63 {
	case start:
		if wild != 0 && noWildcard {
			return mqttwire.ErrTopicWildcard
		}
		return 0
	case nul:
		return mqttwire.ErrNUL
	}
	return mqttwire.ErrUTF8
}

// The states in which a byte of a string can be met: six bits each, so that a
// step is a shift. What comes first of ill-formed and nul is final.
const (
	start   uint64 = 6 * iota // of a character
	last                      // its last byte is due
	two                       // two more
	three                     // three more
	afterE0                   // two more, the first from A0 on: else it is overlong
	afterED                   // two more, the first below A0: else a surrogate
	afterF0                   // three more, the first from 90 on: else it is overlong
	afterF4                   // three more, the first below 90: else past U+10FFFF
	illFormed
	nul
)

// next has by byte, at the bits that a state says, the state that follows. It is
// Unicode's Table 3-7, and U+0000.
var next = func() (table [256]uint64) {
	for b := range table {
		for state := start; state <= nul; state += 6 {
			table[b] |= follow(state, byte(b)) << state
		}
	}
	return table
}()

func follow(state uint64, b byte) uint64 {
	more := 0x80 <= b && b <= 0xbf
	switch {
	case state >= illFormed:
		return state
	case state == last && more:
		return start
	case state == two && more, state == afterE0 && more && b >= 0xa0, state == afterED && more && b < 0xa0:
		return last
	case state == three && more, state == afterF0 && more && b >= 0x90, state == afterF4 && more && b < 0x90:
		return two
	case state != start:
	case b == 0:
		return nul
	case b < 0x80:
		return start
	case 0xc2 <= b && b <= 0xdf:
		return last
	case b == 0xe0:
		return afterE0
	case b == 0xed:
		return afterED
	case 0xe1 <= b && b <= 0xef:
		return two
	case b == 0xf0:
		return afterF0
	case 0xf1 <= b && b <= 0xf3:
		return three
	case b == 0xf4:
		return afterF4
	}
	return illFormed
}
