package wirejudge

import "fmt"

// Check reports what the judge holds beyond its limits, "" if nothing, and
// whether its counts are right.
func (j *Judge) Check(conns ...*Conn) string {
	inFlight := 0
	count := func(s *session) string {
		for i := range s.flow {
			inFlight += len(s.flow[i].exchanges)
			for _, q := range append(s.flow[i].arrived[:], s.flow[i].recs) {
				if len(q.ids) > 2*len(s.flow[i].exchanges)+128 {
					return fmt.Sprintf("a queue of %d for %d messages", len(q.ids), len(s.flow[i].exchanges))
				}
			}
		}
		if len(s.subs) > j.Limits.subscriptions() || len(s.retained) > 4096 {
			return "too many subscriptions"
		}
		return ""
	}
	held := map[*session]bool{}
	for _, s := range j.sessions {
		held[s] = true
	}
	live := 0
	for _, c := range conns {
		if c.session != nil && !c.closed {
			held[c.session] = true
			live++
		}
		for i := range c.side {
			if n := cap(c.side[i].buf); n > 2*j.Limits.head()+1024 {
				return fmt.Sprintf("a buffer of %d", n)
			}
			if c.side[i].aliasBytes > j.Limits.aliases() {
				return "too many aliases"
			}
		}
		if len(c.asides) > maxAsides || len(c.requests) > 4096 {
			return "too many asides or requests"
		}
	}
	for s := range held {
		if wrong := count(s); wrong != "" {
			return wrong
		}
	}
	switch {
	case len(j.sessions) > j.Limits.sessions()+live:
		return fmt.Sprintf("%d sessions", len(j.sessions))
	case len(j.messages.byHash) > j.Limits.messages() || len(j.messages.order) > j.Limits.messages():
		return "too many messages"
	case inFlight != j.inFlight || inFlight > j.Limits.inFlight():
		return fmt.Sprintf("%d messages in flight, counted are %d", inFlight, j.inFlight)
	}
	return ""
}
