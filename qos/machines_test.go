package qos_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// The rules of delivery that implementations get wrong have one test each, in the
// files that are named for them. Here is what they share.

const (
	q1 = qos.AtLeastOnce
	q2 = qos.ExactlyOnce

	success = mqttwire.Success
	failure = mqttwire.QuotaExceeded
)

// v50 and v311 are fresh connections of a session that goes on.
var (
	v50  = qos.Connection{Version: mqttwire.V50, Resumed: true}
	v311 = qos.Connection{Version: mqttwire.V311, Resumed: true}
	v31  = qos.Connection{Version: mqttwire.V31, Resumed: true}
)

func maximum(n uint16) qos.Connection {
	return qos.Connection{Version: mqttwire.V50, Resumed: true, ReceiveMaximum: n}
}

// sender and receiver wrap the machines for tests: each call must succeed.
type sender struct {
	qos.Outbound
	t testing.TB
}

type receiver struct {
	qos.Inbound
	t testing.TB
}

func newSender(t testing.TB, c qos.Connection) *sender {
	t.Helper()
	s := &sender{t: t}
	s.connect(c)
	return s
}

func newReceiver(t testing.TB, c qos.Connection) *receiver {
	t.Helper()
	r := &receiver{t: t}
	r.connect(c)
	return r
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t testing.TB, err error, want mqttwire.Error) {
	t.Helper()
	if err != want {
		t.Fatalf("error %v, want %v", err, want)
	}
}

// wantStale checks that a ticket decides nothing any more.
func wantStale(t testing.TB, in interface {
	Finish(qos.Ticket, mqttwire.Reason) (qos.Record, error)
	Abandon(qos.Ticket) (qos.Record, error)
}, ticket qos.Ticket) {
	t.Helper()
	r, err := in.Finish(ticket, success)
	wantError(t, err, mqttwire.ErrStaleTicket)
	r2, err := in.Abandon(ticket)
	wantError(t, err, mqttwire.ErrStaleTicket)
	if r != (qos.Record{}) || r2 != (qos.Record{}) {
		t.Fatalf("%v and %v of a stale ticket", r, r2)
	}
}

// action is a qos.Action, flat.
type action struct {
	Token  uint64
	ID     uint16
	Packet mqttwire.PacketType
	Flags  uint8
	Reason mqttwire.Reason
	Event  qos.Event
	Change qos.Change
}

// What the Records of a message say.
var (
	release = qos.Release.Of(qos.Sent, q2)
	freed   = qos.Forget.Of(qos.Received, q2)
)

func store(l qos.Level) qos.Change  { return qos.Store.Of(qos.Sent, l) }
func forget(l qos.Level) qos.Change { return qos.Forget.Of(qos.Sent, l) }

func want(t testing.TB, got qos.Action, want action) {
	t.Helper()
	flat := action{got.Token, got.ID, got.Packet, got.Flags, got.Reason, got.Event, got.Change}
	if d := cmp.Diff(want, flat); d != "" {
		t.Fatalf("action (-want +got):\n%s", d)
	}
}

func (s *sender) connect(c qos.Connection) { s.t.Helper(); noError(s.t, s.Connect(c)) }

func (s *sender) publish(l qos.Level, token uint64) uint16 {
	s.t.Helper()
	a, err := s.Publish(l, token, 0)
	noError(s.t, err)
	want(s.t, a, action{Token: token, ID: a.ID, Packet: mqttwire.PUBLISH, Flags: uint8(l) << 1, Change: store(l)})
	return a.ID
}

func (s *sender) puback(id uint16) qos.Action {
	s.t.Helper()
	a, err := s.Puback(id, success)
	noError(s.t, err)
	return a
}

func (s *sender) pubrec(id uint16, r mqttwire.Reason) qos.Action {
	s.t.Helper()
	a, err := s.Pubrec(id, r, 0)
	noError(s.t, err)
	return a
}

func (s *sender) pubcomp(id uint16) qos.Action {
	s.t.Helper()
	a, err := s.Pubcomp(id, success)
	noError(s.t, err)
	return a
}

// packet is what a test looks at of a packet sent again.
type packet struct {
	Type mqttwire.PacketType
	ID   uint16
	Dup  bool
}

func (s *sender) resends() (all []packet) {
	for {
		a, ok := s.NextResend()
		if !ok {
			return all
		}
		sent, err := s.Resend(a.ID, 0)
		noError(s.t, err)
		if sent != a {
			s.t.Fatalf("Resend %+v, NextResend %+v", sent, a)
		}
		all = append(all, packet{a.Packet, a.ID, a.Dup()})
	}
}

func (s *sender) drops() (all []qos.Dropped) {
	for {
		d, ok := s.NextDropped()
		if !ok {
			return all
		}
		all = append(all, d)
	}
}

func (r *receiver) connect(c qos.Connection) { r.t.Helper(); noError(r.t, r.Connect(c)) }

func (r *receiver) publish(id uint16, l qos.Level, dup bool) qos.Action {
	r.t.Helper()
	a, err := r.Publish(id, l, dup)
	noError(r.t, err)
	if a.Packet != 0 {
		r.t.Fatalf("PUBLISH answered at once: %+v", a)
	}
	return a
}

// deliver takes a PUBLISH that must be new.
func (r *receiver) deliver(id uint16, l qos.Level) qos.Ticket {
	r.t.Helper()
	a := r.publish(id, l, false)
	if a.Event != qos.Deliver || a.ID != id {
		r.t.Fatalf("PUBLISH %d is %v, not delivered", id, a.Event)
	}
	return a.Ticket()
}

func (r *receiver) finish(t qos.Ticket, reason mqttwire.Reason) {
	r.t.Helper()
	_, err := r.Finish(t, reason)
	noError(r.t, err)
}

func (r *receiver) pubrel(id uint16) qos.Action {
	r.t.Helper()
	a, err := r.Pubrel(id, success)
	noError(r.t, err)
	return a
}

func (r *receiver) acks() (all []packet) {
	for {
		a, ok := r.NextAck()
		if !ok {
			return all
		}
		all = append(all, packet{Type: a.Packet, ID: a.ID})
	}
}

func same[T any](t testing.TB, got []T, want ...T) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
}
