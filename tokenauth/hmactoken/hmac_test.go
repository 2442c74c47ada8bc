package hmactoken_test

import (
	"crypto/hmac"
	"crypto/sha256"
)

// hmacOf signs as the format says, apart from the package's own code.
func hmacOf(secret []byte, text string) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(text))
	return h.Sum(nil)
}
