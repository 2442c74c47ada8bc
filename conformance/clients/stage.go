package clients

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
)

// A stage is where a check plays the broker: on one connection after another.
type stage struct {
	*conformance.T
	w       *watcher
	c       *conformance.Conn
	n       int // connections
	connect codec.Connect
	subs    []codec.Subscription // of this session, as far as they were seen
	id      uint16               // of what was delivered last
}

// A reply says what is to become of a packet.
type reply uint8

const (
	answer reply = iota // as a broker does that is right
	hold                // not at all
	stop                // as a broker does that is right, and that is enough
	stopHere
)

// window is how long to wait for what should not come.
func (s *stage) window() time.Duration { return s.Patience() * 2 / 5 }

// greeted waits for a connection, and returns its first packet.
func (s *stage) greeted() (codec.Packet, error) {
	if s.c != nil {
		s.c.Close()
	}
	s.n++
	s.c = s.Open("connection "+string(rune('0'+s.n)), mqttwire.Server, 0)
	s.c.Unjudged = true // by a judge that knows the version
	within := s.Patience()
	if s.w.hopeless() {
		within /= 10
	}
	return s.c.Next(within)
}

// greeted counts how often there was no CONNECT, or none that can be read, since
// there was one.
func (w *watcher) greeted(well bool) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.vain++; well {
		w.vain = 0
	}
	return w.vain
}

func (w *watcher) hopeless() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.vain >= enough
}

// hello waits for a connection and its CONNECT.
func (s *stage) hello() {
	var p codec.Packet
	for p == nil {
		var err error
		p, err = s.greeted()
		vain := s.w.greeted(err == nil)
		if bad := (*conformance.Malformed)(nil); errors.As(err, &bad) {
			s.Block("the client sends %v", bad)
		} else if err != nil && vain >= enough { // one may have waited too long
			s.Block("no CONNECT: %v", err)
		}
	}
	s.c.Unjudged = false
	connect, ok := p.(*codec.Connect)
	if !ok {
		s.Block("a %v in place of a CONNECT", p.Type())
	}
	s.connect = connect.Clone()
	s.c.SetVersion(mqttwire.Server, connect.Version)
	s.c.To.Unchecked = true
}

// A with changes the CONNACK.
type with func(*codec.Connack)

func prop[T any](f func(codec.Properties, T) codec.Properties, v T) with {
	return func(p *codec.Connack) { p.Properties = f(p.Properties, v) }
}

func present(p *codec.Connack) { p.SessionPresent = true }

// accept waits for a connection and accepts it, by default without a session.
func (s *stage) accept(change ...with) {
	s.hello()
	s.welcome(change...)
}

// again is accept of the session that there is. It skips the check where the
// client keeps none.
func (s *stage) again(change ...with) {
	s.hello()
	if s.connect.CleanStart {
		s.Skip("the client begins a new session with each connection")
	}
	if s.Version != mqttwire.V31 {
		change = append(change, present)
	}
	s.welcome(change...)
}

func (s *stage) welcome(change ...with) {
	p := codec.Connack{}
	for _, f := range change {
		f(&p)
	}
	if s.Version != mqttwire.V50 {
		p.Properties = codec.Properties{}
	} else if len(s.connect.ClientID) == 0 {
		p.Properties = codec.AppendAssignedClientIdentifier(p.Properties, s.ID("assigned"))
	}
	if !p.SessionPresent {
		s.subs = nil
	}
	s.send(&p)
}

func (s *stage) refuse(code connack.Code) {
	code, _ = code.In(s.Version)
	s.send(&codec.Connack{Code: code})
}

func (s *stage) send(packets ...codec.Packet) { s.c.Send(packets...) }

// cut ends the connection, without a word.
func (s *stage) cut() { s.c.Close() }

// serve answers what comes for so long, or until on says stop; on may be nil. It
// returns false where the time was over, and ends the check where the client ends
// the connection.
func (s *stage) serve(within time.Duration, on func(codec.Packet) reply) bool {
	stopped, err := s.serveToEnd(within, on)
	if err != nil && !conformance.IsTimeout(err) {
		s.Block("the client ended the connection: %v", err)
	}
	return stopped
}

// serveToEnd is serve that returns why the connection has ended.
func (s *stage) serveToEnd(within time.Duration, on func(codec.Packet) reply) (stopped bool, err error) {
	for end := time.Now().Add(within); ; {
		// In slices, so that the judge hears of the time.
		p, err := s.c.Next(min(max(time.Until(end), time.Millisecond), 250*time.Millisecond))
		if conformance.IsTimeout(err) {
			if time.Now().Before(end) && s.Context().Err() == nil {
				continue
			}
			return false, err
		}
		if err != nil {
			return false, err
		}
		if p.Type() == mqttwire.DISCONNECT {
			s.left()
		}
		what := answer
		if on != nil {
			what = on(p)
		}
		if what == answer || what == stop {
			s.reply(p)
		}
		if what >= stop {
			return true, nil
		}
		if !time.Now().Before(end) { // a client may never be silent
			return false, os.ErrDeadlineExceeded
		}
	}
}

// left holds that a client that has said DISCONNECT closes the connection.
func (s *stage) left() {
	switch p, err := s.c.Next(s.window()); {
	case conformance.IsTimeout(err):
		s.Fault(cite("3.1.1 3.14.4-1; 5.0 3.14.4-1"), "the end of the connection after DISCONNECT", "nothing")
	case err == nil:
		s.Fault(cite("3.1.1 3.14.4-2; 5.0 3.14.4-1"), "nothing after DISCONNECT", fmt.Sprint(p))
	}
}

// reply answers a packet as a broker does that is right.
func (s *stage) reply(p codec.Packet) {
	switch p := p.(type) {
	case *codec.Subscribe:
		var codes codec.ReasonCodes
		for x := range p.Subscriptions.All() {
			codes = codes.Append(mqttwire.Reason(x.Options & 3))
			s.subs = append(s.subs, codec.Subscription{Filter: bytes.Clone(x.Filter), Options: x.Options})
		}
		s.send(&codec.Suback{ID: p.ID, Codes: codes})
	case *codec.Unsubscribe:
		q := codec.Unsuback{ID: p.ID}
		for range p.Filters.All() {
			if s.Version == mqttwire.V50 {
				q.Codes = q.Codes.Append(0)
			}
		}
		s.send(&q)
	case *codec.Publish:
		switch p.QoS {
		case 1:
			s.send(&codec.Puback{ID: p.ID})
		case 2:
			s.send(&codec.Pubrec{ID: p.ID})
		}
	case *codec.Pubrec:
		if p.Code < 0x80 {
			s.send(&codec.Pubrel{ID: p.ID})
		}
	case *codec.Pubrel:
		s.send(&codec.Pubcomp{ID: p.ID})
	case *codec.Pingreq:
		s.send(&codec.Pingresp{})
	}
}

// published waits until the client publishes at a QoS, and returns the id. The
// message is answered as what says. Where nothing comes, the check is skipped.
func (s *stage) published(level qos.Level, what reply) (id uint16) {
	ok := s.serve(s.Patience(), func(p codec.Packet) reply {
		m, is := p.(*codec.Publish)
		if !is || m.QoS != level {
			return answer
		}
		if id = m.ID; what == hold {
			return stopHere
		}
		return stop
	})
	if !ok {
		s.Skip("the client publishes nothing at QoS %d", level)
	}
	return id
}

// subscribed waits until the client has subscribed, at a QoS or above, and
// returns a topic of that subscription.
func (s *stage) subscribed(level qos.Level) []byte {
	find := func() []byte {
		for _, x := range s.subs {
			if qos.Level(x.Options&3) >= level {
				return topicFor(x.Filter)
			}
		}
		return nil
	}
	if find() == nil {
		s.serve(s.Patience(), func(p codec.Packet) reply {
			x, is := p.(*codec.Subscribe)
			if !is {
				return answer
			}
			for y := range x.Subscriptions.All() {
				if qos.Level(y.Options&3) >= level {
					return stop
				}
			}
			return answer
		})
	}
	topic := find()
	if topic == nil {
		s.Skip("the client subscribes to nothing at QoS %d", level)
	}
	return topic
}

// topicFor returns a topic that a filter matches.
func topicFor(filter []byte) []byte {
	if rest, ok := bytes.CutPrefix(filter, []byte("$share/")); ok {
		if _, inner, ok := bytes.Cut(rest, []byte("/")); ok {
			filter = inner
		}
	}
	return bytes.ReplaceAll(bytes.ReplaceAll(filter, []byte("+"), []byte("a")), []byte("#"), []byte("a"))
}

// message returns one to be delivered.
func (s *stage) message(topic []byte, level qos.Level, payload string) *codec.Publish {
	p := &codec.Publish{Topic: topic, QoS: level, Payload: []byte(payload)}
	if level > 0 {
		s.id++
		p.ID = s.id + 1000
	}
	return p
}

// acked waits for an acknowledgement.
func (s *stage) acked(clauses conformance.Clauses, kind mqttwire.PacketType, id uint16, what reply) {
	stopped, err := s.serveToEnd(s.Patience(), func(p codec.Packet) reply {
		if p.Type() == kind && idOf(p) == id {
			return what
		}
		return answer
	})
	if !stopped {
		got := "nothing"
		if !conformance.IsTimeout(err) {
			got = "the end of the connection: " + err.Error()
		}
		s.Fatalf(clauses, kind.String()+" with the Packet Identifier of what it answers", "%s", got)
	}
}

func idOf(p codec.Packet) uint16 {
	switch p := p.(type) {
	case *codec.Publish:
		return p.ID
	case *codec.Puback:
		return p.ID
	case *codec.Pubrec:
		return p.ID
	case *codec.Pubrel:
		return p.ID
	case *codec.Pubcomp:
		return p.ID
	}
	return 0
}

// closes reports whether the client ends the connection in time. Meanwhile it is
// served.
func (s *stage) closes(within time.Duration) bool {
	_, err := s.serveToEnd(within, func(p codec.Packet) reply {
		if p.Type() == mqttwire.DISCONNECT {
			return hold
		}
		return answer
	})
	return err != nil && !conformance.IsTimeout(err)
}
