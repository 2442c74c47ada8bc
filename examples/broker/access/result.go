package access

// Result is what a user name and a password are worth.
type Result uint8

// The results, and the code of the CONNACK that goes with each in 3.1 and 3.1.1
// and in 5.0. The client is not told Unknown and Wrong apart: that would tell
// it who is a user. Locked it is told only with the right password.
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
