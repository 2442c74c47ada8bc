package jetstream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
)

// A direct is a connection to the server in this process for one request at a
// time: the protocol of NATS clients, as far as that needs it. A client that takes
// many at once has two goroutines more on the way, and each Sync would wait for
// them.
type direct struct {
	conn    net.Conn
	out     []byte
	number  uint64
	answers chan answered
	ended   chan struct{} // closed with the error in err
	err     error
}

// answered is what came for a request.
type answered struct {
	number uint64
	status bool // it is a status, such as that nobody listens
	b      []byte
}

const inbox = "_KEEP."

// newDirect greets the server on a connection, which it closes in the end.
func newDirect(conn net.Conn) (*direct, error) {
	d := &direct{conn: conn, answers: make(chan answered, 16), ended: make(chan struct{})}
	r := bufio.NewReaderSize(conn, 4<<10)
	if line, err := r.ReadSlice('\n'); err != nil || !bytes.HasPrefix(line, []byte("INFO ")) {
		conn.Close()
		return nil, fmt.Errorf("nats-server greets with %q, %v", line, err)
	}
	_, err := io.WriteString(conn, `CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"protocol":1,"lang":"mqttwire","version":"1"}`+"\r\nSUB "+inbox+"* 1\r\n")
	if err != nil {
		conn.Close()
		return nil, err
	}
	go func() {
		d.err = d.read(r)
		close(d.ended)
		conn.Close()
	}()
	return d, nil
}

// read reads what the server sends, until the connection ends.
func (d *direct) read(r *bufio.Reader) error {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		f := bytes.Fields(line)
		switch {
		case len(f) == 0:
		case string(f[0]) == "PING":
			// Not from here: the server may be waiting for us to read.
			go io.WriteString(d.conn, "PONG\r\n")
		case string(f[0]) == "-ERR":
			return fmt.Errorf("nats-server: %s", bytes.TrimSpace(line))
		case string(f[0]) == "MSG" || string(f[0]) == "HMSG":
			number, err := strconv.ParseUint(string(bytes.TrimPrefix(f[1], []byte(inbox))), 10, 64)
			if err != nil {
				return fmt.Errorf("nats-server: %q: %w", line, err)
			}
			n, err := strconv.Atoi(string(f[len(f)-1]))
			if err != nil || n < 0 || n > 1<<20 {
				return fmt.Errorf("nats-server: %q", line)
			}
			a := answered{number: number, status: len(f[0]) == 4, b: make([]byte, n+2)}
			if _, err := io.ReadFull(r, a.b); err != nil {
				return err
			}
			a.b = a.b[:n]
			select {
			case d.answers <- a:
			default: // nobody has waited for those before for long
			}
		}
	}
}

// errNobody says that no stream takes the message.
var errNobody = errors.New("nobody takes the message")

// request publishes a message with an id, and returns the answer to it. The error
// is that of ctx where none comes in time.
func (d *direct) request(ctx context.Context, subject, id string, b []byte) ([]byte, error) {
	d.number++
	head := "NATS/1.0\r\nNats-Msg-Id: " + id + "\r\n\r\n"
	d.out = fmt.Appendf(d.out[:0], "HPUB %s %s%d %d %d\r\n%s", subject, inbox, d.number, len(head), len(head)+len(b), head)
	d.out = append(append(d.out, b...), "\r\n"...)
	if _, err := d.conn.Write(d.out); err != nil {
		return nil, err
	}
	for {
		select {
		case a := <-d.answers:
			switch {
			case a.number != d.number: // to one that was given up
			case a.status:
				return nil, errNobody
			default:
				return a.b, nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-d.ended:
			return nil, d.err
		}
	}
}
