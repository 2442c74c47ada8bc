package server

import (
	"testing"
	"testing/synctest"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/qos"
)

const ownState = "$SYS/broker/connection/bridge/state"

// asBridge is the CONNECT of a bridge, with a will on a topic.
func asBridge(v mqttwire.Version, will string) *codec.Connect {
	return &codec.Connect{Version: v, Bridge: v != mqttwire.V50, CleanStart: true, ClientID: []byte("bridge"), WillFlag: true,
		Will: codec.Will{Topic: []byte(will), Payload: []byte("0"), Retain: true, QoS: qos.AtLeastOnce}}
}

// A bridge says on a topic of its own whether it is connected, as mosquitto's do,
// and its will says that it is not.
func TestBridgeState(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{}, func(t *testing.T, s *Server) {
			watcher := connected(t, s, v, "watcher")
			watcher.subscribe("$SYS/broker/connection/+/state")
			watcher.subscribe("#") // which it does not match (3.1.1 and 5.0 §4.7.2)
			bridge := join(t, s, asBridge(v, ownState))
			on := publicationAt(ownState, "1", qos.AtLeastOnce, 1)
			on.Retain = true
			bridge.send(on)
			bridge.expect(&codec.Puback{ID: 1})
			watcher.expect(publication(ownState, "1"))
			late := connected(t, s, v, "late")
			late.subscribe("$SYS/#")
			late.expect(retainedPublication(ownState, "1"))
			bridge.conn.Close()
			synctest.Wait()
			watcher.expect(publication(ownState, "0"))
			watcher.expectNothing()
		})
	})
}

// On other topics that start with $ a will keeps nobody out, and is dropped.
func TestWillOnDollar(t *testing.T) {
	for _, topic := range []string{"$SYS/broker/connection/other/state", "$SYS/broker/connection/bridge/states", "$SYS/broker/connection/state",
		"$SYS/broker/uptime", "$SYS/uploadToken", "$x", "$"} {
		eachVersion(t, func(t *testing.T, v mqttwire.Version) {
			simulate(t, Config{}, func(t *testing.T, s *Server) {
				watcher := connected(t, s, v, "watcher")
				for _, filter := range []string{"$SYS/#", "$x", "$"} {
					watcher.subscribe(filter)
				}
				bridge := join(t, s, asBridge(v, topic))
				bridge.send(publicationAt(topic, "1", qos.AtLeastOnce, 1))
				ack := &codec.Puback{ID: 1}
				if v == mqttwire.V50 {
					ack.Code = mqttwire.TopicNameInvalid
				}
				bridge.expect(ack)
				bridge.conn.Close()
				synctest.Wait()
				watcher.expectNothing()
			})
		})
	}
}

// readers may publish nothing.
type readers struct{}

func (readers) Authenticate(*hub.Peer, *codec.Connect) (hub.Access, connack.Code, string) {
	return readers{}, connack.Success, ""
}
func (readers) Publish([]byte) mqttwire.Reason   { return mqttwire.NotAuthorized }
func (readers) Subscribe([]byte) mqttwire.Reason { return mqttwire.Success }
func (readers) Receive([]byte) bool              { return true }

// Who may not publish its state is let in all the same, and has none.
func TestBridgeStateRefused(t *testing.T) {
	simulate(t, Config{Authenticator: readers{}}, func(t *testing.T, s *Server) {
		watcher := connected(t, s, mqttwire.V50, "watcher")
		watcher.subscribe("$SYS/#")
		bridge := join(t, s, asBridge(mqttwire.V50, ownState))
		bridge.send(publicationAt(ownState, "1", qos.AtLeastOnce, 1))
		bridge.expect(&codec.Puback{ID: 1, Code: mqttwire.NotAuthorized})
		bridge.conn.Close()
		synctest.Wait()
		watcher.expectNothing()
	})
}

// The states of bridges are retained messages like all others.
func TestBridgeStatesCount(t *testing.T) {
	simulate(t, Config{MaxRetained: 1}, func(t *testing.T, s *Server) {
		p := connected(t, s, mqttwire.V50, "p")
		p.send(retainedPublication("a", "1"))
		p.expectNothing()
		bridge := join(t, s, asBridge(mqttwire.V50, ownState))
		on := publicationAt(ownState, "1", qos.AtLeastOnce, 1)
		on.Retain = true
		bridge.send(on)
		bridge.expect(&codec.Puback{ID: 1, Code: mqttwire.QuotaExceeded})
	})
}
