package conform

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/conformance/clients"
	"github.com/mqttwire/mqttwire/examples/client/mqttclient"
	"github.com/mqttwire/mqttwire/qos"
)

var playAll = flag.Bool("conform.all", false, "play all checks to all clients, and print what became of them")

// few are the checks that are played without -conform.all, which every client
// passes.
var few = []string{"connect/slow", "receive/qos-1", "receive/copy", "receive/pieces"}

// A subject is a client, run until the context ends.
type subject struct {
	name string
	run  func(ctx context.Context, address string)
	// needs are programs without which it is skipped.
	needs []string
}

func subjects(t *testing.T) []subject {
	all := []subject{
		{"paho.mqtt.golang 3.1", apart(t, "paho-3.1"), nil},
		{"paho.mqtt.golang 3.1.1", apart(t, "paho-3.1.1"), nil},
		{"autopaho 5.0", apart(t, "autopaho"), nil},
	}
	for _, v := range []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50} {
		option := map[mqttwire.Version]string{mqttwire.V31: "mqttv31", mqttwire.V311: "mqttv311", mqttwire.V50: "mqttv5"}[v]
		all = append(all,
			subject{"mqttclient " + v.String(), ours(v), nil},
			subject{"mosquitto_sub " + v.String(), command("mosquitto_sub -h HOST -p PORT -V " + option + " -t driven/# -q 2 -c -i driven -k 5"), []string{"mosquitto_sub"}},
			subject{"mosquitto_pub " + v.String(), piped(t, "mosquitto_pub -V "+option+" -t from/driven -l -c -k 5"), []string{"mosquitto_pub"}},
			subject{"MQTT.js " + v.String(), node(t, v), []string{"node", "npm"}},
		)
	}
	return all
}

// drivers are clients that a process of their own runs: one panics.
var drivers = map[string]func(context.Context, string){"paho-3.1": paho3(mqttwire.V31), "paho-3.1.1": paho3(mqttwire.V311), "autopaho": auto}

var (
	drive   = flag.String("drive", "", "be one of the drivers, at -address")
	address = flag.String("address", "", "where -drive connects")
)

// panics shows those of the processes.
type panics struct{ t *testing.T }

func (p *panics) Write(b []byte) (int, error) {
	if i := strings.Index(string(b), "panic: "); i >= 0 && *playAll {
		fmt.Printf("%s: %.600s\n", p.t.Name(), b[i:])
	}
	return len(b), nil
}

// apart runs a driver in a process of its own.
func apart(t *testing.T, name string) func(context.Context, string) {
	return func(ctx context.Context, address string) {
		conformance.Repeat(ctx, os.Args[0]+" -drive="+name+" -address=HOST:PORT", address, &panics{t: t})
	}
}

func command(s string) func(context.Context, string) {
	return func(ctx context.Context, address string) { conformance.Repeat(ctx, s, address, nil) }
}

// piped has lines come to a mosquitto_pub, at each QoS in turn, from one run to
// the next.
func piped(t *testing.T, s string) func(context.Context, string) {
	file := filepath.Join(t.TempDir(), "pub.sh")
	script := `q=1; [ -e "$0.2" ] && { q=2; rm "$0.2"; } || touch "$0.2"
while sleep 0.1 && date; do :; done | ` + s + ` -h $1 -p $2 -q $q -i driven$q`
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return command("sh " + file + " HOST PORT")
}

//go:embed mqttjs.js
var mqttjs []byte

// installed is a directory with MQTT.js.
var installed = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "mqttjs")
	if err != nil {
		return "", err
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := os.ReadFile(filepath.Join("../interop/js", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			return dir, err
		}
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("npm ci: %w: %s", err, out)
	}
	return dir, os.WriteFile(filepath.Join(dir, "mqttjs.js"), mqttjs, 0o600)
})

func TestMain(m *testing.M) {
	flag.Parse()
	if *drive != "" {
		drivers[*drive](context.Background(), *address)
		os.Exit(0)
	}
	flag.Set("test.parallel", "16") // they wait more than they work
	code := m.Run()
	if dir, _ := installed(); dir != "" {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

func node(t *testing.T, v mqttwire.Version) func(context.Context, string) {
	return func(ctx context.Context, address string) {
		dir, err := installed()
		if err != nil {
			t.Error(err)
			return
		}
		conformance.Repeat(ctx, fmt.Sprintf("node %s/mqttjs.js HOST PORT %d", dir, v), address, os.Stderr)
	}
}

func ours(v mqttwire.Version) func(context.Context, string) {
	return func(ctx context.Context, address string) {
		for ctx.Err() == nil {
			c, err := mqttclient.Open(mqttclient.Config{
				Dial: func(ctx context.Context) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, "tcp", address)
				},
				Connect:       codec.Connect{Version: v, ClientID: []byte(id), KeepAlive: keep},
				Subscriptions: []codec.Subscription{{Filter: []byte(filter), Options: 2}},
				MinPause:      20 * time.Millisecond, MaxPause: 50 * time.Millisecond,
			})
			if err != nil {
				return
			}
			go func() {
				for {
					m, err := c.Receive(ctx)
					if err != nil {
						return
					}
					m.Ack()
				}
			}()
			for i := 0; ctx.Err() == nil && c.Err() == nil; i++ {
				c.Send(ctx, &codec.Publish{Topic: []byte(topic), QoS: qos.Level(i % 3), Retain: i%7 == 0, Payload: fmt.Append(nil, i)})
				time.Sleep(interval)
			}
			c.Close()
		}
	}
}

// start runs the client until stop is called.
func (s *subject) start(address string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.run(ctx, address) })
	return func() {
		cancel()
		running.Wait()
	}
}

// TestClients judges each client.
func TestClients(t *testing.T) {
	for _, s := range subjects(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, name := range s.needs {
				if _, err := exec.LookPath(name); err != nil {
					t.Skip(err)
				}
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			stop := s.start(l.Addr().String())
			defer func() { stop() }()
			within, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
			defer cancel()
			report := clients.Run(within, l, conformance.Runner{Subject: s.name, Patience: 4 * time.Second,
				Revive: func(context.Context) error {
					stop()
					stop = s.start(l.Addr().String())
					return nil
				},
				Select: func(name string) bool { return *playAll || slices.Contains(few, name) }})
			switch {
			case report.Unusable != "":
				t.Fatal(report.Unusable)
			case *playAll:
				print(report)
			}
			for _, r := range report.Results {
				if !*playAll && (r.State == conformance.Failed || r.State == conformance.Blocked) {
					t.Errorf("%s: %v %s %v", r.Check, r.State, r.Cause, r.Faults)
				}
			}
		})
	}
}

var printing sync.Mutex

// print prints what docs/clients.md has.
func print(report *conformance.Report) {
	printing.Lock()
	defer printing.Unlock()
	fmt.Printf("== %s: %d passed, %d failed, %d blocked, %d skipped, %v\n", report.Subject, report.Count(conformance.Passed),
		report.Count(conformance.Failed), report.Count(conformance.Blocked), report.Count(conformance.Skipped), report.Took.Round(time.Second))
	for _, f := range report.Broken() {
		fmt.Printf("broken %s (%s): %s\n", f.Clause, f.Rule, f.Got)
	}
	var failed, goesOn []string
	advice := map[string]int{}
	for _, r := range report.Results {
		if r.State == conformance.Failed || r.State == conformance.Blocked {
			failed = append(failed, r.Check+" "+r.Cause)
		}
		for _, f := range append(slices.Clone(r.Faults), r.Findings...) {
			switch {
			case f.Got == "the client goes on":
				goesOn = append(goesOn, strings.TrimPrefix(r.Check, "hostile/"))
			case f.Level == conformance.Should:
				advice[string(f.Clause)+": "+f.Got]++
			}
		}
	}
	fmt.Printf("failed or blocked: %s\ngoes on after %d: %s\n", strings.Join(failed, ", "), len(goesOn), strings.Join(goesOn, ", "))
	for what, n := range advice {
		fmt.Printf("should %d x %.200s\n", n, what)
	}
	fmt.Println()
}
