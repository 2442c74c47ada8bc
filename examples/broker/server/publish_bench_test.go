package server

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// A sink is a connection that takes everything and says nothing.
type sink struct{ net.Conn }

func (sink) Write(b []byte) (int, error)      { return len(b), nil }
func (sink) SetReadDeadline(time.Time) error  { return nil }
func (sink) SetWriteDeadline(time.Time) error { return nil }
func (sink) RemoteAddr() net.Addr             { return nil }

// A message for one client, who is one of many with a filter of their own, and
// a message for all of them.
func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		s := New(Config{})
		for i := range n {
			c := newClient(s, sink{})
			c.accept(&codec.Connect{Version: mqttwire.V311, ClientID: fmt.Append(nil, i)})
			var list codec.Subscriptions
			for _, filter := range []string{fmt.Sprint("a/+/", i), "all/#"} {
				list, _ = list.Append(codec.Subscription{Filter: []byte(filter)})
			}
			c.handleSubscribe(&codec.Subscribe{ID: 1, Subscriptions: list})
		}
		for _, topic := range []string{"a/b/0", "all"} {
			b.Run(fmt.Sprint(topic, "/", n), func(b *testing.B) {
				m := newMessage("p", publication(topic, "0123456789"))
				b.ReportAllocs()
				for b.Loop() {
					s.publish(m)
				}
			})
		}
	}
}
