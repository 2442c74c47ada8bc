package tokenauth

// Type is the type of a token: which way it lets messages go. A client holds
// at most one token of each type, and at least one in all.
type Type uint8

// The types, named R, W and RW on the wire.
const (
	Read      Type = 1            // subscribe and receive
	Write     Type = 2            // publish
	ReadWrite Type = Read | Write // both
)

// ParseType reads a type as it is written: "R", "W" or "RW", in this case. Its
// error is [ErrType].
func ParseType[T ~string | ~[]byte](s T) (Type, error) {
	switch string(s) {
	case "R":
		return Read, nil
	case "W":
		return Write, nil
	case "RW":
		return ReadWrite, nil
	}
	return 0, ErrType
}

// Valid reports whether t is one of the three types.
func (t Type) Valid() bool { return t-1 < ReadWrite }

// String returns "R", "W", "RW", or "none".
func (t Type) String() string {
	if t > ReadWrite {
		return "none"
	}
	return [...]string{"none", "R", "W", "RW"}[t]
}
