package clients

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var (
	table  = flag.Bool("table", false, "print the comparison at full size")
	rounds = flag.Int("rounds", 9, "interleaved rounds of -table")
)

// broker runs examples/broker as a process of its own, so that it is not counted.
func broker(t *testing.T) (address string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "broker")
	if out, err := exec.Command("go", "build", "-o", name, "github.com/mqttwire/mqttwire/examples/broker").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(name, "-listen", "127.0.0.1:0", "-log-level", "info")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	r := bufio.NewReader(log)
	listening := regexp.MustCompile(`msg=listening address=(\S+)`)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if m := listening.FindStringSubmatch(line); m != nil {
			go io.Copy(io.Discard, r)
			return m[1]
		}
	}
}

type contender struct {
	name string
	open func(context.Context, options) (client, error)
}

var contenders = []contender{{"mqttclient", openOurs}, {"autopaho", openAutopaho}}

// runs numbers the Client Identifiers: no session is taken up by another client.
var runs atomic.Int64

// figures are of one round.
type figures struct {
	rate, allocations, processor, p50, p99 float64 // messages a second, a message, µs a message, µs, µs
}

// run has publishers publish, each one message after the other, and a subscriber
// receive all. The latency is from Publish to its return.
func run(t *testing.T, c contender, address string, level byte, publishers, each int) figures {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var got atomic.Int64
	all := make(chan struct{})
	total := int64(publishers * each)
	prefix := fmt.Sprint("t", runs.Add(1), "/") // the sessions of earlier runs are still there
	sub, err := c.open(ctx, options{address: address, id: fmt.Sprint("sub", runs.Add(1)), filter: prefix + "#", handle: func([]byte) {
		if got.Add(1) == total {
			close(all)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.close()
	var pubs []client
	for range publishers {
		p, err := c.open(ctx, options{address: address, id: fmt.Sprint("pub", runs.Add(1))})
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		if err := p.publish(ctx, "warm", nil, 1); err != nil {
			t.Fatal(err)
		}
		pubs = append(pubs, p)
	}
	latencies := make([][]time.Duration, publishers)
	payload := bytes.Repeat([]byte("x"), 64)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	processor := processorTime()
	start := time.Now()
	var wg sync.WaitGroup
	for n, p := range pubs {
		latencies[n] = make([]time.Duration, 0, each)
		wg.Go(func() {
			topic := fmt.Sprint(prefix, n)
			for range each {
				at := time.Now()
				if err := p.publish(ctx, topic, payload, level); err != nil {
					t.Error(err)
					return
				}
				latencies[n] = append(latencies[n], time.Since(at))
			}
		})
	}
	wg.Wait()
	select {
	case <-all:
	case <-time.After(20 * time.Second):
		if level > 0 {
			t.Errorf("%s: %d of %d messages of QoS %d came", c.name, got.Load(), total, level)
		}
	}
	took := time.Since(start).Seconds()
	runtime.ReadMemStats(&after)
	l := slices.Concat(latencies...)
	slices.Sort(l)
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
	return figures{
		rate:        float64(total) / took,
		allocations: float64(after.Mallocs-before.Mallocs) / float64(total),
		processor:   us(processorTime()-processor) / float64(total),
		p50:         us(l[len(l)/2]), p99: us(l[len(l)*99/100]),
	}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestTable compares the two, and prints medians with -table.
func TestTable(t *testing.T) {
	address := broker(t)
	n, each := 1, 200
	if *table {
		n, each = *rounds, 20_000
	}
	type row struct {
		level      byte
		publishers int
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%-34s %12s %12s %12s %10s %10s\n", "", "messages/s", "allocations", "µs processor", "p50 µs", "p99 µs")
	for _, r := range []row{{0, 1}, {1, 1}, {2, 1}, {0, 16}, {1, 16}, {2, 16}} {
		all := map[string][]figures{}
		for range n {
			for _, c := range contenders {
				all[c.name] = append(all[c.name], run(t, c, address, r.level, r.publishers, each/r.publishers))
			}
		}
		for _, c := range contenders {
			m := func(of func(figures) float64) float64 {
				var v []float64
				for _, f := range all[c.name] {
					v = append(v, of(f))
				}
				slices.Sort(v)
				return v[len(v)/2]
			}
			fmt.Fprintf(&out, "%-34s %12.0f %12.1f %12.1f %10.0f %10.0f\n", fmt.Sprintf("QoS %d, %d publishers, %s", r.level, r.publishers, c.name),
				m(func(f figures) float64 { return f.rate }), m(func(f figures) float64 { return f.allocations }),
				m(func(f figures) float64 { return f.processor }), m(func(f figures) float64 { return f.p50 }), m(func(f figures) float64 { return f.p99 }))
		}
	}
	for i, name := range []string{"ours.go", "autopaho.go"} {
		fmt.Fprintf(&out, "lines of user code, %s: %d\n", contenders[i].name, linesOfCode(t, name))
	}
	for _, c := range contenders {
		disorder, lost, twice := afterCuts(t, c, address)
		fmt.Fprintf(&out, "2000 messages of QoS 2 over 20 cuts, %s: %d out of order, %d lost, %d twice\n", c.name, disorder, lost, twice)
		if c.name == "mqttclient" && disorder+lost+twice > 0 {
			t.Errorf("%s: %d out of order, %d lost, %d twice", c.name, disorder, lost, twice)
		}
	}
	if *table {
		t.Log("\n" + out.String())
	}
}

func linesOfCode(t *testing.T, name string) (n int) {
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if s := strings.TrimSpace(line); s != "" && !strings.HasPrefix(s, "//") {
			n++
		}
	}
	return n
}

// afterCuts publishes numbered messages at QoS 2 while the publisher's and the
// subscriber's connections are cut now and then.
func afterCuts(t *testing.T, c contender, address string) (disorder, lost, twice int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", address)
			if err != nil {
				in.Close()
				continue
			}
			mu.Lock()
			open[in] = true
			mu.Unlock()
			go func() { io.Copy(out, in); out.Close(); in.Close() }()
			go func() { io.Copy(in, out); in.Close(); out.Close() }()
		}
	}()
	cut := func() {
		mu.Lock()
		defer mu.Unlock()
		for n := range open {
			n.Close()
			delete(open, n)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	const messages = 2000
	topic := fmt.Sprint("cut", runs.Add(1))
	counts, last, distinct := make([]int, messages), -1, 0
	all := make(chan struct{})
	sub, err := c.open(ctx, options{address: l.Addr().String(), id: fmt.Sprint("sub", runs.Add(1)), filter: topic, handle: func(b []byte) {
		n := int(binary.BigEndian.Uint32(b))
		mu.Lock()
		defer mu.Unlock()
		if counts[n]++; counts[n] > 1 {
			twice++
			return
		}
		if n < last {
			disorder++
		}
		last = n
		if distinct++; distinct == messages {
			close(all)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.close()
	pub, err := c.open(ctx, options{address: l.Addr().String(), id: fmt.Sprint("pub", runs.Add(1))})
	if err != nil {
		t.Fatal(err)
	}
	defer pub.close()
	for n := range messages {
		if n%100 == 50 {
			cut()
		}
		for ctx.Err() == nil {
			// A program has nothing else to do than to try again.
			if pub.publish(ctx, topic, binary.BigEndian.AppendUint32(nil, uint32(n)), 2) == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	select {
	case <-all:
	case <-time.After(10 * time.Second):
	case <-ctx.Done():
	}
	mu.Lock()
	defer mu.Unlock()
	return disorder, messages - distinct, twice
}
