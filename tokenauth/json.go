package tokenauth

import "math"

// The payloads are JSON objects of two members whose values are strings or
// integers, so the parser is for just that: it knows no nesting, so none can be
// deep; it allocates nothing; and it refuses what encoding/json lets pass, such
// as a member given twice or bytes that are not the encoding they claim to be.

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

// integer reads an integer as JSON writes it, without fraction and exponent.
func (s *scanner) integer() (v int64, ok bool) {
	negative := s.take('-')
	start := s.i
	var u uint64
	for ; s.i < len(s.b) && s.b[s.i]-'0' <= 9; s.i++ {
		if u > math.MaxInt64/10 {
			return 0, false
		}
		u = u*10 + uint64(s.b[s.i]-'0')
	}
	switch digits := s.i - start; {
	case digits == 0, digits > 1 && s.b[start] == '0', u > math.MaxInt64:
		return 0, false
	}
	if negative {
		return -int64(u), true
	}
	return int64(u), true
}

// A member is a member of an object to be read: its name in lower case, and
// where its value goes. Exactly one of text and number is set.
type member struct {
	name   string
	text   *[]byte // aliases the payload, or *buf where there are escapes
	buf    *[]byte
	number *int64
	seen   bool
}

// readObject reads an object that has exactly the members. Their names may be
// in any case, their order is free.
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

// key reads the name of a member and its colon, and finds the member.
func (s *scanner) key(members []member) (*member, error) {
	raw, _, ok := s.text()
	if !ok || !s.take(':') {
		return nil, ErrJSON
	}
	var buf [6 * len("expireTime")]byte
	if len(raw) > len(buf) {
		return nil, ErrJSONKey
	}
	key, err := unescape(buf[:0], raw)
	if err != nil {
		return nil, ErrJSONKey
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
	return nil, ErrJSONKey
}

// value reads the value of a member to where it goes.
func (s *scanner) value(m *member) error {
	switch c := s.space(); {
	case c == '"':
		raw, escaped, ok := s.text()
		if !ok {
			return ErrJSON
		}
		if m.text == nil {
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
	case c == '-' || c-'0' <= 9:
		v, ok := s.integer()
		if !ok || m.number == nil {
			return ErrJSONValue
		}
		*m.number = v
		return nil
	}
	return ErrJSONValue // true, false, null, an array, an object: or no JSON at all
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
