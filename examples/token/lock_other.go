//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// lock opens a file for adding to it, and makes one where there is none. It
// waits for who has it, by way of a file beside it.
func lock(name string) (f *os.File, release func(), err error) {
	guard := name + ".lock"
	for tries := 0; ; tries++ {
		g, err := os.OpenFile(guard, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			g.Close()
			break
		}
		// Windows says of a file that is going that there is no permission.
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrPermission) || tries == 1000 {
			return nil, nil, fmt.Errorf("%w; remove it if nobody adds to %s", err, name)
		}
		time.Sleep(10 * time.Millisecond)
	}
	release = func() { os.Remove(guard) }
	if f, err = os.OpenFile(name, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600); err != nil {
		release()
		return nil, nil, err
	}
	return f, release, nil
}

// beforeRename closes the file, as some systems want it.
func (g *growing) beforeRename() error { return g.File.Close() }

func keepOwner(*os.File, os.FileInfo) error { return nil }

func syncDirectory(string) error { return nil }
