package tokenauth

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/connack"
)

// Code says what is wrong with a token, as a notice carries it. It implements
// error; a function that returns one as an error returns nil for Valid.
type Code int32

// The codes. Others may come from a server; they mean a token that is no
// longer good.
const (
	Valid              Code = 0  // not on the wire
	Forged             Code = 1  // forged, or cannot be parsed
	Expired            Code = 2  // its time is over
	Revoked            Code = 3  // withdrawn
	ResourceMismatch   Code = 4  // the topic or the instance is not one that it allows
	PermissionMismatch Code = 5  // it is of another type than the one needed
	SignatureInvalid   Code = 8  // its signature does not hold
	AccountInvalid     Code = -1 // the account has no permission, or is not the token's
)

// Error returns one line that says what is wrong, without the token.
func (c Code) Error() string {
	switch c {
	case Valid:
		return "token valid"
	case Forged:
		return "token forged or not readable"
	case Expired:
		return "token expired"
	case Revoked:
		return "token revoked"
	case ResourceMismatch:
		return "token does not allow this resource"
	case PermissionMismatch:
		return "token is not of the type needed"
	case SignatureInvalid:
		return "token signature invalid"
	case AccountInvalid:
		return "account permission invalid"
	}
	return "token invalid"
}

// Err returns the code as an error, nil where it is Valid.
func (c Code) Err() error {
	if c == Valid {
		return nil
	}
	return c
}

// Reason is the 5.0 reason for a PUBACK, SUBACK or DISCONNECT that the code
// causes: 0x87, or success where it is Valid. Its text may go with it as the
// Reason String.
func (c Code) Reason() mqttwire.Reason {
	if c == Valid {
		return mqttwire.Success
	}
	return mqttwire.NotAuthorized
}

// Connack is the code to refuse a CONNECT with, in the numbering of 5.0:
// [connack.BadUserNameOrPassword] where the token is none of ours,
// [connack.NotAuthorized] where it is genuine but does not let the client in.
// 3.1 and 3.1.1 want what [connack.Code.In] makes of it, 4 and 5.
func (c Code) Connack() connack.Code {
	switch c {
	case Valid:
		return connack.Success
	case Forged, SignatureInvalid:
		return connack.BadUserNameOrPassword
	}
	return connack.NotAuthorized
}
