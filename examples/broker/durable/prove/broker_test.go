package prove

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var built string // where the program is, if it is

// program is the broker, built once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "durable")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "broker")
	built = dir
	out, err := exec.Command("go", "build", "-o", path, "..").CombinedOutput()
	if err != nil {
		return "", &exec.Error{Name: string(out), Err: err}
	}
	return path, nil
})

func TestMain(m *testing.M) {
	if what := os.Getenv("PROVE_SERVE"); what != "" {
		fmt.Fprintln(os.Stderr, serve(what))
		os.Exit(1)
	}
	status := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(status)
}

// A broker is a process that is started again and again on one directory.
type broker struct {
	t       *testing.T
	dir     string
	args    []string
	env     []string
	address atomic.Pointer[string] // of the run there is

	process *exec.Cmd
	ended   chan error
	said    *bytes.Buffer // by this run
}

func newBroker(t *testing.T, dir string, args ...string) *broker {
	b := &broker{t: t, dir: dir, args: args}
	t.Cleanup(b.kill)
	return b
}

// start starts it, and returns when it listens, or has ended before: then false.
func (b *broker) start() bool {
	b.t.Helper()
	path, err := program()
	if err != nil {
		b.t.Fatal(err)
	}
	b.process = exec.Command(path, append([]string{"-data", b.dir, "-listen", "127.0.0.1:0"}, b.args...)...)
	b.process.Env = append(os.Environ(), b.env...)
	pipe, err := b.process.StderrPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.process.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.ended, b.said = make(chan error, 1), new(bytes.Buffer)
	listening := make(chan string, 1)
	process, said, ended := b.process, b.said, b.ended
	go func() {
		lines := bufio.NewScanner(pipe)
		for lines.Scan() {
			if said.Len() < 1<<20 {
				said.WriteString(lines.Text() + "\n")
			}
			if _, address, ok := strings.Cut(lines.Text(), "msg=listening address="); ok {
				listening <- address
			}
		}
		ended <- process.Wait()
	}()
	select {
	case address := <-listening:
		b.address.Store(&address)
		return true
	case err := <-ended:
		ended <- err
		b.process = nil
		return false
	case <-time.After(time.Minute):
		b.t.Fatalf("it does not listen: %s", b.said)
		return false
	}
}

// mustStart starts it, or fails the test.
func (b *broker) mustStart() {
	b.t.Helper()
	if !b.start() {
		b.t.Fatalf("it does not start: %s", b.said)
	}
}

// kill ends it as kill -9 does.
func (b *broker) kill() {
	if b.process != nil {
		b.process.Process.Kill()
		<-b.ended
		b.process = nil
	}
}

// stop ends it as it likes to be ended.
func (b *broker) stop() error {
	b.process.Process.Signal(os.Interrupt)
	b.process = nil
	return <-b.ended
}

func (b *broker) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", *b.address.Load())
}
