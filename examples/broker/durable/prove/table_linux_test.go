package prove

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/command"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/server"
	natsserver "github.com/nats-io/nats-server/v2/server"
)

var (
	table           = flag.Bool("prove.table", false, "measure, and print a table")
	tableTime       = flag.Duration("prove.time", 3*time.Second, "how long each figure of the table is measured")
	tableRounds     = flag.Int("prove.rounds", 3, "how often; medians count")
	tablePublishers = flag.String("prove.publishers", "1,20,200", "how many publishers")
	tableOnly       = flag.String("prove.only", "", "only brokers whose name has this in it")
)

// endless has a broker keep all that comes.
var endless = []string{"-max-queued", "10000000", "-max-queued-bytes", "2000000000", "-max-account-bytes", "4000000000", "-max-total-bytes", "4000000000", "-exempt", "127.0.0.1", "-log-level", "error"}

// A contestant is a broker of the table.
type contestant struct {
	name    string
	command func(dir string, port int) *exec.Cmd
}

func contestants(t *testing.T) (all []contestant) {
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	listen := func(port int) string { return fmt.Sprint("127.0.0.1:", port) }
	ours := func(name string, args ...string) contestant {
		return contestant{name, func(dir string, port int) *exec.Cmd {
			return exec.Command(path, slices.Concat([]string{"-data", dir, "-listen", listen(port)}, endless, args)...)
		}}
	}
	self := func(name, what string) contestant {
		return contestant{name, func(dir string, port int) *exec.Cmd {
			c := exec.Command(os.Args[0])
			c.Env = append(os.Environ(), "PROVE_SERVE="+what, "PROVE_DIR="+dir, "PROVE_PORT="+strconv.Itoa(port))
			return c
		}}
	}
	all = []contestant{
		self("ours, no Store", "memory"),
		self("ours, bare file + fdatasync", "file"),
		ours("ours, -durable sync"),
		ours("ours, -durable interval=100ms", "-durable", "interval=100ms"),
		ours("ours, -durable os", "-durable", "os"),
		self("nats MQTT, sync always", "nats"),
	}
	if mosquitto, err := exec.LookPath("mosquitto"); err == nil {
		all = append(all, contestant{"mosquitto, persistence", func(dir string, port int) *exec.Cmd {
			config := filepath.Join(dir, "mosquitto.conf")
			os.WriteFile(config, fmt.Appendf(nil, "listener %d 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location %s/\nautosave_interval 1\nmax_queued_messages 0\nmax_inflight_messages 1000\nuser root\nlog_type error\n", port, dir), 0o644)
			return exec.Command(mosquitto, "-c", config)
		}})
	}
	return all
}

// serve is the broker that this program is where TestMain finds it asked for.
func serve(what string) error {
	dir, port := os.Getenv("PROVE_DIR"), os.Getenv("PROVE_PORT")
	args := append([]string{"-listen", "127.0.0.1:" + port}, endless...)
	switch what {
	case "life":
		return serveLife(dir)
	case "file":
		return command.Run(args, &bareFile{path: filepath.Join(dir, "file")})
	case "nats":
		n, _ := strconv.Atoi(port)
		s, err := natsserver.NewServer(&natsserver.Options{ServerName: "prove", DontListen: true, JetStream: true, StoreDir: dir, SyncAlways: true, NoLog: true,
			MQTT: natsserver.MQTTOpts{Host: "127.0.0.1", Port: n}})
		if err != nil {
			return err
		}
		s.Start()
		s.WaitForShutdown()
		return nil
	}
	return command.Run(args)
}

// A bareFile is the least that a Store can be.
type bareFile struct {
	path string
	file *os.File
	mu   sync.Mutex
	b, c []byte
}

func (x *bareFile) Flags(*flag.FlagSet)        {}
func (x *bareFile) Start(*server.Server) error { return nil }
func (x *bareFile) End() error                 { return x.file.Close() }
func (x *bareFile) Configure(c *server.Config) (err error) {
	c.Store = x
	x.file, err = os.OpenFile(x.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	return err
}
func (x *bareFile) Replay(func(*keep.Record) error) error { return nil }
func (x *bareFile) Append(r *keep.Record) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.b, _ = r.Append(x.b)
}
func (x *bareFile) Sync() error {
	x.mu.Lock()
	b := x.b
	x.b, x.c = x.c[:0], b
	x.mu.Unlock()
	if _, err := x.file.Write(b); err != nil {
		return err
	}
	return syscall.Fdatasync(int(x.file.Fd()))
}

// TestTable measures QoS 1 to a session whose client is away, one message of 200
// bytes at a time from each publisher.
func TestTable(t *testing.T) {
	if !*table {
		t.Skip("-prove.table measures")
	}
	type figures struct{ rate, p50, p99, cpu, memory, disk []float64 }
	var counts []int
	for text := range strings.SplitSeq(*tablePublishers, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, n)
	}
	all := map[string][]*figures{}
	list := contestants(t)
	for range *tableRounds {
		for _, c := range list {
			if !strings.Contains(c.name, *tableOnly) {
				continue
			}
			if all[c.name] == nil {
				for range counts {
					all[c.name] = append(all[c.name], new(figures))
				}
			}
			for i, n := range counts {
				m, err := measure(t, c, n)
				if err != nil {
					t.Errorf("%s, %d: %v", c.name, n, err)
					continue
				}
				f := all[c.name][i]
				f.rate, f.p50, f.p99 = append(f.rate, m.rate), append(f.p50, m.p50), append(f.p99, m.p99)
				f.cpu, f.memory, f.disk = append(f.cpu, m.cpu), append(f.memory, m.memory), append(f.disk, m.disk)
			}
		}
	}
	middle := func(v []float64) float64 {
		if len(v) == 0 {
			return -1
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "| QoS 1, 200 B, window 1, to a session whose client is away; %d CPUs | publishers | msg/s | p50 ms | p99 ms | CPU µs/msg | memory B/msg | disk B/msg |\n|---|---|---|---|---|---|---|---|\n", runtime.NumCPU())
	for _, c := range list {
		for i, f := range all[c.name] {
			fmt.Fprintf(&b, "| %s | %d | %.0f | %.2f | %.2f | %.1f | %.0f | %.0f |\n", c.name, counts[i], middle(f.rate), middle(f.p50), middle(f.p99), middle(f.cpu), middle(f.memory), middle(f.disk))
		}
	}
	t.Logf("\n%s", b.String())
}

type measured struct{ rate, p50, p99, cpu, memory, disk float64 }

func measure(t *testing.T, c contestant, publishers int) (m measured, err error) {
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return m, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	process := c.command(dir, port)
	process.Stderr = os.Stderr
	if err := process.Start(); err != nil {
		return m, err
	}
	defer process.Wait()
	defer process.Process.Kill()
	address := fmt.Sprint("127.0.0.1:", port)
	var away *wire
	for range 200 {
		if away, err = dialWire(address, "away"); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return m, err
	}
	if err := away.ask(&codec.Subscribe{ID: 1, Subscriptions: codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("t/#"), Options: 1})}); err != nil {
		return m, err
	}
	if away.in[4] != 1 {
		return m, fmt.Errorf("SUBSCRIBE is answered with %#x", away.in[4])
	}
	away.conn.Close()
	wires := make([]*wire, publishers)
	for i := range wires {
		if wires[i], err = dialWire(address, fmt.Sprint("p", i)); err != nil {
			return m, err
		}
		defer wires[i].conn.Close()
	}
	time.Sleep(100 * time.Millisecond)
	cpu, memory, disk := usage(process.Process.Pid, dir)
	ctx, cancel := context.WithTimeout(context.Background(), *tableTime)
	defer cancel()
	var wait sync.WaitGroup
	times := make([][]float64, publishers)
	errs := make(chan error, publishers)
	began := time.Now()
	for i, w := range wires {
		wait.Go(func() {
			payload := make([]byte, 200)
			for ctx.Err() == nil {
				at := time.Now()
				if err := w.ask(&codec.Publish{Topic: fmt.Append(nil, "t/", i), Payload: payload, QoS: 1, ID: 1}); err != nil {
					errs <- err
					return
				}
				times[i] = append(times[i], time.Since(at).Seconds()*1000)
			}
		})
	}
	wait.Wait()
	took := time.Since(began).Seconds()
	select {
	case err := <-errs:
		return m, err
	default:
	}
	flat := slices.Sorted(func(yield func(float64) bool) {
		for _, list := range times {
			for _, x := range list {
				if !yield(x) {
					return
				}
			}
		}
	})
	cpu2, memory2, disk2 := usage(process.Process.Pid, dir)
	n := float64(len(flat))
	return measured{n / took, flat[len(flat)/2], flat[len(flat)*99/100], (cpu2 - cpu) * 1e6 / n, (memory2 - memory) / n, (disk2 - disk) / n}, nil
}

// usage returns the processor time of a process in seconds, its resident memory
// and what its directory takes.
func usage(pid int, dir string) (cpu, memory, disk float64) {
	b, _ := os.ReadFile(fmt.Sprint("/proc/", pid, "/stat"))
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	pages, _ := strconv.ParseFloat(f[21], 64)
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if i, err := d.Info(); err == nil {
				disk += float64(i.Size())
			}
		}
		return nil
	})
	return (user + system) / 100, pages * float64(os.Getpagesize()), disk
}

// A wire is a connection of 3.1.1 that asks one thing at a time.
type wire struct {
	conn net.Conn
	out  []byte
	in   []byte
}

var wireRules = codec.Rules{Version: mqttwire.V311}

func dialWire(address, id string) (*wire, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	w := &wire{conn: conn, in: make([]byte, 256)}
	return w, w.ask(&codec.Connect{Version: mqttwire.V311, ClientID: []byte(id), CleanStart: id != "away"})
}

// ask sends a packet and reads its answer, of at most 7 bytes.
func (w *wire) ask(p codec.Packet) (err error) {
	if w.out, err = p.Append(w.out[:0], wireRules); err != nil {
		return err
	}
	if _, err = w.conn.Write(w.out); err != nil {
		return err
	}
	n := 0
	for n < 2 || n < int(w.in[1])+2 {
		k, err := w.conn.Read(w.in[n:])
		if err != nil {
			return err
		}
		n += k
	}
	return nil
}
