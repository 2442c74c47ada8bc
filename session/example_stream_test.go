package session_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// A server takes files of any size through a buffer of 64 KiB: the head is an
// event, the payload is read as it comes, the PUBACK leaves when all is there.
func ExampleServer_Payload() {
	var (
		options = session.ServerOptions{Limits: session.Limits{StreamAbove: 16}} // or 64 KiB
		state   session.Session
		s       session.Server
		d       codec.Decoder
		framer  codec.Framer
		file    bytes.Buffer // or an os.File
		ticket  qos.Ticket
	)
	framer.Use(make([]byte, 64<<10))
	s.Open(&options, 0)
	for _, read := range []string{
		"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01c",
		"\x32\x17\x00\x05movie\x00\x01The q", // QoS 1, 14 bytes of payload
		"uick bro", "w\xc0\x00",
	} {
		framer.Filled(copy(framer.Buffer(), read)) // conn.Read(framer.Buffer())
		var out []byte
		for ok := true; ok; {
			var ev session.Event
			var err error
			out, ev, ok, err = s.Next(out, &framer, &d, 0)
			switch ev.Kind {
			case session.Connect:
				out, _, err = s.Accept(out, &state, nil, 0)
			case session.Head:
				fmt.Printf("%s, %d bytes\n", ev.Packet.(*codec.Publish).Topic, s.Incoming())
				file.Reset()
				ticket = ev.Ticket()
			case session.Duplicate:
				ticket = 0 // its payload is of no use
			case session.Streaming:
				chunk, rest := s.Payload(&framer, 0)
				if file.Write(chunk); rest == 0 && ticket != 0 {
					fmt.Printf("%q\n", file.String())
					out, _, err = s.Ack(out, ticket, mqttwire.Success, codec.Properties{}, 0)
				}
			}
			if err != nil {
				fmt.Println(err)
			}
		}
		if len(out) > 0 {
			fmt.Printf("write % x\n", out)
		}
	}
	// Output:
	// write 20 02 00 00
	// movie, 14 bytes
	// "The quick brow"
	// write 40 02 00 01 d0 00
}

// A client publishes a file without holding it. The connection is lost on the
// way, and the next one sends it again, from the file.
func ExampleClient_PublishHead() {
	var (
		options session.ClientOptions
		state   session.Session
		c       session.Client
		d       codec.Decoder
		framer  codec.Framer
	)
	file := strings.NewReader("The quick brown fox")
	message := codec.Publish{Topic: []byte("movie"), QoS: qos.AtLeastOnce}
	connect := func(connack string) {
		hello := codec.Connect{Version: mqttwire.V311, ClientID: []byte("c")}
		if _, err := c.Connect(nil, &state, &hello, &options, 0); err != nil {
			fmt.Println(err)
		}
		framer = codec.Framer{}
		framer.Filled(copy(framer.Buffer(), connack))
		_, ev, _, err := c.Next(nil, &framer, &d, 0)
		fmt.Println(ev.Kind, err)
	}
	// upload writes what is appended, then the file from its beginning.
	upload := func(conn io.Writer, head []byte) {
		conn.Write(head)
		file.Seek(0, io.SeekStart)
		chunk := make([]byte, 8) // or 64 KiB
		for c.Outgoing() > 0 {
			n, _ := file.Read(chunk)
			n, err := conn.Write(chunk[:n])
			c.PayloadSent(n, 0)
			if err != nil {
				fmt.Println("lost with", c.Outgoing(), "bytes to go")
				c.Close(0)
				return
			}
		}
	}

	connect("\x20\x02\x00\x00")
	head, _, err := c.PublishHead(nil, &message, file.Len(), 7, 0)
	if err != nil {
		fmt.Println(err)
	}
	upload(&breaking{after: 2}, head)

	connect("\x20\x02\x01\x00")
	head, ev, _ := c.NextResend(nil, 0)
	fmt.Println(ev.Kind, ev.Token)
	if head, _, err = c.ResendHead(head, ev, &message, int(file.Size()), 0); err != nil {
		fmt.Println(err)
	}
	var conn bytes.Buffer
	upload(&conn, head)
	fmt.Printf("%q\n", conn.String())
	// Output:
	// accepted <nil>
	// lost with 11 bytes to go
	// accepted <nil>
	// resend 7
	// ":\x1c\x00\x05movie\x00\x01The quick brown fox"
}

// breaking is a connection that is lost after so many writes.
type breaking struct{ after int }

func (b *breaking) Write(p []byte) (int, error) {
	if b.after--; b.after < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}
