package qos_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// The rules of delivery that implementations get wrong, one test each.

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
func accept(l qos.Level) qos.Change { return qos.Accept.Of(qos.Received, l) }

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

// Id 7 of the client and id 7 of the server are two exchanges.
func TestPacketIDsArePerDirection(t *testing.T) {
	out, in := newSender(t, v50), newReceiver(t, v50)
	id := out.publish(q2, 1)
	ticket := in.deliver(id, q1)
	out.pubrec(id, success)
	in.finish(ticket, success)
	same(t, in.acks(), packet{Type: mqttwire.PUBACK, ID: id})
	want(t, out.pubcomp(id), action{Token: 1, ID: id, Event: qos.Completed, Change: forget(q2)})
}

func TestPacketIDsStartAtOneRiseAndWrap(t *testing.T) {
	out := newSender(t, v50)
	for round := range 2 {
		for id := 1; id <= 65535; id++ {
			if got := out.publish(q1, 0); got != uint16(id) {
				t.Fatalf("round %d: id %d, want %d", round, got, id)
			}
			out.puback(uint16(id))
		}
	}
}

func TestPacketIDInUseIsNeverHandedOut(t *testing.T) {
	out := newSender(t, v311)
	used, requests := map[uint16]bool{}, []uint16{}
	take := func(id uint16) uint16 {
		t.Helper()
		if id == 0 || used[id] {
			t.Fatalf("id %d is 0 or in use", id)
		}
		used[id] = true
		return id
	}
	// Long-lived ids of each kind, spread over the space, and all the others
	// many times over; in between a resumption and a restored snapshot.
	for i := range 200_000 {
		if i == 70_000 || i == 140_000 {
			if i == 140_000 {
				noError(t, out.Restore(out.AppendSnapshot(nil)))
			}
			out.connect(v311)
			for _, id := range requests {
				delete(used, id)
			}
			requests = nil
			out.drops()
			out.resends()
		}
		switch {
		case i%5000 == 1:
			take(out.publish(q2, 0))
		case i%5000 == 2:
			a, err := out.Subscribe(0)
			noError(t, err)
			requests = append(requests, take(a.ID))
		default:
			id := take(out.publish(q1, 0))
			out.puback(id)
			delete(used, id)
		}
	}
}

func TestSubscribeAndUnsubscribeShareTheIDsAndFreeThemWithTheConnection(t *testing.T) {
	out := newSender(t, maximum(1))
	out.publish(q1, 1)
	sub, err := out.Subscribe(2) // takes no quota
	noError(t, err)
	want(t, sub, action{Token: 2, ID: 2, Packet: mqttwire.SUBSCRIBE, Flags: 2})
	unsub, err := out.Unsubscribe(3)
	noError(t, err)
	want(t, unsub, action{Token: 3, ID: 3, Packet: mqttwire.UNSUBSCRIBE, Flags: 2})

	_, err = out.Suback(3)
	wantError(t, err, mqttwire.ErrAckMismatch)
	_, err = out.Unsuback(2)
	wantError(t, err, mqttwire.ErrAckMismatch)
	_, err = out.Puback(2, success)
	wantError(t, err, mqttwire.ErrAckMismatch)
	_, err = out.Suback(1)
	wantError(t, err, mqttwire.ErrAckMismatch)
	a, err := out.Suback(9)
	noError(t, err)
	want(t, a, action{ID: 9, Event: qos.Unsolicited})
	a, err = out.Suback(2)
	noError(t, err)
	want(t, a, action{Token: 2, ID: 2, Event: qos.Completed})

	out.Disconnect()
	same(t, out.drops(), qos.Dropped{Token: 3, ID: 3, Await: qos.AwaitUnsuback})
	out.connect(v50)
	if x := out.Find(3); x != (qos.Exchange{}) {
		t.Errorf("%+v after its connection", x)
	}
	same(t, out.resends(), packet{mqttwire.PUBLISH, 1, true})
}

func TestPacketIDExhaustionIsAnErrorToWaitOn(t *testing.T) {
	out := newSender(t, v50)
	for range 65535 {
		_, err := out.Subscribe(0)
		noError(t, err)
	}
	_, err := out.Subscribe(0)
	wantError(t, err, mqttwire.ErrPacketIDsExhausted)
	_, err = out.Publish(q1, 0, 0)
	wantError(t, err, mqttwire.ErrPacketIDsExhausted)
	_, err = out.Suback(4711)
	noError(t, err)
	if id := out.publish(q1, 0); id != 4711 {
		t.Errorf("id %d, want the only one that is free", id)
	}
}

func TestQoS2IsDeduplicatedByIDWhateverDupSays(t *testing.T) {
	for _, dup := range []bool{false, true} {
		in := newReceiver(t, v50)
		in.deliver(5, q2)
		if a := in.publish(5, q2, dup); a.Event != qos.Duplicate {
			t.Errorf("DUP %v: %v", dup, a.Event)
		}
		// And DUP alone does not make a duplicate: the first sending was lost.
		if a := in.publish(6, q2, true); a.Event != qos.Deliver {
			t.Errorf("DUP on an unknown id: %v", a.Event)
		}
	}
}

func TestDuplicatePublishIsAnsweredWithTheSamePubrec(t *testing.T) {
	in := newReceiver(t, v50)
	in.finish(in.deliver(5, q2), mqttwire.NoMatchingSubscribers)
	for range 2 {
		a, ok := in.NextAck()
		if !ok {
			t.Fatal("no PUBREC")
		}
		want(t, a, action{ID: 5, Packet: mqttwire.PUBREC, Reason: mqttwire.NoMatchingSubscribers})
		if a := in.publish(5, q2, true); a.Event != qos.Duplicate {
			t.Fatal(a.Event)
		}
	}
}

func TestDuplicateWhileUndecidedIsNotDeliveredAndOnePubrecLeaves(t *testing.T) {
	in := newReceiver(t, v50)
	ticket := in.deliver(5, q2)
	in.publish(5, q2, true)
	in.publish(5, q2, true)
	same(t, in.acks())
	in.finish(ticket, success)
	same(t, in.acks(), packet{Type: mqttwire.PUBREC, ID: 5})
}

func TestDuplicateQoS1WhileUndecidedIsNotDelivered(t *testing.T) {
	in := newReceiver(t, v311)
	ticket := in.deliver(5, q1)
	if a := in.publish(5, q1, true); a.Event != qos.Duplicate {
		t.Errorf("%v", a.Event)
	}
	_, err := in.Publish(5, q1, false) // another message
	wantError(t, err, mqttwire.ErrPacketIDInUse)
	in.finish(ticket, success)
	same(t, in.acks(), packet{Type: mqttwire.PUBACK, ID: 5})
	// After the PUBACK it is a new message, irrespective of DUP [MQTT-4.3.2-5].
	if a := in.publish(5, q1, true); a.Event != qos.Deliver {
		t.Errorf("after PUBACK: %v", a.Event)
	}
}

func TestPublishOfAnIDHeldByTheOtherQoSIsAnError(t *testing.T) {
	in := newReceiver(t, v50)
	in.deliver(1, q1)
	in.deliver(2, q2)
	for id, l := range map[uint16]qos.Level{1: q2, 2: q1} {
		for _, dup := range []bool{false, true} {
			_, err := in.Publish(id, l, dup)
			wantError(t, err, mqttwire.ErrPacketIDInUse)
		}
	}
	e := mqttwire.ErrPacketIDInUse
	if got, want := e.Answer(mqttwire.V50, mqttwire.PUBLISH), (mqttwire.Answer{Packet: mqttwire.DISCONNECT, Code: mqttwire.ProtocolError, Version: mqttwire.V50}); got != want {
		t.Errorf("5.0 answer %+v", got)
	}
	if got := e.Answer(mqttwire.V311, mqttwire.PUBLISH); got != (mqttwire.Answer{}) {
		t.Errorf("3.1.1 answer %+v", got)
	}
}

func TestPubrelIsAlwaysAnsweredWithPubcomp(t *testing.T) {
	for _, c := range []qos.Connection{v31, v311, v50} {
		unknown := success
		if c.Version == mqttwire.V50 {
			unknown = mqttwire.PacketIdentifierNotFound
		}
		in := newReceiver(t, c)
		in.finish(in.deliver(5, q2), success)
		in.acks()
		want(t, in.pubrel(5), action{ID: 5, Packet: mqttwire.PUBCOMP, Event: qos.Freed, Change: freed})
		want(t, in.pubrel(5), action{ID: 5, Packet: mqttwire.PUBCOMP, Reason: unknown, Event: qos.Unsolicited})
		// One that comes before the decision withdraws the delivery.
		ticket := in.deliver(6, q2)
		want(t, in.pubrel(6), action{ID: 6, Packet: mqttwire.PUBCOMP, Reason: unknown, Event: qos.Withdrawn, Change: freed})
		wantStale(t, in, ticket)
		same(t, in.acks())
		in.deliver(7, q1)
		want(t, in.pubrel(7), action{ID: 7, Packet: mqttwire.PUBCOMP, Reason: unknown, Event: qos.Unsolicited})
	}
}

func TestPubrelCancelsAPubrecThatWaitsToBeSentAgain(t *testing.T) {
	in := newReceiver(t, v311)
	in.finish(in.deliver(5, q2), success)
	in.acks()
	four := in.deliver(4, q1)
	in.publish(5, q2, true) // sent again after a timeout; its PUBREC waits for 4
	in.pubrel(5)            // the first PUBREC was only late
	in.finish(in.deliver(5, q1), success)
	in.finish(four, success)
	same(t, in.acks(), packet{Type: mqttwire.PUBACK, ID: 4}, packet{Type: mqttwire.PUBACK, ID: 5})
}

func TestPubrecForAnUnknownID(t *testing.T) {
	for _, c := range []qos.Connection{v31, v311, v50} {
		unknown := success
		if c.Version == mqttwire.V50 {
			unknown = mqttwire.PacketIdentifierNotFound
		}
		out := newSender(t, c)
		want(t, out.pubrec(9, success), action{ID: 9, Packet: mqttwire.PUBREL, Flags: 2, Reason: unknown, Event: qos.Unsolicited})
		want(t, out.pubrec(9, failure), action{ID: 9, Event: qos.Unsolicited})
	}
}

func TestPubrecWhilePubcompIsAwaitedIsAnsweredWithPubrel(t *testing.T) {
	out := newSender(t, v311)
	id := out.publish(q2, 1)
	want(t, out.pubrec(id, success), action{Token: 1, ID: id, Packet: mqttwire.PUBREL, Flags: 2, Event: qos.Released, Change: release})
	want(t, out.pubrec(id, success), action{Token: 1, ID: id, Packet: mqttwire.PUBREL, Flags: 2, Event: qos.Duplicate})
}

func TestPubcompWhilePubrecIsAwaitedIsIgnoredAndReported(t *testing.T) {
	out := newSender(t, v50)
	id := out.publish(q2, 1)
	want(t, out.pubcomp(id), action{ID: id, Event: qos.Unsolicited})
	if x := out.Find(id); x != (qos.Exchange{Token: 1, ID: id, Await: qos.AwaitPubrec}) {
		t.Errorf("%+v", x)
	}
}

func TestPubackForQoS2AndPubrecForQoS1AreProtocolErrors(t *testing.T) {
	out := newSender(t, v50)
	one, two := out.publish(q1, 1), out.publish(q2, 2)
	_, err := out.Pubrec(one, success, 0)
	wantError(t, err, mqttwire.ErrAckMismatch)
	_, err = out.Puback(two, success)
	wantError(t, err, mqttwire.ErrAckMismatch)
	out.pubrec(two, success)
	_, err = out.Puback(two, success)
	wantError(t, err, mqttwire.ErrAckMismatch)
	if out.InFlight() != 2 {
		t.Errorf("%d in flight", out.InFlight())
	}
}

func TestStrayPubackAndPubcompAreReportedAndHarmless(t *testing.T) {
	out := newSender(t, maximum(1))
	want(t, out.puback(3), action{ID: 3, Event: qos.Unsolicited})
	want(t, out.pubcomp(3), action{ID: 3, Event: qos.Unsolicited})
	id := out.publish(q1, 0)
	want(t, out.pubcomp(id), action{ID: id, Event: qos.Unsolicited})
	if out.Quota() != 0 || out.InFlight() != 1 {
		t.Errorf("quota %d, in flight %d", out.Quota(), out.InFlight())
	}
}

func TestPubrec0x10IsSuccess(t *testing.T) {
	out := newSender(t, v50)
	id := out.publish(q2, 1)
	if a := out.pubrec(id, mqttwire.NoMatchingSubscribers); a.Packet != mqttwire.PUBREL || a.Event != qos.Released || a.Reason != success {
		t.Errorf("%+v", a)
	}
}

func TestPubrecErrorEndsTheExchangeAtBothEnds(t *testing.T) {
	out, in := newSender(t, maximum(1)), newReceiver(t, maximum(1))
	id := out.publish(q2, 1)
	in.finish(in.deliver(id, q2), failure)
	a, _ := in.NextAck()
	want(t, a, action{ID: id, Packet: mqttwire.PUBREC, Reason: failure})
	want(t, out.pubrec(id, failure), action{Token: 1, ID: id, Event: qos.Rejected, Change: forget(q2)})
	if out.Quota() != 1 || out.InFlight() != 0 || in.InFlight() != 0 {
		t.Errorf("quota %d, in flight %d and %d", out.Quota(), out.InFlight(), in.InFlight())
	}
	in.deliver(id, q2) // a new message [MQTT-4.3.3-9]
	out.connect(v50)
	same(t, out.resends()) // not retransmitted [MQTT-4.4.0-2]

	id = out.publish(q2, 2)
	out.pubrec(id, success)
	want(t, out.pubrec(id, failure), action{Token: 2, ID: id, Event: qos.Rejected, Change: forget(q2)})
}

func TestPubackErrorIsRejected(t *testing.T) {
	out := newSender(t, v50)
	id := out.publish(q1, 1)
	a, err := out.Puback(id, failure)
	noError(t, err)
	want(t, a, action{Token: 1, ID: id, Event: qos.Rejected, Change: forget(q1)})
}

func TestQuotaIsResetOnEveryConnectionAndCountsResumedPublishes(t *testing.T) {
	out := newSender(t, maximum(3))
	for i := range 3 {
		out.publish(q1, uint64(i))
	}
	_, err := out.Publish(q1, 3, 0)
	wantError(t, err, mqttwire.ErrSendQuota)
	out.connect(maximum(2))
	same(t, out.resends(), packet{mqttwire.PUBLISH, 1, true}, packet{mqttwire.PUBLISH, 2, true})
	out.puback(2)
	same(t, out.resends(), packet{mqttwire.PUBLISH, 3, true})
	_, err = out.Publish(q1, 3, 0)
	wantError(t, err, mqttwire.ErrSendQuota)
	out.connect(maximum(9))
	out.resends()
	if out.Quota() != 7 {
		t.Errorf("quota %d, want 9 less the 2 resumed", out.Quota())
	}
}

func TestQuotaReturnsOnlyForAPublishOfThisConnection(t *testing.T) {
	out := newSender(t, maximum(1))
	old := out.publish(q2, 1)
	out.pubrec(old, success)
	out.connect(maximum(1))
	same(t, out.resends(), packet{mqttwire.PUBREL, old, false})
	out.publish(q1, 2)
	out.pubcomp(old) // must not let a second PUBLISH out
	_, err := out.Publish(q1, 3, 0)
	wantError(t, err, mqttwire.ErrSendQuota)
}

func TestQuotaReturnsAtPubackPubcompAndPubrecError(t *testing.T) {
	out := newSender(t, maximum(1))
	out.puback(out.publish(q1, 0))
	id := out.publish(q2, 0)
	out.pubrec(id, success)
	if out.Quota() != 0 {
		t.Error("quota returned at PUBREC")
	}
	out.pubcomp(id)
	out.pubrec(out.publish(q2, 0), failure)
	if out.Quota() != 1 {
		t.Errorf("quota %d", out.Quota())
	}
}

func TestReceiveMaximumIsEnforcedCountingDuplicatesOnce(t *testing.T) {
	in := newReceiver(t, maximum(2))
	in.finish(in.deliver(1, q2), success)
	in.publish(1, q2, true)
	in.publish(1, q2, true)
	in.acks() // PUBREC does not make room
	ticket := in.deliver(2, q1)
	_, err := in.Publish(3, q1, false)
	wantError(t, err, mqttwire.ErrReceiveMaximum)
	_, err = in.Publish(3, q2, true)
	wantError(t, err, mqttwire.ErrReceiveMaximum)
	in.finish(ticket, success)
	_, err = in.Publish(3, q1, false) // finished, but its PUBACK is not out
	wantError(t, err, mqttwire.ErrReceiveMaximum)
	in.acks()
	in.deliver(3, q1)
	in.pubrel(1)
	in.finish(in.deliver(4, q2), failure)
	_, err = in.Publish(5, q1, false)
	wantError(t, err, mqttwire.ErrReceiveMaximum)
}

func TestReceiveMaximumCountsTheIDsOfThisConnection(t *testing.T) {
	in := newReceiver(t, maximum(2))
	in.finish(in.deliver(1, q2), success)
	in.finish(in.deliver(2, q2), success)
	in.acks()
	in.connect(maximum(1))
	in.pubrel(1) // of an earlier connection: returns nothing
	in.publish(2, q2, true)
	_, err := in.Publish(3, q2, false)
	wantError(t, err, mqttwire.ErrReceiveMaximum)
	in.publish(2, q2, true) // once
	in.pubrel(2)
	in.deliver(3, q2)
	in.connect(maximum(1))
	in.deliver(4, q1)
	_, err = in.Publish(3, q2, true) // known, but one too many on this connection
	wantError(t, err, mqttwire.ErrReceiveMaximum)
}

func TestNothingNewOvertakesWhatIsBeingResumed(t *testing.T) {
	out := newSender(t, maximum(2))
	a, b := out.publish(q1, 1), out.publish(q2, 2)
	out.connect(maximum(1))
	for _, want := range []uint16{a, b} {
		_, err := out.Publish(q1, 3, 0)
		wantError(t, err, mqttwire.ErrResuming)
		same(t, out.resends(), packet{mqttwire.PUBLISH, want, true})
		if want == a {
			out.puback(a)
		}
	}
	_, err := out.Publish(q1, 3, 0)
	wantError(t, err, mqttwire.ErrSendQuota)
}

func TestResumeInOriginalOrderWithDupOnceAConnection(t *testing.T) {
	out := newSender(t, v50)
	for i := range 6 {
		out.publish(1+qos.Level(i)%2, uint64(i)) // ids 2, 4 and 6 are QoS 2
	}
	out.pubrec(6, success)
	out.pubrec(2, success)
	out.puback(3)
	for range 2 {
		out.connect(v50)
		same(t, out.resends(),
			packet{mqttwire.PUBREL, 6, false}, packet{mqttwire.PUBREL, 2, false}, // the order of their PUBRECs
			packet{mqttwire.PUBLISH, 1, true}, packet{mqttwire.PUBLISH, 4, true}, packet{mqttwire.PUBLISH, 5, true})
		same(t, out.resends())
	}
}

func TestNoPubrelOvertakesThoseBeingResumed(t *testing.T) {
	out := newSender(t, v50)
	for i := range 3 {
		out.publish(q2, uint64(i))
	}
	out.pubrec(2, success)
	out.connect(v50)
	// A PUBREC comes before the resumption was pulled.
	want(t, out.pubrec(1, success), action{Token: 0, ID: 1, Event: qos.Released, Change: release})
	want(t, out.pubrec(1, success), action{Token: 0, ID: 1, Event: qos.Duplicate})
	same(t, out.resends(), packet{mqttwire.PUBREL, 2, false}, packet{mqttwire.PUBREL, 1, false}, packet{mqttwire.PUBLISH, 3, true})
}

func TestAckDuringResumeIsNotSentAgain(t *testing.T) {
	out := newSender(t, v50)
	for i := range 3 {
		out.publish(q1, uint64(i))
	}
	out.connect(v50)
	out.puback(1)
	out.puback(3)
	same(t, out.resends(), packet{mqttwire.PUBLISH, 2, true})
}

func TestPubrelOf31IsSentAgainWithDup(t *testing.T) {
	out := newSender(t, v31)
	out.pubrec(out.publish(q2, 1), success)
	out.connect(v31)
	same(t, out.resends(), packet{mqttwire.PUBREL, 1, true})
}

func TestNothingIsSentAgainAtAnyOtherTimeIn50(t *testing.T) {
	c := v50
	c.Retry = time.Second
	out := newSender(t, c)
	out.publish(q1, 1)
	if _, ok := out.Deadline(); ok {
		t.Error("a deadline in 5.0")
	}
	if a, ok := out.Poll(time.Hour); ok {
		t.Errorf("%+v", a)
	}
	same(t, out.resends())
}

func TestTimedResendIsOffByDefault(t *testing.T) {
	out := newSender(t, v31)
	out.publish(q1, 1)
	if _, ok := out.Deadline(); ok {
		t.Error("a deadline")
	}
	if _, ok := out.Poll(1 << 62); ok {
		t.Error("sent again")
	}
}

func TestTimedResend(t *testing.T) {
	const s = time.Second
	for _, c := range []qos.Connection{v31, v311} {
		c.Retry = 20 * s
		out := newSender(t, c)
		next := func(now, deadline time.Duration, want ...packet) {
			t.Helper()
			var got []packet
			for {
				a, ok := out.Poll(now)
				if !ok {
					break
				}
				_, err := out.Resend(a.ID, now)
				noError(t, err)
				got = append(got, packet{a.Packet, a.ID, a.Dup()})
			}
			same(t, got, want...)
			if at, ok := out.Deadline(); ok != (deadline != 0) || at != deadline {
				t.Fatalf("at %v: deadline %v %v, want %v", now, at, ok, deadline)
			}
		}
		next(0, 0)
		out.Publish(q1, 1, 1*s)
		out.Publish(q2, 2, 2*s)
		next(21*s-1, 21*s)
		next(21*s, 22*s, packet{mqttwire.PUBLISH, 1, true})
		out.Pubrec(2, success, 22*s) // PUBREL, a new wait
		next(22*s, 41*s)
		next(41*s, 42*s, packet{mqttwire.PUBLISH, 1, true})
		next(42*s, 61*s, packet{mqttwire.PUBREL, 2, c.Version == mqttwire.V31})
		out.pubcomp(2)
		next(61*s, 81*s, packet{mqttwire.PUBLISH, 1, true})
		out.puback(1)
		next(100*s, 0)
		// On a new connection the wait begins with what is resumed.
		out.Publish(q1, 3, 100*s)
		out.connect(c)
		next(200*s, 0)
		_, err := out.Resend(3, 200*s)
		noError(t, err)
		next(200*s, 220*s)
	}
}

func TestIDOfATimedResendStaysOutOfUseWhileItsPubacksMayCome(t *testing.T) {
	c := v311
	c.Retry = 1
	out := newSender(t, c)
	id := out.publish(q1, 1)
	for now := range time.Duration(2) {
		out.Poll(1 + now)
		_, err := out.Resend(id, 1+now)
		noError(t, err)
	}
	want(t, out.puback(id), action{Token: 1, ID: id, Event: qos.Completed, Change: forget(q1)})
	seen := 0
	cycle := func() {
		for range 65535 {
			other := out.publish(q1, 2)
			if other == id {
				seen++
			}
			out.puback(other)
		}
	}
	cycle()
	if seen != 0 {
		t.Fatal("id in use again with two PUBACKs to come")
	}
	out.puback(id)
	cycle()
	if seen != 0 {
		t.Fatal("id in use again with a PUBACK to come")
	}
	out.puback(id)
	cycle()
	cycle()
	if seen == 0 {
		t.Fatal("id never free again")
	}
}

func TestSessionNotPresentDropsEachMessageWithWhatItAwaits(t *testing.T) {
	out, in := newSender(t, v50), newReceiver(t, v50)
	for i := range 4 {
		out.publish(1+qos.Level(i)%2, uint64(10*i))
	}
	out.pubrec(4, success)
	ticket := in.deliver(2, q2)
	gone := v50
	gone.Resumed = false
	out.connect(gone)
	in.connect(gone)
	same(t, out.resends())
	same(t, out.drops(),
		qos.Dropped{Token: 30, ID: 4, Await: qos.AwaitPubcomp},
		qos.Dropped{Token: 0, ID: 1, Await: qos.AwaitPuback},
		qos.Dropped{Token: 10, ID: 2, Await: qos.AwaitPubrec},
		qos.Dropped{Token: 20, ID: 3, Await: qos.AwaitPuback})
	if out.InFlight() != 0 || in.InFlight() != 0 {
		t.Errorf("in flight: %d and %d", out.InFlight(), in.InFlight())
	}
	// The old ticket decides nothing of the new session.
	in.deliver(2, q2)
	wantStale(t, in, ticket)
}

func TestAnIDThatIsToBeDroppedIsNotHandedOut(t *testing.T) {
	out := newSender(t, v50)
	out.publish(q1, 1)
	gone := v50
	gone.Resumed = false
	out.connect(gone)
	for range 65534 {
		if id := out.publish(q1, 2); id == 1 {
			t.Fatal("id 1 in use twice")
		}
	}
	out.puback(2)
	want(t, out.puback(1), action{ID: 1, Event: qos.Unsolicited})
	if d := out.drops(); len(d) != 1 {
		t.Fatal(d)
	}
}

func TestAcksLeaveInTheOrderOfTheirPublishes(t *testing.T) {
	in := newReceiver(t, v50)
	a, b, c, d := in.deliver(9, q1), in.deliver(3, q2), in.deliver(7, q2), in.deliver(5, q1)
	in.finish(d, success)
	in.finish(c, failure)
	same(t, in.acks())
	in.finish(a, success)
	same(t, in.acks(), packet{Type: mqttwire.PUBACK, ID: 9})
	in.finish(b, success)
	same(t, in.acks(), packet{Type: mqttwire.PUBREC, ID: 3}, packet{Type: mqttwire.PUBREC, ID: 7}, packet{Type: mqttwire.PUBACK, ID: 5})
}

func TestTicketOfQoS1DecidesNothingOnTheNextConnection(t *testing.T) {
	in := newReceiver(t, v50)
	old := in.deliver(5, q1)
	in.connect(v50)
	wantStale(t, in, old)
	ticket := in.deliver(5, q1)
	wantStale(t, in, old)
	same(t, in.acks())
	in.finish(ticket, success)
	same(t, in.acks(), packet{Type: mqttwire.PUBACK, ID: 5})
}

func TestTicketOfQoS2DecidesButItsPubrecWaitsForThePublish(t *testing.T) {
	for _, reason := range []mqttwire.Reason{success, failure} {
		in := newReceiver(t, v50)
		ticket := in.deliver(5, q2)
		in.Disconnect()
		in.finish(ticket, reason)
		wantStale(t, in, ticket)
		in.connect(v50)
		same(t, in.acks())
		if a := in.publish(5, q2, true); a.Event != qos.Duplicate {
			t.Errorf("delivered twice: %v", a.Event)
		}
		a, _ := in.NextAck()
		if a.Packet != mqttwire.PUBREC || a.Reason != reason {
			t.Errorf("%+v", a)
		}
	}
	// Finished after it came again: one PUBREC.
	in := newReceiver(t, v50)
	ticket := in.deliver(5, q2)
	in.connect(v50)
	in.publish(5, q2, true)
	in.finish(ticket, success)
	same(t, in.acks(), packet{Type: mqttwire.PUBREC, ID: 5})
}

func TestAckIsNeverWrittenOnTheNextConnection(t *testing.T) {
	in := newReceiver(t, v311)
	a, b := in.deliver(1, q1), in.deliver(2, q2)
	in.finish(a, success)
	in.finish(b, success)
	in.Disconnect()
	same(t, in.acks())
	in.connect(v311)
	same(t, in.acks())
}

func TestBefore50EveryReasonIsSuccess(t *testing.T) {
	in := newReceiver(t, v311)
	in.finish(in.deliver(1, q2), failure)
	a, _ := in.NextAck()
	want(t, a, action{ID: 1, Packet: mqttwire.PUBREC})
	want(t, in.pubrel(1), action{ID: 1, Packet: mqttwire.PUBCOMP, Event: qos.Freed, Change: freed})
}

func TestWindowOfOneGivesStrictOrder(t *testing.T) {
	c := v311
	c.Window = 1
	out, in := newSender(t, c), newReceiver(t, v311)
	var order []uint64
	for token := range uint64(20) {
		level := 1 + qos.Level(token)%2
		id := out.publish(level, token)
		_, err := out.Publish(level, token+1, 0)
		wantError(t, err, mqttwire.ErrSendQuota)
		// Each is lost once, and comes again before the next can leave.
		out.connect(c)
		in.connect(v311)
		_, err = out.Publish(level, token+1, 0)
		wantError(t, err, mqttwire.ErrResuming)
		same(t, out.resends(), packet{mqttwire.PUBLISH, id, true})
		in.finish(in.deliver(id, level), success)
		order = append(order, token)
		in.acks()
		if level == q1 {
			out.puback(id)
			continue
		}
		out.pubrec(id, success)
		_, err = out.Publish(level, token+1, 0)
		wantError(t, err, mqttwire.ErrSendQuota)
		in.pubrel(id)
		out.pubcomp(id)
	}
	for i, token := range order {
		if token != uint64(i) {
			t.Fatalf("order %v", order)
		}
	}
}

func TestInFlightLimit(t *testing.T) {
	c := v50
	c.Window = 2
	in := newReceiver(t, c)
	for id := uint16(1); id <= 2; id++ {
		in.finish(in.deliver(id, q2), success)
		in.acks()
		in.connect(c)
	}
	_, err := in.Publish(3, q1, false)
	wantError(t, err, mqttwire.ErrInFlightLimit)
	if got := mqttwire.ErrInFlightLimit.Answer(mqttwire.V50, mqttwire.PUBLISH).Code; got != mqttwire.QuotaExceeded {
		t.Errorf("%v", got)
	}
}

func TestWithoutConnection(t *testing.T) {
	var out qos.Outbound
	var in qos.Inbound
	for name, step := range map[string]func() error{
		"Publish":     func() error { _, err := out.Publish(q1, 0, 0); return err },
		"Subscribe":   func() error { _, err := out.Subscribe(0); return err },
		"Unsubscribe": func() error { _, err := out.Unsubscribe(0); return err },
		"Puback":      func() error { _, err := out.Puback(1, 0); return err },
		"Pubrec":      func() error { _, err := out.Pubrec(1, 0, 0); return err },
		"Pubcomp":     func() error { _, err := out.Pubcomp(1, 0); return err },
		"Suback":      func() error { _, err := out.Suback(1); return err },
		"Unsuback":    func() error { _, err := out.Unsuback(1); return err },
		"in.Publish":  func() error { _, err := in.Publish(1, q1, false); return err },
		"in.Pubrel":   func() error { _, err := in.Pubrel(1, 0); return err },
	} {
		if err := step(); err != mqttwire.ErrNotConnected {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, ok1 := out.NextResend()
	_, ok2 := in.NextAck()
	_, ok3 := out.NextDropped()
	_, ok4 := out.Poll(0)
	if ok1 || ok2 || ok3 || ok4 {
		t.Error("something to do")
	}
	wantStale(t, &in, 0)
	wantError(t, out.Connect(qos.Connection{}), mqttwire.ErrVersion)
	wantError(t, in.Connect(qos.Connection{}), mqttwire.ErrVersion)
}

func TestCallersErrors(t *testing.T) {
	out, in := newSender(t, v50), newReceiver(t, v50)
	for _, l := range []qos.Level{0, 3, 255} {
		_, err := out.Publish(l, 0, 0)
		wantError(t, err, mqttwire.ErrQoS)
		_, err = in.Publish(1, l, false)
		wantError(t, err, mqttwire.ErrQoS)
	}
	_, err := in.Publish(0, q1, false)
	wantError(t, err, mqttwire.ErrPacketID)
}

// A message that was abandoned is as if it had never come: nothing is
// acknowledged, and what comes again is new.
func TestAbandonedDeliveryComesAgain(t *testing.T) {
	for _, v := range []qos.Connection{v311, v50} {
		for _, level := range []qos.Level{q1, q2} {
			in := newReceiver(t, v)
			before := in.deliver(4, level)
			ticket := in.deliver(5, level)
			_, err := in.Abandon(ticket)
			noError(t, err)
			wantStale(t, in, ticket)
			if n := in.InFlight(); n != 1 {
				t.Errorf("%d in flight", n)
			}
			in.finish(before, success)
			if len(in.acks()) != 1 {
				t.Error("not just the other one is acknowledged")
			}
			in.connect(v)
			again := in.deliver(5, level)
			in.finish(again, success)
			if len(in.acks()) != 1 {
				t.Error("what came again is not acknowledged")
			}
		}
	}
	// Nor is one that was decided abandoned any more.
	in := newReceiver(t, v50)
	ticket := in.deliver(5, q2)
	in.finish(ticket, success)
	wantStale(t, in, ticket)
}
