package tokenauth

import "time"

// Grant is what a genuine token allows. A Verifier makes it, a [Session] keeps
// it; nobody changes it after that, so sessions may share one.
type Grant struct {
	Type Type
	// ID names the token, so that it can be revoked. It is not secret.
	ID string
	// AccessKeyID and InstanceID are whose token it is. A Session needs them
	// where a client has no user name that says so.
	AccessKeyID, InstanceID string
	// Issued and Expires are milliseconds since 1970-01-01 UTC. The token is
	// good before Expires, and not at that moment; 0 means forever. A
	// Session does not look at Issued.
	Issued, Expires int64
	// Filters are what the token allows.
	Filters Filters
}

// expired reports whether the token's time is over.
func (g *Grant) expired(now time.Time) bool {
	return g.Expires != 0 && now.UnixMilli() >= g.Expires
}

// Request is what a [Verifier] judges: a token, the slot it was put in, and
// who presents it.
type Request struct {
	AccessKeyID, InstanceID string // of the user name; empty for whatever the token says
	Type                    Type   // that the client says the token has
	Token                   Secret // valid during the call
}

// Verifier knows genuine tokens. Sessions share one, so it has to be safe for
// concurrent use. The reference is in package hmactoken.
type Verifier interface {
	// Verify judges a token: that it is genuine, of the type, account and
	// instance of the request, and neither expired nor revoked. With Valid it
	// returns what the token allows, with another Code nil.
	Verify(now time.Time, r Request) (*Grant, Code)
	// Recheck judges again what Verify once passed, presented by the same
	// account: that nothing was revoked since. It need not look at the time.
	Recheck(accessKeyID string, g *Grant) Code
}
