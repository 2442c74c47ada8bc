package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeplog"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	stream  = "keep"
	subject = "keep"

	// MaxBatch is the most bytes of a batch.
	MaxBatch = 1 << 20
	// Overhead is about how many bytes a file has for a batch besides its own.
	Overhead = 100
	// Block is the size of a file of the log. So much may stay of what is purged.
	Block = 8 << 20

	answerWithin = 10 * time.Second // then nobody knows what became of a batch
)

// Durability says what survives what, once an append has returned.
type Durability struct {
	// Interval is after how long at most what was written is synced; 0 is before
	// an append returns, negative is when the operating system likes. What is not
	// synced survives the end of the process, and not that of the machine.
	Interval time.Duration
}

// Config is what a Log is told.
type Config struct {
	// Dir is the directory, which is made where it is not there. One process has
	// it at a time.
	Dir string
	Durability
	// Free is how many bytes stay free on the disk: an append that would need
	// them is keep.ErrFull.
	Free int64
	// Log gets what the server warns of. Default: nothing.
	Log *slog.Logger
}

// A Log is a stream. It is made by [Open].
type Log struct {
	config Config
	lock   *os.File
	server *server.Server
	direct *direct    // for appends
	conn   *nats.Conn // for all else
	js     jetstream.JetStream
	stream jetstream.Stream

	last  atomic.Uint64   // the position of the last batch
	works context.Context // until the server has met an error, which is its cause
	fail  context.CancelCauseFunc
}

var _ keeplog.Log = (*Log)(nil)

// Open opens the log of a directory. The error is one that wraps [ErrInUse] where
// another process has it, a [keeplog.DamageError] or one that names the file
// where something in it is not as it was written.
func Open(ctx context.Context, c Config) (_ *Log, err error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	l := &Log{config: c}
	l.works, l.fail = context.WithCancelCause(context.Background())
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	if l.lock, err = lock(filepath.Join(c.Dir, "lock")); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Dir, err)
	}
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	last, torn, err := c.check()
	if err != nil {
		return nil, err
	}
	if err := l.start(ctx); err != nil {
		return nil, err
	}
	got, err := l.Last(ctx)
	l.last.Store(got)
	switch {
	case err != nil:
		return nil, err
	case got < last:
		return nil, &keeplog.DamageError{Pos: got + 1, Err: fmt.Errorf("%w: nats-server has not taken up what comes to position %d", keep.ErrGap, last)}
	case got > last && !torn && c.Interval == 0 && got > c.excused():
		return nil, &keeplog.DamageError{Pos: last + 1, Err: fmt.Errorf("%w: there were some to position %d", keep.ErrGap, got)}
	case got > last:
		c.Log.Warn("the end of the log is gone", "from", last+1, "to", got)
		return l, c.excuse(got)
	}
	return l, nil
}

// excused returns up to which position some may be missing at the end of the log,
// since an earlier start has said so: the server goes on counting from there.
func (c *Config) excused() (pos uint64) {
	b, _ := os.ReadFile(filepath.Join(c.Dir, "excused"))
	fmt.Sscan(string(b), &pos)
	return pos
}

func (c *Config) excuse(pos uint64) error {
	return os.WriteFile(filepath.Join(c.Dir, "excused"), fmt.Append(nil, pos, "\n"), 0o600)
}

// dir is where the stream is.
func (c *Config) dir() string { return filepath.Join(c.Dir, "jetstream", "$G", "streams", stream) }

// blocks is where the files of the stream are.
func (c *Config) blocks() string { return filepath.Join(c.dir(), "msgs") }

func (l *Log) start(ctx context.Context) (err error) {
	c := l.config
	o := &server.Options{
		ServerName: "mqttwire",
		DontListen: true, JetStream: true, StoreDir: c.Dir,
		JetStreamMaxStore: 1 << 62, JetStreamMaxMemory: 1 << 20,
		MaxPayload: 2 * MaxBatch,
		NoSigs:     true, NoSystemAccount: true,
		WriteDeadline: time.Hour, // the clients are in this process
	}
	switch {
	case c.Interval == 0:
		o.SyncAlways = true
	case c.Interval > 0:
		o.SyncInterval = c.Interval
	default:
		o.SyncInterval = 24 * time.Hour
	}
	if l.server, err = server.NewServer(o); err != nil {
		return err
	}
	l.server.SetLogger(complaints{l}, false, false)
	go l.server.Start()
	if !l.server.ReadyForConnections(time.Minute) {
		return errors.New("nats-server does not get ready")
	}
	l.conn, err = nats.Connect("", nats.InProcessServer(l.server), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		return err
	}
	if err := l.connect(); err != nil {
		return err
	}
	if l.js, err = jetstream.New(l.conn); err != nil {
		return err
	}
	l.stream, err = l.js.Stream(ctx, stream)
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	l.stream, err = l.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: stream, Subjects: []string{subject},
		Storage: jetstream.FileStorage, Replicas: 1,
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, MaxConsumers: -1,
		DenyDelete: true, Duplicates: 2 * time.Minute,
	})
	return err
}

// connect makes the connection for appends.
func (l *Log) connect() error {
	conn, err := l.server.InProcessConn()
	if err == nil {
		l.direct, err = newDirect(conn)
	}
	return err
}

// Close ends the server and gives the directory back.
func (l *Log) Close() error {
	if l.direct != nil {
		l.direct.conn.Close()
	}
	if l.conn != nil {
		l.conn.Close()
	}
	if l.server != nil {
		l.server.Shutdown()
		l.server.WaitForShutdown()
	}
	return l.lock.Close()
}

// answer is what JetStream says to a message.
type answer struct {
	Sequence uint64              `json:"seq"`
	Error    *jetstream.APIError `json:"error"`
}

// Codes of errors of JetStream after which nothing was written.
const (
	insufficientResources = 10023
	storageExceeded       = 10047
)

// Append implements keeplog.Log.
func (l *Log) Append(ctx context.Context, id string, batch []byte) (uint64, error) {
	if free, ok := freeBytes(l.config.Dir); ok && free < l.config.Free+int64(len(batch)) {
		return 0, fmt.Errorf("%s: %d bytes are free on the disk, and %d are to stay so: %w", l.config.Dir, free, l.config.Free, keep.ErrFull)
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	defer context.AfterFunc(l.works, cancel)()
	reply, err := l.direct.request(ctx, subject, id, batch)
	switch {
	case l.works.Err() != nil:
		return 0, fmt.Errorf("%s: %w", l.config.Dir, context.Cause(l.works))
	case err == errNobody: // the stream is not there yet
		time.Sleep(100 * time.Millisecond)
		return 0, keeplog.ErrUnknown
	case errors.Is(err, context.DeadlineExceeded):
		return 0, keeplog.ErrUnknown
	case ctx.Err() != nil:
		return 0, err
	case err != nil: // the connection has ended, by a process that was stopped in the middle of a write
		l.direct.conn.Close()
		if err := l.connect(); err != nil {
			return 0, err
		}
		return 0, keeplog.ErrUnknown
	}
	var a answer
	if err := json.Unmarshal(reply, &a); err != nil {
		return 0, fmt.Errorf("an answer that is none: %w", err)
	}
	switch e := a.Error; {
	case e == nil && a.Sequence == 0:
		return 0, errors.New("an answer without a position")
	case e == nil:
		l.last.Store(max(l.last.Load(), a.Sequence))
		return a.Sequence, nil
	case e.ErrorCode == insufficientResources || e.ErrorCode == storageExceeded:
		return 0, fmt.Errorf("%s: %s: %w", l.config.Dir, e.Description, keep.ErrFull)
	default:
		return 0, fmt.Errorf("%s: %w", l.config.Dir, e)
	}
}

// Last implements keeplog.Log.
func (l *Log) Last(ctx context.Context) (uint64, error) {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return 0, err
	}
	return info.State.LastSeq, nil
}

// Read implements keeplog.Log. It reads the files: what was acknowledged is in
// them.
func (l *Log) Read(_ context.Context, from uint64, back func(uint64, []byte) error) error {
	files, err := blockFiles(l.config.blocks())
	if err != nil {
		return err
	}
	last := l.last.Load()
	var b []byte
	for i, f := range files {
		if i+1 < len(files) {
			if first, ok := firstSequence(files[i+1]); ok && first <= from {
				continue
			}
		}
		if b, err = readFile(f.path, b); err != nil {
			return err
		}
		hash := f.hash()
		for at := 0; at < len(b); {
			n := hash.record(b[at:])
			if n == 0 && i == len(files)-1 {
				return nil // it is being written
			}
			if n == 0 {
				return &keeplog.DamageError{Pos: from, Err: fmt.Errorf("%s, byte %d: %w", f.path, at, keep.ErrDamaged)}
			}
			pos, message := message(b[at : at+n])
			if at += n; pos < from || pos > sequenceAll {
				continue
			}
			if pos > last {
				return nil
			}
			if err := back(pos, message); err != nil {
				return err
			}
		}
	}
	return nil
}

// Purge implements keeplog.Log. It forgets whole files: to forget a part of one
// costs as many syncs as there are batches in it.
func (l *Log) Purge(ctx context.Context, below uint64) error {
	all, err := blockFiles(l.config.blocks())
	if err != nil {
		return err
	}
	for i := len(all) - 1; i > 0; i-- {
		if first, ok := firstSequence(all[i]); ok && first <= below {
			return l.stream.Purge(ctx, jetstream.WithPurgeSequence(first))
		}
	}
	return nil
}

// complaints are what the server logs that somebody should know. After an error it
// may not answer any more, and what it has on the disk nobody knows.
type complaints struct{ l *Log }

func (c complaints) Warnf(f string, v ...any) {
	c.l.config.Log.Warn("nats-server: " + fmt.Sprintf(f, v...))
}
func (c complaints) Errorf(f string, v ...any) {
	text := "nats-server: " + fmt.Sprintf(f, v...)
	c.l.config.Log.Error(text)
	c.l.fail(errors.New(text))
}
func (c complaints) Fatalf(f string, v ...any) { c.Errorf(f, v...) }
func (complaints) Noticef(string, ...any)      {}
func (complaints) Debugf(string, ...any)       {}
func (complaints) Tracef(string, ...any)       {}
