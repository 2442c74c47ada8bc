package access

import "strings"

// fill puts the names in the place of %u and %c. fits is false where one does
// not fit, and filled is then all before the level that it would stand in:
// empty, or with a "/" at its end.
func fill(filter, userName, clientID string) (filled string, fits bool) {
	b := make([]byte, 0, len(filter)+MaxName)
	for i := 0; i < len(filter); i++ {
		var name string
		switch {
		case strings.HasPrefix(filter[i:], "%u"):
			name = userName
		case strings.HasPrefix(filter[i:], "%c"):
			name = clientID
		default:
			b = append(b, filter[i])
			continue
		}
		if !fitsLevel(name) || len(b) == 0 && name[0] == '$' { // topics with "$" are the server's (5.0 §4.7.2)
			before := string(b)
			return before[:strings.LastIndexByte(before, '/')+1], false
		}
		b = append(b, name...)
		i++
	}
	return string(b), true
}

// fitsLevel reports whether a name can stand in a filter and be no more than a
// part of one level.
func fitsLevel(name string) bool {
	return name != "" && len(name) <= MaxName && !strings.ContainsAny(name, "/+#")
}

// of returns what a template is for one client. ok is false where it matches
// nothing. A filter that is empty matches everything.
func (r rule) of(userName, clientID string) (filled rule, ok bool) {
	filter, fits := fill(r.filter, userName, clientID)
	switch {
	case fits:
		return rule{r.access, filter}, true
	case r.access != deny:
		return rule{}, false
	case filter == "":
		return rule{deny, ""}, true
	}
	return rule{deny, filter + "#"}, true
}
