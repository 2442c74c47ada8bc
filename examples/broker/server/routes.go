package server

import (
	"cmp"
	"slices"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// A subscription is what a client asked for with a Topic Filter.
type subscription struct {
	id      uint32 // Subscription Identifier, 0 for none
	options codec.SubscriptionOptions
}

// A route is a subscription that matches, and whose it is.
type route struct {
	to  *client
	sub subscription
}

// routes are the subscriptions of all clients by Topic Filter: the obvious
// way, which looks at every filter for every message. An index of package
// topicmatch is to take its place.
type routes map[*client]map[string]subscription

// add makes or replaces a subscription. It reports whether there was one.
func (r routes) add(c *client, filter []byte, s subscription) (existed bool) {
	if r[c] == nil {
		r[c] = make(map[string]subscription)
	}
	_, existed = r[c][string(filter)]
	r[c][string(filter)] = s
	return existed
}

func (r routes) remove(c *client, filter []byte) (existed bool) {
	_, existed = r[c][string(filter)]
	delete(r[c], string(filter))
	return existed
}

func (r routes) removeAll(c *client) { delete(r, c) }

// match returns the routes for a Topic Name, those of a client side by side.
func (r routes) match(name []byte) []route {
	var found []route
	for c, subs := range r {
		for filter, s := range subs {
			if topicmatch.Match(filter, name) {
				found = append(found, route{c, s})
			}
		}
	}
	slices.SortFunc(found, func(a, b route) int {
		return cmp.Or(cmp.Compare(a.to.serial, b.to.serial), cmp.Compare(a.sub.id, b.sub.id))
	})
	return found
}
