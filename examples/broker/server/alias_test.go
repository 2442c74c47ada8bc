package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/session"
)

func TestTopicAliasMaximum(t *testing.T) {
	aliased := func(topic string, alias uint16) *codec.Publish {
		p := publication(topic, "x")
		p.Properties = codec.AppendTopicAlias(codec.Properties{}, alias)
		return p
	}
	simulate(t, withOptions(func(o *session.ServerOptions) { o.TopicAliasMaximum = 2 }), func(t *testing.T, s *Server) {
		p := connected(t, s, mqttwire.V50, "c")
		p.subscribe("#")
		p.send(aliased("a", 1), aliased("b", 2), aliased("", 1), aliased("c", 1), aliased("", 1), aliased("", 2))
		for _, topic := range []string{"a", "b", "a", "c", "c", "b"} {
			p.expect(publication(topic, "x")) // without the publisher's alias
		}
		p.send(aliased("d", 3))
		p.expectEnd(mqttwire.TopicAliasInvalid)
	})
}

// Aliases of the server's own, to who takes them and no more than those.
func TestTopicAliasesGiven(t *testing.T) {
	simulate(t, withOptions(func(o *session.ServerOptions) { o.TopicAliases = 8 }), func(t *testing.T, s *Server) {
		p := join(t, s, &codec.Connect{Version: mqttwire.V50, ClientID: []byte("c"), Properties: codec.AppendTopicAliasMaximum(codec.Properties{}, 1)})
		p.subscribe("#")
		p.send(publication("long/topic", "1"), publication("long/topic", "2"), publication("other/topic", "3"))
		var got []string
		for range 3 {
			m := p.receive().(*codec.Publish)
			alias, _ := m.Properties.TopicAlias()
			got = append(got, fmt.Sprintf("%s %d %s", m.Topic, alias, m.Payload))
		}
		if all := strings.Join(got, ", "); all != "long/topic 1 1,  1 2, other/topic 0 3" {
			t.Error(all)
		}
	})
}
