package hub

import (
	"runtime"
	"time"

	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// A backlog is the retained messages that a new subscription brings, sent as fast as
// the client takes them. It holds none of them: it is a search that has come so far.
// It goes on with whatever else is done for the client, for so many steps, and then
// in its turn among all that search.
type backlog struct {
	filter  string
	walk    *topicmatch.Walk[*message]
	newest  uint64 // messages with a greater number come as they are published
	to      *recipient
	level   qos.Level
	noLocal bool // not those that the client itself has published
}

// backlogs are those of a client. The first is being sent.
type backlogs struct {
	list     []*backlog
	byFilter map[string]*backlog
	timer    timer // when the search goes on
}

// searchSlice is how many prefixes of topics are looked at under one lock.
const searchSlice = 128

// yield lets others run, without a lock, where what was done is long: else the runtime
// takes the processor away in its midst, with the locks that others wait for.
func yield(long bool) {
	if long {
		runtime.Gosched()
	}
}

type backlogState uint8

const (
	backlogDone     backlogState = iota
	backlogWaits                 // for an acknowledgement
	backlogFull                  // of the connection's buffer
	backlogSearches              // has taken all steps
)

// send sends what the client takes, for so many steps. What is replaced or removed
// before its turn comes is left out: the client gets what comes in its place as it is
// published, and nothing older after that.
func (b *backlog) send(c *Conn, steps *int, now time.Duration) backlogState {
	if *steps == 0 {
		return backlogSearches
	}
	*steps-- // for the filter, besides those of the walk
	state := backlogSearches
	left, done := b.walk.Visit(*steps, func(_ []byte, m *message) bool {
		switch {
		case m.number > b.newest:
		case c.out.Len() >= c.hub.ahead:
			state = backlogFull
			return false
		case !b.sendOne(c, m, now):
			state = backlogWaits
			return false
		}
		return true
	})
	if *steps = left; done {
		return backlogDone
	}
	return state
}

// sendOne sends a message unless it is not for the client, and reports false where
// it has to wait. It is called while the messages are looked at, and takes none of
// the hub's locks except for those of the journal and the timers.
func (b *backlog) sendOne(c *Conn, m *message, now time.Duration) bool {
	cl := c.client
	_, expired := m.waited(now)
	if expired || b.noLocal && m.from == cl.id || cl.access != nil && !cl.access.Receive(m.topic) {
		return true
	}
	return c.sendWaiting(delivery{m: m, to: b.to, level: min(b.level, m.level), retain: true}, now)
}

// searches reports whether retained messages are to be sent on the connection. The lock
// is held.
func (c *Conn) searches() bool { return c.client != nil && c.client.backlog != nil }

// size is what it counts for, in bytes.
func (b *backlog) size() int { return 300 + 2*len(b.filter) }

// sendBacklog sends retained messages until the client takes no more, or so many
// steps are taken.
func (cl *client) sendBacklog(now time.Duration) {
	if cl.backlog == nil {
		return
	}
	c, steps := cl.conn, searchSlice
	defer func() { onSlice(searchSlice - steps) }()
	for cl.backlog != nil {
		switch cl.backlog.list[0].send(c, &steps, now) {
		case backlogDone:
			cl.backlogDone()
		case backlogSearches:
			cl.hub.set(&cl.backlog.timer, now+1) // others have their turn
			return
		default:
			return
		}
	}
}

// search goes on with what the client searches for.
func (cl *client) search(w *Worker) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if c := cl.conn; c != nil {
		cl.pump(w.now)
		c.drained()
		w.touch(c)
	}
}

// addBacklog has retained messages sent. They replace what an earlier
// subscription to the same filter has not been sent yet.
func (cl *client) addBacklog(b *backlog) {
	all := cl.backlog
	if all == nil {
		all = &backlogs{byFilter: make(map[string]*backlog)}
		all.timer.ring = cl.search
		cl.backlog = all
	}
	if old := all.byFilter[b.filter]; old != nil {
		old.walk.Stop()
		*old = *b
		return
	}
	all.byFilter[b.filter] = b
	all.list = append(all.list, b)
	cl.charge(b.size())
}

// dropBacklog drops what waits for a subscription that has ended.
func (cl *client) dropBacklog(filter []byte) {
	if cl.backlog != nil {
		if b := cl.backlog.byFilter[string(filter)]; b != nil {
			b.walk.Stop() // done, when its turn comes
		}
	}
}

// backlogDone removes the first.
func (cl *client) backlogDone() {
	all := cl.backlog
	b := all.list[0]
	b.walk.Stop()
	delete(all.byFilter, b.filter)
	all.list[0] = nil
	all.list = all.list[1:]
	if cl.charge(-b.size()); len(all.list) == 0 {
		cl.hub.stop(&all.timer)
		cl.backlog = nil
	}
}

// keepBacklogs drops those that do not outlive a connection, messages of QoS 0 being
// no part of the session (3.1.1 §4.1, 5.0 §4.1), or all where that is over.
func (cl *client) keepBacklogs(lasts bool) {
	if cl.backlog == nil {
		return
	}
	all := cl.backlog
	cl.hub.stop(&all.timer)
	cl.backlog = nil
	for _, b := range all.list {
		if cl.charge(-b.size()); lasts && b.level > qos.AtMostOnce {
			cl.addBacklog(b)
		} else {
			b.walk.Stop()
		}
	}
}
