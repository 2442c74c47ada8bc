package conformance

import (
	"encoding/hex"
	"strings"

	"github.com/mqttwire/mqttwire/codec"
)

func (e Event) inspect() codec.Inspection {
	return codec.Inspect(codec.Rules{Version: e.Version, From: e.From}, e.Data)
}

// Summary says what happened in a line: of a packet the type and its fields.
func (e Event) Summary() string {
	if e.Kind != Sent && e.Kind != Got {
		if e.Text != "" {
			return string(e.Kind) + ": " + e.Text
		}
		return string(e.Kind)
	}
	if len(e.Data) == 0 {
		return "nothing"
	}
	in := e.inspect()
	var b strings.Builder
	b.WriteString(in.Header.Type.String())
	sep := " "
	for f := range in.Fields() {
		if f.Part == codec.FixedHeader && (f.Mask == 0 || f.Number == 0 || f.Name == "MQTT Control Packet type" || f.Name == "Flags") {
			continue
		}
		switch f.Name {
		case "Protocol Name", "Property Length", "Reserved", "User Name Flag", "Password Flag":
			continue
		}
		if f.Mask != 0 && f.Number == 0 && f.Name != "Maximum QoS" && f.Name != "Requested QoS" {
			continue
		}
		b.WriteString(sep)
		sep = ", "
		text := f.String()
		if len(text) > 80 {
			text = strings.ToValidUTF8(text[:77], "") + "..."
		}
		b.WriteString(text)
	}
	if in.Size == 0 && e.Size > len(e.Data) {
		b.WriteString(sep + "cut here")
	} else if in.Size == 0 {
		b.WriteString(sep + "not all of it")
	}
	return b.String()
}

// FieldLine is a field of a packet with its bytes.
type FieldLine struct {
	Offset int    `json:"offset"`
	Hex    string `json:"hex"`
	Text   string `json:"text"`
	// Fault says what is wrong with it, "" if nothing.
	Fault string `json:"fault,omitempty"`
}

// Fields returns the fields of a packet, in the order of their bytes, with what
// is wrong with each. Long fields have their first bytes only.
func (e Event) Fields() []FieldLine {
	if len(e.Data) == 0 {
		return nil
	}
	in := e.inspect()
	var all []FieldLine
	for f := range in.Fields() {
		end := min(f.Offset+f.Size, len(e.Data), f.Offset+24)
		text := ""
		if f.Offset < end {
			text = hex.EncodeToString(e.Data[f.Offset:end])
		}
		if f.IsSecret() && f.Name != codec.Unread {
			text = strings.Repeat("*", len(text))
		}
		if f.Offset+f.Size > end {
			text += "..."
		}
		all = append(all, FieldLine{Offset: f.Offset, Hex: text, Text: strings.ToValidUTF8(f.String(), "?")})
	}
	if e.Size > len(e.Data) {
		return all // what is cut for the record is not the subject's fault
	}
	for x := range in.Faults() {
		said := false
		for i := range all {
			if all[i].Text == x.Field || strings.HasPrefix(all[i].Text, x.Field+":") && all[i].Offset == x.Offset {
				all[i].Fault, said = x.Err.Error(), true
				break
			}
		}
		if !said {
			all = append(all, FieldLine{Offset: x.Offset, Text: x.Field, Fault: x.Err.Error()})
		}
	}
	return all
}
