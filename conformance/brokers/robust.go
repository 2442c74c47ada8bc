package brokers

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
)

// robustChecks are about what no clause asks for and every server needs: what a
// client does to its own connection harms no other client.
var robustChecks = []conformance.Check{
	{
		Name:    "robust/cut",
		About:   "A connection may end after any byte of a packet; nothing of what was begun is done.",
		Clauses: cStream,
		Func: on(func(b *bench) {
			watcher := b.clean(b.Version, "watcher")
			watcher.subscribe("#", 0)
			connect := []byte(encode(b.Version, b.login(&codec.Connect{Version: b.Version, CleanStart: true, ClientID: []byte(b.id("c"))})))
			publish := []byte(encode(b.Version, withID(1, b.msg("a", "cut", 1))))
			for n := range connect {
				c := b.dialAs("cut", b.Version)
				c.write(connect[:n])
				c.lose()
			}
			for n := range publish {
				c := b.dialAs("cut", b.Version)
				c.write(bytes.Join([][]byte{connect, publish[:n]}, nil))
				c.CloseWrite()
				c.next(b.Patience() / 5) // CONNACK, or the end
				c.lose()
			}
			watcher.publish(b.msg("a", "whole", 0))
			watcher.take(b.msg("a", "whole", 0))
			watcher.ping()
		}),
	},
	{
		Name:    "robust/glued",
		About:   "Packets may come in one piece, however many: each is answered, in its order.",
		Clauses: cStream,
		Func: on(func(b *bench) {
			c := b.dial(b.Version)
			const n = 300
			packets := []codec.Packet{b.login(&codec.Connect{Version: b.Version, CleanStart: true, ClientID: []byte(b.id("c"))})}
			for i := range n {
				packets = append(packets, withID(uint16(i%10+1), b.msg("a", fmt.Sprint(i), 1)), &codec.Pingreq{})
			}
			c.send(packets...)
			if ack := receive[*codec.Connack](c); ack.Code != 0 {
				b.Fatal(nil, "CONNACK that accepts", fmt.Sprint(ack))
			}
			for acks, pings := 0, 0; acks < n || pings < n; {
				switch p := c.packet(nil, "PUBACK and PINGRESP").(type) {
				case *codec.Puback:
					acks++
				case *codec.Pingresp:
					pings++
				default:
					b.Fatal(nil, "PUBACK and PINGRESP", fmt.Sprint(p))
				}
			}
		}),
	},
	{
		Name:    "robust/claimed",
		About:   "A Remaining Length that is claimed and never comes holds up nobody, before CONNECT and after it.",
		Clauses: cStream,
		Func: on(func(b *bench) {
			bystander := b.clean(b.Version, "bystander")
			for first := 0x10; first < 0x100; first += 0x10 {
				c := b.dialAs("claims", b.Version)
				c.write([]byte{byte(first), 0xff, 0xff, 0xff, 0x7f, 1, 1, 1, 1})
			}
			for range 8 {
				c := b.joinAs("claims", &codec.Connect{Version: b.Version, CleanStart: true, ClientID: []byte(b.id("c"))})
				c.write(append([]byte{0x30, 0xff, 0xff, 0xff, 0x7f}, make([]byte, 1000)...))
			}
			bystander.ping()
			b.clean(b.Version, "another").ping()
		}),
	},
	{
		Name:    "robust/flood",
		About:   "A flood of small packets from one client does not keep another from being served.",
		Clauses: cStream,
		Func: on(func(b *bench) {
			bystander := b.clean(b.Version, "bystander")
			bystander.subscribe("a", 0)
			for kind, packets := range map[string]string{
				"PINGREQ":     strings.Repeat("\xc0\x00", 1000),
				"PUBLISH":     strings.Repeat(encode(b.Version, b.msg("b", "", 0)), 1000),
				"UNSUBSCRIBE": strings.Repeat(encode(b.Version, &codec.Unsubscribe{ID: 1, Filters: codec.Filters{}.Append([]byte("a"))}), 1000),
			} {
				b.each(kind, func(b *bench) {
					flood := b.joinAs("flood", &codec.Connect{Version: b.Version, CleanStart: true, ClientID: []byte(b.id("flood" + kind))})
					done := make(chan struct{})
					go func() {
						defer close(done)
						for range 20 { // unread answers may stop it
							if flood.Write([]byte(packets)) != nil {
								return
							}
						}
					}()
					begin := time.Now()
					bystander.publish(b.msg("a", kind, 0))
					bystander.take(b.msg("a", kind, 0))
					if waited := time.Since(begin); waited > b.Patience() {
						b.Faultf(nil, "another client served meanwhile", "it after %v", waited)
					}
					flood.lose()
					<-done
				})
			}
		}),
	},
	{
		Name:    "robust/half-open",
		About:   "Connections that say nothing, and those of which one half is closed, hold up nobody.",
		Clauses: cStream,
		Func: on(func(b *bench) {
			bystander := b.clean(b.Version, "bystander")
			bystander.subscribe("a", 0)
			for range 50 {
				b.dialAs("silent", b.Version)
			}
			half := b.joinAs("half", &codec.Connect{Version: b.Version, CleanStart: true, ClientID: []byte(b.id("half"))})
			half.send(b.msg("a", "last words", 0))
			half.CloseWrite()
			bystander.take(b.msg("a", "last words", 0))
			bystander.ping()
			b.clean(b.Version, "another").ping()
		}),
	},
}

var cStream = conformance.Cite("3.1.1 7.1.1-1; 5.0 4.2.0-1")
