package access

import (
	"bytes"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

// entries yields the lines of a file that hold something, with their numbers.
func entries(file []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range bytes.Lines(file) {
			number++
			text := string(bytes.Trim(line, " \t\r\n"))
			if text != "" && text[0] != '#' && !yield(number, text) {
				return
			}
		}
	}
}

// cutWord cuts the first word from a line.
func cutWord(line string) (word, rest string) {
	i := strings.IndexAny(line, " \t")
	if i < 0 {
		return line, ""
	}
	return line[:i], strings.TrimLeft(line[i:], " \t")
}

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
