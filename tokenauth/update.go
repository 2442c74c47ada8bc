package tokenauth

// TopicUpdate is where a client publishes an [Update], at QoS 1.
const TopicUpdate = "$SYS/uploadToken"

// Update is the payload with which a client replaces one of its tokens while
// it is connected: {"token":"...","type":"R"}.
type Update struct {
	Type  Type
	Token Secret

	typeBuf, tokenBuf []byte // where escapes are undone
}

// Decode parses a payload. Token aliases the payload, or where the JSON has
// escapes a buffer of u, valid until the next Decode. The names of the members
// are accepted in any case, and other members are passed over. After an error
// Type and Token are empty.
//
// Its errors are the ErrJSON... ones, and for the values [ErrType],
// [ErrEmpty], [ErrCharacter] and [ErrTooLong].
func (u *Update) Decode(payload []byte) error {
	u.Type, u.Token = 0, nil
	var name, token []byte
	err := readObject(payload, []member{
		{name: "token", text: &token, buf: &u.tokenBuf},
		{name: "type", text: &name, buf: &u.typeBuf},
	})
	if err != nil {
		return err
	}
	typ, err := ParseType(name)
	if err != nil {
		return err
	}
	if e := check(token, MaxToken); e != 0 {
		return e
	}
	u.Type, u.Token = typ, token
	return nil
}

// Append appends the payload to dst and returns the result. On an error, one
// of those that Decode has for the values, it returns dst as it was.
func (u *Update) Append(dst []byte) ([]byte, error) {
	if !u.Type.Valid() {
		return dst, ErrType
	}
	if e := check(u.Token, MaxToken); e != 0 {
		return dst, e
	}
	dst = append(dst, `{"token":`...)
	dst = appendText(dst, u.Token)
	dst = append(dst, `,"type":"`...)
	dst = append(dst, u.Type.String()...)
	return append(dst, `"}`...), nil
}

// String returns the type, and that there is a token.
func (u Update) String() string { return "update of " + u.Type.String() + " token " + u.Token.String() }

// GoString returns the same, for %#v.
func (u Update) GoString() string { return u.String() }
