package topicmatch

// Covers reports whether filter matches every Topic Name that other can match:
// whether a permission to subscribe to filter includes other. Every filter
// covers itself; "#" and "+/#" cover each other, as no name has no level, and
// neither covers a filter that starts with "$" [MQTT-4.7.2-1].
//
// Both are taken to be valid, as in [Match]; where one is not, the answer means
// nothing. Of a Shared Subscription, the part after the ShareName counts: cut
// it with [SplitShared] first.
//
// That a name is at most 65,535 bytes long is left out of account: filters
// so long that hardly a name fits them may be told apart although no name can.
//
// It takes one pass and no memory.
func Covers[F, G ~string | ~[]byte](filter F, other G) bool {
	if len(filter) == 0 || len(other) == 0 {
		return false
	}
	if other[0] == '$' && (filter[0] == '+' || filter[0] == '#') {
		return false
	}
	// A level of other is compared as if it were one of a name: its "+" is
	// equal to "+" alone, its "#" to "#" alone.
	j := 0
	for i := 0; i < len(filter); i++ {
		switch c := filter[i]; {
		case c == '#':
			return true
		case c == '+':
			if j < len(other) && other[j] == '#' {
				// "#" also stands for the level before it, where "+" wants one
				// more. But before the "#" of "#" and "/#" there is no name.
				return j <= 1 && i+3 == len(filter) && filter[i+1] == '/' && filter[i+2] == '#'
			}
			for j < len(other) && other[j] != '/' {
				j++
			}
		case j == len(other):
			return c == '/' && i+2 == len(filter) && filter[i+1] == '#'
		case c != other[j]:
			return false
		default:
			j++
		}
	}
	return j == len(other)
}
