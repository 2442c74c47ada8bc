package qos_test

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// Steps that the caller takes wrongly.

func TestWithoutConnection(t *testing.T) {
	var out qos.Outbound
	var in qos.Inbound
	for name, step := range map[string]func() error{
		"Publish":     func() error { _, err := out.Publish(q1, 0, 0); return err },
		"Subscribe":   func() error { _, err := out.Subscribe(0); return err },
		"Unsubscribe": func() error { _, err := out.Unsubscribe(0); return err },
		"Resend":      func() error { _, err := out.Resend(1, 0); return err },
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
	_, err := out.GiveUp(1, 0)
	wantError(t, err, mqttwire.ErrStaleTicket)
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
