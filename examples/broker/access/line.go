package access

import (
	"bytes"
	"iter"
	"strings"
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
