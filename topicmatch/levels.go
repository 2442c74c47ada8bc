package topicmatch

import (
	"hash/maphash"
	"slices"
)

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
			l.list = push(l.list, level{})
		}
		id = uint32(len(l.list))
		l.list = push(l.list, level{})
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
	}
}

// reserve makes room for n more levels.
func (l *levels) reserve(readers *lock, n int) {
	if cap(l.list)-l.table.n-1 < n {
		onPass(len(l.list))
		replace(readers, &l.list, slices.Grow(l.list, n+1))
	}
	growTable(readers, &l.table, n)
}

// shrink gives back what levels that are gone have left, where it is most.
func (l *levels) shrink(readers *lock) {
	shrinkTable(readers, &l.table)
	if l.stored > 2*l.size+chunkSize {
		replace(readers, l, l.tight())
	}
}

// packed returns a copy without gaps, whose levels are numbered anew in the old
// order, and the new numbers.
func (l *levels) packed() (p levels, ids []uint32) {
	onPass(len(l.list))
	ids = make([]uint32, len(l.list))
	p.list = make([]level, 1, l.table.n+1)
	for i := range l.list {
		if v := &l.list[i]; v.refs != 0 {
			ids[i] = uint32(len(p.list))
			p.list = append(p.list, p.moved(l, uint32(i)))
		}
	}
	p.table = l.table.shrunk(ids)
	return p, ids
}

// tight returns a copy with the bytes of the levels in use alone, and with the
// old numbers.
func (l *levels) tight() (p levels) {
	onPass(len(l.list))
	p = levels{table: l.table, free: l.free, list: slices.Clone(l.list)}
	for i := range p.list {
		if p.list[i].refs != 0 {
			p.list[i] = p.moved(l, uint32(i))
		}
	}
	return p
}

// moved stores a level of another.
func (l *levels) moved(from *levels, id uint32) level {
	v := l.store(from.bytes(id))
	v.refs = from.list[id].refs
	l.size += int(v.size)
	return v
}
