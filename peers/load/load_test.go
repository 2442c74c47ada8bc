package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the servers that it starts, as the tool is.
func TestMain(m *testing.M) {
	if served() {
		return
	}
	os.Exit(m.Run())
}

// small are sizes that show that it works, not how fast.
var small = settings{
	warmUp: 20 * time.Millisecond, time: 50 * time.Millisecond, quiet: 2 * time.Second, rate: 1000,
	messages: 50, cycles: 20, idle: 50, subscriptions: 500, retained: 1500, seed: 1,
}

// Rows give all their figures, with every message delivered.
func TestRows(t *testing.T) {
	if supported != nil {
		t.Skip(supported)
	}
	path, err := buildOurs(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r := runner{ctx: ctx, settings: small, core: -1}
	for _, test := range []struct {
		scenario
		broker    *broker
		delivered int // which of the figures is to be 1
	}{
		{fanIn(4, 0), ours("mqttwire", path), 3},
		{crowded(pairs(4, 0)), ours("mqttwire", path), 3},
		{rate{0, 1}, ours("mqttwire", path), 4},
		{rate{0, 1}, &echoBroker, 4},
		{cycle{2, true}, ours("mqttwire", path), 2},
		{rate{1, 5}, ours("mqttwire", path), 4},
		{securePairs{2, 8, overTLS{}}, ours("mqttwire", path), 2},
		{secureIdle{}, ours("mqttwire", path), 2},
		{cycle{2, false}, ours("mqttwire", path), 2},
		{alternating(pairs(4, 0)), ours("mqttwire", path), 3},
		{idle{}, ours("mqttwire", path), 2},
		{retained{}, ours("mqttwire", path), 3},
		{pairs(4, 2), ours("mqttwire", path), 3},
		{cuts{2, 1}, ours("mqttwire", path), 0},
		{cuts{2, 2}, ours("mqttwire", path), 0},
		{durable{4}, &oursDurable, -1},
		{fanOut(4, 1), &mochiBroker, 3},
	} {
		w := row{fmt.Sprintf("%T", test.scenario), test.scenario}
		all := r.measure(w, []*broker{test.broker}, 1)
		var table bytes.Buffer
		printRow(&table, w, []*broker{test.broker}, all, false)
		t.Logf("%s", &table)
		o := all[0][0]
		if o.err != nil {
			t.Errorf("%T, %s: %v", test.scenario, test.broker.name, o.err)
		}
		for i, v := range o.figures {
			if math.IsNaN(v) || i == test.delivered && v != 1 {
				t.Errorf("%T, %s: %s is %v", test.scenario, test.broker.name, test.columns()[i].name, v)
			}
		}
	}
}

// A broker that takes messages and delivers none is given up, and what came is
// told.
func TestStalls(t *testing.T) {
	if supported != nil {
		t.Skip(supported)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r := runner{ctx: ctx, settings: small, core: -1}
	r.settings.quiet = 100 * time.Millisecond
	f := fanIn(2, 0)
	f.filter = func(int) string { return "nothing/of/it" }
	o := r.run(&mochiBroker, f, 0)
	if o.err == nil || !strings.Contains(o.err.Error(), "stalled") || o.figures[3] != 0 {
		t.Fatalf("%v, %v; want that it stalled", o.figures, o.err)
	}
}
