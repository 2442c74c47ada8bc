package server

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// join makes c the client of its Client Identifier, in place of one that has
// it now (3.1.1 [MQTT-3.1.4-2], 5.0 [MQTT-3.1.4-3]), and acknowledges its
// CONNECT before anything else can be sent to it. It returns when the other one
// has left: its will comes before anything that c does.
func (s *Server) join(c *client, ack *codec.Connack) {
	s.mu.Lock()
	s.joined++
	c.serial = s.joined
	old := s.clients[c.id]
	if old != nil {
		s.subscriptions.UnsubscribeAll(old)
		old.kick(mqttwire.SessionTakenOver)
	}
	s.clients[c.id] = c
	c.reply(ack)
	s.mu.Unlock()
	if old != nil {
		<-old.left
	}
}

// leave removes a client, unless another has its place already, and publishes
// its will if it is to be.
func (s *Server) leave(c *client, will bool) {
	s.mu.Lock()
	if s.clients[c.id] == c {
		delete(s.clients, c.id)
		s.subscriptions.UnsubscribeAll(c)
	}
	s.mu.Unlock()
	if will && c.will != nil {
		c.will.at = time.Now()
		s.publish(c.will)
	}
	close(c.left)
}
