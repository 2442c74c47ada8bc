package fuzz

import (
	"encoding/binary"
	"math/rand/v2"
)

// A Source is the bytes that decisions are drawn from, front to back. A Source
// that has run dry answers 0 and false to everything, with which whatever is
// being drawn comes to its end. The bytes are never changed.
type Source []byte

// Random returns a Source of n pseudo-random bytes, always the same for a seed.
func Random(seed uint64, n int) Source {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b) // never fails
	return b
}

// Byte draws a byte.
func (s *Source) Byte() byte {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return b
}

// Bool draws true or false.
func (s *Source) Bool() bool { return s.Byte()&1 != 0 }

// OneIn draws true once in n times, n from 2 to 256.
func (s *Source) OneIn(n int) bool { return s.Intn(n) == n-1 }

// Intn draws a number from 0 to n-1. It panics where n is less than 1.
func (s *Source) Intn(n int) int {
	switch {
	case n < 1:
		panic("fuzz: Intn of less than 1")
	case n == 1:
		return 0
	case n <= 1<<8:
		return int(s.Byte()) % n
	case n <= 1<<16:
		return (int(s.Byte())<<8 | int(s.Byte())) % n
	}
	return int(uint64(s.uint32()) * uint64(n) >> 32)
}

// Uint16 draws a number, often one at an edge.
func (s *Source) Uint16() uint16 {
	edges := [...]uint16{0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xfffe, 0xffff}
	if i := s.Intn(len(edges) + 5); i < len(edges) {
		return edges[i]
	}
	return uint16(s.Byte())<<8 | uint16(s.Byte())
}

// Uint32 draws a number, often one at an edge: of an integer, or of the widths
// of a Variable Byte Integer.
func (s *Source) Uint32() uint32 {
	edges := [...]uint32{0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0xffff, 0x10000, 0x1fffff, 0x200000, 0xfffffff, 0x10000000,
		0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff}
	if i := s.Intn(len(edges) + 5); i < len(edges) {
		return edges[i]
	}
	return s.uint32()
}

func (s *Source) uint32() uint32 {
	return uint32(s.Byte())<<24 | uint32(s.Byte())<<16 | uint32(s.Byte())<<8 | uint32(s.Byte())
}

// Bytes draws n bytes into a new slice. Where the source has fewer, they are
// repeated, so that a long field needs no long source.
func (s *Source) Bytes(n int) []byte {
	b := make([]byte, n)
	drawn := copy(b, *s)
	*s = (*s)[drawn:]
	if drawn > 0 {
		for i := drawn; i < n; i++ {
			b[i] = b[i-drawn]
		}
	}
	return b
}

// Length draws the length of a field, 0 to 65,535: mostly a few bytes, now and
// then one at an edge.
func (s *Source) Length() int {
	if !s.OneIn(16) {
		return s.Intn(12)
	}
	edges := [...]int{0, 1, 7, 8, 9, 15, 16, 17, 22, 23, 24, 63, 64, 125, 126, 127, 128, 129, 255, 256, 16381, 16384, 65534, 65535}
	return edges[s.Intn(len(edges))]
}

// pick draws one of several.
func pick[T any](s *Source, of ...T) T { return of[s.Intn(len(of))] }
