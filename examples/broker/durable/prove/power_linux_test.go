package prove

import (
	"flag"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

var cuts = flag.Int("prove.cuts", 4, "how often the power is cut")

// The power goes under load. With -durable sync all is there that was
// acknowledged.
func TestPowerLoss(t *testing.T) {
	disk := newDisk(t, nil)
	b := newBroker(t, filepath.Join(disk.mount, "data"))
	b.mustStart()
	h := newHistory(t, b)
	leave := busy(h)
	for i := range *cuts {
		time.Sleep(time.Duration(200+rand.IntN(800)) * time.Millisecond)
		disk = powerCut(t, b, disk)
		if i%2 == 1 {
			leave()
		}
	}
	h.finish()
}

// powerCut cuts the power, and starts the broker again on what is left.
func powerCut(t *testing.T, b *broker, disk *fragileDisk) *fragileDisk {
	t.Helper()
	disk.cut()
	files := disk.left()
	b.kill()
	disk.unmount()
	disk = newDisk(t, files)
	b.dir = filepath.Join(disk.mount, "data")
	b.mustStart()
	return disk
}

// The layer is worth something: with -durable os it does lose what was
// acknowledged.
func TestPowerLossIsSeen(t *testing.T) {
	for range 5 {
		disk := newDisk(t, nil)
		b := newBroker(t, filepath.Join(disk.mount, "data"), "-durable", "os")
		b.mustStart()
		w, err := dialWire(*b.address.Load(), "away")
		if err != nil {
			t.Fatal(err)
		}
		w.conn.Close()
		powerCut(t, b, disk)
		if w, err = dialWire(*b.address.Load(), "away"); err != nil {
			t.Fatal(err)
		}
		w.conn.Close()
		if w.in[2] == 0 { // there is no session
			return
		}
	}
	t.Error("nothing is ever lost")
}
