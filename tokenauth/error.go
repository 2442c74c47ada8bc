package tokenauth

// Error says what is wrong with credentials, an update, a notice, or a call: a
// small constant that is comparable and implements error. It never holds what
// it is about: tokens do not get into logs by way of an error.
//
// It is a type of its own beside [mqttwire.Error] because it breaks no clause
// of the standard: to MQTT all of this is payload.
type Error uint8

// The errors.
const (
	// Credentials.
	ErrNotToken    Error = iota + 1 // a user name that does not begin with "Token|": another kind of credentials
	ErrUserName                     // a user name that is not Token|AccessKeyId|InstanceId
	ErrPassword                     // a password that is not type|token, once or more often
	ErrNoToken                      // no token at all
	ErrType                         // a type other than R, W and RW
	ErrTypeTwice                    // two tokens of one type
	ErrEmpty                        // an empty AccessKeyId, InstanceId or token
	ErrCharacter                    // a "|", or a character that is not printable ASCII
	ErrTooLong                      // longer than MaxName, MaxToken or MaxPayload
	ErrJSON                         // a payload that is not one JSON object, or nests too deep
	ErrJSONTwice                    // a member that is needed, given twice, in whatever case
	ErrJSONMissing                  // a member that is missing
	ErrJSONValue                    // a value of the wrong kind, or out of range
	ErrTopic                        // not a topic of notices

	// The client's machine.
	ErrUpdatePending // an update is on its way: no PUBLISH and no SUBSCRIBE until it is acknowledged
	ErrNoUpdate      // an acknowledgement without an update
	ErrRefused       // the server has refused all tokens there are
)

var errorText = [...]string{
	ErrNotToken:      "user name is not that of a token",
	ErrUserName:      "user name is not Token|AccessKeyId|InstanceId",
	ErrPassword:      "password is not pairs of type and token",
	ErrNoToken:       "no token",
	ErrType:          "token type is not R, W or RW",
	ErrTypeTwice:     "two tokens of one type",
	ErrEmpty:         "name or token is empty",
	ErrCharacter:     "character not allowed in a name or token",
	ErrTooLong:       "name, token or payload too long",
	ErrJSON:          "payload is not a JSON object",
	ErrJSONTwice:     "member given twice in the JSON object",
	ErrJSONMissing:   "member missing from the JSON object",
	ErrJSONValue:     "value of a JSON member not as it must be",
	ErrTopic:         "topic is not one of notices",
	ErrUpdatePending: "token update not acknowledged yet",
	ErrNoUpdate:      "no token update to acknowledge",
	ErrRefused:       "all tokens were refused",
}

// Error returns one line: what is wrong, without a prefix.
func (e Error) Error() string {
	if int(e) < len(errorText) && errorText[e] != "" {
		return errorText[e]
	}
	return "unknown error"
}
