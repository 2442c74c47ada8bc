// Package hmactoken is a reference format for the tokens of package tokenauth,
// from the standard library alone: claims signed with HMAC-SHA-256.
//
//	T1.<key id>.<claims>.<signature>
//
// Claims and signature are base64url without padding. The signature covers all
// that comes before the last dot, as it is written, so the text of a token is
// the only one with its meaning. The claims are binary, big-endian, a string
// being its length in two bytes and then its bytes:
//
//	type         1 byte: 1 R, 2 W, 3 RW
//	issued       8 bytes: milliseconds since 1970-01-01 UTC
//	expires      8 bytes: the same, later than issued
//	AccessKeyId  string
//	InstanceId   string
//	filters      a count of 1 byte, 1 or more, then as many strings
//
// A token is bound to its account and instance, which the user name must name
// where there is one, and to its type, which its slot must be. [ID] names it without giving it
// away, for a list of what is revoked, as [ParseRevocations] reads it.
package hmactoken
