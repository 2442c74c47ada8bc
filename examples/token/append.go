package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A growing is a file that is locked, and gets a line more.
type growing struct {
	*os.File
	name    string // without symbolic links
	size    int64
	made    bool // it was not there before
	release func()
}

// grow opens a file, which need not exist, and waits until nobody else adds to
// it. What is new is for its owner alone.
func grow(name string) (*growing, error) {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	_, err := os.Stat(name)
	made := errors.Is(err, fs.ErrNotExist)
	f, release, err := lock(name)
	if err != nil {
		return nil, err
	}
	g := &growing{File: f, name: name, made: made, release: release}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "add to", Path: name, Err: errors.New("not a file")}
	}
	if err != nil {
		g.close()
		return nil, err
	}
	g.size = info.Size()
	return g, nil
}

func (g *growing) close() {
	g.File.Close()
	g.release()
}

// content returns all that stands in the file.
func (g *growing) content() ([]byte, error) {
	b := make([]byte, g.size)
	n, err := g.ReadAt(b, 0)
	if err == io.EOF {
		err = nil
	}
	return b[:n], err
}

// add adds a line, with its line break: a server that reads the file sees all
// of it or nothing. When it returns without an error the line is on the disk.
func (g *growing) add(line string) error {
	if g.size > 0 {
		var last [1]byte
		if _, err := g.ReadAt(last[:], g.size-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			line = "\n" + line
		}
	}
	n, err := g.WriteString(line)
	if err != nil {
		if n > 0 { // half a line helps nobody
			err = errors.Join(err, g.Truncate(g.size))
		}
		return err
	}
	g.size += int64(n)
	if err := g.Sync(); err != nil {
		return err
	}
	if g.made {
		return syncDirectory(filepath.Dir(g.name))
	}
	return nil
}

// replace puts other content in place of the file, in one step, with the mode
// and the owner that the file has. After it the file is closed.
func (g *growing) replace(content ...[]byte) (err error) {
	info, err := g.Stat()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(g.name), "."+filepath.Base(g.name)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := keepOwner(f, info); err != nil {
		return err
	}
	if err := f.Chmod(info.Mode().Perm()); err != nil {
		return err
	}
	for _, b := range content {
		if _, err := f.Write(b); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := g.beforeRename(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), g.name); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(g.name))
}

// cleaned is the first line of a list that was cleaned, and how many bytes were
// left. Who reads the list takes it for a comment.
const cleaned = "#cleaned "

// uncleaned is how many bytes a list may grow by, besides to twice what it was
// when it was cleaned last: so a revocation does not read all of it each time.
const uncleaned = 64 << 10

// isLong reports whether a list has grown much since it was cleaned.
func (g *growing) isLong() bool {
	var head [64]byte
	n, _ := g.ReadAt(head[:], 0)
	line, _, _ := bytes.Cut(head[:n], []byte("\n"))
	var size int64
	if rest, ok := bytes.CutPrefix(line, []byte(cleaned)); ok {
		if _, err := fmt.Sscan(string(rest), &size); err != nil {
			size = 0
		}
	}
	return g.size > 2*min(max(size, 0), g.size)+uncleaned
}

// clean replaces the list by what compact leaves of it.
func (g *growing) clean(compact func([]byte) []byte) error {
	list, err := g.content()
	if err != nil {
		return err
	}
	if bytes.HasPrefix(list, []byte(cleaned)) {
		_, list, _ = bytes.Cut(list, []byte("\n"))
	}
	list = compact(list)
	return g.replace(fmt.Appendf(nil, "%s%d bytes\n", cleaned, len(list)), list)
}
