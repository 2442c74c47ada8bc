// Command attack is a bad neighbour: it attacks an MQTT broker, and measures what
// that does to others, and to the broker.
//
//	go run ./examples/broker/attack -list
//	go run ./examples/broker/attack -addr 127.0.0.1:1883 -bind 127.0.0.2 -pid 1234
//	go run ./examples/broker/attack -run 'half|retained' -start 'broker -listen 127.0.0.1:PORT -limits strict'
//	go run ./examples/broker/attack -compare before.json,after.json,mosquitto.json
//
// While an attack goes on, innocent clients from 127.0.0.1 publish to each other at
// QoS 1 and ping, 50 times a second, come anew, and one of them is away. Of these
// the table has the slowest PINGRESP, the slowest message and the slowest newcomer,
// how many packets were refused or connections ended, and how many messages were
// lost or came twice. Of the broker it has the memory before, the most meanwhile,
// and after the attacker has left, and the processor time for a byte that the
// attacker has sent, without what the victims cost.
//
// An attack fails where a victim is refused something, loses a message or gets one
// twice, or has to wait longer than -slow; where the broker takes more than -memory,
// or has ended. The exit status is 1 if any does.
//
// With -start a broker is started for each attack and ended after it, which no
// attack can spoil for the next. In its command PORT is the port, DIR a directory
// with files: users, acl, cert.pem and key.pem, as -users, -acl, -tls-cert and
// -tls-key of examples/broker take them, and mosquitto.conf, mosquitto-users.conf
// and the script mosquitto-tls. -start-users is the same for the attacks that take users,
// -start-tls for those that take TLS, where PORT is the only one: these are skipped
// without. What the attacker leaves behind is taken away after each attack, as far as
// the broker allows that; only then its memory is that "after".
//
// An attack is bounded in time, bytes and connections, and comes from a process of
// its own. Brokers that are not on a loopback address are refused. It takes Linux to
// see what a broker costs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"time"
)

// settings are what can be set.
type settings struct {
	address                         string
	startOpen, startUsers, startTLS string
	bind                            net.IP
	pid                             int
	calm, patience                  time.Duration
	time, settle, slow              time.Duration
	bytes, memory                   int64
	connections                     int64
	users, tls                      bool
	here                            bool // the attacker is in this process
}

var debugging bool

func verbose(what ...any) {
	if debugging {
		fmt.Fprintln(os.Stderr, what...)
	}
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "attacker" {
		if err := beStranger(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "attack:", err)
			os.Exit(2)
		}
		return
	}
	ctx, done := signal.NotifyContext(context.Background(), os.Interrupt)
	failed, err := tool(ctx, os.Args[1:], os.Stdout)
	done()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(2)
	case failed:
		os.Exit(1)
	}
}

// attacks are all there are.
func attacks() []attack {
	return slices.Concat(memoryAttacks, dueAttacks, workAttacks, fairAttacks, readerAttacks, secureAttacks)
}

// tool is the program. It reports whether an attack has harmed anybody.
func tool(ctx context.Context, args []string, out io.Writer) (failed bool, err error) {
	var s settings
	f := flag.NewFlagSet("attack", flag.ContinueOnError)
	f.StringVar(&s.address, "addr", "127.0.0.1:1883", "`address` of the broker, a loopback address")
	f.StringVar(&s.startOpen, "start", "", "start the broker with this `command` for each attack, instead of -addr")
	f.StringVar(&s.startUsers, "start-users", "", "the same for the attacks that take users: with this `command` it knows them")
	f.StringVar(&s.startTLS, "start-tls", "", "the same for the attacks that take TLS: with this `command` it speaks TLS on PORT")
	bind := f.String("bind", "127.0.0.2", "`address` that the attacker comes from, a loopback address")
	only := f.String("run", "", "the attacks whose names match this `regexp`")
	list := f.Bool("list", false, "list the attacks")
	asJSON := f.Bool("json", false, "print JSON, a line an attack")
	compare := f.String("compare", "", "print a table in Markdown of these `files` of -json, with commas between, and do nothing else")
	f.IntVar(&s.pid, "pid", 0, "`process` of the broker at -addr, for memory and processor time")
	f.BoolVar(&s.users, "users", false, "the broker at -addr knows the users and the rules that -start gives as files")
	f.BoolVar(&s.tls, "tls", false, "the broker at -addr speaks TLS: only the attacks that take it are made")
	seconds := f.Float64("seconds", 5, "how long an attack lasts")
	settle := f.Float64("settle", 10, "how many `seconds` the broker has to give its memory back, once all have left")
	slow := f.Float64("slow", 1, "how many `seconds` a victim may have to wait")
	f.Int64Var(&s.bytes, "bytes", 512, "`MiB` that an attack may send")
	f.Int64Var(&s.memory, "memory", 512, "`MiB` that the broker may take more than before; at twice as many the attack is ended")
	f.Int64Var(&s.connections, "connections", 1024, "`connections` that an attack may have at a time")
	f.BoolVar(&debugging, "v", false, "say more on standard error")
	if err := f.Parse(args); err != nil {
		return false, err
	}
	if *compare != "" {
		return false, compareFiles(out, strings.Split(*compare, ","))
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return false, err
	}
	chosen := slices.DeleteFunc(attacks(), func(a attack) bool { return !wanted.MatchString(a.name) })
	if *list {
		for _, a := range chosen {
			fmt.Fprintf(out, "%-22s %s\n", a.name, a.about)
		}
		return false, nil
	}
	host, _, err := net.SplitHostPort(s.address)
	if err != nil {
		return false, err
	}
	s.bind = net.ParseIP(*bind)
	for _, ip := range []net.IP{net.ParseIP(host), s.bind} {
		if !ip.IsLoopback() {
			return false, errors.New("only loopback addresses are attacked, and attacked from")
		}
	}
	if min(*seconds, *settle, *slow) <= 0 || min(s.bytes, s.memory, s.connections) <= 0 {
		return false, errors.New("times and numbers must be positive")
	}
	s.bytes, s.memory = s.bytes*mebi, s.memory*mebi
	s.calm, s.patience = time.Second, 10*time.Second
	s.time, s.settle, s.slow = duration(*seconds), duration(*settle), duration(*slow)
	report := newReport(out, *asJSON)
	for _, a := range chosen {
		r := s.measure(ctx, a)
		if ctx.Err() != nil {
			return failed, errors.New("interrupted")
		}
		failed = failed || len(r.Faults) > 0
		report.add(r)
	}
	return failed, nil
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
