package topicmatch

// Nodes returns how many prefixes there are.
func (x *Names[V]) Nodes() int { return x.used }

// Walks returns how many walks stand somewhere.
func (x *Names[V]) Walks() int { return len(x.walks.all) + len(x.walks.pins) }
