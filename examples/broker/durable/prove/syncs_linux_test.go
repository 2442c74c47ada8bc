package prove

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire/examples/broker/durable/jetstream"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeplog"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
)

var everySync = flag.Int("prove.every", 7, "the power is cut at each sync of a life of records, or only at every so many")

// The power goes at each sync that the real engine makes, the first ones too,
// which make the stream, and those of the cleaner: before it, or right after it.
// What is left is all that was promised, and of the rest a part without a gap.
func TestPowerAtEverySync(t *testing.T) {
	all := aLife()
	for at := 1; ; at += *everySync {
		for _, after := range []bool{false, true} {
			disk := newDisk(t, nil)
			seen := 0
			disk.onSync = func(n int) {
				if seen = n; n == at && !after || n == at+1 && after {
					disk.cut()
				}
			}
			appended, promised := run(disk)
			disk.cut()
			next := newDisk(t, disk.left())
			disk.unmount()
			log, store, err := openStore(filepath.Join(next.mount, "data"), 2)
			if err != nil {
				t.Fatalf("sync %d, after it: %v: %v", at, after, err)
			}
			keeptest.Prefix(t, store, all[:appended], promised)
			log.Close()
			next.unmount()
			if t.Failed() {
				t.Fatalf("sync %d, after it: %v", at, after)
			}
			if promised == len(all) {
				t.Logf("%d syncs", seen)
				return
			}
		}
	}
}

func openStore(dir string, incarnation uint64) (*jetstream.Log, *keeplog.Store, error) {
	log, err := jetstream.Open(context.Background(), jetstream.Config{Dir: dir})
	if err != nil {
		return nil, nil, err
	}
	s, err := keeplog.Open(context.Background(), log, keeplog.Config{Incarnation: incarnation, Segment: 300, Slack: 1000})
	if err != nil {
		log.Close()
	}
	return log, s, err
}

// run has a process append records until the disk fails, and returns how many, and
// how many of them were promised. It is a process of its own: one that has files
// open on a file system that is its own cannot end.
func run(d *fragileDisk) (appended, promised int) {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "PROVE_SERVE=life", "PROVE_DIR="+filepath.Join(d.mount, "data"))
	out, _ := c.Output()
	for line := range strings.Lines(string(out)) {
		fmt.Sscan(line, &appended, &promised)
	}
	return appended, promised
}

// serveLife is that process.
func serveLife(dir string) error {
	log, s, err := openStore(dir, 1)
	if err != nil {
		return err
	}
	all := aLife()
	promised := 0
	for i := range all {
		fmt.Println(i+1, promised)
		if s.Append(&all[i]); i%3 == 2 || i == len(all)-1 {
			if err := s.Sync(); err != nil {
				return err
			}
			promised = i + 1
			fmt.Println(i+1, promised)
		}
	}
	return log.Close()
}

func aLife() []keep.Record {
	l := keeptest.NewLife(5)
	l.Busy = 3
	all := make([]keep.Record, 150)
	for i := range all {
		all[i] = l.Next()
	}
	return all
}
