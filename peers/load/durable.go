package main

import (
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// durable is publishers that wait for each PUBACK, and a session whose client is
// away: of brokers that are to keep what they have acknowledged.
type durable struct{ publishers int }

func (durable) columns() []column {
	return []column{
		{"msg/s", 0, median},
		{"p50 us", 0, median},
		{"p99 us", 0, median},
		{"CPU us/msg", 2, median},
		{"RSS B/msg", 0, median},
		{"disk B/msg", 0, median},
	}
}

// brokers has those there are be as durable as they can, and ours once more
// without.
func (durable) brokers(all []*broker) (durable []*broker) {
	for _, k := range all {
		switch {
		case strings.HasPrefix(k.name, "mosquitto"):
			durable = append(durable, &mosquittoDurable)
		case k.name == "nats":
			durable = append(durable, &natsDurable)
		case k == &mochiBroker: // its stores are other modules'
		default:
			durable = append(durable, k, &oursDurable)
		}
	}
	return durable
}

// oursDurable is examples/broker/durable, built where it is needed.
var oursDurable = broker{
	name:  "durable",
	about: "examples/broker/durable, its defaults: a sync before each acknowledgement",
	command: func(dir string, port int) (*exec.Cmd, error) {
		path := filepath.Join(dir, "program")
		root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/mqttwire/mqttwire").Output()
		if err != nil {
			return nil, err
		}
		build := exec.Command("go", "build", "-buildvcs=false", "-o", path, ".")
		build.Dir = filepath.Join(strings.TrimSpace(string(root)), "examples", "broker", "durable")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building examples/broker/durable: %w: %s", err, out)
		}
		return exec.Command(path, "-listen", fmt.Sprintf("127.0.0.1:%d", port), "-data", filepath.Join(dir, "data")), nil
	},
}

// mosquittoDurable saves what it has each second: it has no setting by which it
// does before it acknowledges.
var mosquittoDurable = broker{
	name: "mosquitto+",
	command: func(dir string, port int) (*exec.Cmd, error) {
		return mosquittoCommandWith(dir, port, []string{"persistence true", "persistence_location " + dir + "/", "autosave_interval 1"})
	},
}

var natsDurable = broker{name: "nats+", command: serveAs("nats-durable")}

func (d durable) run(b *bench, v []float64) error {
	away, err := b.loop.open(b.port, connectPacket("away", false))
	if err != nil {
		return err
	}
	if err := b.loop.until(patience, func() bool { return away.up }); err != nil {
		return err
	}
	if err := b.subscribe(away, 1, "site-1/#"); err != nil {
		return err
	}
	away.close()
	all, err := b.connect(d.publishers, func(i int) string { return fmt.Sprintf("publisher-%d", i) })
	if err != nil {
		return err
	}
	var latency histogram
	acked, over := 0, false
	for i, c := range all {
		m := newMessage(fmt.Sprintf("site-1/machine-%d/value", i), 1, false)
		n := uint32(0)
		var since time.Time
		send := func() {
			since = time.Now()
			c.out = m.append(c.out, uint16(n%65535)+1, stamp{sender: uint32(i), number: n})
			c.touch()
			n++
		}
		c.handle = func(first byte, _ []byte) {
			if first != firstPuback {
				c.fail(fmt.Errorf("unexpected packet %#02x", first))
				return
			}
			latency.add(time.Since(since))
			if acked++; !over {
				send()
			}
		}
		send()
	}
	if err := b.loop.sleep(b.settings.warmUp); err != nil {
		return err
	}
	rss, err := resident(b.pid)
	if err != nil {
		return err
	}
	latency = histogram{}
	from, cpu, disk, began := acked, b.cpu(), b.disk(), time.Now()
	if err := b.loop.sleep(b.settings.time); err != nil {
		return err
	}
	took, n, used := time.Since(began), acked-from, b.cpu()-cpu
	over = true
	v[0] = float64(n) / took.Seconds()
	v[1], v[2] = latency.quantile(0.5), latency.quantile(0.99)
	v[3] = float64(used.Nanoseconds()) / 1000 / float64(max(n, 1))
	if v[4], err = b.grown(rss, max(n, 1)); err != nil {
		return err
	}
	v[5] = float64(b.disk()-disk) / float64(max(acked-from, 1))
	return nil
}

// disk is how many bytes the broker's directory has.
func (b *bench) disk() (n int64) {
	filepath.WalkDir(b.dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}
