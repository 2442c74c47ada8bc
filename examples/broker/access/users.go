package access

import (
	"bytes"
	"crypto/subtle"
	"strings"
)

// Users are the users of a file, with the hashes of their passwords. They
// cannot be changed and are safe for concurrent use. The zero Users has none.
type Users struct {
	byName     map[string]user
	iterations int // of the user who has the most
}

type user struct {
	hash
	locked bool
}

// nobody has a hash that no password is known for.
var nobody = user{hash: hash{salt: make([]byte, saltSize)}}

// ParseUsers reads a users file, whose format is described at the top. Line is
// the number of the line that an error is about: [ErrLine], [ErrName],
// [ErrHash], [ErrIterations] or [ErrTwice].
func ParseUsers(file []byte) (users *Users, line int, err error) {
	users = &Users{byName: map[string]user{}}
	for line, text := range entries(file) {
		// A hash has no colon: with the last one, a name that has one is
		// found to be at fault, and not the hash.
		colon := strings.LastIndexByte(text, ':')
		if colon < 0 {
			return nil, line, ErrLine
		}
		name := text[:colon]
		if !validName(name) {
			return nil, line, ErrName
		}
		text, locked := strings.CutPrefix(text[colon+1:], "!")
		h, err := parseHash(text)
		if err != nil {
			return nil, line, err
		}
		if _, twice := users.byName[name]; twice {
			return nil, line, ErrTwice
		}
		users.byName[name] = user{h, locked}
		users.iterations = max(users.iterations, h.iterations)
	}
	return users, 0, nil
}

// Len returns the number of users, the locked included.
func (u *Users) Len() int { return len(u.byName) }

// Check says what a user name and a password are worth. Neither is kept.
//
// That takes a while on purpose, with DefaultIterations about a tenth of a
// second, and the same for every user and for none: as many iterations as the
// user with the most has. So the time does not tell which names exist. Where many
// ask, ask a [Checker].
func (u *Users) Check(name string, password []byte) Result {
	who, known, rest := u.work(name)
	key, err := derive(password, who.salt, who.iterations)
	if rest > 0 && err == nil {
		_, err = derive(password, who.salt, rest)
	}
	right := subtle.ConstantTimeCompare(key[:], who.key[:]) == 1
	switch { // all the work is done
	case !known:
		return Unknown
	case !right || err != nil || endsWithZero(password):
		return Wrong
	case who.locked:
		return Locked
	}
	return OK
}

// work returns whose hash to compute, and how many iterations to spend besides,
// the sum of both being the same for everyone.
func (u *Users) work(name string) (who user, known bool, rest int) {
	if who, known = u.byName[name]; known {
		return who, true, u.iterations - who.iterations
	}
	who = nobody
	if who.iterations = u.iterations; who.iterations == 0 {
		who.iterations = DefaultIterations
	}
	return who, false, 0
}

// Has reports whether there is a user of a name who is not locked out.
func (u *Users) Has(name string) bool {
	who, ok := u.byName[name]
	return ok && !who.locked
}

// Keeps reports whether a user whom other Users let in is good here too: is
// there, is not locked, and has the same password, as far as the hash tells.
func (u *Users) Keeps(name string, other *Users) bool {
	is, ok := u.byName[name]
	was, had := other.byName[name]
	return ok && had && !is.locked && is.iterations == was.iterations && bytes.Equal(is.salt, was.salt) &&
		subtle.ConstantTimeCompare(is.key[:], was.key[:]) == 1
}

// String returns "[users redacted]".
func (u Users) String() string { return "[users redacted]" }

// GoString returns the same, for %#v.
func (u Users) GoString() string { return u.String() }

// Result is what a user name and a password are worth.
type Result uint8

// The results, and the code of the CONNACK that goes with each in 3.1 and 3.1.1
// and in 5.0. The client is not told Unknown and Wrong apart: that would tell
// it which names exist. It is told Locked only with the right password.
const (
	Unknown Result = iota // no such user: 4, 0x86
	Wrong                 // the wrong password: 4, 0x86
	Locked                // the right password of a user who is locked out: 5, 0x87
	Busy                  // not looked at, too many wait: 3, 0x89
	OK                    // let it in: 0
)

var resultText = [...]string{"unknown user", "wrong password", "user is locked", "too many passwords to check", "ok"}

// String returns the result as a few words, such as "wrong password".
func (r Result) String() string {
	if int(r) < len(resultText) {
		return resultText[r]
	}
	return "unknown result"
}
