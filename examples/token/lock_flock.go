//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package main

import (
	"os"
	"syscall"
)

// lock opens a file for adding to it, and makes one where there is none. It
// waits for who has it.
func lock(name string) (f *os.File, release func(), err error) {
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			return nil, nil, err
		}
		if err := flock(f); err != nil {
			f.Close()
			return nil, nil, &os.PathError{Op: "lock", Path: name, Err: err}
		}
		// Who had it may have put another in its place.
		ours, err := f.Stat()
		if err == nil {
			if there, err := os.Stat(name); err == nil && os.SameFile(ours, there) {
				return f, func() {}, nil // closing unlocks
			}
		}
		f.Close()
	}
}

func flock(f *os.File) error {
	for {
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != syscall.EINTR {
			return err
		}
	}
}

// beforeRename leaves the file open: its lock is what others wait for.
func (g *growing) beforeRename() error { return nil }

func keepOwner(f *os.File, of os.FileInfo) error {
	want, ok := of.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if is, ok := info.Sys().(*syscall.Stat_t); ok && is.Uid == want.Uid && is.Gid == want.Gid {
		return nil
	}
	return f.Chown(int(want.Uid), int(want.Gid))
}

func syncDirectory(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
