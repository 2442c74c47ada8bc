package gate

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

// Sizes of a list of revocations, in bytes.
const (
	smallList = 64 << 10 // which is always read as a whole
	chunkSize = 1 << 20  // what is read of others at a time; a longer line is none
	tailSize  = 4 << 10  // what shows that a file has grown, and was not rewritten
)

// racy is how old the last change of a file must be for its time to tell it
// from the next one.
const racy = 2 * time.Second

var (
	errEmptied = errors.New("the file is empty: what was revoked stays so; to empty the list, leave a comment in it")
	errLacks   = errors.New("the file came back without some of what was revoked: that stays so until it has them, or the broker starts anew")
	errLong    = errors.New("line too long")
)

// A revocations is the file of what is revoked, which may be long, and grows at
// its end: of that, reload reads what is new. Nothing that befalls the file
// brings back what was revoked: not that it is gone, or broken, or empty, nor
// that somebody makes a new one then. Only a list that can be read to its end,
// and takes the place of one that can, does so by not having it any more.
type revocations struct {
	name string // "" for none
	// list is in force. adopt is called when it is another.
	list  *hmactoken.Revocations
	adopt func(*hmactoken.Revocations)

	info   fs.FileInfo       // of the file as it was read, nil before
	at     time.Time         // when
	sum    [sha256.Size]byte // of all of it; zero after some was added
	lines  int               // whole lines that were read,
	size   int64             // their bytes,
	tail   []byte            // and the last of these
	broken error             // of the first line of these that is not understood
	open   error             // the same of a line that has no end yet
	gone   bool              // the file could not be read, or was empty, since
	lacks  bool              // what is in force is more than was read: the file was gone before
}

// reload reads what is new, and reports whether that is anything.
func (r *revocations) reload(now time.Time) (changed bool, err error) {
	if r.name == "" {
		return false, nil
	}
	if r.list != nil {
		r.list.Forget(now)
	}
	f, err := os.Open(r.name)
	if err != nil {
		r.gone = true
		return false, err
	}
	defer f.Close()
	changed, err = r.readFrom(f, now)
	if err == nil {
		err = r.fault()
	} else {
		r.gone = true
	}
	return changed, err
}

// readFrom reads what is new in the file. The error is not about what it says.
func (r *revocations) readFrom(f *os.File, now time.Time) (changed bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	same := r.info != nil && os.SameFile(r.info, info)
	if same && info.Size() == r.info.Size() && info.ModTime().Equal(r.info.ModTime()) && info.ModTime().Add(racy).Before(r.at) {
		r.gone = false
		return false, nil
	}
	if same && info.Size() > smallList && info.Size() >= r.size && r.isTail(f) {
		if info.Size() == r.info.Size() && info.ModTime().Equal(r.info.ModTime()) {
			r.at, r.gone = now, false
			return false, nil
		}
		if info.Size() > r.info.Size() {
			return r.readMore(f, info, now)
		}
	}
	return r.readAll(f, info, now)
}

func (r *revocations) fault() error {
	switch {
	case r.broken != nil:
		return r.broken
	case r.lacks && r.open == nil:
		return &fs.PathError{Op: "read", Path: r.name, Err: errLacks}
	}
	return r.open
}

// isTail reports whether the file still has what was read last where it was.
func (r *revocations) isTail(f *os.File) bool {
	b := make([]byte, len(r.tail))
	_, err := f.ReadAt(b, r.size-int64(len(b)))
	return err == nil && bytes.Equal(b, r.tail)
}

// readMore adds what has come since.
func (r *revocations) readMore(f *os.File, info fs.FileInfo, now time.Time) (bool, error) {
	if _, err := f.Seek(r.size, io.SeekStart); err != nil {
		return false, err
	}
	next := *r
	if err := next.read(f, r.list); err != nil {
		return false, err
	}
	next.info, next.at, next.sum = info, now, [sha256.Size]byte{}
	next.gone = false
	*r = next
	return true, nil
}

// readAll replaces the list, or adds to it where the file is broken or was gone.
func (r *revocations) readAll(f *os.File, info fs.FileInfo, now time.Time) (bool, error) {
	next := revocations{name: r.name, adopt: r.adopt, info: info, at: now, list: &hmactoken.Revocations{}}
	hash := sha256.New()
	if err := next.read(io.TeeReader(f, hash), next.list); err != nil {
		return false, err
	}
	hash.Sum(next.sum[:0])
	if r.info != nil && next.sum == r.sum {
		next.list, next.lacks = r.list, r.lacks
		*r = next
		return false, nil
	}
	if r.list != nil {
		if info.Size() == 0 && count(r.list) > 0 {
			return false, &fs.PathError{Op: "read", Path: r.name, Err: errEmptied}
		}
		said := count(next.list)
		if was := r.gone || r.lacks; was || next.fault() != nil {
			next.list.Merge(r.list)
			next.lacks = was && count(next.list) > said
		}
	}
	*r = next
	r.adopt(r.list)
	return true, nil
}

func count(list *hmactoken.Revocations) int {
	tokens, accounts := list.Len()
	return tokens + accounts
}

// read adds the rest of a file to a list. All that can be read of it counts. The
// error is one of reading.
func (r *revocations) read(f io.Reader, list *hmactoken.Revocations) error {
	buffer := make([]byte, 0, min(chunkSize, 2*smallList))
	r.open = nil
	for {
		if len(buffer) == cap(buffer) {
			if cap(buffer) >= chunkSize {
				return inLine(r.name, r.lines+1, errLong)
			}
			buffer = append(make([]byte, 0, chunkSize), buffer...)
		}
		n, err := f.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		if err != nil && err != io.EOF {
			return err
		}
		if whole := bytes.LastIndexByte(buffer, '\n') + 1; whole > 0 {
			n, line, fault := list.Add(buffer[:whole])
			if fault != nil && r.broken == nil {
				r.broken = inLine(r.name, r.lines+line, fault)
			}
			r.lines += n
			r.size += int64(whole)
			r.tail = append(r.tail, buffer[max(0, whole-tailSize):whole]...)
			r.tail = bytes.Clone(r.tail[max(0, len(r.tail)-tailSize):])
			buffer = append(buffer[:0], buffer[whole:]...)
		}
		if err == io.EOF {
			// A line without an end counts, and is read again when it has one.
			if _, _, fault := list.Add(buffer); fault != nil {
				r.open = inLine(r.name, r.lines+1, fault)
			}
			return nil
		}
	}
}
