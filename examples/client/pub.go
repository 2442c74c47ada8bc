package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// maxAhead is how many messages are on their way at once.
const maxAhead = 1000

// publish is the command pub.
func (c *command) publish() error {
	if len(c.topics) > 0 {
		if err := topicmatch.CheckName(c.topics[0]); err != nil {
			return usagef("Invalid publish topic '%s': %v.", c.topics[0], err)
		}
	}
	payload, err := c.payload()
	if err != nil {
		return err
	}
	l, err := c.open()
	if err != nil {
		return err
	}
	s := &sending{command: c, link: l, window: make(chan struct{}, maxAhead)}
	switch {
	case c.lines:
		err = s.lines()
	case len(c.topics) > 0 && (c.hasMessage || c.source != nil):
		for n := range c.repeat {
			if n > 0 && c.repeatDelay > 0 {
				select {
				case <-time.After(c.repeatDelay):
				case <-l.ctx.Done():
				}
			}
			if err = s.send(payload, nil); err != nil {
				break
			}
		}
	}
	if e := s.finish(); err == nil {
		err = e
	}
	if err == nil { // what an earlier run has left
		err = l.Drain(l.ctx)
	}
	err = l.ended(err)
	if e := l.close(); err == nil {
		err = e
	}
	return err
}

// payload reads the one message there is.
func (c *command) payload() ([]byte, error) {
	if c.source == nil {
		return c.message, nil
	}
	r, err := c.source()
	if err != nil {
		return nil, err
	}
	if f, ok := r.(*os.File); ok && r != c.in {
		defer f.Close()
	}
	b, err := io.ReadAll(io.LimitReader(r, codec.MaxPacketSize))
	if len(b) == codec.MaxPacketSize {
		return nil, errors.New("the message is larger than a packet can be")
	}
	return b, err
}

// sending is messages on their way.
type sending struct {
	*command
	link    *link
	window  chan struct{}
	waiters sync.WaitGroup
	sent    atomic.Int64
	done    atomic.Int64

	mu  sync.Mutex
	err error
}

// send sends a message, and has what becomes of it noted. With -echo it writes
// line once the message is kept, or at QoS 0 sent.
func (s *sending) send(payload, line []byte) error {
	p := codec.Publish{Topic: []byte(s.topics[0]), Payload: payload, QoS: s.level, Retain: s.retain}
	if s.hello.Version == mqttwire.V50 {
		p.Properties = s.properties[mqttwire.PUBLISH]
	}
	s.window <- struct{}{}
	m, err := s.link.Send(s.link.ctx, &p)
	if err != nil {
		<-s.window
		return err
	}
	s.sent.Add(1)
	kept := s.level == qos.AtMostOnce || s.store != ""
	if line != nil && kept {
		fmt.Fprintf(s.out, "%s\n", line)
	}
	if s.level == qos.AtMostOnce {
		s.done.Add(1)
		<-s.window
		return nil
	}
	if line != nil && !kept {
		line = bytes.Clone(line)
	}
	s.waiters.Go(func() {
		defer func() { <-s.window }()
		reason, err := m.Wait(s.link.ctx)
		s.done.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case err != nil:
			if s.err == nil {
				s.err = err
			}
		case reason == mqttwire.NoMatchingSubscribers:
			s.debugf("nobody has subscribed")
		}
		if err == nil && line != nil && !kept {
			fmt.Fprintf(s.out, "%s\n", line)
		}
	})
	return nil
}

// finish waits for all that is on its way.
func (s *sending) finish() error {
	s.waiters.Wait()
	return s.err
}

// lines sends each line of standard input.
func (s *sending) lines() error {
	stop := s.progress()
	defer stop()
	in := bufio.NewReaderSize(s.in, 64<<10)
	for {
		line, err := readLine(in)
		if err != nil && (err != io.EOF || len(line) == 0) {
			if err == io.EOF {
				err = nil
			}
			return err
		}
		echo := line
		if !s.echo {
			echo = nil
		}
		if err := s.send(line, echo); err != nil {
			return err
		}
	}
}

// readLine reads a line without its end, however long it is.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > codec.MaxPacketSize {
			return nil, errors.New("a line is longer than a packet can be")
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), err
	}
}

// progress shows how far it is, now and then, where a person looks on.
func (s *sending) progress() (stop func()) {
	if s.quiet || !isTerminal(s.errs) || isTerminal(s.in) {
		return func() {}
	}
	ticker := time.NewTicker(time.Second)
	ended := make(chan struct{})
	var shown sync.WaitGroup
	shown.Go(func() {
		for {
			select {
			case <-ticker.C:
				fmt.Fprintf(s.errs, "\r%d sent, %d delivered ", s.sent.Load(), s.done.Load())
			case <-ended:
				if s.sent.Load() > 0 {
					fmt.Fprint(s.errs, "\r\033[K")
				}
				return
			}
		}
	})
	return func() { ticker.Stop(); close(ended); shown.Wait() }
}

func isTerminal(x any) bool {
	f, ok := x.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
