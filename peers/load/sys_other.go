//go:build !linux

package main

import (
	"errors"
	"syscall"
	"time"
)

// supported says that the tool reads what only Linux tells of a process.
var supported = errors.New("this tool needs Linux")

func pinSelf(int) error                      { return supported }
func onCore(_ int, start func() error) error { return start() }
func endWithUs() *syscall.SysProcAttr        { return nil }
func cpuTime(int) (time.Duration, error)     { return 0, supported }
func resident(int) (int64, error)            { return 0, supported }
func allowFiles() int                        { return 1024 }
func dial(int) (int, error)                  { return 0, supported }
func echo(int)                               {}
func receive(int, []byte) (int, error)       { return 0, supported }
func transmit(int, []byte) (int, error)      { return 0, supported }
func closeSocket(int)                        {}

type poller struct{}

func newPoller() (*poller, error)                               { return nil, supported }
func (*poller) close()                                          {}
func (*poller) add(int) error                                   { return supported }
func (*poller) watchOutput(int, bool) error                     { return supported }
func (*poller) wait(time.Duration, func(int, bool, bool)) error { return supported }
