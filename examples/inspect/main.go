// Command inspect is a transparent proxy for MQTT that shows every packet of both
// sides, and every clause of the standard that either side breaks, as it happens:
//
//	go run ./examples/inspect -listen 127.0.0.1:1884 -to 127.0.0.1:1883
//
// Bytes are passed on as they come, and never changed. Passwords, authentication
// data and tokens are not shown. It ends on SIGINT or SIGTERM, with a summary, and
// exits with 1 where a MUST was broken, 2 where it could not run, else 0.
//
// What it judges, and how sure it is, is in package conformance/wirejudge.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mqttwire/mqttwire/examples/inspect/proxy"
)

// options are the flags.
type options struct {
	listen, to                string
	fields, hex, json, quiet  bool
	whole, elsewhere, anyCert bool
	patience                  time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, nil))
}

// run runs the program and returns its exit code. ready is told the address it
// listens at, if it is not nil.
func run(ctx context.Context, args []string, out, errs io.Writer, ready func(net.Addr)) int {
	var o options
	f := flag.NewFlagSet("inspect", flag.ContinueOnError)
	f.SetOutput(errs)
	f.StringVar(&o.listen, "listen", "127.0.0.1:1884", "`address` to take connections at")
	f.StringVar(&o.to, "to", "127.0.0.1:1883", "`address` of the server, as host:port or tls://host:port")
	f.BoolVar(&o.anyCert, "insecure", false, "take any certificate of a server behind tls://")
	f.BoolVar(&o.fields, "v", false, "show the fields of each packet")
	f.BoolVar(&o.hex, "hex", false, "show the bytes of each packet, secrets as **")
	f.BoolVar(&o.quiet, "q", false, "show no packets, only what is found")
	f.BoolVar(&o.json, "json", false, "write a JSON object a line")
	f.BoolVar(&o.whole, "all", false, "all clients of the server connect through here: hold what subscribers get against what was published")
	f.BoolVar(&o.elsewhere, "elsewhere", false, "clients connect to the server directly too: what rests on earlier connections is a note")
	f.DurationVar(&o.patience, "patience", 10*time.Second, "how long an `answer` may take that the standard gives no time for")
	if err := f.Parse(args); err == flag.ErrHelp {
		return 0
	} else if err != nil {
		return 2
	}
	if f.NArg() > 0 {
		fmt.Fprintf(errs, "inspect: what is %q?\n", f.Arg(0))
		return 2
	}
	l, err := net.Listen("tcp", o.listen)
	if err != nil {
		fmt.Fprintln(errs, "inspect:", err)
		return 2
	}
	fmt.Fprintf(errs, "inspect: %v -> %s\n", l.Addr(), o.to)
	if ready != nil {
		ready(l.Addr())
	}
	p := proxy.Proxy{Dial: o.dialer()}
	p.Judge.Whole, p.Judge.Elsewhere, p.Judge.Patience = o.whole, o.elsewhere, o.patience
	r := report{out: newOutput(out), opts: o}
	r.watch(&p)
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	err = p.Serve(l)
	l.Close()
	p.Close()
	r.end()
	r.out.close()
	switch {
	case err != nil:
		fmt.Fprintln(errs, "inspect:", err)
		return 2
	case r.musts > 0:
		return 1
	}
	return 0
}

// dialer returns what connects to the server.
func (o *options) dialer() func() (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	if address, ok := strings.CutPrefix(o.to, "tls://"); ok {
		return func() (net.Conn, error) {
			return tls.DialWithDialer(&d, "tcp", address, &tls.Config{InsecureSkipVerify: o.anyCert})
		}
	}
	return func() (net.Conn, error) { return d.Dial("tcp", o.to) }
}
