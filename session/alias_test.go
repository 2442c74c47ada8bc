package session_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/session"
)

// A PUBLISH whose topic came by alias is delivered without the alias, wherever
// that stood, so that it can be published on as it is: also to a peer that takes
// no alias, or has another topic by that alias. The bytes it came in stay as they
// were.
func TestAliasedIsPublishedOn(t *testing.T) {
	from := connected(t, session.ServerOptions{TopicAliasMaximum: 3}, connect(mqttwire.V50))
	plain := connected(t, session.ServerOptions{}, connect(mqttwire.V50))
	expiry := codec.AppendMessageExpiryInterval(codec.Properties{}, 60)
	large := bytes.Repeat([]byte("x"), 5000)
	for i, c := range []struct{ received, want codec.Properties }{
		{codec.AppendTopicAlias(codec.Properties{}, 3), codec.Properties{}},
		{codec.AppendTopicAlias(expiry.Clone(), 3), expiry},
		{codec.AppendUserProperty(codec.AppendTopicAlias(expiry.Clone(), 3), "a", "b"), codec.AppendUserProperty(expiry.Clone(), "a", "b")},
		{codec.AppendTopicAlias(codec.AppendUserProperty(codec.Properties{}, "", string(large)), 3), codec.AppendUserProperty(codec.Properties{}, "", string(large))},
		{codec.AppendMessageExpiryInterval(codec.AppendTopicAlias(codec.Properties{}, 3), 60), expiry},
	} {
		for _, topic := range []string{"a/b", ""} {
			frame := encode(t, mqttwire.V50, mqttwire.Client, &codec.Publish{Topic: []byte(topic), Payload: []byte("p"), Properties: c.received})
			was := bytes.Clone(frame)
			if _, err := from.feed(frame); err != nil || !bytes.Equal(frame, was) {
				t.Fatalf("%d: %v; the bytes have changed: %v", i, err, !bytes.Equal(frame, was))
			}
			out, _, err := plain.Publish(nil, from.last.Packet.(*codec.Publish), 0, 0)
			if err != nil {
				t.Fatalf("%d: %v", i, err)
			}
			want := encode(t, mqttwire.V50, mqttwire.Server, &codec.Publish{Topic: []byte("a/b"), Payload: []byte("p"), Properties: c.want})
			if !bytes.Equal(out, want) {
				t.Errorf("%d: %s", i, cmp.Diff(want, out))
			}
		}
	}
}
