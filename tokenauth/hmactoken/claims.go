package hmactoken

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// Claims is what a token says.
type Claims struct {
	KeyID                   string // of the key that signs it: letters, digits, "-" and "_", at most MaxKeyID
	AccessKeyID, InstanceID string // whose it is, and for which instance
	Type                    tokenauth.Type
	Issued, Expires         time.Time // to the millisecond
	Filters                 []string  // Topic Filters that it allows, 1 to MaxFilters
}

// Limits on claims. That of a whole token is [tokenauth.MaxToken]: MaxFilters
// filters fit if each has at most 80 bytes, whatever the names. A token with
// more, up to 255, can still be read.
const (
	MaxKeyID   = 32
	MaxFilters = 64
)

const prefix = "T1."

// Append signs the claims and appends the token to dst. On an error it returns
// dst as it was: [ErrKeyID], [ErrKey], [ErrTimes], [ErrFilters], [ErrShared], or
// what package tokenauth says of the names, the type and the size.
func (c *Claims) Append(dst []byte, keys Keys) ([]byte, error) {
	if err := c.check(); err != nil {
		return dst, err
	}
	if len(c.Filters) > MaxFilters {
		return dst, ErrFilters
	}
	for _, filter := range c.Filters {
		// A topic that begins with $share/ is none that anybody publishes: a
		// Shared Subscription is judged by its inner filter (5.0 §4.8.2).
		if topicmatch.IsShared(filter) {
			return dst, ErrShared
		}
	}
	secret, ok := keys[c.KeyID]
	if !ok {
		return dst, ErrKey
	}
	payload := []byte{byte(c.Type)}
	payload = binary.BigEndian.AppendUint64(payload, uint64(c.Issued.UnixMilli()))
	payload = binary.BigEndian.AppendUint64(payload, uint64(c.Expires.UnixMilli()))
	payload = appendString(payload, c.AccessKeyID)
	payload = appendString(payload, c.InstanceID)
	payload = append(payload, byte(len(c.Filters)))
	for _, filter := range c.Filters {
		payload = appendString(payload, filter)
	}
	start := len(dst)
	token := append(dst, prefix...)
	token = append(token, c.KeyID...)
	token = append(token, '.')
	token = encoding.AppendEncode(token, payload)
	mac := sign(secret, token[start:])
	token = append(token, '.')
	token = encoding.AppendEncode(token, mac[:])
	if len(token)-start > tokenauth.MaxToken {
		return dst, tokenauth.ErrTooLong
	}
	return token, nil
}

// check reports what a signer must not sign and a reader must not believe.
func (c *Claims) check() error {
	if !validKeyID(c.KeyID) {
		return ErrKeyID
	}
	if !c.Type.Valid() {
		return tokenauth.ErrType
	}
	if issued, expires := c.Issued.UnixMilli(), c.Expires.UnixMilli(); issued <= 0 || issued >= expires {
		return ErrTimes
	}
	names := tokenauth.Credentials{AccessKeyID: []byte(c.AccessKeyID), InstanceID: []byte(c.InstanceID)}
	if _, err := names.AppendUserName(nil); err != nil {
		return err
	}
	if len(c.Filters) == 0 {
		return ErrFilters
	}
	for _, filter := range c.Filters {
		if topicmatch.CheckFilter(filter) != nil {
			return ErrFilters
		}
	}
	return nil
}

// Decode reads a token without asking whether its signature holds: what it
// says may be anyone's invention. To trust a token, use a [Verifier]. Its
// errors are [ErrFormat] and those of Append, which refuses more than older
// versions signed; after one the Claims are empty.
func (c *Claims) Decode(token []byte) error {
	*c = Claims{}
	p, ok := split(token)
	if !ok {
		return ErrFormat
	}
	return c.decode(p)
}

func (c *Claims) decode(p parts) error {
	payload, err := encoding.AppendDecode(nil, p.claims)
	if err != nil || len(payload) < 1+8+8 {
		return ErrFormat
	}
	d := Claims{
		KeyID:   string(p.keyID),
		Type:    tokenauth.Type(payload[0]),
		Issued:  time.UnixMilli(int64(binary.BigEndian.Uint64(payload[1:]))).UTC(),
		Expires: time.UnixMilli(int64(binary.BigEndian.Uint64(payload[9:]))).UTC(),
	}
	// One string for all: the others are parts of it.
	rest, ok := string(payload[17:]), true
	if d.AccessKeyID, rest, ok = cutString(rest); !ok {
		return ErrFormat
	}
	if d.InstanceID, rest, ok = cutString(rest); !ok || rest == "" {
		return ErrFormat
	}
	// Each filter takes three bytes or more: nothing is sized by a count alone.
	n := int(rest[0])
	if rest = rest[1:]; n > len(rest)/3 {
		return ErrFormat
	}
	d.Filters = make([]string, n)
	for i := range d.Filters {
		if d.Filters[i], rest, ok = cutString(rest); !ok {
			return ErrFormat
		}
	}
	if rest != "" {
		return ErrFormat
	}
	if err := d.check(); err != nil {
		return err
	}
	*c = d
	return nil
}

// ID returns the name of a token, by which it is revoked: its key id, a dot,
// and 32 hexadecimal digits that do not tell what the token is. It does not ask
// whether the signature holds. Its error is [ErrFormat].
func ID(token []byte) (string, error) {
	p, ok := split(token)
	if !ok {
		return "", ErrFormat
	}
	return p.id(), nil
}

// parts are the parts of a token that is well-formed as far as its dots go.
type parts struct {
	signed        []byte // all but the signature and its dot
	keyID, claims []byte
	mac           [sha256.Size]byte
}

// encoding is strict: one text for each value. That it skips line breaks is
// for split to mend.
var encoding = base64.RawURLEncoding.Strict()

func split(token []byte) (p parts, ok bool) {
	if len(token) > tokenauth.MaxToken || bytes.ContainsAny(token, "\r\n") {
		return p, false
	}
	dot := bytes.LastIndexByte(token, '.')
	if dot < 0 {
		return p, false
	}
	p.signed = token[:dot]
	rest, ok := bytes.CutPrefix(p.signed, []byte(prefix))
	if !ok {
		return p, false
	}
	p.keyID, p.claims, ok = bytes.Cut(rest, []byte("."))
	if !ok || !validKeyID(p.keyID) || len(token)-dot-1 != encoding.EncodedLen(len(p.mac)) {
		return p, false
	}
	_, err := encoding.Decode(p.mac[:], token[dot+1:])
	return p, err == nil
}

func (p *parts) id() string {
	sum := sha256.Sum256(p.signed)
	return string(p.keyID) + "." + hex.EncodeToString(sum[:16])
}

func validKeyID[T ~string | ~[]byte](id T) bool {
	for i := range len(id) {
		if !isWord(id[i]) {
			return false
		}
	}
	return len(id) > 0 && len(id) <= MaxKeyID
}

// isWord reports whether a byte is of base64url, or of a key id, which is the
// same.
func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '_'
}

// appendString appends a string whose length has been checked.
func appendString(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
	return append(dst, s...)
}

func cutString(s string) (head, rest string, ok bool) {
	if len(s) < 2 {
		return "", "", false
	}
	n := int(s[0])<<8 | int(s[1])
	if s = s[2:]; n > len(s) {
		return "", "", false
	}
	return s[:n], s[n:], true
}
