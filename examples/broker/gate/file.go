package gate

import (
	"crypto/sha256"
	"fmt"
	"os"
)

// A file is read as a whole, again when it has changed. One that is broken or
// gone leaves in force what was read before, and does not keep others from
// being read.
type file struct {
	name string // "" for none
	read bool
	sum  [sha256.Size]byte // of what is in force
	// take puts what the file says in force, or names the line that is broken, 0
	// where it has none.
	take func(content []byte) (line int, err error)
}

// reload reads the file, and reports whether something else is in force now.
func (f *file) reload() (changed bool, err error) {
	if f.name == "" {
		return false, nil
	}
	// Times would not do: two changes may fall into the same tick.
	content, err := os.ReadFile(f.name)
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(content)
	if f.read && f.sum == sum {
		return false, nil
	}
	if line, err := f.take(content); err != nil {
		return false, inLine(f.name, line, err)
	}
	f.read, f.sum = true, sum
	return true, nil
}

func inLine(name string, line int, err error) error {
	if line == 0 {
		return fmt.Errorf("%s: %w", name, err)
	}
	return fmt.Errorf("%s:%d: %w", name, line, err)
}
