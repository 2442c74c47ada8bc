package qos_test

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// Send quota, Receive Maximum and windows.

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
