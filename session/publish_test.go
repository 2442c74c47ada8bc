package session_test

import (
	"bytes"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/session"
)

// TestPublishID holds that the Packet Identifier that Publish gives stands where
// the packet has it, whatever comes before it.
func TestPublishID(t *testing.T) {
	for _, v := range []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50} {
		for _, topic := range []int{1, 122, 123, 16_377, 16_378, 65_533, 65_534, 65_535} {
			s := connected(t, session.ServerOptions{}, connect(v))
			p := codec.Publish{Topic: bytes.Repeat([]byte{'t'}, topic), QoS: 1, Payload: []byte("payload")}
			for range 3 {
				before := []byte("before")
				out, a, err := s.Publish(before, &p, 0, 0)
				if err != nil {
					t.Fatal(err)
				}
				got := decodeAll(t, v, mqttwire.Server, out[len(before):])[0].(*codec.Publish)
				if got.ID == 0 || got.ID != a.ID || !bytes.Equal(got.Topic, p.Topic) || !bytes.Equal(got.Payload, p.Payload) {
					t.Errorf("%v, topic of %d bytes: id %d of %d, topic of %d bytes, payload %q", v, topic, got.ID, a.ID, len(got.Topic), got.Payload)
				}
			}
		}
	}
}
