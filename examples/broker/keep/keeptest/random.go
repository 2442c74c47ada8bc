package keeptest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/qos"
)

// Random returns a Record of any kind that has a wire form, with only the fields
// that count. It need not fit any before it.
func Random(r *rand.Rand) keep.Record {
	x := keep.Record{Kind: keep.RecordKind(1 + r.IntN(int(keep.RetainedRemoved))), Client: name(r)}
	if r.IntN(4) == 0 {
		x.Place = number(r)
	}
	switch x.Kind {
	case keep.SessionKept:
		x.State.Exists, x.State.Connected, x.State.Will = true, r.IntN(2) == 0, r.IntN(2) == 0
		x.State.Expiry, x.State.WillDelay = r.Uint32(), r.Uint32N(1000)
		if x.At = moment(r); r.IntN(2) == 0 {
			x.Owner = name(r)
		}
		if r.IntN(2) == 0 {
			x.Warrant = name(r)
		}
	case keep.SubscriptionKept:
		x.Filter, x.Options, x.SubscriptionID = name(r)+"/#", codec.SubscriptionOptions(r.IntN(3)), r.Uint32N(3)
	case keep.SubscriptionEnded:
		x.Filter = name(r) + "/#"
	case keep.WillKept:
		x.Message, x.At = message(r), moment(r)
	case keep.MessageQueued:
		if x.Message, x.At = message(r), moment(r); r.IntN(2) == 0 {
			x.Client = ""
		} else {
			x.Exchange = qos.Record{ID: uint16(1 + r.IntN(65535)), Change: qos.Accept.Of(qos.Received, qos.ExactlyOnce)}
		}
		for range r.IntN(4) {
			to := keep.Recipient{Client: name(r), Key: number(r) >> 1, Level: qos.Level(1 + r.IntN(2)), Retain: r.IntN(2) == 0}
			to.Key = max(to.Key, 1)
			for range r.IntN(3) {
				to.SubscriptionIDs = append(to.SubscriptionIDs, 1+r.Uint32N(268_435_455))
			}
			if r.IntN(3) == 0 {
				to.Share = "$share/g/" + name(r)
			}
			x.To = append(x.To, to)
		}
	case keep.MessageDropped:
		x.Key = number(r)
	case keep.Exchanged:
		x.Key = number(r)
		x.Exchange.ID, x.Exchange.Token = uint16(1+r.IntN(65535)), number(r)
		x.Exchange.Change = qos.Op(1+r.IntN(4)).Of(qos.Direction(r.IntN(2)), qos.Level(1+r.IntN(2)))
	case keep.MessageRetained:
		x.Client, x.Message, x.At = "", message(r), moment(r)
	case keep.RetainedRemoved:
		x.Client, x.Message = "", &keep.Message{Topic: []byte(name(r))}
	}
	return x
}

func name(r *rand.Rand) string { return fmt.Sprint("n", r.IntN(300)) }

// number returns one of any length from 1 on.
func number(r *rand.Rand) uint64 { return max(r.Uint64()>>r.IntN(64), 1) }

func moment(r *rand.Rand) time.Time {
	if r.IntN(3) == 0 {
		return time.Time{}
	}
	at := int64(number(r) >> 1)
	if r.IntN(2) == 0 {
		at = -at
	}
	return time.Unix(at, r.Int64N(1e9))
}

func message(r *rand.Rand) *keep.Message {
	m := &keep.Message{Topic: []byte(name(r)), QoS: qos.Level(r.IntN(3)), Retain: r.IntN(2) == 0}
	if n := r.IntN(300); n > 0 {
		m.Payload = []byte(strings.Repeat("p", n))
	}
	if r.IntN(3) == 0 {
		m.Properties = codec.AppendMessageExpiryInterval(m.Properties, r.Uint32())
		m.Properties = codec.AppendUserProperty(m.Properties, "a", "b")
	}
	if r.IntN(3) > 0 {
		m.From = name(r)
	}
	if r.IntN(4) == 0 {
		m.Warrant = name(r)
	}
	return m
}
