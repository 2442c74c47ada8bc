package wire

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	paho5 "github.com/eclipse/paho.golang/packets"
	paho3 "github.com/eclipse/paho.mqtt.golang/packets"
	mochi "github.com/mochi-mqtt/server/v2/packets"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

var table = flag.Bool("table", false, "run TestTable: measure all codecs and print how they compare")

// A sample is a packet to measure with.
type sample struct {
	name    string
	version mqttwire.Version
	raw     []byte
}

func samples(t testing.TB) []sample {
	add := func(to []sample, name string, v mqttwire.Version, p codec.Packet) []sample {
		raw, err := p.Append(nil, codec.Rules{Version: v})
		if err != nil {
			t.Fatal(err)
		}
		return append(to, sample{name + " " + v.String(), v, raw})
	}
	publish := codec.Publish{Topic: []byte("plant/north/line-4/cell-17"), Payload: bytes.Repeat([]byte("x"), 64)}
	rich := publish
	rich.Properties = codec.AppendPayloadFormatIndicator(rich.Properties, 1)
	rich.Properties = codec.AppendMessageExpiryInterval(rich.Properties, 60)
	rich.Properties = codec.AppendContentType(rich.Properties, "application/json")
	rich.Properties = codec.AppendCorrelationData(rich.Properties, "12345678")
	rich.Properties = codec.AppendUserProperty(rich.Properties, "source", "cell-17")
	connect := codec.Connect{CleanStart: true, KeepAlive: 60, ClientID: []byte("client-0001"),
		UserNameFlag: true, UserName: []byte("user"), PasswordFlag: true, Password: []byte("password")}
	subscribe := codec.Subscribe{ID: 1}
	for i := range 8 {
		subscribe.Subscriptions = subscribe.Subscriptions.Append(codec.Subscription{Filter: fmt.Appendf(nil, "plant/+/line-%d/#", i)})
	}
	var all []sample
	for _, v := range versions[1:] {
		all = add(all, "PUBLISH 64 B", v, &publish)
		all = add(all, "CONNECT", v, &connect)
		all = add(all, "SUBSCRIBE 8", v, &subscribe)
	}
	return add(all, "PUBLISH 5 properties", mqttwire.V50, &rich)
}

// A subject is a codec with a sample: what one run of the benchmark does.
type subject struct {
	name string
	run  func() error
}

// readers returns how each codec reads a sample, from its bytes to its fields.
func readers(s sample) []subject {
	rules := codec.Rules{Version: s.version}
	var d codec.Decoder
	var theirs mochi.Packet
	all := []subject{{"mqttwire", func() error {
		h, body, _, err := codec.Split(rules, s.raw, 0)
		if err != nil {
			return err
		}
		_, err = d.Decode(rules, h, body)
		return err
	}}, {"mochi", func() error {
		theirs = mochi.Packet{}
		return readMochi(&theirs, s.version, s.raw)
	}}}
	in := bytes.NewReader(nil)
	if s.version == mqttwire.V50 {
		return append(all, subject{"paho.golang", func() error {
			in.Reset(s.raw)
			_, err := paho5.ReadPacket(in)
			return err
		}})
	}
	return append(all, subject{"paho.mqtt.golang", func() error {
		in.Reset(s.raw)
		_, err := paho3.ReadPacket(in)
		return err
	}})
}

// writers returns how each codec writes a sample that it has read before.
func writers(t testing.TB, s sample) []subject {
	rules := codec.Rules{Version: s.version}
	var d codec.Decoder
	h, body, _, err := codec.Split(rules, s.raw, 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := d.Decode(rules, h, body)
	if err != nil {
		t.Fatal(err)
	}
	var theirs mochi.Packet
	if err := readMochi(&theirs, s.version, s.raw); err != nil {
		t.Fatal(err)
	}
	encode := map[byte]func(*mochi.Packet, *bytes.Buffer) error{
		mochi.Publish: (*mochi.Packet).PublishEncode, mochi.Connect: (*mochi.Packet).ConnectEncode, mochi.Subscribe: (*mochi.Packet).SubscribeEncode,
	}[theirs.FixedHeader.Type]
	var out []byte
	var buf bytes.Buffer
	all := []subject{{"mqttwire", func() error {
		var err error
		out, err = p.Append(out[:0], rules)
		return err
	}}, {"mochi", func() error {
		buf.Reset()
		return encode(&theirs, &buf)
	}}}
	if s.version == mqttwire.V50 {
		p, err := paho5.ReadPacket(bytes.NewReader(s.raw))
		if err != nil {
			t.Fatal(err)
		}
		return append(all, subject{"paho.golang", func() error {
			_, err := p.WriteTo(io.Discard)
			return err
		}})
	}
	old, err := paho3.ReadPacket(bytes.NewReader(s.raw))
	if err != nil {
		t.Fatal(err)
	}
	return append(all, subject{"paho.mqtt.golang", func() error { return old.Write(io.Discard) }})
}

func BenchmarkRead(b *testing.B) {
	for _, s := range samples(b) {
		for _, x := range readers(s) {
			b.Run(strings.ReplaceAll(s.name+"/"+x.name, " ", "-"), func(b *testing.B) { measure(b, x) })
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, s := range samples(b) {
		for _, x := range writers(b, s) {
			b.Run(strings.ReplaceAll(s.name+"/"+x.name, " ", "-"), func(b *testing.B) { measure(b, x) })
		}
	}
}

func measure(b *testing.B, x subject) {
	b.ReportAllocs()
	for b.Loop() {
		if err := x.run(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestTable prints ns and allocations of each codec, medians of five
// interleaved runs, and how many times ours each takes:
//
//	go test -run TestTable -v ./wire -table -benchtime 100ms
func TestTable(t *testing.T) {
	if !*table {
		t.Skip("without -table")
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer w.Flush()
	row := func(what string, subjects []subject) {
		ns := make([][]float64, len(subjects))
		allocs := make([]int64, len(subjects))
		for range 5 {
			for i, x := range subjects {
				r := testing.Benchmark(func(b *testing.B) { measure(b, x) })
				ns[i] = append(ns[i], float64(r.T.Nanoseconds())/float64(r.N))
				allocs[i] = r.AllocsPerOp()
			}
		}
		fmt.Fprint(w, what)
		for i, x := range subjects {
			slices.Sort(ns[i])
			fmt.Fprintf(w, "\t%s %.1f ns, %d allocs", x.name, ns[i][2], allocs[i])
			if i > 0 {
				fmt.Fprintf(w, " (%.1fx)", ns[i][2]/ns[0][2])
			}
		}
		fmt.Fprintln(w)
	}
	for _, s := range samples(t) {
		row("read "+s.name, readers(s))
		row("write "+s.name, writers(t, s))
	}
}
