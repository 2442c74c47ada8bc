package codec

import (
	"slices"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// AppendRaw appends a packet to dst as [Split] or a [Framer] cut it off: the
// bytes that came, long forms of the Remaining Length and flags that 3.1
// ignores included, whether or not Decode takes them. It is for proxies, which
// pass on what they do not change. body is copied.
//
// It judges nothing that a receiver could. The errors are those of
// [fixedheader.Header.Append], and where body is shorter or longer than
// h.Length says [mqttwire.ErrTruncated] and [mqttwire.ErrTrailing]; dst is then
// returned as it was.
func AppendRaw(dst []byte, h fixedheader.Header, body []byte) ([]byte, error) {
	switch {
	case len(body) < int(h.Length):
		return dst, mqttwire.ErrTruncated
	case len(body) > int(h.Length):
		return dst, mqttwire.ErrTrailing
	}
	dst = slices.Grow(dst, h.Size()+len(body))
	out, err := h.Append(dst)
	if err != nil {
		return dst, err
	}
	return append(out, body...), nil
}
