package hmactoken

import (
	"bytes"
	"encoding/hex"
	"math"
	"strconv"
	"sync"
	"time"
)

// Grace is how long after the expiry of its token an entry is kept: for clocks
// that differ, or are set back.
const Grace = time.Hour

// Revocations is what is no longer good although its signature holds: a list
// of tokens, and of accounts that are suspended with all their tokens. The zero
// Revocations, and nil where it is only asked, are empty. It is safe for
// concurrent use and must not be copied.
//
// An entry of a token takes about 45 bytes. It can say when the token expires,
// which [Revocations.Forget] needs.
type Revocations struct {
	shards [256]shard // by the first byte of the digest
	mu     sync.RWMutex
	names  map[string]struct{} // of accounts
	next   uint8               // the shard to go on with in Forget
}

type shard struct {
	mu     sync.RWMutex
	tokens map[digest]expiry
}

// digest is what the 32 digits of an ID say. The key id is in the hash.
type digest [16]byte

// expiry is a second since 1970-01-01 UTC, 0 for a token that may never expire.
type expiry uint32

func expiryOf(at time.Time) expiry {
	if at.IsZero() {
		return 0
	}
	return expiryAt(at.UnixMilli())
}

// expiryAt rounds up: an entry may stay too long, never too short.
func expiryAt(milli int64) expiry {
	if milli > math.MaxUint32*1000 {
		return 0
	}
	return expiry(max(1, (milli+999)/1000))
}

func (e expiry) before(now time.Time) bool {
	return e != 0 && int64(e) < now.Add(-Grace).Unix()
}

// Revoke adds a token, by its [ID]. Expires is when the token expires, the zero
// Time for not known: then the entry stays for good. Of two entries for one
// token the one that stays longer counts. The error is [ErrID].
func (r *Revocations) Revoke(id string, expires time.Time) error {
	d, ok := parseID(id)
	if !ok {
		return ErrID
	}
	r.revoke(d, expiryOf(expires))
	return nil
}

func (r *Revocations) revoke(d digest, e expiry) {
	s := &r.shards[d[0]]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens == nil {
		s.tokens = map[digest]expiry{}
	}
	if old, ok := s.tokens[d]; !ok || old != 0 && (e == 0 || e > old) {
		s.tokens[d] = e
	}
}

// Suspend adds an account.
func (r *Revocations) Suspend(accessKeyID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.names == nil {
		r.names = map[string]struct{}{}
	}
	r.names[accessKeyID] = struct{}{}
}

// Merge adds all of another list, which must not be the same one.
func (r *Revocations) Merge(other *Revocations) {
	for i := range other.shards {
		s := &other.shards[i]
		s.mu.RLock()
		for d, e := range s.tokens {
			r.revoke(d, e)
		}
		s.mu.RUnlock()
	}
	other.mu.RLock()
	defer other.mu.RUnlock()
	for name := range other.names {
		r.Suspend(name)
	}
}

// Revoked reports whether a token is on the list, by its [ID].
func (r *Revocations) Revoked(id string) bool {
	d, ok := parseID(id)
	if !ok || r == nil {
		return false
	}
	s := &r.shards[d[0]]
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok = s.tokens[d]
	return ok
}

// Suspended reports whether an account is on the list.
func (r *Revocations) Suspended(accessKeyID string) bool {
	if r == nil {
		return false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, ok := r.names[accessKeyID]
	return ok
}

// Len returns how many tokens and accounts there are.
func (r *Revocations) Len() (tokens, accounts int) {
	if r == nil {
		return 0, 0
	}
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.RLock()
		tokens += len(s.tokens)
		s.mu.RUnlock()
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return tokens, len(r.names)
}

// Forget drops entries whose tokens expired [Grace] ago and more, in a 256th of
// the list, the next one at each call: no lock is held for long. Call it now
// and then, by one goroutine at a time.
func (r *Revocations) Forget(now time.Time) {
	s := &r.shards[r.next]
	r.next++
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.tokens)
	for d, e := range s.tokens {
		if e.before(now) {
			delete(s.tokens, d)
		}
	}
	if len(s.tokens) > before/2 || before == 0 {
		return
	}
	smaller := make(map[digest]expiry, len(s.tokens)) // a map does not shrink
	for d, e := range s.tokens {
		smaller[d] = e
	}
	s.tokens = smaller
}

// ParseRevocations reads a list, a line for each entry:
//
//	token <ID> <expiry>   the expiry in milliseconds since 1970-01-01 UTC, or left out
//	account <AccessKeyId>
//
// Empty lines and lines that begin with "#" are skipped. Line is the number of
// the line that an error is about, which is [ErrLine].
func ParseRevocations(file []byte) (r *Revocations, line int, err error) {
	r = &Revocations{}
	if _, line, err = r.Add(file); err != nil {
		return nil, line, err
	}
	return r, 0, nil
}

// Add adds the entries of a file as [ParseRevocations] reads it, or of some of
// its lines: what else was revoked stays. It returns how many lines there are,
// and [ErrLine] with the number of the first line that is not understood. All
// other lines count in spite of it: a slip of the pen brings no token back.
func (r *Revocations) Add(lines []byte) (n, line int, err error) {
	for text := range bytes.Lines(lines) {
		n++
		switch x, ok := parseEntry(text); {
		case !ok:
			if err == nil {
				line, err = n, ErrLine
			}
		case x.account != nil:
			r.Suspend(string(x.account))
		case x.token:
			r.revoke(x.digest, x.expiry)
		}
	}
	return n, line, err
}

// AppendRevocation appends to dst the line that revokes a token, with its line
// break. It does not ask whether the signature holds. Where the token cannot be
// read it returns dst as it was, and the error of [Claims.Decode].
func AppendRevocation(dst, token []byte) ([]byte, error) {
	var c Claims
	p, ok := split(token)
	if !ok {
		return dst, ErrFormat
	}
	if err := c.decode(p); err != nil {
		return dst, err
	}
	dst = append(dst, "token "...)
	dst = append(dst, p.id()...)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, c.Expires.UnixMilli(), 10)
	return append(dst, '\n'), nil
}

// CompactRevocations returns a list without the entries whose tokens expired
// [Grace] ago and more. All other lines stay as they are, those that are not
// understood too. It overwrites file.
func CompactRevocations(file []byte, now time.Time) []byte {
	kept := file[:0]
	for text := range bytes.Lines(file) {
		if x, ok := parseEntry(text); !ok || !x.token || !x.expiry.before(now) {
			kept = append(kept, text...)
		}
	}
	return kept
}

// entry is what a line says: nothing, a token or an account.
type entry struct {
	token   bool
	digest  digest
	expiry  expiry
	account []byte
}

func parseEntry(line []byte) (x entry, ok bool) {
	var fields [3][]byte
	n := 0
	for field := range bytes.FieldsSeq(line) {
		if n == 0 && field[0] == '#' {
			return entry{}, true
		}
		if n == len(fields) {
			return entry{}, false
		}
		fields[n] = field
		n++
	}
	switch {
	case n == 0:
		return entry{}, true
	case n == 2 && string(fields[0]) == "account":
		return entry{account: fields[1]}, true
	case n < 2 || string(fields[0]) != "token":
		return entry{}, false
	}
	if x.digest, ok = parseID(fields[1]); !ok {
		return entry{}, false
	}
	if n == 3 {
		milli, err := strconv.ParseInt(string(fields[2]), 10, 64)
		if err != nil || milli <= 0 || fields[2][0] == '+' {
			return entry{}, false
		}
		x.expiry = expiryAt(milli)
	}
	x.token = true
	return x, true
}

// parseID takes an ID apart, if it looks like one: a mistyped one would revoke
// nothing, and nobody would notice.
func parseID[T ~string | ~[]byte](id T) (d digest, ok bool) {
	dot := len(id) - 33
	if dot < 0 || id[dot] != '.' || !validKeyID(id[:dot]) {
		return d, false
	}
	var digits [32]byte
	copy(digits[:], id[dot+1:])
	for _, c := range digits {
		if c-'0' > 9 && (c < 'a' || c > 'f') {
			return d, false
		}
	}
	_, err := hex.Decode(d[:], digits[:])
	return d, err == nil
}
