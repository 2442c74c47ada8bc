package tokenauth

import (
	"strings"

	"github.com/mqttwire/mqttwire/topicmatch"
)

// Filters are Topic Filters, prepared for being asked often: the part of each
// before its first wildcard is compared as a whole, which tells most of them
// apart. They cannot be changed. The zero Filters allow nothing.
type Filters struct{ rules []rule }

type rule struct {
	filter string
	// literal is how much of the filter has no wildcard: all of it, or up to
	// the "/" before a "+", or up to but not including the "/" before a "#".
	literal int
}

// CompileFilters prepares Topic Filters. The error is that of
// [topicmatch.CheckFilter] for the first one that is not valid.
func CompileFilters(filters []string) (Filters, error) {
	rules := make([]rule, len(filters))
	for i, filter := range filters {
		if err := topicmatch.CheckFilter(filter); err != nil {
			return Filters{}, err
		}
		r := rule{filter, strings.IndexAny(filter, "+#")}
		switch {
		case r.literal < 0:
			r.literal = len(filter)
		case r.literal > 0 && filter[r.literal] == '#':
			r.literal--
		}
		rules[i] = r
	}
	return Filters{rules}, nil
}

// Strings returns the filters as a new slice.
func (f Filters) Strings() []string {
	filters := make([]string, len(f.rules))
	for i, r := range f.rules {
		filters[i] = r.filter
	}
	return filters
}

// AllowsName reports whether one of the filters matches a Topic Name, which is
// taken to be valid.
func (f Filters) AllowsName(name []byte) bool {
	for i := range f.rules {
		r := &f.rules[i]
		if !r.begins(name) {
			continue
		}
		switch rest := len(r.filter) - r.literal; {
		case rest == 0:
			if len(name) == r.literal {
				return true
			}
		case rest == 2 && r.filter[r.literal+1] == '#':
			if len(name) == r.literal || name[r.literal] == '/' {
				return true
			}
		default:
			if cut := r.cut(); topicmatch.Match(r.filter[cut:], name[cut:]) {
				return true
			}
		}
	}
	return false
}

// AllowsFilter reports whether one of the filters alone matches all that a
// Topic Filter, which is taken to be valid, can match. The filter of a Shared
// Subscription is the part after its ShareName.
func (f Filters) AllowsFilter(filter []byte) bool {
	for i := range f.rules {
		r := &f.rules[i]
		if !r.begins(filter) {
			continue
		}
		switch rest := len(r.filter) - r.literal; {
		case rest == 0:
			if len(filter) == r.literal {
				return true
			}
		case rest == 2 && r.filter[r.literal+1] == '#':
			if len(filter) == r.literal || filter[r.literal] == '/' {
				return true
			}
		default:
			if cut := r.cut(); topicmatch.Covers(r.filter[cut:], filter[cut:]) {
				return true
			}
		}
	}
	return false
}

// begins reports whether topic begins as the filter does. A name has to, for
// the filter to match it, and a filter, to be covered.
func (r *rule) begins(topic []byte) bool {
	return len(topic) >= r.literal && string(topic[:r.literal]) == r.filter[:r.literal]
}

// cut returns from where Match and Covers need to look. Not right behind the
// literal, where a "$" is nothing special and "/#" has a parent: two bytes
// before it, there is something of the level above.
func (r *rule) cut() int { return max(r.literal-2, 0) }
