package topicmatch

import "hash/maphash"

// levels keeps the distinct levels of an index, each once however many
// prefixes end in it, and numbers them: two levels are equal if their numbers
// are. A level whose number is 0 stands nowhere in the index.
type levels struct {
	table  table
	list   []level // by number; list[0] is nobody's
	free   uint32  // first of the free numbers, chained by their chunk
	chunks [][]byte
	size   int // bytes of the levels in use
	stored int // bytes in chunks, those of levels that are gone included
}

// level says where in chunks its bytes are. So many chunks as 32 bits count take
// up 256 TiB.
type level struct {
	chunk        uint32 // of a free number: the next one
	refs         uint32 // 0: a free number
	offset, size uint16
}

// A level and its neighbours fill a chunk, which the longest still fits into.
const chunkSize = 1 << 16

// The seeds keep peers from choosing levels that collide.
var (
	levelSeed = maphash.MakeSeed()
	seeds     = [2]uint64{maphash.String(levelSeed, "a"), maphash.String(levelSeed, "b")}
)

func (l *levels) bytes(id uint32) []byte {
	v := &l.list[id]
	return l.chunks[v.chunk][v.offset:][:v.size]
}

// find returns the number of a level, or 0.
func (l *levels) find(b []byte) uint32 {
	return l.lookup(b, maphash.Bytes(levelSeed, b))
}

func (l *levels) lookup(b []byte, h uint64) uint32 {
	for i, s := l.table.first(h); s>>32 == h>>32 && s != 0; i, s = l.table.next(i) {
		if string(l.bytes(uint32(s))) == string(b) {
			return uint32(s)
		}
	}
	return 0
}

// intern returns the number of a level and counts a reference to it.
func (l *levels) intern(b []byte) uint32 {
	h := maphash.Bytes(levelSeed, b)
	id := l.lookup(b, h)
	if id == 0 {
		id = l.add(b)
		l.table.insert(h, id)
	}
	l.list[id].refs++
	return id
}

func (l *levels) add(b []byte) uint32 {
	id := l.free
	if id != 0 {
		l.free = l.list[id].chunk
	} else {
		if len(l.list) == 0 {
			l.list = make([]level, 1, 8)
		}
		id = uint32(len(l.list))
		l.list = append(l.list, level{})
	}
	l.list[id] = l.store(b)
	l.size += len(b)
	return id
}

func (l *levels) store(b []byte) level {
	last := len(l.chunks) - 1
	if last < 0 || len(l.chunks[last])+len(b) >= chunkSize {
		var chunk []byte // the first one grows from nothing
		if last >= 0 {
			chunk = make([]byte, 0, chunkSize)
		}
		l.chunks = append(l.chunks, chunk)
		last++
	}
	v := level{chunk: uint32(last), offset: uint16(len(l.chunks[last])), size: uint16(len(b))}
	l.chunks[last] = append(l.chunks[last], b...)
	l.stored += len(b)
	return v
}

// release gives one reference back.
func (l *levels) release(id uint32) {
	v := &l.list[id]
	if v.refs--; v.refs != 0 {
		return
	}
	l.table.remove(maphash.Bytes(levelSeed, l.bytes(id)), id)
	l.size -= int(v.size)
	*v = level{chunk: l.free}
	l.free = id
	if l.table.n == 0 {
		*l = levels{}
	} else if l.stored > 2*l.size+chunkSize {
		l.pack()
	}
}

// pack copies the bytes of the levels in use together.
func (l *levels) pack() {
	old := *l
	l.chunks, l.stored = nil, 0
	for id := range l.list {
		if v := &l.list[id]; v.refs != 0 {
			refs := v.refs
			*v = l.store(old.bytes(uint32(id)))
			v.refs = refs
		}
	}
}
