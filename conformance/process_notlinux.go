//go:build unix && !linux

package conformance

import "syscall"

func dieWithUs(*syscall.SysProcAttr) {}
