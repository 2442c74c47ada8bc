package session_test

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// A Maximum Packet Size is any four byte integer except 0 (5.0 §3.1.2.11.4,
// §3.2.2.3.6): also where an int has 32 bits.
func TestMaximumPacketSizeOf32Bits(t *testing.T) {
	for _, size := range []uint32{1<<31 - 1, 1 << 31, 1<<32 - 1} {
		p := connect(mqttwire.V50)
		p.Properties = codec.AppendMaximumPacketSize(p.Properties, size)
		s := connected(t, session.ServerOptions{MaximumPacketSize: size}, p)
		if _, err := s.send(publish(qos.AtLeastOnce, 1)); err != nil {
			t.Errorf("%d: received: %v", size, err)
		}
		if _, _, err := s.Publish(nil, publish(qos.AtLeastOnce, 0), 1, s.now); err != nil {
			t.Errorf("%d: sent: %v", size, err)
		}
		if n := s.MaxSize(); n != codec.MaxPacketSize {
			t.Errorf("%d: MaxSize %d", size, n)
		}
	}
}
