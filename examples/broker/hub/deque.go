package hub

// deque is a queue of deliveries in a ring, which gives its memory back when it
// is empty.
type deque struct {
	ring []delivery // empty, or a power of two
	head int
	n    int
}

func (q *deque) push(d delivery) {
	if q.n == len(q.ring) {
		ring := make([]delivery, max(8, 2*q.n))
		for i := range q.n {
			ring[i] = *q.at(i)
		}
		q.ring, q.head = ring, 0
	}
	q.n++
	*q.at(q.n - 1) = d
}

// at returns the i-th from the front.
func (q *deque) at(i int) *delivery { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

// remove removes those that are gone, which is asked once of each.
func (q *deque) remove(gone func(*delivery) bool) {
	var rest deque
	for i := range q.n {
		if d := q.at(i); !gone(d) {
			rest.push(*d)
		}
	}
	*q = rest
}

func (q *deque) pop() {
	*q.at(0) = delivery{}
	q.head++
	if q.n--; q.n == 0 {
		*q = deque{}
	}
}
