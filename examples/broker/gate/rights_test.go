package gate

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// Who loses a right loses what waits on it: what it has retained, and its will.
// Others lose nothing, and what a user has whose password alone is another stays.
func TestRightsTakenAway(t *testing.T) {
	alice, bob, root := userLine("alice", "secret of alice"), userLine("bob", "secret of bob"), userLine("root", "secret of root")
	const all = "topic #\n"
	for name, tt := range map[string]struct {
		users, acl string
		keep       bool
		want       []string // of alice's
	}{
		"nothing":        {alice + bob + root + "# the same\n", all, false, []string{"a/1", "a/2", "a/will"}},
		"removed":        {bob + root, all, false, nil},
		"locked":         {locked(alice) + bob + root, all, false, nil},
		"other password": {userLine("alice", "another secret") + bob + root, all, false, []string{"a/1", "a/2", "a/will"}},
		"denied":         {alice + bob + root, all + "user alice\ntopic deny a/2\ntopic deny a/will\n", false, []string{"a/1"}},
		"kept":           {bob + root, all, true, []string{"a/1", "a/2"}},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, content{users: alice + bob + root, acl: all, keep: tt.keep}, func(b *bench) {
				c := b.as(mqttwire.V50, "c", "alice", "secret of alice")
				c.WillFlag, c.Will = true, codec.Will{Topic: []byte("a/will"), Payload: []byte("gone"), Retain: true}
				c.Will.Properties = codec.AppendWillDelayInterval(c.Will.Properties, 1)
				a := b.join(kept(c))
				for _, topic := range []string{"a/1", "a/2"} {
					a.send(&codec.Publish{Topic: []byte(topic), Payload: []byte("x"), Retain: true, QoS: qos.AtLeastOnce, ID: 1})
					a.receive()
				}
				o := b.join(b.as(mqttwire.V50, "o", "bob", "secret of bob"))
				o.send(&codec.Publish{Topic: []byte("a/bob"), Payload: []byte("x"), Retain: true, QoS: qos.AtLeastOnce, ID: 1})
				o.receive()
				a.conn.Close()
				synctest.Wait()
				b.write("users", tt.users)
				b.write("acl", tt.acl)
				if _, err := b.gate.Reload(); err != nil {
					t.Fatal(err)
				}
				b.server.Recheck()
				time.Sleep(2 * time.Second)
				found := map[string]bool{}
				r := b.join(b.as(mqttwire.V50, "r", "root", "secret of root"))
				list := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("a/#")})
				r.send(&codec.Subscribe{ID: 1, Subscriptions: list})
				r.receive()
				synctest.Wait()
				r.send(&codec.Pingreq{})
				for x := r.receive(); x.Type() != mqttwire.PINGRESP; x = r.receive() {
					if m, ok := x.(*codec.Publish); ok {
						found[string(m.Topic)] = true
					}
				}
				for m := range len(tt.want) + 1 {
					want := "a/bob"
					if m < len(tt.want) {
						want = tt.want[m]
					}
					if !found[want] {
						t.Errorf("%s is gone", want)
					}
					delete(found, want)
				}
				for topic := range found {
					t.Errorf("%s is still there", topic)
				}
			})
		})
	}
}
