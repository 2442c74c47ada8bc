package main

import (
	"reflect"
	"strconv"
	"strings"
	"unsafe"

	"github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats-server/v2/server/gsl"

	"github.com/mqttwire/mqttwire/internal/topicload"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// input is a load in the forms that the contenders take, made beforehand.
type input struct {
	n                 int
	filters, topics   []string
	subjects, targets []string // the same for NATS
	filterBytes       [][]byte
	topicBytes        [][]byte
	clients           []string // by key
}

// keyOf is the session that subscription i belongs to.
func (in *input) keyOf(i int) uint64 { return uint64(i % len(in.clients)) }

var toSubject = strings.NewReplacer("/", ".", "+", "*", "#", ">")

func newInput(n int) *input {
	load := topicload.New(n)
	return inputOf(load.Filters, load.Topics, topicload.Keys(n))
}

func inputOf(filters, topics []string, keys int) *input {
	in := &input{n: len(filters), filters: filters, topics: topics}
	for _, f := range filters {
		in.subjects = append(in.subjects, toSubject.Replace(f))
		in.filterBytes = append(in.filterBytes, []byte(f))
	}
	for _, t := range topics {
		in.targets = append(in.targets, toSubject.Replace(t))
		in.topicBytes = append(in.topicBytes, []byte(t))
	}
	for i := range keys {
		in.clients = append(in.clients, "client-"+strconv.Itoa(i))
	}
	return in
}

// A contender is one index. Subscriptions and topics are told by their places
// in the input.
type contender interface {
	subscribe(i int, key uint64)
	unsubscribe(i int, key uint64)
	matcher() func(topic int) int // how many it found; one function a goroutine
	keys(topic int) []uint64
}

var contenders = []struct {
	name string
	make func(*input) contender
}{
	{"mqttwire", newOurs},
	{"mochi", newMochi},
	{"nats gsl", newGSL},
	{"nats Sublist", newSublist},
}

type ours struct {
	in *input
	x  topicmatch.Index[uint64, uint64]
}

func newOurs(in *input) contender { return &ours{in: in} }

func (c *ours) subscribe(i int, key uint64)   { c.x.Subscribe(key, c.in.filterBytes[i], uint64(i)) }
func (c *ours) unsubscribe(i int, key uint64) { c.x.Unsubscribe(key, c.in.filterBytes[i]) }
func (c *ours) matcher() func(int) int {
	var found []topicmatch.Subscription[uint64, uint64]
	return func(topic int) int {
		found = c.x.AppendMatches(found[:0], c.in.topicBytes[topic])
		return len(found)
	}
}
func (c *ours) keys(topic int) (keys []uint64) {
	c.x.Visit(c.in.topicBytes[topic], func(s topicmatch.Subscription[uint64, uint64]) bool {
		keys = append(keys, s.Key)
		return true
	})
	return keys
}

type mochiIndex struct {
	in *input
	x  *mqtt.TopicsIndex
}

func newMochi(in *input) contender { return &mochiIndex{in, mqtt.NewTopicsIndex()} }

func (c *mochiIndex) client(key uint64) string {
	if key < uint64(len(c.in.clients)) {
		return c.in.clients[key]
	}
	return "writer"
}
func (c *mochiIndex) subscribe(i int, key uint64) {
	c.x.Subscribe(c.client(key), packets.Subscription{Filter: c.in.filters[i], Qos: 1})
}
func (c *mochiIndex) unsubscribe(i int, key uint64) {
	c.x.Unsubscribe(c.in.filters[i], c.client(key))
}
func (c *mochiIndex) matcher() func(int) int {
	return func(topic int) int { return len(c.x.Subscribers(c.in.topics[topic]).Subscriptions) }
}
func (c *mochiIndex) keys(topic int) (keys []uint64) {
	for client := range c.x.Subscribers(c.in.topics[topic]).Subscriptions {
		key, _ := strconv.ParseUint(strings.TrimPrefix(client, "client-"), 10, 64)
		keys = append(keys, key)
	}
	return keys
}

type gslIndex struct {
	in *input
	x  *gsl.GenericSublist[uint64]
}

func newGSL(in *input) contender { return &gslIndex{in, gsl.NewSublist[uint64]()} }

func (c *gslIndex) subscribe(i int, key uint64)   { c.x.Insert(c.in.subjects[i], key) }
func (c *gslIndex) unsubscribe(i int, key uint64) { c.x.Remove(c.in.subjects[i], key) }
func (c *gslIndex) matcher() func(int) int {
	n := 0
	found := func(uint64) { n++ }
	return func(topic int) int {
		n = 0
		c.x.Match(c.in.targets[topic], found)
		return n
	}
}
func (c *gslIndex) keys(topic int) (keys []uint64) {
	c.x.Match(c.in.targets[topic], func(key uint64) { keys = append(keys, key) })
	return keys
}

// natsSublist drives server.Sublist, whose subscription type S has no name out
// here: it is inferred from the methods, and its fields are reached by offset.
type natsSublist[S any] struct {
	in             *input
	insert, remove func(*S) error
	match          func(topic string) *server.SublistResult

	subs                 map[int]*S // by place in the input
	writers              [8]*S      // what each key beyond the input's has, one at a time
	subject, nm, results uintptr
}

func newSublist(in *input) contender {
	x := server.NewSublistNoCache()
	return sublistOf(in, x.Insert, x.Remove, x.Match)
}

func sublistOf[S any](in *input, insert, remove func(*S) error, match func(string) *server.SublistResult) contender {
	return &natsSublist[S]{
		in: in, insert: insert, remove: remove, match: match,
		subs:    make(map[int]*S, in.n),
		subject: offset[S, []byte]("subject"),
		nm:      offset[S, int64]("nm"),
		results: offset[server.SublistResult, []*S]("psubs"),
	}
}

func offset[Struct, Field any](name string) uintptr {
	f, ok := reflect.TypeFor[Struct]().FieldByName(name)
	if !ok || f.Type != reflect.TypeFor[Field]() {
		panic("nats-server: field " + name + " is not what it was")
	}
	return f.Offset
}

func (c *natsSublist[S]) subscribe(i int, key uint64) {
	s := new(S)
	*(*[]byte)(unsafe.Add(unsafe.Pointer(s), c.subject)) = []byte(c.in.subjects[i])
	*(*int64)(unsafe.Add(unsafe.Pointer(s), c.nm)) = int64(key)
	if clients := uint64(len(c.in.clients)); key < clients {
		c.subs[i] = s
	} else {
		c.writers[key-clients] = s
	}
	c.insert(s)
}
func (c *natsSublist[S]) unsubscribe(i int, key uint64) {
	if clients := uint64(len(c.in.clients)); key >= clients {
		c.remove(c.writers[key-clients])
	} else {
		c.remove(c.subs[i])
		delete(c.subs, i)
	}
}
func (c *natsSublist[S]) found(topic int) []*S {
	return *(*[]*S)(unsafe.Add(unsafe.Pointer(c.match(c.in.targets[topic])), c.results))
}
func (c *natsSublist[S]) matcher() func(int) int {
	return func(topic int) int { return len(c.found(topic)) }
}
func (c *natsSublist[S]) keys(topic int) (keys []uint64) {
	for _, s := range c.found(topic) {
		keys = append(keys, uint64(*(*int64)(unsafe.Add(unsafe.Pointer(s), c.nm))))
	}
	return keys
}
