package prove

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/codec"
)

// room sets how many bytes the disk may have besides those there are.
func (d *fragileDisk) room(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limit = d.used() + n
}

// A disk that is full has nothing acknowledged and no session begun, and harms
// nothing else; with room again all goes on, without a restart.
func TestFull(t *testing.T) {
	disk := newDisk(t, nil)
	b := newBroker(t, filepath.Join(disk.mount, "data"), "-data-free", "1MiB", "-grace", "500ms")
	b.mustStart()
	for _, id := range []string{"away", "away too"} {
		w, err := dialWire(*b.address.Load(), id)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.ask(&codec.Subscribe{ID: 1, Subscriptions: codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("t/#"), Options: 1})}); err != nil {
			t.Fatal(err)
		}
		w.conn.Close()
	}
	w, err := dialWire(*b.address.Load(), "p")
	if err != nil {
		t.Fatal(err)
	}
	message := &codec.Publish{Topic: []byte("t/x"), Payload: make([]byte, 1000), QoS: 1, ID: 1}
	if err := w.ask(message); err != nil {
		t.Fatal(err)
	}
	disk.room(1<<20 + 200)
	if err := w.ask(message); err == nil {
		t.Fatal("a full disk has a message acknowledged")
	}
	if w, err = dialWire(*b.address.Load(), "away"); err != nil { // a session that lasts
		t.Fatal(err)
	}
	if w.in[3] != 3 { // 3.1.1 §3.2.2.3: server unavailable
		t.Errorf("CONNECT is answered with %d", w.in[3])
	}
	if w, err = dialWire(*b.address.Load(), "p"); err != nil { // one that does not
		t.Fatal(err)
	}
	if w.in[3] != 0 {
		t.Errorf("CONNECT is answered with %d", w.in[3])
	}
	w.conn.Close()
	disk.room(100 << 20)
	if w, err = dialWire(*b.address.Load(), "away"); err != nil || w.in[3] != 0 || w.in[2] != 1 {
		t.Fatalf("CONNECT is answered with %v, %v", w.in[:4], err)
	}
	w.conn.Close()
	if w, err = dialWire(*b.address.Load(), "p"); err != nil {
		t.Fatal(err)
	}
	if err := w.ask(message); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if !strings.Contains(b.said.String(), "takes nothing") || !strings.Contains(b.said.String(), "has room again") {
		t.Errorf("it says %s", b.said)
	}
}

// Where the disk is full in the middle of a write, at any of them, the broker ends
// with the error, and starts again with all that was acknowledged once there is
// room.
func TestNoSpace(t *testing.T) {
	disk := newDisk(t, nil)
	disk.silent = true
	b := newBroker(t, filepath.Join(disk.mount, "data"), "-grace", "500ms")
	b.mustStart()
	h := newHistory(t, b)
	leave := busy(h)
	for i := range 4 {
		time.Sleep(300 * time.Millisecond)
		disk.room(rand.Int64N(5000))
		select {
		case err := <-b.ended:
			if err == nil || !strings.Contains(b.said.String(), "start again") {
				t.Errorf("it ends with %v: %s", err, b.said)
			}
			t.Logf("%v", err)
			b.process = nil
		case <-time.After(15 * time.Second):
			t.Fatalf("it goes on without a disk: %.20000s", b.said)
		}
		disk.room(1 << 30)
		b.mustStart()
		if i%2 == 0 {
			leave()
		}
	}
	h.finish()
}
