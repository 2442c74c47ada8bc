package hmactoken

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
)

// MinSecret is the fewest bytes of a secret: as many as its hash has.
const MinSecret = sha256.Size

// Keys are secrets by key id. Several let a new one take over before the old
// one goes: a token names the key that signed it.
type Keys map[string][]byte

// ParseKeys reads a file of keys: a line for each, the key id, a space, and the
// secret in base64. Empty lines and lines that begin with "#" are skipped. Line
// is the number of the line that an error is about: [ErrLine], [ErrKeyID],
// [ErrSecret] or [ErrTwice].
func ParseKeys(file []byte) (keys Keys, line int, err error) {
	keys = Keys{}
	for text := range bytes.Lines(file) {
		line++
		fields := bytes.Fields(text)
		if len(fields) == 0 || fields[0][0] == '#' {
			continue
		}
		if len(fields) != 2 {
			return nil, line, ErrLine
		}
		secret, err := base64.StdEncoding.Strict().AppendDecode(nil, fields[1])
		switch {
		case !validKeyID(fields[0]):
			return nil, line, ErrKeyID
		case err != nil || len(secret) < MinSecret:
			return nil, line, ErrSecret
		case keys[string(fields[0])] != nil:
			return nil, line, ErrTwice
		}
		keys[string(fields[0])] = secret
	}
	return keys, 0, nil
}

// String returns "[keys redacted]".
func (k Keys) String() string { return "[keys redacted]" }

// GoString returns the same, for %#v.
func (k Keys) GoString() string { return k.String() }

func sign(secret, text []byte) (mac [sha256.Size]byte) {
	h := hmac.New(sha256.New, secret)
	h.Write(text)
	h.Sum(mac[:0])
	return mac
}
