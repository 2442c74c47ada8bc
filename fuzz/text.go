package fuzz

import (
	"unicode/utf8"

	"github.com/mqttwire/mqttwire/topicmatch"
)

// maxField is the most bytes a string or binary field may take
// (3.1.1 §1.5.3, 5.0 §1.5.4 and §1.5.6).
const maxField = 65535

// runes are the characters worth trying beside ASCII: the first and last of
// each width, the neighbours of the surrogates, U+FEFF, which must stay as it
// is, and non-characters, which a receiver may accept (3.1.1 §1.5.3,
// 5.0 §1.5.4).
var runes = [...]rune{0x01, 0x1f, 0x7f, 0x80, 0x9f, 0xe4, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfdd0, 0xfeff, 0xfffd, 0xfffe,
	0xffff, 0x10000, 0x1f600, 0x10ffff}

// Text draws a UTF-8 Encoded String without its length: well-formed, without
// U+0000, at most 65,535 bytes, perhaps empty (3.1.1 §1.5.3, 5.0 §1.5.4).
func Text(src *Source) []byte {
	return text(src, "abcdefgh-0123456789/+#$ ABCDEFGH", src.Length())
}

// text draws a string of about n bytes, at most maxField, of the characters of
// an alphabet and some that are not ASCII.
func text(src *Source, alphabet string, n int) []byte {
	var b []byte
	for len(b) < n && len(*src) > 0 {
		if src.OneIn(16) {
			b = utf8.AppendRune(b, pick(src, runes[:]...))
		} else {
			b = append(b, alphabet[src.Intn(len(alphabet))])
		}
	}
	for unit := len(b); unit > 0 && len(b) < n; {
		b = append(b, b[:unit]...) // long strings repeat what they start with
	}
	for len(b) < n {
		b = append(b, alphabet[0])
	}
	if b = cutText(b, min(n, maxField)); len(b) == 0 && n > 0 {
		return []byte(alphabet[:1]) // the first character was wider than n
	}
	return b
}

// cutText shortens a string to at most n bytes without cutting a character.
func cutText(b []byte, n int) []byte {
	if len(b) <= n {
		return b
	}
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return b[:n]
}

// TopicName draws a valid Topic Name (3.1.1 §4.7, 5.0 §4.7).
func TopicName(src *Source) []byte {
	if src.OneIn(8) {
		return []byte(pick(src, "/", "//", "$SYS/x", "$share/g/t", "$", " ", "a/", "/a", "\ufeff", "MQTT"))
	}
	return text(src, "abcdefgh/i0123/$ -", max(1, src.Length()))
}

// TopicFilter draws a valid Topic Filter that is no Shared Subscription
// (3.1.1 §4.7, 5.0 §4.7).
func TopicFilter(src *Source) []byte {
	if src.OneIn(4) {
		return []byte(pick(src, "#", "+", "/", "+/+", "/#", "+/#", "/+", "$SYS/#", "a/+/b/#", "+/", "$share", "$sharex/+"))
	}
	var b []byte
	for level := 0; ; level++ {
		if level > 0 {
			b = append(b, '/')
		}
		switch src.Intn(8) {
		case 6:
			b = append(b, '+')
		case 7:
			return append(b, '#')
		default:
			b = append(b, text(src, "abcdefgh$ 0-9", 1+src.Intn(10))...)
		}
		if src.OneIn(64) {
			b = append(b, '/')
			return append(b, text(src, "abc", maxField-len(b))...)
		}
		if !src.Bool() || len(b) > maxField/2 {
			break
		}
	}
	if topicmatch.IsShared(b) {
		b[0] = 's'
	}
	return b
}

// SharedFilter draws a valid Shared Subscription of 5.0,
// $share/{ShareName}/{filter} (5.0 §4.8.2).
func SharedFilter(src *Source) []byte {
	b := append([]byte("$share/"), text(src, "abc$ 0-9", 1+src.Intn(10))...)
	return cutText(append(append(b, '/'), TopicFilter(src)...), maxField)
}
