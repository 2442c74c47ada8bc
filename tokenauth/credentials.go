package tokenauth

import "bytes"

// Credentials are the user name and the password of a CONNECT.
//
//	user name  Token|<AccessKeyId>|<InstanceId>
//	password   <type>|<token>, joined by | where there are more, in any order
type Credentials struct {
	AccessKeyID []byte // the account
	InstanceID  []byte // the service instance
	Tokens      Tokens
}

const userNamePrefix = "Token|"

// Decode parses the user name and the password of a CONNECT. The fields alias
// both. It returns [ErrNotToken] for a user name of another kind, so that a
// server can try what else it has, and on any other error the client has to be
// refused. After an error the Credentials are empty.
func (c *Credentials) Decode(userName, password []byte) error {
	*c = Credentials{}
	var parsed Credentials
	if err := parsed.decodeUserName(userName); err != nil {
		return err
	}
	if err := parsed.decodePassword(password); err != nil {
		return err
	}
	*c = parsed
	return nil
}

func (c *Credentials) decodeUserName(userName []byte) error {
	rest, ok := bytes.CutPrefix(userName, []byte(userNamePrefix))
	if !ok {
		return ErrNotToken
	}
	c.AccessKeyID, c.InstanceID, ok = bytes.Cut(rest, []byte("|"))
	if !ok || bytes.IndexByte(c.InstanceID, '|') >= 0 {
		return ErrUserName
	}
	return c.checkNames()
}

func (c *Credentials) checkNames() error {
	if e := check(c.AccessKeyID, MaxName); e != 0 {
		return e
	}
	if e := check(c.InstanceID, MaxName); e != 0 {
		return e
	}
	return nil
}

func (c *Credentials) decodePassword(password []byte) error {
	if len(password) == 0 {
		return ErrNoToken
	}
	for more := true; more; {
		var name, token []byte
		name, password, more = bytes.Cut(password, []byte("|"))
		if !more {
			return ErrPassword // a type without its token
		}
		token, password, more = bytes.Cut(password, []byte("|"))
		typ, err := ParseType(name)
		switch {
		case err != nil:
			return err
		case c.Tokens.Of(typ) != nil:
			return ErrTypeTwice
		case len(token) == 0:
			return ErrEmpty
		}
		if err := c.Tokens.Set(typ, token); err != nil {
			return err
		}
	}
	return nil
}

// AppendUserName appends the user name to dst and returns the result. Where
// AccessKeyID or InstanceID is empty, too long or has a character that is not
// allowed, "|" above all, it returns dst as it was and [ErrEmpty],
// [ErrTooLong] or [ErrCharacter].
func (c *Credentials) AppendUserName(dst []byte) ([]byte, error) {
	if err := c.checkNames(); err != nil {
		return dst, err
	}
	dst = append(dst, userNamePrefix...)
	dst = append(dst, c.AccessKeyID...)
	dst = append(dst, '|')
	return append(dst, c.InstanceID...), nil
}

// AppendPassword appends the password to dst, in the order R, W, RW, and
// returns the result. Without a token it returns dst as it was and
// [ErrNoToken], and with one that cannot be written [ErrTooLong] or
// [ErrCharacter].
func (c *Credentials) AppendPassword(dst []byte) ([]byte, error) {
	if c.Tokens.Len() == 0 {
		return dst, ErrNoToken
	}
	for _, token := range c.Tokens {
		if len(token) > 0 {
			if e := check(token, MaxToken); e != 0 {
				return dst, e
			}
		}
	}
	first := true
	for i, token := range c.Tokens {
		if len(token) == 0 {
			continue
		}
		if !first {
			dst = append(dst, '|')
		}
		first = false
		dst = append(dst, Type(i+1).String()...)
		dst = append(dst, '|')
		dst = append(dst, token...)
	}
	return dst, nil
}

// String returns whose credentials they are and which types of token they
// hold, such as "Token|acme|post-1 with R, W": never a token.
func (c Credentials) String() string {
	s := userNamePrefix + string(c.AccessKeyID) + "|" + string(c.InstanceID)
	join := " with "
	for i, token := range c.Tokens {
		if len(token) > 0 {
			s += join + Type(i+1).String()
			join = ", "
		}
	}
	return s
}

// GoString returns the same, for %#v.
func (c Credentials) GoString() string { return c.String() }
