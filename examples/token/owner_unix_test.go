//go:build unix

package main

import (
	"fmt"
	"io/fs"
	"syscall"
)

// ownerOf returns the owner and the group of a file.
func ownerOf(info fs.FileInfo) string {
	s := info.Sys().(*syscall.Stat_t)
	return fmt.Sprint(s.Uid, ":", s.Gid)
}
