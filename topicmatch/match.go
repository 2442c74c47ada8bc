package topicmatch

import (
	"math/bits"

	"github.com/mqttwire/mqttwire/internal/text"
)

// Match reports whether the Topic Filter matches the Topic Name (3.1.1 §4.7,
// 5.0 §4.7): levels are compared byte by byte and nothing is normalised
// [MQTT-4.7.3-4], an empty level is a level like any other, "+" takes exactly
// one level, "#" takes the rest and also the level before it, and a filter that
// starts with a wildcard matches no name that starts with "$" [MQTT-4.7.2-1].
//
// Both are taken to be valid: [CheckFilter] and [CheckName] say so. What is
// not valid gets some answer, never a panic. A Shared Subscription's filter
// matches by the part after its ShareName: cut it with [SplitShared] first.
//
// It takes one pass and no memory.
func Match[F, N ~string | ~[]byte](filter F, name N) bool {
	if len(filter) == 0 || len(name) == 0 {
		return false
	}
	if name[0] == '$' && (filter[0] == '+' || filter[0] == '#') {
		return false
	}
	i, j := 0, 0
	for {
		// A valid name has no wildcard, so the first byte that differs is
		// also where the first wildcard may be.
		for i+8 <= len(filter) && j+8 <= len(name) {
			x := text.Load(filter, i) ^ text.Load(name, j)
			if x != 0 {
				n := bits.TrailingZeros64(x) >> 3
				i, j = i+n, j+n
				break
			}
			i, j = i+8, j+8
		}
		for i < len(filter) && j < len(name) && filter[i] == name[j] {
			i, j = i+1, j+1
		}
		switch {
		case i == len(filter):
			return j == len(name)
		case filter[i] == '+':
			for i++; j < len(name) && name[j] != '/'; {
				j++
			}
		case filter[i] == '#':
			return true
		default:
			// Only the parent level of "/#" is left to match.
			return j == len(name) && i+2 == len(filter) && filter[i] == '/' && filter[i+1] == '#'
		}
	}
}
