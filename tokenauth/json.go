package tokenauth

import (
	"bytes"
	"math"
)

// The payloads are JSON objects of two members that a receiver needs; what else
// is in them it passes over. So the parser is for just that: it nests no deeper
// than maxDepth, allocates nothing, and refuses what encoding/json lets pass,
// such as a needed member given twice.

// maxDepth is how deep the value of a member that nobody needs may nest.
const maxDepth = 32

// scanner walks one object.
type scanner struct {
	b []byte
	i int
}

// space skips white space and returns the byte after it, 0 at the end.
func (s *scanner) space() byte {
	for ; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// take skips white space and then c, if it is there.
func (s *scanner) take(c byte) bool {
	if s.space() != c || s.i == len(s.b) {
		return false
	}
	s.i++
	return true
}

// text reads a string and returns what is between its quotes, and whether there
// are escapes in it. That the bytes are no control characters and the escapes
// well-formed is checked, that they are UTF-8 is not: whoever uses one accepts
// ASCII only.
func (s *scanner) text() (raw []byte, escaped, ok bool) {
	if !s.take('"') {
		return nil, false, false
	}
	start := s.i
	for s.i < len(s.b) {
		c := s.b[s.i]
		s.i++
		switch {
		case c == '"':
			return s.b[start : s.i-1], escaped, true
		case c < ' ':
			return nil, false, false
		case c == '\\':
			escaped = true
			if !s.escape() {
				return nil, false, false
			}
		}
	}
	return nil, false, false
}

// escape skips what follows a backslash.
func (s *scanner) escape() bool {
	if s.i == len(s.b) {
		return false
	}
	c := s.b[s.i]
	s.i++
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		if len(s.b)-s.i < 4 {
			return false
		}
		_, ok := hex4(s.b[s.i:])
		s.i += 4
		return ok
	}
	return false
}

// hex4 reads four hexadecimal digits, of at least four bytes.
func hex4(b []byte) (v uint32, ok bool) {
	for _, c := range b[:4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		v = v<<4 | uint32(c)
	}
	return v, true
}

// unescape appends what raw stands for to dst. It returns [ErrCharacter] for
// an escape of what is not ASCII, or that is a control character's short form:
// no name, type or token has one. The rest is for whoever checks these.
func unescape(dst, raw []byte) ([]byte, error) {
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '\\' {
			i++
			switch c = raw[i]; c {
			case '"', '\\', '/':
			case 'u':
				v, _ := hex4(raw[i+1:])
				if v > 0x7f {
					return dst, ErrCharacter
				}
				c = byte(v)
				i += 4
			default:
				return dst, ErrCharacter
			}
		}
		dst = append(dst, c)
	}
	return dst, nil
}

// number reads a number, and returns it as it is written.
func (s *scanner) number() (raw []byte, ok bool) {
	s.space()
	start := s.i
	s.sign('-', '-')
	switch first := s.i; {
	case s.digits() == 0, s.b[first] == '0' && s.i > first+1:
		return nil, false
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		if s.digits() == 0 {
			return nil, false
		}
	}
	if s.i < len(s.b) && s.b[s.i]|0x20 == 'e' {
		s.i++
		s.sign('-', '+')
		if s.digits() == 0 {
			return nil, false
		}
	}
	return s.b[start:s.i], true
}

// sign skips one of two bytes, if it is there.
func (s *scanner) sign(a, b byte) {
	if s.i < len(s.b) && (s.b[s.i] == a || s.b[s.i] == b) {
		s.i++
	}
}

// digits skips digits and returns how many.
func (s *scanner) digits() (n int) {
	for ; s.i < len(s.b) && s.b[s.i]-'0' <= 9; s.i++ {
		n++
	}
	return n
}

// integer returns the value of a number as number returns it, if it is an
// integer: also one that is written with a fraction of zeros or an exponent.
func integer(raw []byte) (v int64, ok bool) {
	raw, negative := bytes.CutPrefix(raw, []byte("-"))
	mantissa, exponent := raw, 0
	if e := bytes.IndexAny(raw, "eE"); e >= 0 {
		mantissa = raw[:e]
		digits, less := bytes.CutPrefix(raw[e+1:], []byte("-"))
		for _, c := range bytes.TrimPrefix(digits, []byte("+")) {
			exponent = min(exponent*10+int(c-'0'), 2*MaxPayload) // more digits than there are
		}
		if less {
			exponent = -exponent
		}
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	var u uint64
	for i := range max(len(whole)+len(fraction), len(whole)+exponent) {
		c := byte('0')
		switch {
		case i < len(whole):
			c = whole[i]
		case i < len(whole)+len(fraction):
			c = fraction[i-len(whole)]
		case u == 0:
			return 0, true
		}
		switch {
		case i < len(whole)+exponent && u <= math.MaxInt64/10:
			u = u*10 + uint64(c-'0')
		case i < len(whole)+exponent || c != '0':
			return 0, false
		}
	}
	if u > math.MaxInt64 {
		return 0, false
	}
	if negative {
		return -int64(u), true
	}
	return int64(u), true
}

// skip passes over a value of any kind that nests no deeper than depth.
func (s *scanner) skip(depth int) (ok bool) {
	switch c := s.space(); {
	case c == '"':
		_, _, ok = s.text()
		return ok
	case c == '-' || c-'0' <= 9:
		_, ok = s.number()
		return ok
	case c != '[' && c != '{':
		for _, word := range [...]string{"true", "false", "null"} {
			if bytes.HasPrefix(s.b[s.i:], []byte(word)) {
				s.i += len(word)
				return true
			}
		}
		return false
	case depth == 0:
		return false
	}
	end := s.b[s.i] + 2 // the closing bracket of both kinds
	s.i++
	for more := s.space() != end; more; more = s.take(',') {
		if end == '}' {
			if _, _, ok := s.text(); !ok || !s.take(':') {
				return false
			}
		}
		if !s.skip(depth - 1) {
			return false
		}
	}
	return s.take(end)
}

// A member is a member of an object that is needed: its name in lower case, and
// where its value goes. Exactly one of text and number is set.
type member struct {
	name   string
	text   *[]byte // aliases the payload, or *buf where there are escapes
	buf    *[]byte
	number *int64
	seen   bool
}

// readObject reads an object that has the members, and may have others. Their
// names may be in any case, their order is free.
func readObject(payload []byte, members []member) error {
	if len(payload) > MaxPayload {
		return ErrTooLong
	}
	s := scanner{b: payload}
	if !s.take('{') {
		return ErrJSON
	}
	for more := s.space() != '}'; more; more = s.take(',') {
		m, err := s.key(members)
		if err != nil {
			return err
		}
		if m == nil {
			if !s.skip(maxDepth) {
				return ErrJSON
			}
			continue
		}
		if err := s.value(m); err != nil {
			return err
		}
	}
	if !s.take('}') || s.space() != 0 || s.i != len(s.b) {
		return ErrJSON
	}
	for i := range members {
		if !members[i].seen {
			return ErrJSONMissing
		}
	}
	return nil
}

// key reads the name of a member and its colon, and finds the member, nil for
// one that is not needed.
func (s *scanner) key(members []member) (*member, error) {
	raw, _, ok := s.text()
	if !ok || !s.take(':') {
		return nil, ErrJSON
	}
	var buf [6 * len("expireTime")]byte
	if len(raw) > len(buf) {
		return nil, nil
	}
	key, err := unescape(buf[:0], raw)
	if err != nil {
		return nil, nil
	}
	for i := range key {
		if c := key[i]; c >= 'A' && c <= 'Z' {
			key[i] = c | 0x20
		}
	}
	for i := range members {
		m := &members[i]
		if m.name != string(key) {
			continue
		}
		if m.seen {
			return nil, ErrJSONTwice
		}
		m.seen = true
		return m, nil
	}
	return nil, nil
}

// value reads the value of a member to where it goes. A number may be written
// as text.
func (s *scanner) value(m *member) error {
	switch c := s.space(); {
	case c == '"':
		raw, escaped, ok := s.text()
		if !ok {
			return ErrJSON
		}
		if m.number != nil {
			t := scanner{b: raw}
			if digits, ok := t.number(); ok && len(digits) == len(raw) {
				return m.set(raw)
			}
			return ErrJSONValue
		}
		if escaped {
			var err error
			if *m.buf, err = unescape((*m.buf)[:0], raw); err != nil {
				return err
			}
			raw = *m.buf
		}
		*m.text = raw
		return nil
	case m.number != nil && (c == '-' || c-'0' <= 9):
		if raw, ok := s.number(); ok {
			return m.set(raw)
		}
	}
	return ErrJSONValue // of another kind, or no JSON at all
}

func (m *member) set(raw []byte) error {
	v, ok := integer(raw)
	if !ok {
		return ErrJSONValue
	}
	*m.number = v
	return nil
}

// appendText appends a string of printable ASCII to dst, quoted.
func appendText(dst, s []byte) []byte {
	dst = append(dst, '"')
	for _, c := range s {
		if c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}
