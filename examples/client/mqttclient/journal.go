package mqttclient

import (
	"encoding/binary"
	"iter"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// journal tells the Store what must outlive the process. A line begins with its
// kind:
//
//	'V' 1 clientID…                           the version and whose session it is, in the first line
//	'S' flags expiry(4) willDelay(4) lost(8)  session.State; lost in Unix nanoseconds
//	'R' change id(2) token(8) message…        qos.Record; a Store with its PUBLISH
//	'N' token(8) message…                     a message of a lost session, to be sent as new
//	'D' token(8)                              such a message is not sent
type journal struct {
	store    Store
	line     []byte
	appended uint64 // lines
	big      uint64 // how many lines were too many when last compacted
	synced   atomic.Uint64
}

const (
	stateExists = 1 << iota
	stateConnected
	stateWill
)

// rules are how messages are kept, whatever the version of the connection.
var rules = codec.Rules{Version: mqttwire.V50, From: mqttwire.Client}

func (j *journal) append(line []byte) {
	if j.store != nil {
		j.store.Append(line)
		j.appended++
	}
	j.line = line[:0]
}

// record keeps a Record, and with a Store the message.
func (j *journal) record(r qos.Record, m *codec.Publish) {
	if j.store == nil || r == (qos.Record{}) || r.Op() == qos.Accept && r.Level() == qos.AtLeastOnce {
		return
	}
	j.append(appendRecord(j.line, r, m))
}

func appendRecord(b []byte, r qos.Record, m *codec.Publish) []byte {
	b = append(b, 'R', byte(r.Change))
	b = binary.BigEndian.AppendUint16(b, r.ID)
	b = binary.BigEndian.AppendUint64(b, r.Token)
	if r.Op() == qos.Store {
		b = appendMessage(b, m)
	}
	return b
}

func appendMessage(b []byte, m *codec.Publish) []byte {
	p := *m
	if p.Dup = false; p.QoS != qos.AtMostOnce {
		p.ID = 1
	}
	b, _ = p.Append(b, rules) // it was sent, so it can be encoded; else it is given up later
	return b
}

func (j *journal) anew(token uint64, m *codec.Publish) {
	if j.store != nil {
		j.append(appendMessage(binary.BigEndian.AppendUint64(append(j.line, 'N'), token), m))
	}
}

func (j *journal) dropped(token uint64) {
	if j.store != nil {
		j.append(binary.BigEndian.AppendUint64(append(j.line, 'D'), token))
	}
}

func (j *journal) state(s *session.Session, start time.Time) {
	if j.store != nil {
		j.append(appendState(j.line, s.State(), start))
	}
}

func appendState(b []byte, st session.State, start time.Time) []byte {
	flags := byte(0)
	for i, set := range []bool{st.Exists, st.Connected, st.Will} {
		if set {
			flags |= 1 << i
		}
	}
	b = append(b, 'S', flags)
	b = binary.BigEndian.AppendUint32(b, st.Expiry)
	b = binary.BigEndian.AppendUint32(b, st.WillDelay)
	return binary.BigEndian.AppendUint64(b, uint64(start.Add(st.Lost).UnixNano()))
}

// sync returns once so many lines are durable.
func (c *Client) sync(mark uint64) error {
	j := &c.journal
	if j.store == nil || j.synced.Load() >= mark {
		return nil
	}
	if err := j.store.Sync(); err != nil {
		c.fail(err)
		return err
	}
	for was := j.synced.Load(); was < mark && !j.synced.CompareAndSwap(was, mark); was = j.synced.Load() {
	}
	return nil
}

// compact replaces the lines by those that still count, where they have become
// many. The lock is held.
func (c *Client) compact() {
	j := &c.journal
	if j.store == nil || j.appended < j.big {
		return
	}
	if err := j.store.Compact(c.lines()); err != nil {
		c.failLocked(err)
		return
	}
	j.synced.Store(j.appended)
	j.big = j.appended + 1000 + 4*uint64(len(c.flight))
}

// lines are all that still counts.
func (c *Client) lines() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var b []byte
		say := func(line []byte) bool { b = line[:0]; return yield(line) }
		if !say(append([]byte{'V', 1}, c.config.Connect.ClientID...)) || !say(appendState(b, c.state.State(), c.start)) {
			return
		}
		for x := range c.state.Sent() {
			s := c.flight[x.Token]
			if s == nil || x.Await > qos.AwaitPubcomp {
				continue
			}
			level := qos.ExactlyOnce
			if x.Await == qos.AwaitPuback {
				level = qos.AtLeastOnce
			}
			r := qos.Record{Token: x.Token, ID: x.ID, Change: qos.Store.Of(qos.Sent, level)}
			if !say(appendRecord(b, r, &s.message)) {
				return
			}
			r.Change = qos.Release.Of(qos.Sent, level)
			if x.Await == qos.AwaitPubcomp && !say(appendRecord(b, r, nil)) {
				return
			}
		}
		for x := range c.state.Received() {
			r := qos.Record{ID: x.ID, Change: qos.Accept.Of(qos.Received, qos.ExactlyOnce)}
			if x.Await == qos.AwaitPubrel && !say(appendRecord(b, r, nil)) {
				return
			}
		}
		for _, token := range c.anew {
			if !say(appendMessage(binary.BigEndian.AppendUint64(append(b, 'N'), token), &c.flight[token].message)) {
				return
			}
		}
	}
}

// restore brings back what the Store has kept.
func (c *Client) restore() error {
	j := &c.journal
	if j.store == nil {
		return nil
	}
	var state session.State
	first := true
	err := j.store.Replay(func(line []byte) error {
		j.appended++
		if first {
			if string(line) != "V\x01"+string(c.config.Connect.ClientID) {
				return ErrStore
			}
			first = false
			return nil
		}
		return c.replay(line, &state)
	})
	if err != nil {
		return err
	}
	if err := c.state.Resume(state, 0); err != nil {
		return err
	}
	if !state.Exists {
		clear(c.flight)
	}
	j.synced.Store(j.appended)
	c.compact() // also to write the version
	return c.err
}

func (c *Client) replay(line []byte, state *session.State) error {
	if len(line) < 1 {
		return ErrStore
	}
	kind, b := line[0], line[1:]
	switch {
	case kind == 'S' && len(b) == 17:
		*state = session.State{
			Exists: b[0]&stateExists != 0, Connected: b[0]&stateConnected != 0, Will: b[0]&stateWill != 0,
			Expiry: binary.BigEndian.Uint32(b[1:]), WillDelay: binary.BigEndian.Uint32(b[5:]),
		}
		if !state.Connected {
			state.Lost = time.Unix(0, int64(binary.BigEndian.Uint64(b[9:]))).Sub(c.start)
		}
		return nil
	case kind == 'R' && len(b) >= 11:
		r := qos.Record{Change: qos.Change(b[0]), ID: binary.BigEndian.Uint16(b[1:]), Token: binary.BigEndian.Uint64(b[3:])}
		return c.replayRecord(r, b[11:])
	case kind == 'N' && len(b) >= 8:
		token := binary.BigEndian.Uint64(b)
		c.anew = append(c.anew, token)
		return c.place(token, b[8:])
	case kind == 'D' && len(b) == 8:
		c.forget(binary.BigEndian.Uint64(b))
		return nil
	}
	return ErrStore
}

func (c *Client) replayRecord(r qos.Record, message []byte) error {
	if err := c.state.Apply(r); err != nil {
		return err
	}
	switch r.Op() {
	case qos.Store:
		c.forget(r.Token) // it was to be sent as new
		return c.place(r.Token, message)
	case qos.Forget:
		if r.Direction() == qos.Sent {
			c.forget(r.Token)
		}
	case qos.Clear:
		maps.DeleteFunc(c.flight, func(token uint64, _ *Sent) bool { return !slices.Contains(c.anew, token) })
	}
	return nil
}

func (c *Client) forget(token uint64) {
	delete(c.flight, token)
	c.anew = slices.DeleteFunc(c.anew, func(t uint64) bool { return t == token })
}

// place has a message in flight that nobody of this process waits for.
func (c *Client) place(token uint64, b []byte) error {
	s := &Sent{answer: answer{done: make(chan struct{})}}
	h, body, n, err := codec.Split(rules, b, 0)
	if err == nil && n == len(b) && n > 0 {
		var p codec.Publish
		if err = p.Decode(rules, h, body); err == nil {
			s.message = p.Clone()
		}
	} else if n != len(b) {
		err = ErrStore
	}
	c.flight[token] = s
	c.tokens = max(c.tokens, token)
	return err
}
