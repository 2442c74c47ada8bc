package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// format is the argument of -F: text, and what stands for parts of a message.
//
//	%%  a percent sign                  %r  1 if it was retained, else 0
//	%t  the topic                       %m  the Packet Identifier
//	%p  the payload                     %d  1 for a duplicate, else 0
//	%x  %X  the payload in hex          %C  Content Type
//	%l  its length in bytes             %D  Correlation Data
//	%q  the QoS                         %E  Message Expiry Interval
//	%j  JSON, the payload as a string   %F  Payload Format Indicator
//	%J  JSON, the payload as it is      %R  Response Topic
//	%I  the time of day, ISO 8601       %S  Subscription Identifiers
//	%U  seconds since 1970              %P  User Properties
//
// and \n, \r, \t, \0, \a, \e, \v, \\.
type format struct{ text string }

const verbs = "%tpxXlqjJIUrmdCDEFRSP"

var escapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', '0': 0, 'a': '\a', 'e': 0x1b, 'v': '\v', '\\': '\\'}

func parseFormat(s string) (*format, error) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '%':
			if i++; i == len(s) {
				return nil, usagef("Incomplete format specifier.")
			}
			if !strings.Contains(verbs, s[i:i+1]) {
				return nil, usagef("Invalid format specifier '%c'.", s[i])
			}
		case '\\':
			if i++; i == len(s) {
				return nil, usagef("Incomplete escape specifier.")
			}
			if _, ok := escapes[s[i]]; !ok {
				return nil, usagef("Invalid escape specifier '%c'.", s[i])
			}
		}
	}
	return &format{s}, nil
}

func (f *format) write(w *bufio.Writer, p *codec.Publish, now time.Time) {
	for i := 0; i < len(f.text); i++ {
		switch b := f.text[i]; b {
		case '%':
			i++
			writeVerb(w, f.text[i], p, now)
		case '\\':
			i++
			w.WriteByte(escapes[f.text[i]])
		default:
			w.WriteByte(b)
		}
	}
}

const isoTime = "2006-01-02T15:04:05-0700"

func writeVerb(w *bufio.Writer, verb byte, p *codec.Publish, now time.Time) {
	q := p.Properties
	number := func(v uint32, ok bool) {
		if ok {
			w.WriteString(strconv.FormatUint(uint64(v), 10))
		}
	}
	switch verb {
	case '%':
		w.WriteByte('%')
	case 't':
		w.Write(p.Topic)
	case 'p':
		w.Write(p.Payload)
	case 'x':
		w.WriteString(hex.EncodeToString(p.Payload))
	case 'X':
		w.WriteString(strings.ToUpper(hex.EncodeToString(p.Payload)))
	case 'l':
		number(uint32(len(p.Payload)), true)
	case 'q':
		number(uint32(p.QoS), true)
	case 'r':
		number(bit(p.Retain), true)
	case 'd':
		number(bit(p.Dup), true)
	case 'm':
		number(uint32(p.ID), true)
	case 'I':
		w.WriteString(now.Format(isoTime))
	case 'U':
		fmt.Fprintf(w, "%d.%09d", now.Unix(), now.Nanosecond())
	case 'C':
		v, _ := q.ContentType()
		w.Write(v)
	case 'D':
		v, _ := q.CorrelationData()
		w.Write(v)
	case 'E':
		number(q.MessageExpiryInterval())
	case 'F':
		v, ok := q.PayloadFormatIndicator()
		number(uint32(v), ok)
	case 'R':
		v, _ := q.ResponseTopic()
		w.Write(v)
	case 'S':
		separator := ""
		for id := range q.SubscriptionIdentifiers() {
			w.WriteString(separator)
			number(id, true)
			separator = " "
		}
	case 'P':
		separator := ""
		for name, value := range q.UserProperties() {
			fmt.Fprintf(w, "%s%s:%s", separator, name, value)
			separator = " "
		}
	case 'j', 'J':
		writeJSON(w, p, verb == 'J', now)
	}
}

func bit(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// writeJSON writes a message as a JSON object, its payload as a string or, where
// that is JSON itself, as it is.
func writeJSON(w *bufio.Writer, p *codec.Publish, raw bool, now time.Time) {
	quote := func(b []byte) string {
		s, _ := json.Marshal(string(b)) // a string always can be
		return string(s)
	}
	fmt.Fprintf(w, `{"tst":"%s","topic":%s,"qos":%d,"retain":%d,"payloadlen":%d,`, now.Format("2006-01-02T15:04:05.000000Z0700"), quote(p.Topic), p.QoS, bit(p.Retain), len(p.Payload))
	if p.QoS > qos.AtMostOnce {
		fmt.Fprintf(w, `"mid":%d,`, p.ID)
	}
	if p.Properties.Len() > 0 {
		separator := ""
		w.WriteString(`"properties":{`)
		for x := range p.Properties.All() {
			if x.ID == codec.UserProperty {
				continue
			}
			value := quote(x.Value)
			if x.Value == nil {
				value = strconv.FormatUint(uint64(x.Number), 10)
			}
			fmt.Fprintf(w, "%s%q:%s", separator, strings.ToLower(strings.ReplaceAll(x.ID.String(), " ", "-")), value)
			separator = ","
		}
		users := ""
		for name, value := range p.Properties.UserProperties() {
			if users != "" {
				users += ","
			}
			users += fmt.Sprintf("{%s:%s}", quote(name), quote(value))
		}
		if users != "" {
			fmt.Fprintf(w, `%s"user-properties":[%s]`, separator, users)
		}
		w.WriteString("},")
	}
	payload := quote(p.Payload)
	if raw && json.Valid(p.Payload) {
		payload = string(p.Payload)
	}
	fmt.Fprintf(w, `"payload":%s}`, payload)
}
