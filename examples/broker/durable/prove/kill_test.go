package prove

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
)

var (
	kills    = flag.Int("prove.kills", 4, "how often the broker is killed under load")
	patience = flag.Duration("prove.patience", time.Minute, "how long nothing may move while readers have not all")
	pause    = flag.Duration("prove.pause", 2*time.Second, "how long it is stopped")
)

// busy has publishers of all versions and levels, and readers that stay and one
// that comes and goes. It returns what has the last one go once.
func busy(h *history) (leave func()) {
	h.read("steady", mqttwire.V50, 2)
	h.read("old", mqttwire.V311, 1)
	guest := h.read("guest", mqttwire.V50, 2)
	for _, v := range []mqttwire.Version{mqttwire.V311, mqttwire.V50} {
		h.publish(v, 1, 8, 100)
		h.publish(v, 2, 8, 100)
	}
	h.publish(mqttwire.V50, 2, 2, 20_000)
	h.mosquitto(1)
	h.mosquitto(2)
	h.retain(5)
	return func() { h.away(guest, mqttwire.V50, time.Duration(rand.IntN(500))*time.Millisecond) }
}

// Killed at any moment under load, the broker goes back on nothing, whatever its
// clients are: ours, mosquitto's, Paho's.
func TestKill(t *testing.T) {
	for _, mode := range []string{"sync", "os"} {
		t.Run(mode, func(t *testing.T) {
			b := newBroker(t, t.TempDir(), "-durable", mode)
			b.mustStart()
			h := newHistory(t, b)
			h.paho3Reads()
			h.paho5Reads("paho5", 2)
			leave := busy(h)
			h.paho3Publishes()
			h.paho5Publishes(1)
			h.paho5Publishes(2)
			for i := range *kills / 2 {
				time.Sleep(time.Duration(100+rand.IntN(900)) * time.Millisecond)
				b.kill()
				b.mustStart()
				if i%3 == 0 {
					leave()
				}
			}
			h.finish()
			if err := b.stop(); err != nil {
				t.Errorf("it ends with %v: %s", err, b.said)
			}
		})
	}
}
