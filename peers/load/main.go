// Command load measures MQTT brokers side by side, under the same load: this
// repository's examples/broker, mosquitto, mochi and nats-server.
//
//	go run .                                  # everything, in about five minutes
//	go run . -list                            # the rows
//	go run . -only 'pairs|rate' -v            # some rows, with the lowest and highest of the rounds
//	go run . -brokers mqttwire,mosquitto -rounds 5 -seconds 2
//	go run . -broker PATH                     # a program that takes -listen, instead of examples/broker
//	go run . -old PATH                        # an older build of it too, as "old"
//
// It needs Linux, wants two cores that nobody else uses, and measures mosquitto
// where that is installed, as the Debian package of that name does.
//
// Every figure is of a broker started for it, a process of its own on core 0,
// while the generator has core 1. GOMAXPROCS is not set: Go's brokers see that
// they have one core. The brokers take turns, so that whatever else the machine
// does falls on all of them, and the table has the median of the rounds, or of
// what must not happen the worst. All of it is MQTT 3.1.1 with payloads of 128
// bytes, over 127.0.0.1.
//
// The figure to compare is the processor time that a broker takes for what it
// does, user and system; it changes little on a machine that does other things
// too. Latencies do, the p99 most of all, and messages a second say less anyway:
// where "core busy" is below 1 the generator, or something else on the machine,
// was what held the broker up.
//
// Publishers wait for what they sent, so that no broker has reason to drop: of
// all there are at most 1,000 messages between sent and received (6,400
// deliveries where one goes to 100 subscribers), and at QoS 1 and 2 at most 64
// of each publisher unacknowledged. They go on when half of that is free, so
// that every broker gets batches, and the same ones. With the fixed rate every
// message is a write of its own, when it is due.
//
// Memory is the resident set, after the broker has been quiet for a moment. Go's
// have garbage in it, as they would anywhere.
//
// The rows of TLS are of those that have it, with a certificate on P-256. Their
// generator has a goroutine for each connection, and a tenth of the idle ones.
//
// The durable rows have brokers that are to keep what they acknowledge: ours with
// -data, which syncs before that, beside itself without; nats-server with sync
// always; and mosquitto, which saves each second, and loses what it has not saved.
//
// The rows of cuts have publishers and subscribers with persistent sessions,
// whose connections end without a DISCONNECT five times each, some with
// acknowledgements unsent. They resume, and publishers send again what was not
// acknowledged. "lost" is what a broker had acknowledged and not delivered when
// nothing had happened for some seconds, not even after one more reconnect;
// "twice" what a subscriber got again, which QoS 1 allows; "out of order" is
// first deliveries after that of a later message; "resumed not" sessions that
// the broker had forgotten; "stall" the longest that a session with messages
// due heard nothing. These figures are the worst of the rounds.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	if served() {
		return
	}
	ctx, done := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := tool(ctx, os.Stdout, os.Stderr)
	done()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// tool is the program except for the end.
func tool(ctx context.Context, out, log io.Writer) error {
	s := settings{warmUp: 200 * time.Millisecond, quiet: 3 * time.Second}
	path := flag.String("broker", "", "`path` of the program to measure as mqttwire, which takes -listen (default: examples/broker, built)")
	old := flag.String("old", "", "`path` of a program like that of -broker, to be measured too, as old")
	names := flag.String("brokers", "mqttwire,mosquitto,mochi,nats", "which brokers, comma `separated`")
	only := flag.String("only", "", "measure the rows that match this `regexp`")
	list := flag.Bool("list", false, "list the rows")
	rounds := flag.Int("rounds", 3, "rounds; the table has their medians")
	verbose := flag.Bool("v", false, "print the lowest and highest figures of the rounds too")
	seconds := flag.Float64("seconds", 0.6, "how long the rows run that have no number of messages")
	flag.IntVar(&s.rate, "rate", 5000, "messages a second of the rows of fixed rate")
	flag.IntVar(&s.messages, "messages", 1000, "messages queued for each session of the rows of cuts, and as many live ones")
	flag.IntVar(&s.cycles, "cycles", 2000, "cycles of connect to disconnect")
	flag.IntVar(&s.idle, "idle", 5000, "idle connections")
	flag.IntVar(&s.subscriptions, "subscriptions", 100_000, "other subscriptions of the crowd")
	flag.IntVar(&s.retained, "retained", 100_000, "retained messages")
	flag.Uint64Var(&s.seed, "seed", 1, "of when connections are cut")
	flag.Parse()
	s.time = time.Duration(*seconds * float64(time.Second))

	wanted, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	chosen := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return !wanted.MatchString(r.name) })
	if *list {
		for _, r := range chosen {
			fmt.Fprintln(out, r.name)
		}
		return nil
	}
	if supported != nil {
		return supported
	}
	if min(*rounds, s.rate, s.messages, s.cycles, s.idle, s.subscriptions, s.retained) < 1 || s.time <= 0 {
		return errors.New("rounds, numbers and times must be positive")
	}

	scratch, err := os.MkdirTemp("", "mqttload-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	brokers, err := choose(strings.Split(*names, ","), *path, scratch, log)
	if err != nil {
		return err
	}
	if *old != "" {
		brokers = append(brokers, ours("old", *old))
	}
	r := runner{ctx: ctx, settings: s, core: -1}
	if files := allowFiles() - 200; s.idle > files {
		fmt.Fprintf(log, "only %d idle connections: no more files may be open (ulimit -n)\n", files)
		r.settings.idle = files
	}
	if runtime.NumCPU() < 2 {
		fmt.Fprintln(log, "one core alone: the generator is in the brokers' way, and figures are not to be trusted")
	} else {
		r.core = 0
		if err := pinSelf(1); err != nil {
			fmt.Fprintln(log, "the generator is not on a core of its own:", err)
		}
		runtime.GOMAXPROCS(1)
	}
	for _, k := range brokers {
		fmt.Fprintf(out, "%-10s %s\n", k.name, k.about)
	}
	fmt.Fprintln(out)
	start := time.Now()
	for _, w := range chosen {
		contenders := brokers
		if c, ok := w.scenario.(chooser); ok {
			contenders = c.brokers(brokers)
		}
		all := r.measure(w, contenders, *rounds)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		printRow(out, w, contenders, all, *verbose)
	}
	fmt.Fprintf(out, "%d rounds in %v\n", *rounds, time.Since(start).Round(time.Second))
	return nil
}

// choose returns the brokers of these names that are there.
func choose(names []string, path, scratch string, log io.Writer) (brokers []*broker, err error) {
	for _, name := range names {
		switch name {
		case "mqttwire":
			if path == "" {
				if path, err = buildOurs(scratch); err != nil {
					return nil, err
				}
			}
			brokers = append(brokers, ours("mqttwire", path))
		case "mosquitto":
			if _, err := mosquittoPath(); err != nil {
				fmt.Fprintf(log, "SKIPPED mosquitto: %v\n", err)
				continue
			}
			brokers = append(brokers, &mosquittoBroker)
		case "mochi":
			brokers = append(brokers, &mochiBroker)
		case "nats":
			brokers = append(brokers, &natsBroker)
		default:
			return nil, fmt.Errorf("no broker is called %q", name)
		}
	}
	return brokers, nil
}
