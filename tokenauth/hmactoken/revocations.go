package hmactoken

import "bytes"

// Revocations is what is no longer good although its signature holds.
type Revocations struct {
	Tokens   map[string]bool // by ID
	Accounts map[string]bool // by AccessKeyId: suspended, with all their tokens
}

// ParseRevocations reads a file of revocations: a line for each, "token" and an
// [ID], or "account" and an AccessKeyId. Empty lines and lines that begin with
// "#" are skipped. Line is the number of the line that an error is about, which
// is [ErrLine].
func ParseRevocations(file []byte) (r Revocations, line int, err error) {
	r = Revocations{Tokens: map[string]bool{}, Accounts: map[string]bool{}}
	for text := range bytes.Lines(file) {
		line++
		fields := bytes.Fields(text)
		switch {
		case len(fields) == 0 || fields[0][0] == '#':
		case len(fields) == 2 && string(fields[0]) == "token" && validID(fields[1]):
			r.Tokens[string(fields[1])] = true
		case len(fields) == 2 && string(fields[0]) == "account":
			r.Accounts[string(fields[1])] = true
		default:
			return Revocations{}, line, ErrLine
		}
	}
	return r, 0, nil
}

// validID reports whether id looks like an ID: a mistyped one would revoke
// nothing, and nobody would notice.
func validID(id []byte) bool {
	keyID, digits, ok := bytes.Cut(id, []byte("."))
	if !ok || !validKeyID(keyID) || len(digits) != 32 {
		return false
	}
	for _, c := range digits {
		if c-'0' > 9 && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
