package qos

import "github.com/mqttwire/mqttwire"

const (
	v311 = mqttwire.V311
	v50  = mqttwire.V50
	q1   = AtLeastOnce
	q2   = ExactlyOnce
)

func levels(client, server []Level) [2][]Level { return [2][]Level{client, server} }

// smallBounds are searched by every test run.
var smallBounds = []bounds{
	{name: "both directions", version: v50, levels: levels([]Level{q2}, []Level{q1}), maxima: []uint16{1}, refuse: true},
	{name: "order", version: v50, levels: levels([]Level{q2, q1}, nil), maxima: []uint16{2}, refuse: true, small: 2},
	{name: "receive maximum", version: v50, levels: levels([]Level{q2, q2}, nil), maxima: []uint16{1, 2}},
	{name: "receive maximum, three", version: v50, levels: levels([]Level{q2, q1, q2}, nil), maxima: []uint16{1, 2}, refuse: true, inOrder: true, small: 2},
	{name: "pulled", version: v50, levels: levels([]Level{q2, q2}, nil), maxima: []uint16{2}, pull: true, probe: true, small: 2},
	{name: "session lost", version: v50, levels: levels([]Level{q2, q2, q1}, nil), maxima: []uint16{2}, lose: true, stale: true, small: 2},
	{name: "session lost, pulled", version: v50, levels: levels([]Level{q2, q1}, nil), maxima: []uint16{2}, lose: true, pull: true, small: 2},
	{name: "given up", version: v50, levels: levels([]Level{q2, q1}, nil), maxima: []uint16{1, 2}, giveUp: true, stale: true, probe: true, small: 2},
	{name: "given up, three", version: v50, levels: levels([]Level{q1, q1, q2}, nil), maxima: []uint16{1, 2}, giveUp: true, inOrder: true, small: 2},
	{name: "given up, pulled", version: v50, levels: levels([]Level{q2, q2}, nil), maxima: []uint16{2}, giveUp: true, pull: true, inOrder: true, small: 2},
	{name: "abandoned", version: v50, levels: levels([]Level{q2, q1}, nil), maxima: []uint16{2}, abandon: true, stale: true, small: 2},
	{name: "crash", version: v50, levels: levels([]Level{q2, q2}, nil), maxima: []uint16{1}, crash: true, small: 2},
	{name: "crash, refusing", version: v50, levels: levels([]Level{q2, q1}, nil), maxima: []uint16{2}, refuse: true, crash: true, small: 2},
	{name: "crash, snapshots", version: v50, levels: levels([]Level{q2, q2}, nil), maxima: []uint16{2}, refuse: true, crash: true, checkpoint: true, small: 2},
	{name: "crash, session lost", version: v50, levels: levels([]Level{q2, q2}, nil), maxima: []uint16{1}, lose: true, crash: true, small: 2},
	{name: "crash, session lost, pulled", version: v50, levels: levels([]Level{q2, q1}, nil), maxima: []uint16{1}, lose: true, crash: true, checkpoint: true, pull: true, small: 2},
	{name: "crash, given up", version: v50, levels: levels([]Level{q1, q2}, nil), maxima: []uint16{2}, giveUp: true, crash: true, inOrder: true, small: 2},
	{name: "crash, kept early, given up", version: v50, levels: levels([]Level{q2, q2}, nil), maxima: []uint16{1}, early: true, giveUp: true, crash: true, checkpoint: true, small: 2},
	{name: "crash, kept early, refusing", version: v50, levels: levels([]Level{q2, q2}, nil), maxima: []uint16{1}, early: true, refuse: true, abandon: true, crash: true, small: 2},
	{name: "stale tickets", version: v50, levels: levels([]Level{q1, q2}, nil), maxima: []uint16{1}, stale: true, small: 2},
	{name: "requests", version: v50, levels: levels([]Level{q1, q2}, nil), maxima: []uint16{1}, requests: true, inOrder: true, small: 2},
	{name: "3.1.1", version: v311, levels: levels([]Level{q2, q1}, []Level{q2}), window: 2, maxima: []uint16{0}, inOrder: true},
	{name: "3.1.1, given up", version: v311, levels: levels([]Level{q2, q2}, nil), window: 1, maxima: []uint16{0}, giveUp: true, stale: true, small: 2},
	{name: "3.1.1, sent again", version: v311, levels: levels([]Level{q1, q2, q1}, nil), window: 2, maxima: []uint16{0}, retry: 1, compact: true, inOrder: true, small: 2},
	{name: "3.1.1, sent again, pulled", version: v311, levels: levels([]Level{q1, q2}, nil), window: 2, maxima: []uint16{0}, retry: 1, pull: true, inOrder: true, small: 2},
	{name: "3.1.1, sent again without DUP", version: v311, levels: levels([]Level{q1, q2, q1}, nil), window: 2, maxima: []uint16{0}, retry: 1, dupless: true, inOrder: true, small: 2},
	{name: "resumed without DUP", version: v50, levels: levels([]Level{q1, q2}, nil), maxima: []uint16{1, 2}, refuse: true, stale: true, dupless: true, small: 2},
}

// largeBounds are those of -modelcheck.full.
var largeBounds = []bounds{
	{name: "two and two", version: v50, levels: levels([]Level{q2, q1}, []Level{q1, q2}), maxima: []uint16{1, 2}, refuse: true, lose: true, stale: true, small: 2},
	{name: "two and two, crash", version: v50, levels: levels([]Level{q2, q1}, []Level{q2, q1}), maxima: []uint16{2}, crash: true, lose: true, inOrder: true, small: 2},
	{name: "two and two, given up", version: v50, levels: levels([]Level{q2, q1}, []Level{q2, q1}), maxima: []uint16{1, 2}, giveUp: true, inOrder: true, small: 2},
	{name: "two and one, crash, given up", version: v50, levels: levels([]Level{q2, q2}, []Level{q2}), maxima: []uint16{2}, crash: true, giveUp: true, inOrder: true, small: 2},
	{name: "two and two, pulled", version: v50, levels: levels([]Level{q2, q1}, []Level{q2, q2}), maxima: []uint16{1, 2}, pull: true, small: 2},
	{name: "three and one, requests", version: v50, levels: levels([]Level{q2, q1, q2}, []Level{q2}), maxima: []uint16{1, 2}, refuse: true, inOrder: true, requests: true, small: 2},
	{name: "four, crash", version: v50, levels: levels([]Level{q2, q1, q2, q1}, nil), maxima: []uint16{1, 2}, crash: true, lose: true, inOrder: true, small: 2},
	{name: "four, given up", version: v50, levels: levels([]Level{q2, q1, q2, q2}, nil), maxima: []uint16{1, 3}, giveUp: true, inOrder: true, small: 2},
	{name: "three, crash, given up", version: v50, levels: levels([]Level{q2, q2, q2}, nil), maxima: []uint16{1, 2}, refuse: true, giveUp: true, crash: true, inOrder: true, small: 2},
	{name: "two, all that can be", version: v50, levels: levels([]Level{q2, q2}, nil), maxima: []uint16{2}, refuse: true, early: true, giveUp: true, lose: true, crash: true, checkpoint: true, stale: true, small: 2},
	{name: "two, abandoned", version: v50, levels: levels([]Level{q2, q1}, nil), maxima: []uint16{2}, abandon: true, early: true, giveUp: true, crash: true, stale: true, small: 2},
	{name: "two, all that can be, pulled", version: v50, levels: levels([]Level{q2, q1}, nil), maxima: []uint16{2}, refuse: true, giveUp: true, lose: true, crash: true, checkpoint: true, stale: true, pull: true, compact: true, small: 2},
	{name: "3.1.1, two and two", version: v311, levels: levels([]Level{q2, q1}, []Level{q1, q2}), window: 2, maxima: []uint16{0}, retry: 1, lose: true, inOrder: true, small: 2},
	{name: "3.1.1, three, often, crash", version: v311, levels: levels([]Level{q1, q2, q1}, nil), window: 2, maxima: []uint16{0}, retry: 2, crash: true, inOrder: true, small: 2},
	{name: "3.1.1, three, given up", version: v311, levels: levels([]Level{q2, q1, q2}, nil), window: 2, maxima: []uint16{0}, retry: 1, giveUp: true, crash: true, lose: true, inOrder: true, small: 2},
}
