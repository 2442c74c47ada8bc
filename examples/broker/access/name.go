package access

import (
	"unicode"
	"unicode/utf8"
)

// MaxName is the most bytes of a user name, and of a name that takes the place
// of %u or %c: every such rule is made anew for a connection, which names of
// 65,535 bytes would make costly.
const MaxName = 256

// validName reports whether name can stand in the files, and looks like nothing
// else there. No printable character is white space but the space itself.
func validName(name string) bool {
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) {
		return false
	}
	if name[0] == '#' || name[0] == ' ' || name[len(name)-1] == ' ' {
		return false
	}
	for _, c := range name {
		if c == ':' || !unicode.IsPrint(c) {
			return false
		}
	}
	return true
}
