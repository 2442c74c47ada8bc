package jetstream

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/minio/highwayhash"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
)

// A file of a stream, N.blk, is records without anything between:
//
//	length(4) sequence(8) time(8) subject length(2) subject [header length(4) header] message hash(8)
//
// all little-endian; the highest bit of the length says that there is a header,
// the two highest of the sequence that the record is erased, or marks one that is.
// The hash, keyed by stream and N, is of sequence, time, subject, header and
// message.
const (
	recordHead  = 22
	recordHash  = 8
	headerBit   = 1 << 31
	recordMost  = 4 * MaxBatch
	sequenceAll = 1<<62 - 1
)

// A blockFile is one of a stream.
type blockFile struct {
	path  string
	index int
}

// blockFiles returns the files of a stream in their order, none where there is no
// stream.
func blockFiles(dir string) (all []blockFile, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".blk"); ok {
			if n, err := strconv.Atoi(name); err == nil {
				all = append(all, blockFile{filepath.Join(dir, e.Name()), n})
			}
		}
	}
	slices.SortFunc(all, func(a, b blockFile) int { return a.index - b.index })
	return all, err
}

// firstSequence returns the position of the first record of a file.
func firstSequence(f blockFile) (uint64, bool) {
	file, err := os.Open(f.path)
	if err != nil {
		return 0, false
	}
	defer file.Close()
	var head [recordHead]byte
	if _, err := io.ReadFull(file, head[:]); err != nil {
		return 0, false
	}
	sequence := binary.LittleEndian.Uint64(head[4:])
	return sequence, sequence <= sequenceAll
}

// check looks through all files, and returns the last position there is. What is
// cut short at the end of the last file it leaves to the server, which cuts it off,
// and says so: the end is torn. All other damage is an error. A stream that was
// being made, and has nothing in it, it removes.
func (c *Config) check() (last uint64, torn bool, err error) {
	all, err := blockFiles(c.blocks())
	if err != nil {
		return 0, false, err
	}
	damaged := func(file string, at int) error {
		return fmt.Errorf("%s, byte %d, after position %d of the log: %w; nothing was changed: go back to a copy of %s, or move it away to begin with nothing", file, at, last, keep.ErrDamaged, c.Dir)
	}
	var b []byte
	for i, f := range all {
		if b, err = readFile(f.path, b); err != nil {
			return 0, false, err
		}
		hash, at := f.hash(), 0
		for at < len(b) {
			n := hash.record(b[at:])
			if n == 0 {
				break
			}
			if s := binary.LittleEndian.Uint64(b[at+4:]); s <= sequenceAll {
				last = max(last, s)
			}
			at += n
		}
		if at == len(b) {
			continue
		}
		if i < len(all)-1 || hash.anyIn(b[at+1:]) {
			return 0, false, damaged(f.path, at)
		}
		torn = true
		c.Log.Warn("the last write was torn, and is cut off: it was never acknowledged", "file", f.path, "byte", at, "bytes", len(b)-at, "position", last+1)
	}
	switch described := c.described(); {
	case last > 0 && !described:
		return 0, false, damaged(filepath.Join(c.dir(), "meta.inf"), 0)
	case !described:
		return 0, false, os.RemoveAll(c.dir())
	}
	return last, torn, nil
}

// described reports whether the description of the stream is as it was written.
// The server would make a new stream in its place.
func (c *Config) described() bool {
	b, err := os.ReadFile(filepath.Join(c.dir(), "meta.inf"))
	sum, err2 := os.ReadFile(filepath.Join(c.dir(), "meta.sum"))
	if err != nil || err2 != nil {
		return false
	}
	h := newHasher(stream).h
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil)) == string(sum)
}

// readFile reads a file into b, or into more.
func readFile(path string, b []byte) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return b, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return b, err
	}
	b = slices.Grow(b[:0], int(info.Size()))[:info.Size()]
	_, err = io.ReadFull(f, b)
	return b, err
}

// hasher checks the records of one file.
type hasher struct{ h *highwayhash.Digest64 }

func (f blockFile) hash() hasher { return newHasher(fmt.Sprintf("%s-%d", stream, f.index)) }

func newHasher(name string) hasher {
	key := sha256.Sum256([]byte(name))
	h, err := highwayhash.NewDigest64(key[:])
	if err != nil {
		panic(err) // the key has the right length
	}
	return hasher{h}
}

// record returns how many bytes the record at the front of b takes, 0 where there
// is none.
func (x hasher) record(b []byte) int {
	if len(b) < recordHead+recordHash {
		return 0
	}
	length := binary.LittleEndian.Uint32(b)
	n, subject := int(length&^headerBit), int(binary.LittleEndian.Uint16(b[20:]))
	from := recordHead + subject
	if length&headerBit != 0 {
		from += 4
	}
	if n > len(b) || n > recordMost || from+recordHash > n {
		return 0
	}
	x.h.Reset()
	x.h.Write(b[4:20])
	x.h.Write(b[recordHead : recordHead+subject])
	x.h.Write(b[from : n-recordHash])
	if length&headerBit != 0 { // whose length is not in the hash
		end := from + int(binary.LittleEndian.Uint32(b[from-4:]))
		if end > n-recordHash || !bytes.HasPrefix(b[from:], []byte("NATS/1.0\r\n")) || !bytes.HasSuffix(b[:end], []byte("\r\n\r\n")) {
			return 0
		}
	}
	if x.h.Sum64() != binary.LittleEndian.Uint64(b[n-recordHash:]) {
		return 0
	}
	return n
}

// message returns the position of a record, and the message that it has.
func message(b []byte) (pos uint64, message []byte) {
	from := recordHead + int(binary.LittleEndian.Uint16(b[20:]))
	if binary.LittleEndian.Uint32(b)&headerBit != 0 {
		from += 4 + int(binary.LittleEndian.Uint32(b[from:]))
	}
	return binary.LittleEndian.Uint64(b[4:]), b[from : len(b)-recordHash]
}

// anyIn reports whether there is a record anywhere in b: what stands before it was
// not torn by the last write.
func (x hasher) anyIn(b []byte) bool {
	for i := range b {
		if x.record(b[i:]) > 0 {
			return true
		}
	}
	return false
}
