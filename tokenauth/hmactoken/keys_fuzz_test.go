package hmactoken_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

// What is read as keys is read the same when it is written again, and an error
// names a line that there is and says nothing of a secret.
func FuzzParseKeys(f *testing.F) {
	secret := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("s", hmactoken.MinSecret)))
	f.Add([]byte("# keys\n\nk1 " + secret + "\nk2\t" + secret + "\r\n"))
	f.Add([]byte("k1 " + secret + "\nk1 " + secret))
	f.Add([]byte("k1 c2hvcnQ=\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		keys, line, err := hmactoken.ParseKeys(file)
		if err != nil {
			if lines := strings.Count(string(file), "\n") + 1; keys != nil || line < 1 || line > lines {
				t.Fatalf("%v in line %d of %d: %v", err, line, lines, keys)
			}
			return
		}
		var again []string
		for id, secret := range keys {
			if len(secret) < hmactoken.MinSecret || id == "" || len(id) > hmactoken.MaxKeyID {
				t.Fatalf("key %q of %d bytes", id, len(secret))
			}
			again = append(again, id+" "+base64.StdEncoding.EncodeToString(secret))
		}
		slices.Sort(again)
		read, _, err := hmactoken.ParseKeys([]byte(strings.Join(again, "\n")))
		if diff := cmp.Diff(map[string][]byte(keys), map[string][]byte(read)); err != nil || diff != "" {
			t.Fatalf("%v\n%s", err, diff)
		}
	})
}
