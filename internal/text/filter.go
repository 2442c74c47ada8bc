package text

import (
	"math/bits"

	"github.com/mqttwire/mqttwire"
)

// maxSize is the most bytes a Topic Filter may take [MQTT-4.7.3-3].
const maxSize = 65535

// CheckSubscription is CheckFilter for what SUBSCRIBE and UNSUBSCRIBE of 5.0
// ask for, where $share/{ShareName}/{filter} is a Shared Subscription
// (5.0 §4.8.2).
func CheckSubscription[T Bytes](filter T) mqttwire.Error {
	if !IsShared(filter) {
		return CheckFilter(filter)
	}
	if len(filter) > maxSize {
		return mqttwire.ErrTopicTooLong // [MQTT-4.7.3-3]
	}
	group, inner, ok := SplitShared(filter)
	if len(group) == 0 {
		return mqttwire.ErrShareName // [MQTT-4.8.2-1]
	}
	switch e := CheckName(group); e {
	case 0:
	case mqttwire.ErrTopicWildcard:
		return mqttwire.ErrShareWildcard // [MQTT-4.8.2-2]
	default:
		return e
	}
	if !ok {
		return mqttwire.ErrShareFilter // [MQTT-4.8.2-2]
	}
	return CheckFilter(inner)
}

const sharePrefix = "$share/"

// IsShared reports whether a filter asks for a Shared Subscription in 5.0: it
// starts with $share/ (5.0 §4.8.2).
func IsShared[T Bytes](filter T) bool {
	return len(filter) >= len(sharePrefix) && string(filter[:len(sharePrefix)]) == sharePrefix
}

// SplitShared takes a Shared Subscription apart (5.0 §4.8.2): group is its
// ShareName, inner the Topic Filter that decides what it matches. ok is false,
// and inner empty, where filter is not shared or no filter follows the name.
// The results alias filter. What it splits need not be valid.
func SplitShared[T Bytes](filter T) (group, inner T, ok bool) {
	if !IsShared(filter) {
		return group, inner, false
	}
	rest := filter[len(sharePrefix):]
	for i := 0; i < len(rest); i++ {
		if rest[i] == '/' {
			return rest[:i], rest[i+1:], i+1 < len(rest)
		}
	}
	return rest, inner, false
}

// CheckFilter returns 0 or what is wrong with a Topic Filter (3.1.1 §4.7,
// 5.0 §4.7).
func CheckFilter[T Bytes](s T) mqttwire.Error {
	n := len(s)
	switch {
	case n == 0:
		return mqttwire.ErrTopicEmpty // [MQTT-4.7.3-1]
	case n > maxSize:
		return mqttwire.ErrTopicTooLong // [MQTT-4.7.3-3]
	case n < 8:
		if usual(short(s)) {
			return 0
		}
		return checkFilterSlow(s)
	}
	// Word by word, the last one overlapping the one before it.
	for i := 0; i < n-8; i += 8 {
		if x := Load(s, i); !usual(x) && !filterWord(s, i, x) {
			return checkFilterSlow(s)
		}
	}
	if x := Load(s, n-8); !usual(x) && !filterWord(s, n-8, x) {
		return checkFilterSlow(s)
	}
	return 0
}

// filterWord reports whether the word x at s[i] is ASCII without U+0000 in
// which every wildcard character stands where it may.
func filterWord[T Bytes](s T, i int, x uint64) bool {
	if plain(x) != highs {
		return false
	}
	for w := notWild(x) ^ highs; w != 0; w &= w - 1 {
		if checkWildcard(s, i+bits.TrailingZeros64(w)>>3) != 0 {
			return false
		}
	}
	return true
}

// checkFilterSlow says what is wrong, if anything is. What is not UTF-8 is
// worse than a wildcard in the wrong place.
func checkFilterSlow[T Bytes](s T) mqttwire.Error {
	if e := CheckString(s); e != 0 {
		return e
	}
	return checkWildcards(s)
}

func checkWildcards[T Bytes](s T) mqttwire.Error {
	for i := 0; i < len(s); i++ {
		if s[i] == '+' || s[i] == '#' {
			if e := checkWildcard(s, i); e != 0 {
				return e
			}
		}
	}
	return 0
}

// checkWildcard judges the wildcard character at s[i] by its neighbours.
func checkWildcard[T Bytes](s T, i int) mqttwire.Error {
	starts := i == 0 || s[i-1] == '/'
	if s[i] == '#' {
		if !starts || i != len(s)-1 {
			return mqttwire.ErrMultiLevelWildcard // 3.1.1 [MQTT-4.7.1-2], 5.0 [MQTT-4.7.1-1]
		}
		return 0
	}
	if !starts || i != len(s)-1 && s[i+1] != '/' {
		return mqttwire.ErrSingleWildcard // 3.1.1 [MQTT-4.7.1-3], 5.0 [MQTT-4.7.1-2]
	}
	return 0
}
