package hmactoken

import "strings"

// Redact returns a text that is safe to log, whatever a client has put into it:
// each token in it, also one that is cut short, is replaced by its [ID] in
// brackets, or by "[token]" where it has none. A text without a token is
// returned as it is.
func Redact(text string) string {
	var out strings.Builder
	for {
		at := strings.Index(text, prefix)
		if at < 0 {
			break
		}
		rest := text[at+len(prefix):]
		size := run(rest)
		if size == 0 || size > MaxKeyID || size == len(rest) || rest[size] != '.' {
			out.WriteString(text[:at+len(prefix)]) // no more than a key id
			text = rest
			continue
		}
		size++
		for more := true; more; { // claims, signature, and what else hangs on to them
			size += run(rest[size:])
			if more = size < len(rest) && rest[size] == '.'; more {
				size++
			}
		}
		out.WriteString(text[:at])
		if id, err := ID([]byte(text[at : at+len(prefix)+size])); err == nil {
			out.WriteString("[token " + id + "]")
		} else {
			out.WriteString("[token]")
		}
		text = rest[size:]
	}
	if out.Len() == 0 {
		return text
	}
	out.WriteString(text)
	return out.String()
}

// run returns how many bytes at the beginning of a text are of base64url.
func run(text string) int {
	for i := range len(text) {
		if !isWord(text[i]) {
			return i
		}
	}
	return len(text)
}
