//go:build unix

package server

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// TLS returns a connection with TLS over n, as a server. If n is a socket, the
// server reads and writes it without waiting, as it does a plain one: with another
// [tls.Conn] a goroutine is started for each write.
func TLS(n net.Conn, config *tls.Config) *tls.Conn {
	return tls.Server(&spool{Conn: n, raw: rawConn(n)}, config)
}

// A spool lies between TLS and its socket. TLS can neither read nor write a part
// of a record and go on with the rest when the socket is ready. The spool ends a
// read that would wait as if a deadline were over, after which TLS reads on; and
// takes what is written, and sends it as far as the socket takes it.
//
// Until the handshake is over it reads and writes as the socket does.
type spool struct {
	net.Conn
	raw     syscall.RawConn // nil where it is no socket
	fd      uintptr         // of who reads
	reading atomic.Bool     // without waiting

	mu       sync.Mutex
	out      []byte // what TLS has written and the socket has not taken
	memory   *[]byte
	gathers  bool // TLS writes
	draining bool // somebody waits for the socket
	push     func(fd uintptr) bool
}

// maxSpool is the most that waits of what TLS writes by itself, to who does not
// read.
const maxSpool = 1 << 20

var (
	errSpool = errors.New("it does not read what TLS has to say")
	spools   = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}
)

// readNow has TLS read without waiting.
func (s *spool) readNow(fd uintptr, t *tls.Conn, b []byte) (int, error) {
	s.fd = fd
	s.reading.Store(true)
	n, err := t.Read(b)
	s.reading.Store(false)
	if s.left() { // an answer of TLS's own
		s.mu.Lock()
		s.send()
		s.mu.Unlock()
	}
	return n, err
}

func (s *spool) Read(b []byte) (int, error) {
	if !s.reading.Load() {
		return s.Conn.Read(b)
	}
	n, wait, err := readFD(s.fd, b)
	switch {
	case wait:
		return 0, os.ErrDeadlineExceeded
	case n == 0 && err == nil:
		return 0, io.EOF
	}
	return n, err
}

// write has TLS write b, all of which is sent or spooled.
func (s *spool) write(t *tls.Conn, b []byte) error {
	s.mu.Lock()
	s.gathers = true
	s.mu.Unlock()
	_, err := t.Write(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gathers = false
	if err == nil {
		err = s.send()
	}
	return err
}

func (s *spool) Write(b []byte) (int, error) {
	s.mu.Lock()
	if !s.gathers && !s.reading.Load() && !s.draining && len(s.out) == 0 {
		s.mu.Unlock()
		return s.Conn.Write(b)
	}
	defer s.mu.Unlock()
	if !s.gathers && len(s.out)+len(b) > maxSpool {
		return 0, errSpool
	}
	if s.memory == nil {
		s.memory = spools.Get().(*[]byte)
		s.out = append((*s.memory)[:0], s.out...)
	}
	s.out = append(s.out, b...)
	return len(b), nil
}

// left reports whether something is spooled.
func (s *spool) left() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining || len(s.out) > 0
}

// send sends what the socket takes at once. The lock is held.
func (s *spool) send() error {
	if s.draining || len(s.out) == 0 {
		return nil
	}
	if s.push == nil {
		s.push = func(fd uintptr) bool {
			rest := writeFD(fd, s.out)
			s.out = s.out[:copy(s.out, rest)]
			return true
		}
	}
	err := s.raw.Write(s.push)
	s.rest()
	return err
}

// rest gives memory back in which nothing is spooled. The lock is held.
func (s *spool) rest() {
	if len(s.out) > 0 || s.memory == nil {
		return
	}
	if cap(s.out) <= 2*maxWrite {
		*s.memory = s.out[:0]
	}
	spools.Put(s.memory)
	s.out, s.memory = nil, nil
}

// drain sends what is spooled, and waits until the socket has taken it.
func (s *spool) drain() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.out) > 0 {
		b, memory := s.out, s.memory
		s.out, s.memory, s.draining = nil, nil, true
		s.mu.Unlock()
		n, err := s.Conn.Write(b)
		s.mu.Lock()
		s.draining = false
		added := s.out
		if s.out = b[:copy(b, b[n:])]; len(added) > 0 {
			s.out = append(s.out, added...)
		}
		if s.memory != nil {
			spools.Put(s.memory)
		}
		s.memory = memory
		s.rest()
		if err != nil {
			return err
		}
	}
	return nil
}
