package access

// ACL is the rules of a file. It cannot be changed and is safe for concurrent
// use. The zero ACL allows nothing.
type ACL struct {
	everyone section
	users    map[string]*section
}

// section is the rules for somebody.
type section struct {
	fixed     *tree
	templates []rule // with names to be filled in
}

// ParseACL reads a file of rules, whose format is described at the top. Line is
// the number of the line that an error is about: [ErrLine], [ErrName],
// [ErrAccess], [ErrFilter], [ErrShare] or [ErrTwoNames].
func ParseACL(file []byte) (acl *ACL, line int, err error) {
	acl = &ACL{users: map[string]*section{}}
	current := &acl.everyone
	for line, text := range entries(file) {
		word, rest := cutWord(text)
		to := current
		switch word {
		case "user":
			if !validName(rest) {
				return nil, line, ErrName
			}
			if acl.users[rest] == nil {
				acl.users[rest] = &section{}
			}
			current = acl.users[rest]
			continue
		case "pattern":
			to = &acl.everyone
		case "topic":
		default:
			return nil, line, ErrLine
		}
		r, err := parseRule(rest)
		if err != nil {
			return nil, line, err
		}
		to.add(r)
	}
	return acl, 0, nil
}

func (s *section) add(r rule) {
	if r.hasNames() {
		s.templates = append(s.templates, r)
	} else {
		s.fixed = s.fixed.add(r)
	}
}

// For returns what a client may do. The user name is empty for the anonymous;
// the Client Identifier is the one in use, assigned by the server or not. Both
// are taken to be what the client may call itself, and to be valid, as in a
// CONNECT that was decoded.
//
// Rights take a few words, and the levels of each rule with %u or %c that is for
// the client; all others they share with the ACL.
func (a *ACL) For(userName, clientID string) *Rights {
	r := &Rights{everyone: a.everyone.fixed}
	sections := [2]*section{&a.everyone}
	if s := a.users[userName]; s != nil {
		r.user, sections[1] = s.fixed, s
	}
	for _, s := range sections {
		if s == nil {
			continue
		}
		for _, t := range s.templates {
			filled, ok := t.of(userName, clientID)
			if ok && filled.filter == "" {
				return &Rights{} // everything is denied
			}
			if ok {
				r.own = r.own.add(filled)
			}
		}
	}
	return r
}
