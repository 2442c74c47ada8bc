// Package keeping gives the broker a directory that its sessions and retained
// messages outlive it in: flags, and what stands behind them.
package keeping

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/durable/jetstream"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeplog"
	"github.com/mqttwire/mqttwire/examples/broker/server"
)

// An Extension is the part of the broker that keeps its data, for command.Run.
type Extension struct {
	dir        string
	durability durability
	free       size

	log   *jetstream.Log
	store *keeplog.Store
	tell  *slog.Logger

	gcPercent int // outside of a start
}

// Flags defines -data, -durable and -data-free.
func (x *Extension) Flags(f *flag.FlagSet) {
	x.free = 64 << 20
	f.StringVar(&x.dir, "data", "", "`directory` that keeps sessions, their messages and retained messages; it is made if it is not there")
	f.Var(&x.durability, "durable", "`when` what was acknowledged is on the disk: \"sync\" before the acknowledgement, \"interval=100ms\" so much later at most, \"os\" when the operating system likes. The last two lose messages with the machine, none with the process alone")
	f.Var(&x.free, "data-free", "`bytes` of the disk that stay free, such as 64MiB: where less is, what must last is refused")
}

// Configure opens the directory, and has the broker keep what it must in it.
func (x *Extension) Configure(c *server.Config) (err error) {
	if x.dir == "" {
		return errors.New("-data DIR says where to keep what must last")
	}
	x.tell = c.Log
	x.gcPercent = debug.SetGCPercent(200) // until all is restored: it grows anyway
	ctx := context.Background()
	x.log, err = jetstream.Open(ctx, jetstream.Config{Dir: x.dir, Durability: jetstream.Durability{Interval: x.durability.interval}, Free: int64(x.free), Log: c.Log})
	if err != nil {
		return fmt.Errorf("-data: %w", err)
	}
	x.store, err = keeplog.Open(ctx, x.log, keeplog.Config{
		Incarnation: incarnation(),
		MaxBatch:    jetstream.MaxBatch,
		Overhead:    jetstream.Overhead,
		Slack:       64<<20 - 2*jetstream.Block, // as much may stay of what is purged
		Log:         c.Log,
	})
	if err != nil {
		x.log.Close()
		return fmt.Errorf("-data: %s: %w; nothing was changed: go back to a copy of it, or move it away to begin with nothing", x.dir, err)
	}
	c.Store = x.store
	return nil
}

// incarnation returns a number that no run had before.
func incarnation() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint64(b[:])
}

// Start is called when what was kept has been restored.
func (x *Extension) Start(*server.Server) error {
	debug.SetGCPercent(x.gcPercent)
	return nil
}

// End closes the directory.
func (x *Extension) End() error {
	f := x.store.Figures()
	x.tell.Info("closing the log", "bytes", f.LogBytes, "alive", f.AliveBytes, "syncs", f.Syncs, "records", f.Records, "copied", f.CopiedBytes)
	return x.log.Close()
}

// durability is the value of -durable: an interval as jetstream.Durability has it.
type durability struct{ interval time.Duration }

// String returns the value as the flag takes it.
func (d durability) String() string {
	switch {
	case d.interval == 0:
		return "sync"
	case d.interval < 0:
		return "os"
	}
	return "interval=" + d.interval.String()
}

// Set takes a value.
func (d *durability) Set(s string) error {
	interval, ok := strings.CutPrefix(s, "interval=")
	switch {
	case s == "sync":
		d.interval = 0
	case s == "os":
		d.interval = -1
	case !ok:
		return errors.New("sync, interval=100ms or os")
	default:
		t, err := time.ParseDuration(interval)
		if err != nil {
			return err
		}
		if t < time.Millisecond {
			return errors.New("at least 1ms")
		}
		d.interval = t
	}
	return nil
}

// size is a number of bytes, with or without a unit.
type size int64

var units = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}}

// String returns the value as the flag takes it.
func (n size) String() string {
	for i := len(units) - 1; i >= 0; i-- {
		if u := units[i]; n > 0 && int64(n)%u.bytes == 0 {
			return fmt.Sprint(int64(n)/u.bytes) + u.name
		}
	}
	return fmt.Sprint(int64(n))
}

// Set takes a value.
func (n *size) Set(s string) error {
	unit := int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(s, u.name); ok {
			s, unit = rest, u.bytes
		}
	}
	x, err := strconv.ParseInt(s, 10, 64)
	if err != nil || x < 0 || x > 1<<62/unit {
		return errors.New("a number of bytes, such as 64MiB")
	}
	*n = size(x * unit)
	return nil
}
