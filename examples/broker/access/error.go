package access

// Error says what is wrong with a file, or with a name or password to be
// hashed. It never holds what it is about.
type Error uint8

// The errors.
const (
	ErrLine       Error = iota + 1 // a line that is neither empty, a comment, nor an entry
	ErrName                        // a user name that is missing or not valid
	ErrPassword                    // a password to be hashed that is empty, longer than MQTT has them, or ends with a zero byte
	ErrHash                        // a hash that is not written as HashPassword does
	ErrIterations                  // iterations below MinIterations or above MaxIterations
	ErrTwice                       // a user given twice
	ErrAccess                      // a rule that is about something else than read, write, readwrite or deny
	ErrFilter                      // a rule with no topic filter, or one that is not valid
	ErrShare                       // a rule about a Shared Subscription
	ErrTwoNames                    // a rule with two of %u and %c in one level
)

var errorText = [...]string{
	ErrLine:       "line not understood",
	ErrName:       "user name missing, too long, or with a colon or another character that it may not have",
	ErrPassword:   "password empty, too long, or with a zero byte at its end",
	ErrHash:       "password hash not valid",
	ErrIterations: "too few or too many iterations",
	ErrTwice:      "user given twice",
	ErrAccess:     "access is none of read, write, readwrite, deny",
	ErrFilter:     "topic filter missing or not valid",
	ErrShare:      "rules are about the filter behind $share/NAME/",
	ErrTwoNames:   "two of %u and %c in one level of the topic filter",
}

// Error returns one line: what is wrong, without a prefix.
func (e Error) Error() string {
	if int(e) < len(errorText) && errorText[e] != "" {
		return errorText[e]
	}
	return "unknown error"
}
