package server

// dropLost takes what a session has lost, such as a request that went with its
// connection, off the list.
func (cl *client) dropLost() {
	for {
		if _, ok := cl.state.NextDropped(); !ok {
			return
		}
	}
}

// join makes the connection that of the client of its Client Identifier, which
// it returns locked. One that has it now lets it go first. It returns nil where
// the connection is to end before that.
func (c *conn) join() *client {
	s := c.server
	for {
		if c.interruptedBy() {
			c.interrupted(nil)
			return nil
		}
		cl := s.clientOf(c.who.ClientID)
		cl.takeOver()
		cl.mu.Lock()
		if !cl.gone && cl.conn == nil {
			cl.conn, c.client = c, cl
			return cl
		}
		cl.mu.Unlock()
	}
}

// clientOf returns the client of an identifier, a new one if need be.
func (s *Server) clientOf(id string) *client {
	s.mu.Lock()
	defer s.mu.Unlock()
	cl := s.clients[id]
	if cl == nil {
		s.joined++
		cl = &client{server: s, id: id, serial: s.joined}
		s.clients[id] = cl
	}
	return cl
}

// isCrowded reports whether there is no room for one more client.
func (s *Server) isCrowded(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients) >= s.config.MaxSessions && s.clients[id] == nil
}

// forget removes a client that is gone.
func (s *Server) forget(cl *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients[cl.id] == cl {
		delete(s.clients, cl.id)
	}
}
