package topicmatch

import (
	"math/bits"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/internal/utf8string"
)

// MaxSize is the most bytes a Topic Name or Topic Filter may take
// [MQTT-4.7.3-3].
const MaxSize = 65535

// CheckName validates a Topic Name (3.1.1 §4.7, 5.0 §4.7): at least one
// character, at most MaxSize bytes, well-formed UTF-8 without U+0000, and no
// wildcard characters.
//
// It returns nil, [mqttwire.ErrTopicEmpty], [mqttwire.ErrTopicTooLong],
// [mqttwire.ErrUTF8], [mqttwire.ErrNUL] or [mqttwire.ErrTopicWildcard].
func CheckName[T ~string | ~[]byte](name T) error {
	switch {
	case len(name) == 0:
		return mqttwire.ErrTopicEmpty // [MQTT-4.7.3-1]
	case len(name) > MaxSize:
		return mqttwire.ErrTopicTooLong // [MQTT-4.7.3-3]
	}
	if e := utf8string.CheckNoWildcard(name); e != 0 {
		return e
	}
	return nil
}

// CheckFilter validates a Topic Filter (3.1.1 §4.7, 5.0 §4.7): as CheckName,
// but '#' may be its whole last level and '+' any whole level. A filter that
// starts with $share/ is an ordinary one here, as in 3.1.1; see
// CheckSubscription.
//
// It returns nil, [mqttwire.ErrTopicEmpty], [mqttwire.ErrTopicTooLong],
// [mqttwire.ErrUTF8], [mqttwire.ErrNUL], [mqttwire.ErrMultiLevelWildcard] or
// [mqttwire.ErrSingleWildcard].
func CheckFilter[T ~string | ~[]byte](filter T) error {
	if e := checkFilter(filter); e != 0 {
		return e
	}
	return nil
}

// CheckSubscription validates what a SUBSCRIBE or UNSUBSCRIBE of 5.0 may ask
// for: a Topic Filter, or a Shared Subscription $share/{ShareName}/{filter}
// (5.0 §4.8.2). It returns what CheckFilter returns, and
// [mqttwire.ErrShareName] and [mqttwire.ErrShareFilter].
func CheckSubscription[T ~string | ~[]byte](filter T) error {
	if e := checkSubscription(filter); e != 0 {
		return e
	}
	return nil
}

func checkSubscription[T ~string | ~[]byte](filter T) mqttwire.Error {
	if !IsShared(filter) {
		return checkFilter(filter)
	}
	if len(filter) > MaxSize {
		return mqttwire.ErrTopicTooLong // [MQTT-4.7.3-3]
	}
	group, inner, ok := SplitShared(filter)
	if len(group) == 0 {
		return mqttwire.ErrShareName // [MQTT-4.8.2-1]
	}
	switch e := utf8string.CheckNoWildcard(group); e {
	case 0:
	case mqttwire.ErrTopicWildcard:
		return mqttwire.ErrShareName // [MQTT-4.8.2-2]
	default:
		return e
	}
	if !ok {
		return mqttwire.ErrShareFilter // [MQTT-4.8.2-2]
	}
	return checkFilter(inner)
}

const sharePrefix = "$share/"

// IsShared reports whether a filter asks for a Shared Subscription in 5.0: it
// starts with $share/ (5.0 §4.8.2).
func IsShared[T ~string | ~[]byte](filter T) bool {
	return len(filter) >= len(sharePrefix) && string(filter[:len(sharePrefix)]) == sharePrefix
}

// SplitShared takes a Shared Subscription apart (5.0 §4.8.2): group is its
// ShareName, inner the Topic Filter that decides what it matches. ok is false,
// and inner empty, where filter is not shared or no filter follows the name.
// The results alias filter. What it splits need not be valid.
func SplitShared[T ~string | ~[]byte](filter T) (group, inner T, ok bool) {
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

func checkFilter[T ~string | ~[]byte](s T) mqttwire.Error {
	switch {
	case len(s) == 0:
		return mqttwire.ErrTopicEmpty // [MQTT-4.7.3-1]
	case len(s) > MaxSize:
		return mqttwire.ErrTopicTooLong // [MQTT-4.7.3-3]
	case len(s) < 8:
		x := utf8string.Short(s)
		if !utf8string.IsPlain(x) {
			return checkFilterSlow(s)
		}
		if utf8string.Wildcards(x) == 0 {
			return 0
		}
		return checkWildcards(s)
	}
	for i := 0; ; i += 8 {
		i = min(i, len(s)-8) // the last word overlaps the one before it
		x := utf8string.Load(s, i)
		if !utf8string.IsPlain(x) {
			return checkFilterSlow(s)
		}
		for w := utf8string.Wildcards(x); w != 0; w &= w - 1 {
			if checkWildcard(s, i+bits.TrailingZeros64(w)>>3) != 0 {
				return checkFilterSlow(s) // what is not UTF-8 further on is the worse error
			}
		}
		if i == len(s)-8 {
			return 0
		}
	}
}

func checkFilterSlow[T ~string | ~[]byte](s T) mqttwire.Error {
	if e := utf8string.Check(s); e != 0 {
		return e
	}
	return checkWildcards(s)
}

func checkWildcards[T ~string | ~[]byte](s T) mqttwire.Error {
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
func checkWildcard[T ~string | ~[]byte](s T, i int) mqttwire.Error {
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
