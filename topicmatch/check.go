package topicmatch

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/internal/text"
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
	if e := text.CheckName(name); e != 0 {
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
	if e := text.CheckFilter(filter); e != 0 {
		return e
	}
	return nil
}

// CheckSubscription validates what a SUBSCRIBE or UNSUBSCRIBE of 5.0 may ask
// for: a Topic Filter, or a Shared Subscription $share/{ShareName}/{filter}
// (5.0 §4.8.2). It returns what CheckFilter returns, and
// [mqttwire.ErrShareName], [mqttwire.ErrShareWildcard] and
// [mqttwire.ErrShareFilter].
func CheckSubscription[T ~string | ~[]byte](filter T) error {
	if e := text.CheckSubscription(filter); e != 0 {
		return e
	}
	return nil
}

// IsShared reports whether a filter asks for a Shared Subscription in 5.0: it
// starts with $share/ (5.0 §4.8.2).
func IsShared[T ~string | ~[]byte](filter T) bool { return text.IsShared(filter) }

// SplitShared takes a Shared Subscription apart (5.0 §4.8.2): group is its
// ShareName, inner the Topic Filter that decides what it matches. ok is false,
// and inner empty, where filter is not shared or no filter follows the name.
// The results alias filter. What it splits need not be valid.
func SplitShared[T ~string | ~[]byte](filter T) (group, inner T, ok bool) {
	return text.SplitShared(filter)
}
