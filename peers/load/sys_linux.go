package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// supported is nil where the tool can run.
var supported error

// pinSelf moves every thread of this process to one core. Those that start
// later inherit it.
func pinSelf(core int) error {
	var set unix.CPUSet
	set.Set(core)
	threads, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		return err
	}
	for _, t := range threads {
		id, err := strconv.Atoi(filepath.Base(t))
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

// onCore calls start with the calling thread on a core, so that what it forks
// is on that core from its first instruction.
func onCore(core int, start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var was, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &was); err != nil {
		return err
	}
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return err
	}
	err := start()
	return errors.Join(err, unix.SchedSetaffinity(0, &was))
}

// endWithUs has a child killed when this process is killed itself and so can
// no longer do it.
func endWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// cpuTime returns the processor time that a process has used, user and system,
// of all threads it ever had. It comes from the process' own clock, which
// counts nanoseconds and, unlike /proc, up to this moment.
func cpuTime(pid int) (time.Duration, error) {
	const schedulerClock = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid)<<3|schedulerClock, &t); err != nil {
		return 0, fmt.Errorf("processor time of the broker: %w", err)
	}
	return time.Duration(t.Nano()), nil
}

// resident returns a process' resident set size in bytes. It adds up the
// mappings, since the counter in /proc/PID/statm may be off by megabytes.
func resident(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := bytes.Cut(b, []byte("\nRss:"))
	line, _, _ := bytes.Cut(after, []byte(" kB"))
	kib, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	return kib << 10, err
}

// allowFiles raises the limit of open files, here and for what is started from
// now on, and returns it.
func allowFiles() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 1024
	}
	l.Cur = l.Max
	// The runtime has raised ours already, but hands the old limit on to
	// children until it is set explicitly.
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
	return int(min(l.Cur, 1<<20))
}

// dial connects to a port of 127.0.0.1 and returns a socket that does not
// block.
func dial(port int) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	// On loopback this is done at once; it waits where the broker's backlog is full.
	timeout := unix.NsecToTimeval(int64(5 * time.Second))
	if err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout); err != nil {
		return 0, os.NewSyscallError("setsockopt", err)
	}
	if err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return 0, os.NewSyscallError("setsockopt", err)
	}
	for {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
		if err != unix.EINTR {
			break
		}
	}
	if err != nil && err != unix.EISCONN {
		return 0, os.NewSyscallError("connect", err)
	}
	if err = unix.SetNonblock(fd, true); err != nil {
		return 0, os.NewSyscallError("fcntl", err)
	}
	return fd, nil
}

// echo writes what it reads from a socket, until that ends. It waits in the
// kernel and does not tell Go's scheduler, which would take part otherwise.
func echo(fd int) {
	if unix.SetNonblock(fd, false) != nil {
		return
	}
	b := make([]byte, 64<<10)
	for {
		n, _, e := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		if e == unix.EINTR {
			continue
		}
		if e != 0 || n == 0 {
			return
		}
		if _, err := transmit(fd, b[:n]); err != nil {
			return
		}
	}
}

// receive reads from a socket. n == 0 and err == nil: there is nothing now.
func receive(fd int, b []byte) (n int, err error) {
	for {
		n, err = unix.Read(fd, b)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, nil
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, errEnded
		default:
			return n, nil
		}
	}
}

// transmit writes to a socket as much as it takes now.
func transmit(fd int, b []byte) (n int, err error) {
	for {
		n, err = unix.Write(fd, b)
		switch err {
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, nil
		case nil:
			return n, nil
		default:
			return 0, os.NewSyscallError("write", err)
		}
	}
}

func closeSocket(fd int) { unix.Close(fd) }

// poller tells which sockets are ready.
type poller struct {
	fd     int
	events []unix.EpollEvent
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &poller{fd: fd, events: make([]unix.EpollEvent, 256)}, nil
}

func (p *poller) close() { unix.Close(p.fd) }

// add watches a socket for input; a closed one is forgotten by itself.
func (p *poller) add(fd int) error {
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd,
		&unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}))
}

// watchOutput says whether to watch a socket for room to write as well.
func (p *poller) watchOutput(fd int, on bool) error {
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	if on {
		e.Events |= unix.EPOLLOUT
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &e))
}

// wait calls ready for every socket that is, after at most the time given.
func (p *poller) wait(timeout time.Duration, ready func(fd int, in, out bool)) error {
	n, err := unix.EpollWait(p.fd, p.events, int(timeout.Milliseconds()))
	if err == unix.EINTR {
		return nil
	}
	if err != nil {
		return os.NewSyscallError("epoll_wait", err)
	}
	for _, e := range p.events[:n] {
		ready(int(e.Fd), e.Events&^unix.EPOLLOUT != 0, e.Events&unix.EPOLLOUT != 0)
	}
	return nil
}
