package keepalive

import "time"

// Server watches that a client is not silent for longer than one and a half
// times its Keep Alive [MQTT-3.1.2-22; 3.1.1 MQTT-3.1.2-24]. The zero Server is
// Off.
type Server struct {
	received  time.Duration
	keepAlive uint16
	state     State
}

// Start starts the machine when the server accepts a CONNECT, with the Keep
// Alive in force, in seconds: the Server Keep Alive of its CONNACK if it sends
// one, else the Keep Alive of the CONNECT [MQTT-3.2.2-22]. 0 turns the machine
// off. A machine that runs starts anew.
func (s *Server) Start(now time.Duration, seconds uint16) {
	*s = Server{received: now, keepAlive: seconds}
	if seconds != 0 {
		s.state = Alive
	}
}

// Stop turns the machine off, when the connection is gone.
func (s *Server) Stop() { *s = Server{} }

// State returns Off, Alive or Dead.
func (s *Server) State() State { return s.state }

// Received tells the machine that a control packet came, of whatever type. A
// caller that streams a large payload may also call it as the bytes come in.
// It does not revive a machine that is Dead.
func (s *Server) Received(now time.Duration) { s.received = max(s.received, now) }

// Poll returns Close when one and a half times the Keep Alive have gone by
// since the last packet, and on every later call; else None. Tell the machine
// first what was received: see the package.
func (s *Server) Poll(now time.Duration) Due {
	if s.state == Alive && now >= s.limit() {
		s.state = Dead
	}
	if s.state == Dead {
		return Close
	}
	return None
}

// Deadline returns when the connection has to be closed unless a packet comes
// before. ok is false in the states Off and Dead: there is nothing to wait for.
func (s *Server) Deadline() (at time.Duration, ok bool) {
	if s.state != Alive {
		return 0, false
	}
	return s.limit(), true
}

// limit computes with 64 bits: 1.5 x 65,535 s overflows 16 bits, and in
// milliseconds or finer 32 bits soon after.
func (s *Server) limit() time.Duration {
	return after(s.received, time.Duration(s.keepAlive)*time.Second*3/2)
}
