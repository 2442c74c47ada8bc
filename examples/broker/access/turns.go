package access

import "sync"

// turns lets so many at a time do costly work, and one at a time of each origin:
// the others wait, and origins take turns. So who comes often waits for himself,
// and not others for him. It is bounded: an origin that has enough waiting is told
// so, and where all have, one of those with the most gives way to one with less.
type turns struct {
	mu       sync.Mutex
	free     int // that may begin
	total    int // that may wait
	each     int // that may wait of an origin
	waiting  int
	queues   map[string]*queue
	rotation []*queue // those whose turn comes, one after the other
}

// queue is an origin that has somebody at work or waiting.
type queue struct {
	origin  string
	busy    bool
	waiters []chan bool // each is told once whether it may begin
}

func newTurns(atOnce, each, total int) *turns {
	return &turns{free: atOnce, each: each, total: total, queues: map[string]*queue{}}
}

// enter waits for the turn of an origin. It returns false where too many wait.
func (t *turns) enter(origin string) bool {
	t.mu.Lock()
	q := t.queues[origin]
	switch {
	case q != nil && len(q.waiters) >= t.each, t.waiting >= t.total && !t.makeRoom(q):
		t.mu.Unlock()
		return false
	case q == nil:
		q = &queue{origin: origin}
		t.queues[origin] = q
	}
	turn := make(chan bool, 1)
	q.waiters = append(q.waiters, turn)
	if t.waiting++; !q.busy && len(q.waiters) == 1 {
		t.rotation = append(t.rotation, q)
	}
	t.begin()
	t.mu.Unlock()
	return <-turn
}

// leave ends the turn of an origin.
func (t *turns) leave(origin string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.queues[origin]
	q.busy = false
	if t.free++; len(q.waiters) > 0 {
		t.rotation = append(t.rotation, q)
	} else {
		delete(t.queues, origin)
	}
	t.begin()
}

// begin has those begin whose turn it is.
func (t *turns) begin() {
	for t.free > 0 && len(t.rotation) > 0 {
		q := t.rotation[0]
		t.rotation = t.rotation[1:]
		q.busy = true
		q.waiters[0] <- true
		q.waiters = q.waiters[1:]
		t.free--
		t.waiting--
	}
}

// makeRoom refuses the last of the origin that has the most waiting, unless the
// one that comes would then have as many.
func (t *turns) makeRoom(q *queue) bool {
	most := q
	for _, x := range t.queues {
		if most == nil || len(x.waiters) > len(most.waiters) {
			most = x
		}
	}
	own := 1
	if q != nil {
		own += len(q.waiters)
	}
	if most == nil || len(most.waiters) <= own {
		return false
	}
	last := len(most.waiters) - 1
	most.waiters[last] <- false
	most.waiters = most.waiters[:last]
	t.waiting--
	return true
}
