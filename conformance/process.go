package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a subject that was started by a command.
type Process struct {
	// Addr is where it listens, "127.0.0.1:PORT".
	Addr string

	cmd   *exec.Cmd
	ended chan struct{}
	err   error
}

// Start runs a command with a free port in place of each PORT in it, and waits
// until somebody accepts connections there. The words of the command are
// separated by spaces; no shell is asked. What it says goes to output, which may
// be nil. Stop ends it, with all that it has started; so does the end of this
// process, where the system can.
//
// The port is one that the system gives to nobody who does not ask for it by
// number. Where the command ends all the same before it accepts, as when
// somebody else has asked for it, another one is tried.
func Start(ctx context.Context, command string, output io.Writer) (*Process, error) {
	words := strings.Fields(command)
	if !strings.Contains(command, "PORT") {
		return nil, fmt.Errorf("the command %q has no PORT in it, where the port to listen on goes", command)
	}
	var err error
	for range 3 {
		var port int
		if port, err = freePort(); err != nil {
			return nil, err
		}
		var p *Process
		if p, err = start(ctx, words, port, output); err == nil {
			return p, nil
		}
		if !errors.Is(err, errEnded) {
			break
		}
	}
	return nil, err
}

// errEnded is of a command that has ended before it accepted a connection.
var errEnded = errors.New("has ended before it accepted a connection")

// startLimit is how long a command may take to accept connections: it may have to be
// compiled first.
const startLimit = 30 * time.Second

func start(ctx context.Context, words []string, port int, output io.Writer) (*Process, error) {
	args := make([]string, len(words))
	for i, w := range words {
		args[i] = strings.ReplaceAll(w, "PORT", strconv.Itoa(port))
	}
	p := &Process{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), cmd: exec.Command(args[0], args[1:]...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = output, output
	p.cmd.WaitDelay = time.Second
	group(p.cmd)
	started := make(chan error)
	go func() {
		// The system ends a child when the thread that started it ends.
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
		}
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	for end := time.Now().Add(startLimit); ; {
		d := net.Dialer{Timeout: time.Second}
		conn, err := d.DialContext(ctx, "tcp", p.Addr)
		if err == nil {
			conn.Close()
		}
		select {
		case <-p.ended:
			return nil, fmt.Errorf("%q %w: %v", strings.Join(args, " "), errEnded, p.err)
		case <-ctx.Done():
			p.Stop()
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
		if err == nil {
			return p, nil
		}
		if time.Now().After(end) {
			p.Stop()
			return nil, fmt.Errorf("%q accepts no connection on %s in %v: %w", strings.Join(args, " "), p.Addr, startLimit, err)
		}
	}
}

// Pid returns the number of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Stop ends the process and all that it has started, and waits until it has.
func (p *Process) Stop() {
	select {
	case <-p.ended:
	default:
		kill(p.cmd)
		<-p.ended
	}
}

// ports are those that freePort has returned.
var ports sync.Map

// freePort returns a port that nobody listens on, another one in each call,
// outside of the range from which systems take ports themselves.
func freePort() (int, error) {
	for range 1000 {
		port := 16384 + rand.IntN(16384)
		if _, taken := ports.LoadOrStore(port, true); taken {
			continue
		}
		// A process that is started meanwhile would listen, too, until it is one.
		syscall.ForkLock.RLock()
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			l.Close()
		}
		syscall.ForkLock.RUnlock()
		if err == nil {
			return port, nil
		}
	}
	return 0, errors.New("conformance: no port is free")
}
