package keep_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// vector is a line of testdata/records.jsonl or batches.jsonl: bytes, and what
// they are read as, or the error.
type vector struct {
	Name   string      `json:"name"`
	Hex    hexBytes    `json:"hex"`
	Record *plain      `json:"record,omitempty"`
	Batch  *plainBatch `json:"batch,omitempty"`
	Error  string      `json:"error,omitempty"`
}

type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }
func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// plain is a Record as JSON has it.
type plain struct {
	Kind           uint8            `json:"kind"`
	Place          uint64           `json:"place,omitempty"`
	Client         string           `json:"client,omitempty"`
	Owner          string           `json:"owner,omitempty"`
	Warrant        string           `json:"warrant,omitempty"`
	At             *[2]int64        `json:"at,omitempty"` // seconds and nanoseconds
	State          *session.State   `json:"state,omitempty"`
	Exchange       *plainExchange   `json:"exchange,omitempty"`
	Filter         string           `json:"filter,omitempty"`
	Options        uint8            `json:"options,omitempty"`
	SubscriptionID uint32           `json:"subscriptionID,omitempty"`
	Message        *plainMessage    `json:"message,omitempty"`
	To             []keep.Recipient `json:"to,omitempty"`
	Key            uint64           `json:"key,omitempty"`
}

type plainExchange struct {
	Change uint8  `json:"change"`
	ID     uint16 `json:"id"`
	Token  uint64 `json:"token,omitempty"`
}

type plainMessage struct {
	Topic      string   `json:"topic"`
	Payload    string   `json:"payload,omitempty"`
	Properties hexBytes `json:"properties,omitempty"`
	QoS        uint8    `json:"qos,omitempty"`
	Retain     bool     `json:"retain,omitempty"`
	From       string   `json:"from,omitempty"`
	Will       bool     `json:"will,omitempty"`
	Warrant    string   `json:"warrant,omitempty"`
}

type plainBatch struct {
	Node        uint16   `json:"node,omitempty"`
	Incarnation uint64   `json:"incarnation,omitempty"`
	First       uint64   `json:"first"`
	Needs       uint64   `json:"needs,omitempty"`
	Part        uint32   `json:"part,omitempty"`
	More        bool     `json:"more,omitempty"`
	Records     hexBytes `json:"records,omitempty"`
}

func (p *plain) record() keep.Record {
	r := keep.Record{Kind: keep.RecordKind(p.Kind), Place: p.Place, Client: p.Client, Owner: p.Owner, Warrant: p.Warrant, Filter: p.Filter,
		Options: codec.SubscriptionOptions(p.Options), SubscriptionID: p.SubscriptionID, To: p.To, Key: p.Key}
	if p.At != nil {
		r.At = time.Unix(p.At[0], p.At[1])
	}
	if p.State != nil {
		r.State = *p.State
	}
	if x := p.Exchange; x != nil {
		r.Exchange = qos.Record{ID: x.ID, Token: x.Token, Change: qos.Change(x.Change)}
	}
	if m := p.Message; m != nil {
		r.Message = &keep.Message{Topic: []byte(m.Topic), Payload: []byte(m.Payload), Properties: codec.PropertiesOf(m.Properties),
			QoS: qos.Level(m.QoS), Retain: m.Retain, From: m.From, Will: m.Will, Warrant: m.Warrant}
	}
	return r
}

func plainOf(r *keep.Record) *plain {
	p := &plain{Kind: uint8(r.Kind), Place: r.Place, Client: r.Client, Owner: r.Owner, Warrant: r.Warrant, Filter: r.Filter, Options: uint8(r.Options),
		SubscriptionID: r.SubscriptionID, To: r.To, Key: r.Key}
	if !r.At.IsZero() {
		p.At = &[2]int64{r.At.Unix(), int64(r.At.Nanosecond())}
	}
	if r.State != (session.State{}) {
		p.State = &r.State
	}
	if x := r.Exchange; x.Change != 0 {
		p.Exchange = &plainExchange{uint8(x.Change), x.ID, x.Token}
	}
	if m := r.Message; m != nil {
		p.Message = &plainMessage{string(m.Topic), string(m.Payload), m.Properties.Bytes(), uint8(m.QoS), m.Retain, m.From, m.Will, m.Warrant}
	}
	return p
}

func sumOf(version byte, body []byte) uint32 {
	return crc32.Checksum(append([]byte{version}, body...), crc32.MakeTable(crc32.Castagnoli))
}

func readVectors(tb testing.TB, file string) (all []vector) {
	tb.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var v vector
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil {
			tb.Fatalf("%s: %v", line, err)
		}
		all = append(all, v)
	}
	return all
}

func vectors(tb testing.TB) []vector { return readVectors(tb, "records.jsonl") }

// The vectors are read as they say, and written as they are; each kind has some,
// and each error.
func TestVectors(t *testing.T) {
	kinds := map[keep.RecordKind]int{}
	for _, v := range vectors(t) {
		var r keep.Record
		n, err := r.Consume(v.Hex)
		if v.Error != "" {
			if err == nil || err.Error() != v.Error || n != 0 {
				t.Errorf("%s: %d, %v, want %s", v.Name, n, err, v.Error)
			}
			continue
		}
		if err != nil || n != len(v.Hex) {
			t.Errorf("%s: %d of %d, %v", v.Name, n, len(v.Hex), err)
			continue
		}
		if diff := cmp.Diff(v.Record.record(), r, same); diff != "" {
			t.Errorf("%s: %s", v.Name, diff)
		}
		if b, err := r.Append(nil); err != nil || !bytes.Equal(b, v.Hex) {
			t.Errorf("%s: written as %x, %v", v.Name, b, err)
		}
		kinds[r.Kind]++
	}
	for k := keep.SessionKept; k <= keep.RetainedRemoved; k++ {
		if kinds[k] == 0 {
			t.Errorf("kind %d has no vector", k)
		}
	}
	for _, v := range readVectors(t, "batches.jsonl") {
		var b keep.Batch
		err := b.Decode(v.Hex)
		if v.Error != "" {
			if err == nil || err.Error() != v.Error {
				t.Errorf("%s: %v, want %s", v.Name, err, v.Error)
			}
			continue
		}
		want := keep.Batch{Node: v.Batch.Node, Incarnation: v.Batch.Incarnation, First: v.Batch.First, Needs: v.Batch.Needs, Part: v.Batch.Part, More: v.Batch.More, Records: v.Batch.Records}
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
		} else if diff := cmp.Diff(want, b, same); diff != "" {
			t.Errorf("%s: %s", v.Name, diff)
		} else if again := b.Append(nil); !bytes.Equal(again, v.Hex) {
			t.Errorf("%s: written as %x", v.Name, again)
		}
	}
}

var update = flag.Bool("update", false, "write testdata anew")

// TestUpdateVectors writes the vectors of valid records; it keeps the bytes of
// those that there are to those that there were.
func TestUpdateVectors(t *testing.T) {
	if !*update {
		t.Skip("-update writes testdata anew")
	}
	var text, batches bytes.Buffer
	line := func(to *bytes.Buffer, v vector) {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		to.Write(append(b, '\n'))
	}
	names := []string{"", "session-kept", "session-ended", "subscription-kept", "subscription-ended", "will-kept", "will-ended",
		"message-queued", "message-dropped", "exchanged", "message-retained", "retained-removed"}
	r := rand.New(rand.NewPCG(7, 7))
	for kind := keep.SessionKept; kind <= keep.RetainedRemoved; kind++ {
		for i := 0; i < 4; {
			x := keeptest.Random(r)
			if x.Kind != kind || x.Message != nil && len(x.Message.Payload) > 20 {
				continue
			}
			b, err := x.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			i++
			line(&text, vector{Name: names[kind] + "/" + string(rune('0'+i)), Hex: b, Record: plainOf(&x)})
		}
	}
	will := keep.Record{Kind: keep.MessageQueued, Message: &keep.Message{Topic: []byte("w"), From: "a", Will: true},
		To: []keep.Recipient{{Client: "b", Key: 1, Level: 1}}}
	b, err := will.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	line(&text, vector{Name: "message-queued/will", Hex: b, Record: plainOf(&will)})
	for _, bad := range []struct {
		name string
		hex  []byte
		err  keep.Error
	}{
		{"kind/0", []byte{0}, keep.ErrKind},
		{"kind/later", []byte{12, 1, 'a'}, keep.ErrKind},
		{"place/zero", []byte{0x82, 0, 1, 'a'}, keep.ErrMalformed},
		{"number/not-the-shortest", []byte{2, 0x81, 0, 'a'}, keep.ErrMalformed},
		{"number/over-64-bits", append([]byte{0x82}, bytes.Repeat([]byte{0xff}, 10)...), keep.ErrMalformed},
		{"text/too-long", []byte{2, 0x80, 0x80, 4}, keep.ErrMalformed},
		{"session-kept/unknown-flag", []byte{1, 1, 'a', 32, 0, 0, 0, 0}, keep.ErrMalformed},
		{"session-kept/no-owner", []byte{1, 1, 'a', 8, 0, 0, 0, 0, 0}, keep.ErrMalformed},
		{"session-kept/no-warrant", []byte{1, 1, 'a', 16, 0, 0, 0, 0, 0}, keep.ErrMalformed},
		{"session-kept/expiry-over-32-bits", []byte{1, 1, 'a', 1, 0xff, 0xff, 0xff, 0xff, 0x1f, 0, 0, 0}, keep.ErrMalformed},
		{"time/a-second-of-nanoseconds", []byte{1, 1, 'a', 1, 0, 0, 0, 0x80, 0x94, 0xeb, 0xdc, 3}, keep.ErrMalformed},
		{"exchange/clear", []byte{9, 1, 'a', 0, 5, 0, 0}, keep.ErrMalformed},
		{"exchange/unknown-bit", []byte{9, 1, 'a', 0, 0x51, 1, 1}, keep.ErrMalformed},
		{"exchange/id-over-16-bits", []byte{9, 1, 'a', 0, 0x11, 0x80, 0x80, 4, 1}, keep.ErrMalformed},
		{"message/qos-3", []byte{10, 3, 1, 't', 0, 0, 0, 0, 0}, keep.ErrMalformed},
		{"message/will-retained", []byte{10, 8, 1, 't', 0, 0, 0, 0, 0}, keep.ErrMalformed},
		{"message/unknown-flag", []byte{10, 32, 1, 't', 0, 0, 0, 0, 0}, keep.ErrMalformed},
		{"message/no-warrant", []byte{10, 16, 1, 't', 0, 0, 0, 0, 0, 0}, keep.ErrMalformed},
		{"message/no-topic", []byte{10, 0, 0, 0, 0, 0, 0, 0}, keep.ErrMalformed},
		{"message/wildcard", []byte{10, 0, 1, '#', 0, 0, 0, 0, 0}, keep.ErrMalformed},
		{"message/property-of-no-publish", []byte{10, 0, 1, 't', 0, 5, 17, 0, 0, 0, 1, 0, 0, 0}, keep.ErrMalformed},
		{"recipient/qos-0", []byte{7, 0, 0, 1, 't', 0, 0, 0, 0, 0, 1, 0, 1, 'a', 1}, keep.ErrMalformed},
		{"recipient/no-key", []byte{7, 0, 0, 1, 't', 0, 0, 0, 0, 0, 1, 1, 1, 'a', 0}, keep.ErrMalformed},
		{"recipient/unknown-flag", []byte{7, 0, 0, 1, 't', 0, 0, 0, 0, 0, 1, 33, 1, 'a', 1}, keep.ErrMalformed},
		{"recipient/no-identifiers", []byte{7, 0, 0, 1, 't', 0, 0, 0, 0, 0, 1, 9, 1, 'a', 1, 0}, keep.ErrMalformed},
		{"recipient/empty-share", []byte{7, 0, 0, 1, 't', 0, 0, 0, 0, 0, 1, 17, 1, 'a', 1, 0}, keep.ErrMalformed},
	} {
		line(&text, vector{Name: bad.name, Hex: bad.hex, Error: bad.err.Error()})
	}
	one := keep.Record{Kind: keep.SessionEnded, Client: "a"}
	records, _ := one.Append(nil)
	for _, b := range []struct {
		name string
		keep.Batch
	}{
		{"batch/one", keep.Batch{First: 1, Records: records}},
		{"batch/of-a-node", keep.Batch{Node: 3, Incarnation: 1 << 40, First: 1 << 33, Needs: 70000, Records: append(records, records...)}},
		{"batch/part", keep.Batch{Incarnation: 9, First: 200, More: true, Records: records[:1]}},
		{"batch/last-part", keep.Batch{Incarnation: 9, First: 200, Part: 1, Records: records[1:]}},
	} {
		p := plainBatch{b.Node, b.Incarnation, b.First, b.Needs, b.Part, b.More, b.Records}
		line(&batches, vector{Name: b.name, Hex: b.Append(nil), Batch: &p})
	}
	sealed := func(version byte, body ...byte) hexBytes {
		sum := sumOf(version, body)
		return append([]byte{version, byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}, body...)
	}
	damaged := sealed(1, 0, 0, 0, 1, 0, 0, 2, 1, 'a')
	damaged[12] ^= 1
	for _, bad := range []struct {
		name string
		hex  hexBytes
		err  keep.Error
	}{
		{"batch/later-version", sealed(2, 0, 0, 0, 1, 0, 0), keep.ErrVersion},
		{"batch/version-0", sealed(0, 0, 0, 0, 1, 0, 0), keep.ErrMalformed},
		{"batch/damaged", damaged, keep.ErrDamaged},
		{"batch/empty", nil, keep.ErrDamaged},
		{"batch/no-header", sealed(1), keep.ErrMalformed},
		{"batch/unknown-flag", sealed(1, 2, 0, 0, 1, 0, 0), keep.ErrMalformed},
		{"batch/first-0", sealed(1, 0, 0, 0, 0, 0, 0), keep.ErrMalformed},
		{"batch/needs-what-comes", sealed(1, 0, 0, 0, 1, 2, 0), keep.ErrMalformed},
		{"batch/node-over-15-bits", sealed(1, 0, 0x80, 0x80, 2, 0, 1, 0, 0), keep.ErrMalformed},
	} {
		line(&batches, vector{Name: bad.name, Hex: bad.hex, Error: bad.err.Error()})
	}
	for file, b := range map[string]*bytes.Buffer{"records.jsonl": &text, "batches.jsonl": &batches} {
		if err := os.WriteFile("testdata/"+file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
