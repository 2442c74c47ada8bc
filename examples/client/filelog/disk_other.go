//go:build !unix

package filelog

import (
	"os"
	"path/filepath"
)

// lockDirectory does not lock here: it is up to the user to run one process.
func lockDirectory(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
}

// syncDirectory does nothing where a directory cannot be synced.
func syncDirectory(string) error { return nil }
