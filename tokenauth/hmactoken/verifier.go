package hmactoken

import (
	"crypto/hmac"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire/tokenauth"
)

// DefaultSkew is how far an issuer's clock may be ahead.
const DefaultSkew = time.Minute

// Verifier knows genuine tokens of this format. It is a [tokenauth.Verifier],
// safe for concurrent use, also of Load. The zero Verifier knows no key.
type Verifier struct {
	// Skew is how far ahead of now a token may be issued: the issuer's clock
	// is not the server's. 0 means DefaultSkew, less means not at all. There
	// is no such grace for the expiry, which the client was told to the
	// millisecond. Do not change it in use.
	Skew time.Duration

	loaded atomic.Pointer[loaded]
}

type loaded struct {
	keys    Keys
	revoked *Revocations
}

var _ tokenauth.Verifier = (*Verifier)(nil)

// Load replaces the keys and what is revoked, nil for nothing. The caller must
// not change the keys after that; what is added to the Revocations later is in
// force at once. For clients that are connected, call
// [tokenauth.Session.Recheck] next.
func (v *Verifier) Load(keys Keys, revoked *Revocations) {
	v.loaded.Store(&loaded{keys, revoked})
}

// Verify judges a token. In this order:
//
//   - Forged: it is not of this format, or signed with a key that is unknown;
//   - SignatureInvalid: its signature does not hold;
//   - Forged: its signature holds, but not what it says, or it was issued in
//     the future;
//   - PermissionMismatch: it is of another type than the one asked for;
//   - AccountInvalid: it is another account's, or the account is suspended;
//   - ResourceMismatch: it is for another instance;
//   - Expired, Revoked.
func (v *Verifier) Verify(now time.Time, r tokenauth.Request) (*tokenauth.Grant, tokenauth.Code) {
	p, ok := split(r.Token)
	l := v.loaded.Load()
	if !ok || l == nil {
		return nil, tokenauth.Forged
	}
	secret, ok := l.keys[string(p.keyID)]
	if !ok {
		return nil, tokenauth.Forged
	}
	if mac := sign(secret, p.signed); !hmac.Equal(mac[:], p.mac[:]) {
		return nil, tokenauth.SignatureInvalid
	}
	var c Claims
	if c.decode(p) != nil || c.Issued.After(now.Add(v.skew())) {
		return nil, tokenauth.Forged
	}
	filters, err := tokenauth.CompileFilters(c.Filters)
	if err != nil {
		return nil, tokenauth.Forged
	}
	id := p.id()
	switch {
	case c.Type != r.Type:
		return nil, tokenauth.PermissionMismatch
	case r.AccessKeyID != "" && c.AccessKeyID != r.AccessKeyID, l.revoked.Suspended(c.AccessKeyID):
		return nil, tokenauth.AccountInvalid
	case r.InstanceID != "" && c.InstanceID != r.InstanceID:
		return nil, tokenauth.ResourceMismatch
	case now.UnixMilli() >= c.Expires.UnixMilli():
		return nil, tokenauth.Expired
	case l.revoked.Revoked(id):
		return nil, tokenauth.Revoked
	}
	return &tokenauth.Grant{
		Type:        c.Type,
		ID:          id,
		AccessKeyID: c.AccessKeyID,
		InstanceID:  c.InstanceID,
		Issued:      c.Issued.UnixMilli(),
		Expires:     c.Expires.UnixMilli(),
		Filters:     filters,
	}, tokenauth.Valid
}

// Recheck judges a token again: Revoked when it is by now, or its key was
// removed, AccountInvalid when its account was suspended.
func (v *Verifier) Recheck(accessKeyID string, g *tokenauth.Grant) tokenauth.Code {
	l := v.loaded.Load()
	if l == nil {
		return tokenauth.Revoked
	}
	keyID, _, _ := strings.Cut(g.ID, ".")
	switch _, known := l.keys[keyID]; {
	case l.revoked.Suspended(accessKeyID):
		return tokenauth.AccountInvalid
	case !known, l.revoked.Revoked(g.ID):
		return tokenauth.Revoked
	}
	return tokenauth.Valid
}

func (v *Verifier) skew() time.Duration {
	switch {
	case v.Skew == 0:
		return DefaultSkew
	case v.Skew < 0:
		return 0
	}
	return v.Skew
}
