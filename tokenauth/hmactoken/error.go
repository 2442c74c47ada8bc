package hmactoken

// Error says what is wrong with a token that is made or shown, or with a file
// of keys or revocations. It never holds what it is about.
type Error uint8

// The errors.
const (
	ErrFormat  Error = iota + 1 // not a token of this format
	ErrKeyID                    // a key id that is empty, too long, or not of letters, digits, "-" and "_"
	ErrKey                      // no such key
	ErrSecret                   // a secret that is not base64, or shorter than MinSecret
	ErrTimes                    // no time of issue, or one that is not before the expiry
	ErrFilters                  // no filter, too many, or one that is not valid
	ErrLine                     // a line that is neither empty, a comment, nor an entry
	ErrTwice                    // a key id given twice
	ErrID                       // not the ID of a token
	ErrShared                   // a filter of a Shared Subscription, which allows no topic: give the part after its ShareName
)

var errorText = [...]string{
	ErrFormat:  "not a token of this format",
	ErrKeyID:   "key id not valid",
	ErrKey:     "no such key",
	ErrSecret:  "secret not valid or too short",
	ErrTimes:   "token not issued before it expires",
	ErrFilters: "no topic filter, too many, or one that is not valid",
	ErrLine:    "line not understood",
	ErrTwice:   "key id given twice",
	ErrID:      "not the id of a token",
	ErrShared:  "filter of a shared subscription, which allows no topic",
}

// Error returns one line: what is wrong, without a prefix.
func (e Error) Error() string {
	if int(e) < len(errorText) && errorText[e] != "" {
		return errorText[e]
	}
	return "unknown error"
}
