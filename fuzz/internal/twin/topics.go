// Package twin holds slow and obvious versions of rules that the module
// implements fast, for tests to compare with.
package twin

import (
	"strings"
	"unicode/utf8"
)

const maxSize = 65535

// String reports whether s is a UTF-8 Encoded String (3.1.1 §1.5.3,
// 5.0 §1.5.4).
func String(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// TopicName reports whether s is a Topic Name (3.1.1 §4.7, 5.0 §4.7).
func TopicName(s string) bool {
	return String(s) && len(s) > 0 && len(s) <= maxSize && !strings.ContainsAny(s, "+#")
}

// TopicFilter reports whether s is a Topic Filter (3.1.1 §4.7, 5.0 §4.7).
func TopicFilter(s string) bool {
	if !String(s) || len(s) == 0 || len(s) > maxSize {
		return false
	}
	levels := strings.Split(s, "/")
	for i, level := range levels {
		switch {
		case level == "+", level == "#" && i == len(levels)-1:
		case strings.ContainsAny(level, "+#"):
			return false
		}
	}
	return true
}

// Subscription reports whether s is a Topic Filter or a Shared Subscription of
// 5.0 (5.0 §4.8.2).
func Subscription(s string) bool {
	if !strings.HasPrefix(s, "$share/") {
		return TopicFilter(s)
	}
	parts := strings.SplitN(s, "/", 3)
	return len(s) <= maxSize && len(parts) == 3 && TopicName(parts[1]) && TopicFilter(parts[2])
}
