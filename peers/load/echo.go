package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
)

// echoBroker is no broker: it sends back what comes. It shows what the kernel
// takes for as many hops as a message makes through a broker.
var echoBroker = broker{
	name:  "tcp echo",
	about: "no broker: reads and writes, the floor of the latencies",
	command: func(dir string, port int) (*exec.Cmd, error) {
		cmd, err := serveAs("echo")(dir, port)
		if err == nil {
			// The thread that waits in the kernel is not to be woken for the scheduler.
			cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
		}
		return cmd, err
	},
}

func serveEcho(_ string, port int) error {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	go func() {
		for { // one at a time will do
			c, err := l.Accept()
			if err != nil {
				return
			}
			if f, err := c.(*net.TCPConn).File(); err == nil {
				echo(int(f.Fd()))
				f.Close()
			}
			c.Close()
		}
	}()
	return nil
}
