package access

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"strconv"
	"strings"
)

// Iterations of PBKDF2. The most keeps a mistyped number from making every
// CONNECT a matter of minutes.
const (
	DefaultIterations = 210_000 // of HashPassword
	MinIterations     = 1_000
	MaxIterations     = 2_000_000
)

const (
	scheme      = "$pbkdf2-sha512$i="
	saltSize    = 16
	maxSaltSize = 64
	maxPassword = 65535 // bytes, of Binary Data (3.1.1 §3.1.3.5, 5.0 §1.5.6)
)

// hash is what is kept of a password.
type hash struct {
	iterations int
	salt       []byte
	key        [sha512.Size]byte
}

// HashPassword returns the line of a users file for a user, without a line
// break at its end, with DefaultIterations and a random salt.
//
// The error is [ErrName] or [ErrPassword], or that of [pbkdf2.Key] where FIPS
// 140-3 does not allow it.
func HashPassword(name string, password []byte) (line string, err error) {
	return hashPassword(name, password, DefaultIterations)
}

func hashPassword(name string, password []byte, iterations int) (string, error) {
	switch {
	case !validName(name):
		return "", ErrName
	case len(password) == 0 || len(password) > maxPassword || endsWithZero(password):
		return "", ErrPassword
	}
	h := hash{iterations: iterations, salt: make([]byte, saltSize)}
	rand.Read(h.salt) // never fails
	key, err := derive(password, h.salt, iterations)
	if err != nil {
		return "", err
	}
	h.key = key
	return name + ":" + h.text(), nil
}

// endsWithZero reports whether HMAC, which fills a key up with zero bytes, may
// take the password for a shorter one.
func endsWithZero(password []byte) bool {
	return len(password) > 0 && password[len(password)-1] == 0
}

// derive is the work of it.
func derive(password, salt []byte, iterations int) (key [sha512.Size]byte, err error) {
	b, err := pbkdf2.Key(sha512.New, string(password), salt, iterations, len(key))
	copy(key[:], b)
	return key, err
}

// text returns the hash as the file has it.
func (h *hash) text() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return scheme + strconv.Itoa(h.iterations) + "$" + b64(h.salt) + "$" + b64(h.key[:])
}

// parseHash is the reverse of text. It accepts nothing that text does not
// write.
func parseHash(text string) (hash, error) {
	rest, ok := strings.CutPrefix(text, scheme)
	parts := strings.Split(rest, "$")
	if !ok || len(parts) != 3 {
		return hash{}, ErrHash
	}
	iterations, err := strconv.Atoi(parts[0])
	if err != nil {
		return hash{}, ErrHash
	}
	if iterations < MinIterations || iterations > MaxIterations {
		return hash{}, ErrIterations
	}
	b64 := base64.RawStdEncoding
	salt, err := b64.DecodeString(parts[1])
	if err != nil || len(salt) < saltSize || len(salt) > maxSaltSize {
		return hash{}, ErrHash
	}
	key, err := b64.DecodeString(parts[2])
	if err != nil || len(key) != sha512.Size {
		return hash{}, ErrHash
	}
	h := hash{iterations, salt, [sha512.Size]byte(key)}
	if h.text() != text { // "+210000", or what base64 makes nothing of
		return hash{}, ErrHash
	}
	return h, nil
}
