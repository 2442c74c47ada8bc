// Package filelog is a log of lines in a directory: what was appended and synced
// is there after a crash, whole and in order. Many who sync at once share one
// write to the disk. A tail that a crash has torn is cut off; a log that has
// grown is compacted into a new file.
//
// It knows nothing of MQTT. Package mqttclient keeps its sessions in one.
package filelog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Errors that callers may want to tell apart.
var (
	ErrLocked  = errors.New("filelog: the directory is in use by another process")
	ErrVersion = errors.New("filelog: the file is of another version, or no log at all")
	ErrClosed  = errors.New("filelog: closed")
	ErrTooLong = errors.New("filelog: a line is longer than 1 GiB")
)

// A file is the magic and then lines: length(4) checksum(4) bytes, big-endian.
// The checksum is CRC-32C of the length and the bytes.
const (
	magic      = "mqttwire filelog 1\n"
	prefix     = "log-"
	lineHeader = 8
	maxLine    = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Log is a log that is open. Its methods may be called by many goroutines.
type Log struct {
	dir  string
	lock *os.File

	mu      sync.Mutex // guards what follows
	pending []byte     // appended, not written
	added   uint64     // lines that were appended
	err     error      // sticky: what was not written cannot be taken back
	torn    int64

	disk   sync.Mutex // guards the file; taken before mu
	file   *os.File
	number int
	size   int64
	synced uint64 // of added
	spare  []byte
}

// Open opens the log in a directory, which it makes where there is none. One
// process has it at a time; another gets [ErrLocked]. A file of another version
// is [ErrVersion], and is left alone.
func Open(dir string) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockDirectory(dir)
	if err != nil {
		return nil, err
	}
	l := &Log{dir: dir, lock: lock}
	if err := l.open(); err != nil {
		lock.Close()
		return nil, err
	}
	return l, nil
}

// open opens the newest file. Older ones are left over from a compaction that
// was finished, temporary ones from one that was not.
func (l *Log) open() error {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return err
	}
	var old []string
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), prefix)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(name)
		if err != nil {
			old = append(old, e.Name())
			continue
		}
		if n > l.number {
			if l.number > 0 {
				old = append(old, prefix+strconv.Itoa(l.number))
			}
			l.number = n
		} else {
			old = append(old, e.Name())
		}
	}
	if l.number == 0 {
		return l.start(1, func(func([]byte) bool) {})
	}
	f, err := os.OpenFile(l.path(l.number), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	l.file = f
	if err := l.cutTail(); err != nil {
		f.Close()
		return err
	}
	for _, name := range old {
		os.Remove(filepath.Join(l.dir, name)) // it is in the way of nobody
	}
	return nil
}

func (l *Log) path(n int) string { return filepath.Join(l.dir, prefix+strconv.Itoa(n)) }

// cutTail finds the end of the last whole line and cuts off what follows.
func (l *Log) cutTail() error {
	end, err := l.read(nil)
	if err != nil {
		return err
	}
	size, err := l.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if l.torn = size - end; l.torn > 0 {
		if err := l.file.Truncate(end); err != nil {
			return err
		}
		if err := l.file.Sync(); err != nil {
			return err
		}
	}
	l.size = end
	_, err = l.file.Seek(end, io.SeekStart)
	return err
}

// read reads the file from its start and returns where the last whole line
// ends.
func (l *Log) read(f func([]byte) error) (end int64, err error) {
	info, err := l.file.Stat()
	if err != nil {
		return 0, err
	}
	r := &reader{r: io.NewSectionReader(l.file, 0, info.Size()), left: info.Size()}
	if head := r.take(len(magic)); string(head) != magic {
		return 0, fmt.Errorf("%w: %s", ErrVersion, l.file.Name())
	}
	end = int64(len(magic))
	for {
		head := r.take(lineHeader)
		if head == nil {
			return end, r.err
		}
		n, sum := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
		check := crc32.Checksum(head[:4], castagnoli)
		if n > maxLine {
			return end, nil
		}
		line := r.take(int(n))
		if line == nil || crc32.Update(check, castagnoli, line) != sum {
			return end, r.err
		}
		if f != nil {
			if err := f(line); err != nil {
				return end, err
			}
		}
		end += lineHeader + int64(n)
	}
}

// reader reads pieces, and allocates for none that is not there.
type reader struct {
	r    io.Reader
	left int64
	buf  []byte
	err  error
}

func (r *reader) take(n int) []byte {
	if int64(n) > r.left || r.err != nil {
		return nil
	}
	r.left -= int64(n)
	r.buf = slices.Grow(r.buf[:0], n)[:n]
	if _, r.err = io.ReadFull(r.r, r.buf); r.err != nil {
		return nil
	}
	return r.buf
}

// Torn returns how many bytes Open has cut off: what a crash has left of lines
// that were never synced.
func (l *Log) Torn() int64 { return l.torn }

// Replay calls f with each line, in order, and stops at the first error, which
// it returns. A line is valid during the call. Call it before the first Append.
func (l *Log) Replay(f func(line []byte) error) error {
	l.disk.Lock()
	defer l.disk.Unlock()
	_, err := l.read(f)
	return err
}

// Append adds a line, which it copies. It does not wait for the disk; an error
// stays, and [Log.Sync] tells it.
func (l *Log) Append(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(line) > maxLine {
		l.err = ErrTooLong
		return
	}
	l.pending = appendLine(l.pending, line)
	l.added++
}

func appendLine(dst, line []byte) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(line)))
	sum := crc32.Update(crc32.Checksum(dst[start:], castagnoli), castagnoli, line)
	return append(binary.BigEndian.AppendUint32(dst, sum), line...)
}

// Sync returns once all that was appended before is on the disk. After an error,
// such as that of a full disk, every later call returns it too: what the disk has
// then is known only after Open.
func (l *Log) Sync() error {
	l.mu.Lock()
	want := l.added
	l.mu.Unlock()
	l.disk.Lock()
	defer l.disk.Unlock()
	if l.synced >= want {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.err // another's Sync was for this too
	}
	return l.flush()
}

// flush writes and syncs what is pending. The disk is locked.
func (l *Log) flush() error {
	l.mu.Lock()
	b, added, err := l.pending, l.added, l.err
	l.pending = l.spare[:0]
	l.mu.Unlock()
	if err == nil {
		if _, err = l.file.Write(b); err == nil {
			err = l.file.Sync()
		}
	}
	if l.spare = b[:0]; cap(b) > 1<<20 {
		l.spare = nil
	}
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.err == nil {
			l.err = err
		}
		return l.err
	}
	l.size += int64(len(b))
	l.synced = added
	return nil
}

// Size returns how many bytes the file has.
func (l *Log) Size() int64 {
	l.disk.Lock()
	defer l.disk.Unlock()
	return l.size
}

// Compact replaces all lines, those that were appended and not synced too, by
// others, in a new file. Nobody may append meanwhile. If it fails the log is as it
// was, unless the disk fails.
func (l *Log) Compact(lines iter.Seq[[]byte]) error {
	l.disk.Lock()
	defer l.disk.Unlock()
	if l.mu.Lock(); l.err != nil {
		defer l.mu.Unlock()
		return l.err
	}
	l.pending, l.synced = l.pending[:0], l.added
	l.mu.Unlock()
	old, path := l.file, l.path(l.number)
	if err := l.start(l.number+1, lines); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.err = err // what was pending is gone
		return err
	}
	old.Close()
	os.Remove(path) // if it stays Open removes it
	return nil
}

// start makes a file with lines, and the log go on in it.
func (l *Log) start(number int, lines iter.Seq[[]byte]) error {
	name := l.path(number) + ".tmp"
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	size, err := fill(f, lines)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(name, l.path(number))
	}
	if err == nil {
		err = syncDirectory(l.dir)
	}
	if err != nil {
		f.Close()
		os.Remove(name)
		return err
	}
	l.file, l.number, l.size = f, number, size
	return nil
}

func fill(f *os.File, lines iter.Seq[[]byte]) (size int64, err error) {
	b := []byte(magic)
	for line := range lines {
		if len(line) > maxLine {
			return size, ErrTooLong
		}
		if b = appendLine(b, line); len(b) >= 1<<20 {
			if _, err = f.Write(b); err != nil {
				return size, err
			}
			size += int64(len(b))
			b = b[:0]
		}
	}
	_, err = f.Write(b)
	return size + int64(len(b)), err
}

// Close syncs and closes the log. Then another process may open it. Later calls
// return [ErrClosed].
func (l *Log) Close() error {
	l.disk.Lock()
	defer l.disk.Unlock()
	l.mu.Lock()
	closed := l.err == ErrClosed
	l.mu.Unlock()
	if closed {
		return ErrClosed
	}
	err := l.flush()
	l.mu.Lock()
	l.err = ErrClosed
	l.mu.Unlock()
	if e := l.file.Close(); err == nil {
		err = e
	}
	l.lock.Close()
	return err
}
