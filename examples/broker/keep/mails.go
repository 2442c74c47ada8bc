package keep

import (
	"cmp"
	"slices"
)

// mails are the messages of a session, by their Keys. Most come at the end, go from
// the front, and are looked up near one or the other, so that they are kept in their
// order, in pieces: a map of many takes several times as long.
type mails struct {
	pieces [][]mail // none of them empty
}

// A mail is what there is of a message at a session.
type mail struct {
	key                      uint64
	queued, stored, released *entry
}

// mostMails is how many a piece has at most.
const mostMails = 128

// find returns where the message of a Key is, or where it would be.
func (x *mails) find(key uint64) (piece, i int, found bool) {
	if n := len(x.pieces); n == 0 || x.pieces[n-1][len(x.pieces[n-1])-1].key < key { // as mostly
		return n, 0, false
	}
	piece, _ = slices.BinarySearchFunc(x.pieces, key, func(p []mail, key uint64) int { return cmp.Compare(p[len(p)-1].key, key) })
	i, found = slices.BinarySearchFunc(x.pieces[piece], key, func(m mail, key uint64) int { return cmp.Compare(m.key, key) })
	return piece, i, found
}

// get returns the message of a Key, nil for none. It is valid until the next at.
func (x *mails) get(key uint64) *mail {
	if p, i, found := x.find(key); found {
		return &x.pieces[p][i]
	}
	return nil
}

// at returns the message of a Key, a new one where there is none. It is valid until
// the next at.
func (x *mails) at(key uint64) *mail {
	p, i, found := x.find(key)
	if found {
		return &x.pieces[p][i]
	}
	if i == 0 && p > 0 && len(x.pieces[p-1]) < mostMails { // at the end of the piece before
		p, i = p-1, len(x.pieces[p-1])
	}
	switch {
	case i == 0 && p > 0: // between two
		x.pieces = slices.Insert(x.pieces, p, make([]mail, 0, mostMails))
	case p == len(x.pieces): // the first of all
		x.pieces = append(x.pieces, nil)
	case len(x.pieces[p]) == mostMails:
		rest := append(make([]mail, 0, mostMails), x.pieces[p][mostMails/2:]...)
		clear(x.pieces[p][mostMails/2:])
		x.pieces[p] = x.pieces[p][:mostMails/2]
		x.pieces = slices.Insert(x.pieces, p+1, rest)
		if i > mostMails/2 {
			p, i = p+1, i-mostMails/2
		}
	}
	x.pieces[p] = slices.Insert(x.pieces[p], i, mail{key: key})
	return &x.pieces[p][i]
}

// remove forgets the message of a Key.
func (x *mails) remove(key uint64) {
	p, i, found := x.find(key)
	switch {
	case !found:
	case len(x.pieces[p]) > 1 && i == 0:
		x.pieces[p][0] = mail{}
		x.pieces[p] = x.pieces[p][1:]
	case len(x.pieces[p]) > 1:
		x.pieces[p] = slices.Delete(x.pieces[p], i, i+1)
	case p == 0:
		x.pieces[0] = nil
		x.pieces = x.pieces[1:]
	default:
		x.pieces = slices.Delete(x.pieces, p, p+1)
	}
	if len(x.pieces) == 0 {
		x.pieces = nil
	}
}
