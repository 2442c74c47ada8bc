package tokenauth

import (
	"strconv"
	"time"
)

// The topics on which a server tells a client about its tokens. The client
// need not subscribe, and nobody but the server may publish to them.
const (
	TopicExpireNotice  = "$SYS/tokenExpireNotice"
	TopicInvalidNotice = "$SYS/tokenInvalidNotice"
)

// Notice is what a server tells a client about one of its tokens: with a Code,
// that it is no longer good, before the server disconnects, or not good for what
// the client asked for; without, that it expires soon.
type Notice struct {
	Type       Type
	Code       Code  // Valid in a notice of expiry
	ExpireTime int64 // in a notice of expiry: milliseconds since 1970-01-01 UTC
}

// IsZero reports whether n says nothing at all.
func (n Notice) IsZero() bool { return n == Notice{} }

// Final reports whether the notice says what is wrong: the server disconnects the
// client after it, or may let it stay where it is about a request.
func (n Notice) Final() bool { return n.Code != Valid }

// Topic returns the topic that the notice is published to.
func (n Notice) Topic() string {
	if n.Final() {
		return TopicInvalidNotice
	}
	return TopicExpireNotice
}

// Time returns ExpireTime, in UTC.
func (n Notice) Time() time.Time { return time.UnixMilli(n.ExpireTime).UTC() }

// Append appends the payload of the notice to dst and returns the result:
// {"code":2,"type":"R"} or {"expireTime":1600000000000,"type":"R"}. For a Type
// that is not valid it returns dst as it was and [ErrType].
func (n Notice) Append(dst []byte) ([]byte, error) {
	if !n.Type.Valid() {
		return dst, ErrType
	}
	if n.Final() {
		dst = append(dst, `{"code":`...)
		dst = strconv.AppendInt(dst, int64(n.Code), 10)
	} else {
		dst = append(dst, `{"expireTime":`...)
		dst = strconv.AppendInt(dst, n.ExpireTime, 10)
	}
	dst = append(dst, `,"type":"`...)
	dst = append(dst, n.Type.String()...)
	return append(dst, `"}`...), nil
}

// Decode parses a message that a client received. It returns [ErrTopic] for
// one that is not a notice; its other errors are the ErrJSON... ones and
// [ErrType]. A code that this package does not know passes. Other members are
// passed over, and a number may be text, or have an exponent. After an error n
// is empty.
func (n *Notice) Decode(topic, payload []byte) error {
	*n = Notice{}
	var number int64
	var name, buf []byte
	members := [2]member{{number: &number}, {name: "type", text: &name, buf: &buf}}
	final := false
	switch string(topic) {
	case TopicExpireNotice:
		members[0].name = "expiretime"
	case TopicInvalidNotice:
		members[0].name, final = "code", true
	default:
		return ErrTopic
	}
	if err := readObject(payload, members[:]); err != nil {
		return err
	}
	typ, err := ParseType(name)
	switch {
	case err != nil:
		return err
	case !final && number > 0:
		*n = Notice{Type: typ, ExpireTime: number}
	case final && number != 0 && number == int64(int32(number)):
		*n = Notice{Type: typ, Code: Code(number)}
	default:
		return ErrJSONValue
	}
	return nil
}

// String describes the notice in a few words.
func (n Notice) String() string {
	switch {
	case n.IsZero():
		return "no notice"
	case n.Final():
		return n.Type.String() + ": " + n.Code.Error()
	}
	return n.Type.String() + ": token expires at " + n.Time().Format(time.RFC3339)
}
