package keep

import (
	"cmp"
	"slices"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// An Image is what a sequence of Records leaves: which of them count still, and
// how many bytes these are. A Store that forgets what is void asks it what that
// is. The zero value is that of no Records, and holds none.
//
// Records are told by their number in the sequence. One that is written again,
// with a Place, takes over from where it was before. The beginning of a sequence
// may be missing where all of it was void or is written again later.
type Image struct {
	// Freed is called when bytes of a Record have become void, all or some of
	// them. Nil is for nobody.
	Freed func(number uint64, bytes int)
	// Holds says that the Records are held, for Replay, and not only counted.
	// What Apply is given must not change then, and with a wire form that alone.
	Holds bool

	sessions map[string]*sessionImage
	retained map[string]*entry // by topic
	alive    int64
	held     []held // in the order of Apply, void ones among them
}

// An entry is a Record that counts.
type entry struct {
	number uint64 // where it stands
	place  uint64 // where it stood first
	size   uint32
	refs   uint32 // how many count on it
	all    uint32 // how many did at first, where it is held
}

// A held is an entry whose Record is held: itself, or its wire form.
type held struct {
	*entry
	record *Record
	form   []byte
}

func (x *held) kind() RecordKind {
	if x.record != nil {
		return x.record.Kind
	}
	return RecordKind(x.form[0] &^ kindPlace)
}

// sessionImage is what there is of a session.
type sessionImage struct {
	kept, will    *entry
	subscriptions map[string]*entry
	messages      mails
	accepted      map[uint16]*entry // by Packet Identifier
}

// Alive returns how many bytes of Records count still.
func (m *Image) Alive() int64 { return m.alive }

// Apply takes the next Record of the sequence, its number in it, more than those
// before, and how many bytes it is. With a wire form, what is to be held is that.
func (m *Image) Apply(r *Record, number uint64, size int, form []byte) {
	e := &entry{number: number, place: r.Place, size: uint32(size)}
	if e.place == 0 {
		e.place = number
	}
	m.alive += int64(size)
	e.refs++ // until it has found its place
	switch r.Kind {
	case SessionKept:
		m.replace(&m.session(r.Client).kept, e)
	case SessionEnded:
		m.end(r.Client)
	case SubscriptionKept:
		s := m.session(r.Client)
		old := s.subscriptions[r.Filter]
		put(&s.subscriptions, r.Filter, m.instead(old, e))
	case SubscriptionEnded:
		if s := m.sessions[r.Client]; s != nil {
			m.void(s.subscriptions[r.Filter])
			delete(s.subscriptions, r.Filter)
		}
	case WillKept:
		m.replace(&m.session(r.Client).will, e)
	case WillEnded:
		if s := m.sessions[r.Client]; s != nil {
			m.void(s.will)
			s.will = nil
		}
	case MessageQueued:
		for i := range r.To {
			s := m.session(r.To[i].Client)
			x := s.messages.at(r.To[i].Key)
			m.unqueue(x.queued, len(r.To[i].Client))
			x.queued = e
			e.refs++
		}
		m.exchange(r, e)
		if s := m.sessions[r.Message.From]; r.Message.Will && s != nil {
			m.void(s.will)
			s.will = nil
		}
	case MessageDropped:
		m.drop(r.Client, r.Key)
	case Exchanged:
		m.exchange(r, e)
	case MessageRetained, RetainedRemoved:
		topic := string(r.Message.Topic)
		m.void(m.retained[topic])
		delete(m.retained, topic)
		if r.Kind == MessageRetained {
			e.refs++
			put(&m.retained, topic, e)
		}
	}
	if m.void(e); e.refs > 0 && m.Holds {
		e.all = e.refs
		x := held{entry: e, form: form}
		if form == nil {
			x.record = r
		}
		m.hold(x)
	}
}

// exchange takes a step of an exchange.
func (m *Image) exchange(r *Record, e *entry) {
	x := r.Exchange
	switch x.Op() {
	case qos.Store, qos.Release:
		s := m.session(r.Client)
		mail := s.messages.at(r.Key)
		if x.Op() == qos.Store {
			mail.stored = m.instead(mail.stored, e)
		} else {
			mail.released = m.instead(mail.released, e)
		}
	case qos.Accept:
		if x.Level() == qos.ExactlyOnce { // of others nothing is kept
			s := m.session(r.Client)
			put(&s.accepted, x.ID, m.instead(s.accepted[x.ID], e))
		}
	case qos.Forget:
		if x.Direction() == qos.Sent {
			m.drop(r.Client, r.Key)
		} else if s := m.sessions[r.Client]; s != nil {
			m.void(s.accepted[x.ID])
			delete(s.accepted, x.ID)
		}
	}
}

// end forgets all of a session.
func (m *Image) end(client string) {
	s := m.sessions[client]
	if s == nil {
		return
	}
	m.void(s.kept)
	m.void(s.will)
	for _, e := range s.subscriptions {
		m.void(e)
	}
	for _, piece := range s.messages.pieces {
		for i := range piece {
			m.deliver(&piece[i], len(client))
		}
	}
	for _, e := range s.accepted {
		m.void(e)
	}
	delete(m.sessions, client)
}

// drop forgets a message of a session.
func (m *Image) drop(client string, key uint64) {
	if s := m.sessions[client]; s != nil {
		if x := s.messages.get(key); x != nil {
			m.deliver(x, len(client))
			s.messages.remove(key)
		}
	}
}

// deliver forgets a message that needs nothing any more.
func (m *Image) deliver(x *mail, client int) {
	m.unqueue(x.queued, client)
	m.void(x.stored)
	m.void(x.released)
}

// unqueue takes a session of so long a name off a message that others may have.
func (m *Image) unqueue(e *entry, client int) {
	if e == nil {
		return
	}
	if e.refs > 1 { // what it takes to say that it has it
		part := min(uint32(client)+minRecipient, max(e.size, 1)-1)
		e.size -= part
		m.free(e, int(part))
	}
	m.void(e)
}

// minRecipient is how many bytes a Recipient takes besides its Client, about.
const minRecipient = 5

// void takes one off who count on a Record.
func (m *Image) void(e *entry) {
	if e == nil {
		return
	}
	if e.refs--; e.refs == 0 {
		m.free(e, int(e.size))
		e.size = 0
	}
}

func (m *Image) free(e *entry, bytes int) {
	m.alive -= int64(bytes)
	if m.Freed != nil {
		m.Freed(e.number, bytes)
	}
}

// instead has a Record take the place of another.
func (m *Image) instead(old, e *entry) *entry {
	e.refs++
	m.void(old)
	return e
}

func (m *Image) replace(at **entry, e *entry) { *at = m.instead(*at, e) }

func (m *Image) session(client string) *sessionImage {
	s := m.sessions[client]
	if s == nil {
		s = new(sessionImage)
		put(&m.sessions, client, s)
	}
	return s
}

// mail returns what there is of a message, the zero mail for nothing.
func (s *sessionImage) mail(key uint64) mail {
	if x := s.messages.get(key); x != nil {
		return *x
	}
	return mail{}
}

func put[K comparable, V any](at *map[K]V, k K, v V) {
	if *at == nil {
		*at = make(map[K]V)
	}
	(*at)[k] = v
}

// Reach returns r without the recipients whose session is not kept: it had ended
// before the message came to it. The sequence up to here must be whole.
func (m *Image) Reach(r *Record) *Record {
	gone := func(x Recipient) bool { s := m.sessions[x.Client]; return s == nil || s.kept == nil }
	if r.Kind != MessageQueued || !slices.ContainsFunc(r.To, gone) {
		return r
	}
	rest := *r
	rest.To = slices.DeleteFunc(slices.Clone(r.To), gone)
	return &rest
}

// Rest returns what counts still of the Record that stands at a number, as it is
// to be written again, and whether that is anything. It shares memory with r.
func (m *Image) Rest(r *Record, number uint64) (rest Record, ok bool) {
	rest = *r
	if rest.Place == 0 {
		rest.Place = number
	}
	here := func(e *entry) bool { return e != nil && e.number == number }
	s := m.sessions[r.Client]
	if s == nil {
		s = new(sessionImage)
	}
	switch r.Kind {
	case SessionKept:
		return rest, here(s.kept)
	case SubscriptionKept:
		return rest, here(s.subscriptions[r.Filter])
	case WillKept:
		return rest, here(s.will)
	case MessageRetained:
		return rest, here(m.retained[string(r.Message.Topic)])
	case MessageQueued:
		gone := func(x Recipient) bool {
			s := m.sessions[x.Client]
			return s == nil || !here(s.mail(x.Key).queued)
		}
		if slices.ContainsFunc(r.To, gone) {
			rest.To = slices.DeleteFunc(slices.Clone(r.To), gone)
		}
		if r.Exchange.Change != 0 && !here(s.accepted[r.Exchange.ID]) {
			rest.Exchange, rest.Client = qos.Record{}, ""
		}
		if r.Message.Will { // which it has voided where it stood: a later one counts
			message := *r.Message
			message.Will = false
			rest.Message = &message
		}
		return rest, len(rest.To) > 0 || rest.Exchange.Change != 0
	case Exchanged:
		switch r.Exchange.Op() {
		case qos.Store:
			return rest, here(s.mail(r.Key).stored)
		case qos.Release:
			return rest, here(s.mail(r.Key).released)
		case qos.Accept:
			return rest, here(s.accepted[r.Exchange.ID])
		}
	}
	return rest, false
}

// hold notes a Record for Replay.
func (m *Image) hold(x held) {
	if len(m.held) == cap(m.held) { // before it grows: most may be void
		m.held = slices.DeleteFunc(m.held, void)
		m.held = slices.Grow(m.held, max(1024, len(m.held)))
	}
	m.held = append(m.held, x)
}

func void(x held) bool { return x.refs == 0 }

// Replay calls back with the Records that count, and of each what counts, and
// stops at the first error, which it returns: those of sessions first, then the
// others, by their Place. They have no Place then. The Records must be held, and are
// no longer, each once it was called back with. It is mqttwire.ErrSnapshot where
// something is there of a session that is not.
func (m *Image) Replay(back func(*Record) error) error {
	for _, s := range m.sessions {
		if s.kept == nil && (s.will != nil || len(s.subscriptions) > 0 || len(s.messages.pieces) > 0 || len(s.accepted) > 0) {
			return mqttwire.ErrSnapshot
		}
	}
	m.held = slices.DeleteFunc(m.held, void)
	first := func(x *held) int {
		if x.kind() == SessionKept {
			return 0
		}
		return 1
	}
	slices.SortFunc(m.held, func(a, b held) int {
		return cmp.Or(cmp.Compare(first(&a), first(&b)), cmp.Compare(a.place, b.place))
	})
	var names Names
	var rest Record
	for i := range m.held {
		x := &m.held[i]
		if x.form == nil {
			rest = *x.record
		} else if n, err := names.Consume(&rest, x.form); err != nil || n != len(x.form) {
			return cmp.Or[error](err, ErrMalformed)
		}
		if x.refs != x.all || rest.Message != nil && rest.Message.Will { // else all of it counts: nothing is to be looked up
			ok := false
			if rest, ok = m.Rest(&rest, x.number); !ok {
				return mqttwire.ErrSnapshot
			}
		}
		rest.Place = 0
		if err := back(&rest); err != nil {
			return err
		}
		*x = held{} // it takes memory no longer than it must
	}
	return nil
}

// Release lets go of the Records that are held, and holds no more.
func (m *Image) Release() { m.held, m.Holds = nil, false }
