package access

import (
	"strings"

	"github.com/mqttwire/mqttwire/topicmatch"
)

// access is what a rule is about.
type access uint8

const (
	read access = 1 << iota
	write
	deny
)

var accessWords = map[string]access{"read": read, "write": write, "readwrite": read | write, "deny": deny}

// rule is a line of the file, the names in it filled in or still to be.
type rule struct {
	access access
	filter string
}

// parseRule reads what comes after "topic" or "pattern".
func parseRule(text string) (rule, error) {
	r := rule{read | write, text}
	word, rest := cutWord(text)
	if a, ok := accessWords[word]; ok {
		r = rule{a, rest}
	} else if rest != "" { // a filter with a space in it, or a mistyped access
		return rule{}, ErrAccess
	}
	switch {
	case topicmatch.CheckFilter(r.filter) != nil:
		return rule{}, ErrFilter
	case topicmatch.IsShared(r.filter):
		return rule{}, ErrShare
	}
	for level := range strings.SplitSeq(r.filter, "/") {
		if strings.Count(level, "%u")+strings.Count(level, "%c") > 1 {
			return rule{}, ErrTwoNames
		}
	}
	return r, nil
}

// hasNames reports whether there are names to be filled in.
func (r rule) hasNames() bool {
	return strings.Contains(r.filter, "%u") || strings.Contains(r.filter, "%c")
}
