package tokenauth

// Limits on what is parsed and appended, in bytes. Three tokens of the largest
// size fit into a password.
const (
	MaxToken   = 8192  // a token
	MaxName    = 256   // an AccessKeyId or InstanceId
	MaxPayload = 65536 // the payload of an update or a notice
)

// Secret is a token: 1 to MaxToken printable ASCII characters other than "|",
// which the password uses to join them, and the space. It keeps itself out of
// logs: package fmt, encoding/json and log/slog show "[redacted]".
type Secret []byte

const redacted = "[redacted]"

// String returns "[redacted]", or "" for an empty Secret.
func (s Secret) String() string {
	if len(s) == 0 {
		return ""
	}
	return redacted
}

// GoString returns the same, for %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText returns the same, for encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// check reports what is wrong with a name or token of at most maxSize bytes,
// 0 if nothing.
func check[T ~string | ~[]byte](s T, maxSize int) Error {
	switch {
	case len(s) == 0:
		return ErrEmpty
	case len(s) > maxSize:
		return ErrTooLong
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '|' {
			return ErrCharacter
		}
	}
	return 0
}

// Tokens is what a client holds: at most one token of each type. Index it with
// Of and Set.
type Tokens [3]Secret

// Of returns the token of a type, nil where there is none.
func (t *Tokens) Of(typ Type) Secret {
	if !typ.Valid() {
		return nil
	}
	return t[typ-1]
}

// Set sets the token of a type, without copying it; an empty one removes it.
// Its errors are [ErrType], [ErrTooLong] and [ErrCharacter].
func (t *Tokens) Set(typ Type, token Secret) error {
	if !typ.Valid() {
		return ErrType
	}
	if len(token) == 0 {
		t[typ-1] = nil
		return nil
	}
	if e := check(token, MaxToken); e != 0 {
		return e
	}
	t[typ-1] = token
	return nil
}

// Len returns how many tokens there are.
func (t *Tokens) Len() (n int) {
	for _, token := range t {
		if len(token) > 0 {
			n++
		}
	}
	return n
}
