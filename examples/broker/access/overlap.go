package access

import (
	"bytes"
	"strings"
)

// overlap reports whether there is a Topic Name that two filters both match.
// They are taken to be valid, and no Shared Subscriptions. It takes one pass
// and no memory.
func overlap(rule string, filter []byte) bool {
	if rule == "" || len(filter) == 0 {
		return false
	}
	if rule[0] == '$' && isWild(filter[0]) || filter[0] == '$' && isWild(rule[0]) { // [MQTT-4.7.2-1]
		return false
	}
	for i, j := 0, 0; ; {
		m, n := strings.IndexByte(rule[i:], '/'), bytes.IndexByte(filter[j:], '/')
		lastRule, lastFilter := m < 0, n < 0
		if m += i; lastRule {
			m = len(rule)
		}
		if n += j; lastFilter {
			n = len(filter)
		}
		a, b := rule[i:m], filter[j:n]
		switch {
		case a == "#" || string(b) == "#":
			return true
		case a != "+" && string(b) != "+" && a != string(b):
			return false
		case lastRule && lastFilter:
			return true
		case lastRule: // "/#" matches the level before it as well, but "/#" alone no name that is empty
			return string(filter[n:]) == "/#" && n > 0
		case lastFilter:
			return rule[m:] == "/#" && m > 0
		}
		i, j = m+1, n+1
	}
}

func isWild(c byte) bool { return c == '+' || c == '#' }
