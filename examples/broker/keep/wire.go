package keep

import (
	"encoding/binary"
	"math/bits"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// The wire form of a Record. A number is the shortest unsigned LEB128, as
// encoding/binary has it; text and bytes have their length before them; a moment
// is its seconds since 1970, zigzag, and nanoseconds. First comes the kind, with
// its highest bit set where a Place follows. What comes then, each kind has in
// this order:
//
//	SessionKept        client, flags (1 exists, 2 connected, 4 will, 8 owner, 16 warrant), expiry,
//	                   will delay, at; owner; warrant
//	SessionEnded       client
//	SubscriptionKept   client, filter, options byte, Subscription Identifier
//	SubscriptionEnded  client, filter
//	WillKept           client, message, at
//	WillEnded          client
//	MessageQueued      exchange, and client where there is one, message, at, recipients
//	MessageDropped     client, key
//	Exchanged          client, key, exchange
//	MessageRetained    message, at
//	RetainedRemoved    topic
//
//	message     flags (QoS, 4 RETAIN, 8 a will that is over, 16 warrant), topic, payload, properties,
//	            from; warrant
//	exchange    change byte; where that is not 0: Packet Identifier, token
//	recipients  how many; each: flags (QoS, 4 RETAIN, 8 identifiers, 16 share), client, key;
//	            how many Subscription Identifiers and these; filter
//
// Equal Records are equal bytes, and there is no other form of one.
const (
	kindPlace = 0x80

	flagExists    = 1
	flagConnected = 2
	flagWill      = 4
	flagOwner     = 8
	flagWarrant   = 16 // of a message too

	flagRetain  = 4
	flagWillNow = 8
	flagIDs     = 8
	flagShare   = 16
)

const (
	maxText    = 65535       // of all that a packet has as a string
	maxPayload = 268_435_455 // and of all that it has at all
)

// Append appends the wire form of the Record and returns the result. With an
// error, dst is returned as it was: [ErrTooLarge], [ErrKind], or what
// [Record.Check] says. Fields that do not count are left out.
func (r *Record) Append(dst []byte) ([]byte, error) {
	if err := r.Check(); err != nil {
		return dst, err
	}
	if !r.fits() {
		return dst, ErrTooLarge
	}
	b := dst
	if r.Place != 0 {
		b = binary.AppendUvarint(append(b, byte(r.Kind)|kindPlace), r.Place)
	} else {
		b = append(b, byte(r.Kind))
	}
	switch r.Kind {
	case SessionKept:
		b = appendText(b, r.Client)
		b = append(b, flag(r.State.Exists, flagExists)|flag(r.State.Connected, flagConnected)|flag(r.State.Will, flagWill)|flag(r.Owner != "", flagOwner)|flag(r.Warrant != "", flagWarrant))
		b = binary.AppendUvarint(b, uint64(r.State.Expiry))
		b = binary.AppendUvarint(b, uint64(r.State.WillDelay))
		b = appendOptional(appendOptional(appendTime(b, r.At), r.Owner), r.Warrant)
	case SessionEnded, WillEnded:
		b = appendText(b, r.Client)
	case SubscriptionKept:
		b = appendText(appendText(b, r.Client), r.Filter)
		b = binary.AppendUvarint(append(b, byte(r.Options)), uint64(r.SubscriptionID))
	case SubscriptionEnded:
		b = appendText(appendText(b, r.Client), r.Filter)
	case WillKept:
		b = appendTime(r.Message.append(appendText(b, r.Client)), r.At)
	case MessageQueued:
		if b = appendExchange(b, r.Exchange); r.Exchange.Change != 0 {
			b = appendText(b, r.Client)
		}
		b = appendTime(r.Message.append(b), r.At)
		b = binary.AppendUvarint(b, uint64(len(r.To)))
		for i := range r.To {
			b = r.To[i].append(b)
		}
	case MessageDropped:
		b = binary.AppendUvarint(appendText(b, r.Client), r.Key)
	case Exchanged:
		b = appendExchange(binary.AppendUvarint(appendText(b, r.Client), r.Key), r.Exchange)
	case MessageRetained:
		b = appendTime(r.Message.append(b), r.At)
	case RetainedRemoved:
		b = appendText(b, r.Message.Topic)
	default:
		return dst, ErrKind
	}
	return b, nil
}

// Size returns how many bytes [Record.Append] writes, for a Record that it takes.
func (r *Record) Size() int {
	n := 1
	if r.Place != 0 {
		n += sizeNumber(r.Place)
	}
	switch r.Kind {
	case SessionKept:
		n += sizeText(r.Client) + 1 + sizeNumber(uint64(r.State.Expiry)) + sizeNumber(uint64(r.State.WillDelay)) + sizeTime(r.At) + sizeOptional(r.Owner) + sizeOptional(r.Warrant)
	case SessionEnded, WillEnded:
		n += sizeText(r.Client)
	case SubscriptionKept:
		n += sizeText(r.Client) + sizeText(r.Filter) + 1 + sizeNumber(uint64(r.SubscriptionID))
	case SubscriptionEnded:
		n += sizeText(r.Client) + sizeText(r.Filter)
	case WillKept:
		n += sizeText(r.Client) + r.Message.size() + sizeTime(r.At)
	case MessageQueued:
		if n += sizeExchange(r.Exchange); r.Exchange.Change != 0 {
			n += sizeText(r.Client)
		}
		n += r.Message.size() + sizeTime(r.At) + sizeNumber(uint64(len(r.To)))
		for i := range r.To {
			n += r.To[i].size()
		}
	case MessageDropped:
		n += sizeText(r.Client) + sizeNumber(r.Key)
	case Exchanged:
		n += sizeText(r.Client) + sizeNumber(r.Key) + sizeExchange(r.Exchange)
	case MessageRetained:
		n += r.Message.size() + sizeTime(r.At)
	case RetainedRemoved:
		n += sizeText(r.Message.Topic)
	}
	return n
}

// Consume reads a Record from the front of b into r and returns how many bytes it
// took. The bytes of its Message are those of b, all else is copied.
//
//   - n == 0 and err == nil: b ends inside the Record; nothing is wrong yet.
//   - err is [ErrKind] for one of a later version, [ErrMalformed] for what
//     [Record.Append] does not write.
func (r *Record) Consume(b []byte) (n int, err error) {
	return new(Names).Consume(r, b)
}

// Names keeps the Client Identifiers of the Records that it has read, so that
// each is kept once however many Records name it. The zero value is empty.
type Names struct {
	known   map[string]string
	message *Message
	to      []Recipient
}

// Consume is [Record.Consume], except that Message and To are valid until the next
// call: whoever reads a million Records would spend most of the time on making them.
func (names *Names) Consume(r *Record, b []byte) (n int, err error) {
	*r = Record{}
	c := cursor{b: b, names: names}
	kind := c.byte()
	r.Kind = RecordKind(kind &^ kindPlace)
	if kind&kindPlace != 0 {
		r.Place = c.number()
		c.require(r.Place != 0)
	}
	switch r.Kind {
	case SessionKept:
		r.Client = c.name()
		flags := c.byte()
		c.require(flags < 32)
		r.State.Exists, r.State.Connected, r.State.Will = flags&flagExists != 0, flags&flagConnected != 0, flags&flagWill != 0
		r.State.Expiry, r.State.WillDelay = uint32(c.upTo(1<<32-1)), uint32(c.upTo(1<<32-1))
		r.At = c.time()
		r.Owner, r.Warrant = c.optional(flags&flagOwner != 0), c.optional(flags&flagWarrant != 0)
	case SessionEnded, WillEnded:
		r.Client = c.name()
	case SubscriptionKept:
		r.Client, r.Filter = c.name(), string(c.bytes(maxText))
		r.Options, r.SubscriptionID = codec.SubscriptionOptions(c.byte()), uint32(c.upTo(1<<32-1))
	case SubscriptionEnded:
		r.Client, r.Filter = c.name(), string(c.bytes(maxText))
	case WillKept:
		r.Client = c.name()
		r.Message, r.At = c.message(), c.time()
	case MessageQueued:
		if r.Exchange = c.exchange(); r.Exchange.Change != 0 {
			r.Client = c.name()
		}
		r.Message, r.At = c.message(), c.time()
		r.To = c.recipients()
	case MessageDropped:
		r.Client, r.Key = c.name(), c.number()
	case Exchanged:
		r.Client, r.Key = c.name(), c.number()
		r.Exchange = c.exchange()
	case MessageRetained:
		r.Message, r.At = c.message(), c.time()
	case RetainedRemoved:
		r.Message = &Message{Topic: c.bytes(maxText)}
	default:
		if !c.short {
			return 0, ErrKind
		}
	}
	if m := r.Message; m != nil && m.Will {
		c.require(r.Kind == MessageQueued)
	}
	switch {
	case c.bad:
		return 0, ErrMalformed
	case c.short:
		return 0, nil
	case r.Check() != nil:
		return 0, ErrMalformed
	}
	return len(b) - len(c.b), nil
}

func (m *Message) append(b []byte) []byte {
	b = append(b, byte(m.QoS)|flag(m.Retain, flagRetain)|flag(m.Will, flagWillNow)|flag(m.Warrant != "", flagWarrant))
	b = appendText(appendText(b, m.Topic), m.Payload)
	return appendOptional(appendText(appendText(b, m.Properties.Bytes()), m.From), m.Warrant)
}

func (m *Message) size() int {
	return 1 + sizeText(m.Topic) + sizeText(m.Payload) + sizeText(m.Properties.Bytes()) + sizeText(m.From) + sizeOptional(m.Warrant)
}

func (x *Recipient) append(b []byte) []byte {
	b = append(b, byte(x.Level)|flag(x.Retain, flagRetain)|flag(len(x.SubscriptionIDs) > 0, flagIDs)|flag(x.Share != "", flagShare))
	b = binary.AppendUvarint(appendText(b, x.Client), x.Key)
	if len(x.SubscriptionIDs) > 0 {
		b = binary.AppendUvarint(b, uint64(len(x.SubscriptionIDs)))
		for _, id := range x.SubscriptionIDs {
			b = binary.AppendUvarint(b, uint64(id))
		}
	}
	if x.Share != "" {
		b = appendText(b, x.Share)
	}
	return b
}

func (x *Recipient) size() int {
	n := 1 + sizeText(x.Client) + sizeNumber(x.Key)
	if len(x.SubscriptionIDs) > 0 {
		n += sizeNumber(uint64(len(x.SubscriptionIDs)))
		for _, id := range x.SubscriptionIDs {
			n += sizeNumber(uint64(id))
		}
	}
	if x.Share != "" {
		n += sizeText(x.Share)
	}
	return n
}

// fits reports whether all lengths are within what Consume takes.
func (r *Record) fits() bool {
	ok := len(r.Client) <= maxText && len(r.Filter) <= maxText && len(r.Owner) <= maxText && len(r.Warrant) <= maxText
	if m := r.Message; m != nil {
		ok = ok && len(m.Topic) <= maxText && len(m.From) <= maxText && len(m.Warrant) <= maxText && len(m.Payload) <= maxPayload && m.Properties.Size() <= maxPayload
	}
	for i := range r.To {
		ok = ok && len(r.To[i].Client) <= maxText && len(r.To[i].Share) <= maxText
	}
	return ok
}

func flag(on bool, bit byte) byte {
	if on {
		return bit
	}
	return 0
}

func appendText[T ~string | ~[]byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendOptional appends text where there is some, which a flag has said.
func appendOptional(b []byte, s string) []byte {
	if s == "" {
		return b
	}
	return appendText(b, s)
}

func sizeOptional(s string) int {
	if s == "" {
		return 0
	}
	return sizeText(s)
}

func sizeText[T ~string | ~[]byte](s T) int { return sizeNumber(uint64(len(s))) + len(s) }

func sizeNumber(n uint64) int { return (bits.Len64(n|1) + 6) / 7 }

func zigzag(n int64) uint64 { return uint64(n<<1) ^ uint64(n>>63) }

func appendTime(b []byte, at time.Time) []byte {
	b = binary.AppendUvarint(b, zigzag(at.Unix()))
	return binary.AppendUvarint(b, uint64(at.Nanosecond()))
}

func sizeTime(at time.Time) int {
	return sizeNumber(zigzag(at.Unix())) + sizeNumber(uint64(at.Nanosecond()))
}

func appendExchange(b []byte, x qos.Record) []byte {
	if b = append(b, byte(x.Change)); x.Change == 0 {
		return b
	}
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(x.ID)), x.Token)
}

func sizeExchange(x qos.Record) int {
	if x.Change == 0 {
		return 1
	}
	return 1 + sizeNumber(uint64(x.ID)) + sizeNumber(x.Token)
}

// A cursor reads fields from the front of b. Once something was wrong, or b has
// ended, all it reads is empty.
type cursor struct {
	b          []byte
	names      *Names
	short, bad bool
}

func (c *cursor) require(ok bool) { c.bad = c.bad || !ok && !c.short }

func (c *cursor) byte() byte {
	if len(c.b) == 0 {
		c.short = true
		return 0
	}
	x := c.b[0]
	c.b = c.b[1:]
	return x
}

func (c *cursor) number() uint64 {
	if len(c.b) > 0 && c.b[0] < 0x80 { // as most are
		x := c.b[0]
		c.b = c.b[1:]
		return uint64(x)
	}
	x, n := binary.Uvarint(c.b)
	switch {
	case n == 0 && len(c.b) < binary.MaxVarintLen64:
		c.short, c.b = true, nil
		return 0
	case n <= 0 || c.b[n-1] == 0: // too large, or not the shortest
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[n:]
	return x
}

func (c *cursor) upTo(most uint64) uint64 {
	n := c.number()
	c.require(n <= most)
	return n
}

func (c *cursor) bytes(most int) []byte {
	n := c.number()
	switch {
	case n > uint64(most):
		c.bad, c.b = true, nil
	case n > uint64(len(c.b)):
		c.short, c.b = true, nil
	case n > 0:
		b := c.b[:n:n]
		c.b = c.b[n:]
		return b
	}
	return nil
}

func (c *cursor) name() string {
	b := c.bytes(maxText)
	if len(b) == 0 {
		return ""
	}
	if s, ok := c.names.known[string(b)]; ok {
		return s
	}
	if c.names.known == nil {
		c.names.known = map[string]string{}
	}
	s := string(b)
	c.names.known[s] = s
	return s
}

func (c *cursor) optional(there bool) string {
	if !there {
		return ""
	}
	s := c.name()
	c.require(s != "")
	return s
}

func (c *cursor) time() time.Time {
	z := c.number()
	nanoseconds := c.upTo(999_999_999)
	return time.Unix(int64(z>>1)^-int64(z&1), int64(nanoseconds))
}

func (c *cursor) exchange() (x qos.Record) {
	if x.Change = qos.Change(c.byte()); x.Change != 0 {
		c.require(x.Change.Op() != qos.Nothing && x.Change.Op() <= qos.Clear && x.Change>>6 == 0)
		x.ID, x.Token = uint16(c.upTo(65535)), c.number()
	}
	return x
}

func (c *cursor) message() *Message {
	flags := c.byte()
	c.require(flags < 32)
	if c.names.message == nil {
		c.names.message = new(Message)
	}
	m := c.names.message
	*m = Message{QoS: qos.Level(flags & 3), Retain: flags&flagRetain != 0, Will: flags&flagWillNow != 0}
	m.Topic, m.Payload = c.bytes(maxText), c.bytes(maxPayload)
	if b := c.bytes(maxPayload); len(b) > 0 {
		m.Properties = codec.PropertiesOf(b)
		c.require(m.Properties.Check(mqttwire.PUBLISH) == nil)
	}
	m.From = c.name()
	m.Warrant = c.optional(flags&flagWarrant != 0)
	return m
}

func (c *cursor) recipients() (all []Recipient) {
	n := c.number()
	if n > uint64(len(c.b)/minRecipientForm) {
		n = 0 // nothing is made of a number that promises too much
		c.short = true
	}
	if n == 0 {
		return nil
	}
	if int(n) > cap(c.names.to) {
		c.names.to = make([]Recipient, n)
	}
	all = c.names.to[:n:n]
	for i := range all {
		if all[i] = c.recipient(); c.short || c.bad {
			break
		}
	}
	return all
}

// minRecipientForm is how many bytes a Recipient takes at least.
const minRecipientForm = 3

func (c *cursor) recipient() (x Recipient) {
	flags := c.byte()
	c.require(flags < 32)
	x.Level, x.Retain = qos.Level(flags&3), flags&flagRetain != 0
	x.Client, x.Key = c.name(), c.number()
	if flags&flagIDs != 0 {
		n := c.number()
		c.require(n > 0)
		for range n {
			if c.short || c.bad {
				break
			}
			x.SubscriptionIDs = append(x.SubscriptionIDs, uint32(c.upTo(1<<32-1)))
		}
	}
	if flags&flagShare != 0 {
		x.Share = string(c.bytes(maxText))
		c.require(x.Share != "")
	}
	return x
}
