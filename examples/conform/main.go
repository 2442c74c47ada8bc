// Conform judges an MQTT broker, clause by clause, or a client.
//
//	go run ./examples/conform -start 'go run ./examples/tiny -listen 127.0.0.1:PORT'
//	go run ./examples/conform -start 'mosquitto -p PORT' -html report.html
//	go run ./examples/conform -addr localhost:1883
//	go run ./examples/conform -client -listen 127.0.0.1:1883
//	go run ./examples/conform -client -start 'mosquitto_sub -h HOST -p PORT -t a/# -q 2 -c -i x -k 5'
//
// With -start each PORT in the command is replaced with a free port before it is
// run; the broker must listen on that one, on 127.0.0.1.
//
// The exit status is 0 where no clause of level MUST is broken, 1 where one is,
// and 2 where nothing could be judged.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
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
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/conformance/brokers"
	"github.com/mqttwire/mqttwire/conformance/clients"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// The exit statuses.
const (
	pass   = 0
	fail   = 1
	cannot = 2
)

type options struct {
	addr, start, listen string
	client              bool
	tls, insecure       bool
	ca, cert, key       string
	user, password      string
	run, versions       string
	list, verbose, json bool
	html                string
	process             *conformance.Process // with -start
	parallel            int
	patience            time.Duration
	progress            bool
	checks              []conformance.Check
	stdout, stderr      io.Writer
	match               *regexp.Regexp
	only                []mqttwire.Version
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := options{stdout: stdout, stderr: stderr}
	if err := o.parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return pass
		}
		fmt.Fprintln(stderr, "conform:", err)
		return cannot
	}
	if o.list {
		list(stdout, o.selected())
		return pass
	}
	judge := o.judge
	if o.client {
		judge = o.judgeClient
	}
	report, err := judge(ctx)
	if err != nil {
		fmt.Fprintln(stderr, "conform:", err)
		return cannot
	}
	if err := o.tell(report); err != nil {
		fmt.Fprintln(stderr, "conform:", err)
		return cannot
	}
	switch {
	case !report.Judged() || ctx.Err() != nil:
		return cannot
	case report.Pass():
		return pass
	}
	return fail
}

const usage = `Conform judges an MQTT broker, clause by clause, or a client.

  conform -start 'go run ./examples/tiny -listen 127.0.0.1:PORT'   starts a broker, with a free port for PORT
  conform -start 'mosquitto -p PORT' -html report.html             and writes a page to look at
  conform -addr localhost:1883                                     judges one that runs
  conform -client -start 'mosquitto_sub -h HOST -p PORT -t a/# -q 2 -c -i x -k 5'   judges a client
  conform -list                                                    says what there is to judge

The exit status is 0 where no clause of level MUST is broken, 1 where one is, and
2 where nothing could be judged.

`

func (o *options) parse(args []string) error {
	f := flag.NewFlagSet("conform", flag.ContinueOnError)
	f.SetOutput(o.stderr)
	f.Usage = func() {
		fmt.Fprint(o.stderr, usage)
		f.PrintDefaults()
	}
	f.StringVar(&o.addr, "addr", "", "the broker's `HOST:PORT`")
	f.StringVar(&o.start, "start", "", "a `command` that starts the broker, with PORT for its port on 127.0.0.1; it is ended at the end. With -client: one that starts the client, with HOST and PORT; it is run again whenever it ends")
	f.BoolVar(&o.client, "client", false, "judge a client: play brokers that are right, slow, forgetful and hostile to whoever connects")
	f.StringVar(&o.listen, "listen", "", "with -client, the `HOST:PORT` where it connects; with -start, 127.0.0.1 and a free port unless given")
	f.BoolVar(&o.tls, "tls", false, "connect with TLS")
	f.BoolVar(&o.insecure, "insecure", false, "take any certificate of the broker")
	f.StringVar(&o.ca, "cafile", "", "a `file` of certificates, PEM, that the broker's must come from")
	f.StringVar(&o.cert, "cert", "", "a `file` with a certificate to show, PEM")
	f.StringVar(&o.key, "key", "", "a `file` with its key, PEM")
	f.StringVar(&o.user, "user", "", "the user `name` to connect with")
	f.StringVar(&o.password, "password", "", "the password to connect with; or in the environment, CONFORM_PASSWORD")
	f.StringVar(&o.run, "run", "", "only the checks whose names match a `regexp`, and those they come after")
	f.StringVar(&o.versions, "versions", "", "only these, such as `3.1.1,5.0`")
	f.BoolVar(&o.list, "list", false, "list the checks, and run none")
	f.BoolVar(&o.verbose, "v", false, "show every check, and every exchange that failed")
	f.BoolVar(&o.json, "json", false, "print the report as JSON")
	f.StringVar(&o.html, "html", "", "write the report as a page to a `file`")
	f.IntVar(&o.parallel, "parallel", 0, "how many checks run at once, 0 for 48")
	f.DurationVar(&o.patience, "patience", 5*time.Second, "how long to wait for what has to come")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("what is %q?", f.Arg(0))
	}
	switch o.checks = brokers.Checks(); {
	case o.client:
		o.checks = clients.Checks()
		if o.listen == "" && o.start != "" {
			o.listen = "127.0.0.1:0"
		}
		if !o.list && o.listen == "" || o.addr != "" || o.versions != "" {
			return errors.New("with -client give -listen or -start; the client decides on the version")
		}
	case o.listen != "":
		return errors.New("-listen goes with -client")
	case !o.list && (o.addr == "") == (o.start == ""):
		return errors.New("give either -addr or -start")
	}
	if o.password == "" {
		o.password = os.Getenv("CONFORM_PASSWORD")
	}
	var err error
	if o.match, err = regexp.Compile(o.run); err != nil {
		return err
	}
	for _, name := range strings.FieldsFunc(o.versions, func(c rune) bool { return c == ',' || c == ' ' }) {
		i := slices.IndexFunc(versions, func(v mqttwire.Version) bool { return v.String() == name })
		if i < 0 {
			return fmt.Errorf("-versions: there is no %q", name)
		}
		o.only = append(o.only, versions[i])
	}
	if s, err := os.Stderr.Stat(); err == nil {
		o.progress = o.stderr == io.Writer(os.Stderr) && s.Mode()&os.ModeCharDevice != 0
	}
	return nil
}

var versions = []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50}

func (o *options) selected() []conformance.Check {
	var some []conformance.Check
	for _, c := range o.checks {
		if o.match.MatchString(c.Name) {
			some = append(some, c)
		}
	}
	return some
}

// judge runs the checks.
func (o *options) judge(ctx context.Context) (*conformance.Report, error) {
	addr, subject := o.addr, "broker at "+o.addr
	if o.start != "" {
		p, err := conformance.Start(ctx, o.start, o.stderr)
		if err != nil {
			return nil, err
		}
		o.process = p
		defer func() { o.process.Stop() }()
		addr, subject = p.Addr, o.start
	}
	first, err := o.dialer(addr)
	if err != nil {
		return nil, err
	}
	var current atomic.Pointer[func(context.Context) (net.Conn, error)] // another after the broker was started again
	current.Store(&first)
	dial := func(ctx context.Context) (net.Conn, error) { return (*current.Load())(ctx) }
	r := brokers.New(addr)
	r.Subject, r.Open, r.Checks = subject, dial, o.checks
	if o.start != "" {
		r.Revive = func(ctx context.Context) error {
			o.process.Stop()
			p, err := conformance.Start(ctx, o.start, o.stderr)
			if err != nil {
				return err
			}
			o.process = p
			fresh, err := o.dialer(p.Addr)
			if err == nil {
				current.Store(&fresh)
			}
			return err
		}
	}
	r.Versions, r.Parallel, r.Patience = o.only, o.parallel, o.patience
	r.Select = o.match.MatchString
	if o.user != "" || o.password != "" {
		r.Login = &conformance.Login{UserName: o.user}
		if o.password != "" {
			r.Login.Password = []byte(o.password)
		}
	}
	r.Progress = o.shown()
	report := r.Run(ctx)
	if o.progress {
		fmt.Fprint(o.stderr, "\r\x1b[K")
	}
	return report, nil
}

// shown returns what shows a result when it is there.
func (o *options) shown() func(x *conformance.Result, total int) {
	done := 0
	return func(x *conformance.Result, total int) {
		done++
		switch {
		case o.progress:
			fmt.Fprintf(o.stderr, "\r\x1b[K%d of %d  %s %s", done, total, x.Check, x.Version)
		case o.verbose && !o.json:
			fmt.Fprintf(o.stdout, "%-7v %-5s %s (%d ms)\n", x.State, x.Version, x.Check, x.Took.Milliseconds())
		}
	}
}

func (o *options) dialer(addr string) (func(context.Context) (net.Conn, error), error) {
	d := net.Dialer{Timeout: o.patience}
	if !o.tls {
		return func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) }, nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{ServerName: host, InsecureSkipVerify: o.insecure}
	if o.ca != "" {
		pem, err := os.ReadFile(o.ca)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate", o.ca)
		}
	}
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	t := tls.Dialer{NetDialer: &d, Config: config}
	return func(ctx context.Context) (net.Conn, error) { return t.DialContext(ctx, "tcp", addr) }, nil
}

// tell writes the report in the forms asked for.
func (o *options) tell(report *conformance.Report) error {
	if o.html != "" {
		if err := writePage(o.html, report); err != nil {
			return err
		}
	}
	if o.json {
		e := json.NewEncoder(o.stdout)
		e.SetIndent("", " ")
		return e.Encode(report)
	}
	return writeText(o.stdout, report, o.verbose)
}
