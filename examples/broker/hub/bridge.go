package hub

import (
	"bytes"
	"log/slog"

	"github.com/mqttwire/mqttwire"
)

// Bridges say in a retained message whether they are connected, which their will
// takes back. Topics that start with $ are the server's own (3.1.1 and 5.0
// §4.7.2), and this one is the bridge's all the same: those of mosquitto can have
// no other by default, nor connect without.
const (
	bridgePrefix = "$SYS/broker/connection/"
	bridgeSuffix = "/state"
)

// bridgeOf returns the Client Identifier of the bridge whose state a topic is.
func bridgeOf(topic []byte) (id []byte, ok bool) {
	if id, ok = bytes.CutPrefix(topic, []byte(bridgePrefix)); ok {
		id, ok = bytes.CutSuffix(id, []byte(bridgeSuffix))
	}
	return id, ok
}

// isServers reports whether a topic is the server's own.
func isServers(topic []byte) bool {
	if topic[0] != '$' {
		return false
	}
	_, ok := bridgeOf(topic)
	return !ok
}

// isServersTo reports whether a topic is the server's own as far as a client is
// concerned: so are the states of others.
func isServersTo(topic []byte, client string) bool {
	if topic[0] != '$' {
		return false
	}
	id, ok := bridgeOf(topic)
	return !ok || string(id) != client
}

// judgeWill says whether the client may have its will. One on a topic that starts
// with $ keeps nobody out: it is dropped where it may not be.
func (c *Conn) judgeWill(access Access) mqttwire.Reason {
	will := c.asked.will
	if will == nil {
		return mqttwire.Success
	}
	why := mqttwire.Success
	if access != nil {
		why = access.Publish(will.topic)
	}
	if will.topic[0] != '$' || !why.IsError() && !isServersTo(will.topic, c.who.ClientID) {
		return why
	}
	c.asked.will = nil
	c.log(slog.LevelInfo, "the will is dropped: its topic is the server's", "client", c.who.ClientID)
	return mqttwire.Success
}
