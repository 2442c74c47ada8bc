package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"runtime"
	"sync"
)

// A Checker checks the passwords of many clients at once, so that none keeps
// another out:
//
//   - A password that was right is known again, by a hash under a key that this
//     process alone has, at once and without a queue: a fleet with one user name
//     that reconnects costs one PBKDF2. It is forgotten where the file has another
//     hash for the user.
//   - All others are checked one at a time of an origin, and half of the processors
//     check at once; origins take turns. Of an origin 32 may wait, of all together
//     1,024. More are [Busy]: where that many wait, the last of an origin that has
//     more waiting than the one that comes.
//
// It is safe for concurrent use.
type Checker struct {
	turns *turns
	key   [32]byte

	mu    sync.RWMutex
	known map[string][sha256.Size]byte // by user name: no more than there are users
}

// NewChecker returns a Checker that knows no password yet.
func NewChecker() *Checker {
	c := &Checker{turns: newTurns(max(1, runtime.GOMAXPROCS(0)/2), 32, 1024), known: map[string][sha256.Size]byte{}}
	rand.Read(c.key[:]) // never fails
	return c
}

// Check is [Users.Check] in the turn of an origin: who has come, such as by an address.
func (c *Checker) Check(users *Users, origin, name string, password []byte) Result {
	if r, ok := c.recall(users, name, password); ok {
		return r
	}
	if !c.turns.enter(origin) {
		return Busy
	}
	defer c.turns.leave(origin)
	if r, ok := c.recall(users, name, password); ok { // from one that has waited too
		return r
	}
	r := users.Check(name, password)
	if r == OK {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.known) > 2*users.Len() { // of users that are not there any more
			clear(c.known)
		}
		c.known[name] = c.sum(users.byName[name], password)
	}
	return r
}

// recall reports what a password is worth that was right before.
func (c *Checker) recall(users *Users, name string, password []byte) (r Result, ok bool) {
	who, there := users.byName[name]
	sum := c.sum(who, password)
	c.mu.RLock()
	known, was := c.known[name]
	c.mu.RUnlock()
	switch {
	case subtle.ConstantTimeCompare(sum[:], known[:]) != 1 || !was || !there || endsWithZero(password):
		return 0, false
	case who.locked:
		return Locked, true
	}
	return OK, true
}

// sum is what is kept of a password that is right for a hash of the file.
func (c *Checker) sum(who user, password []byte) (sum [sha256.Size]byte) {
	m := hmac.New(sha256.New, c.key[:])
	m.Write(binary.BigEndian.AppendUint32(nil, uint32(who.iterations)))
	m.Write(binary.BigEndian.AppendUint32(nil, uint32(len(who.salt))))
	m.Write(who.salt)
	m.Write(who.key[:])
	m.Write(password)
	m.Sum(sum[:0])
	return sum
}
