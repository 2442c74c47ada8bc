package testdata

import (
	"bytes"
	"embed"
	"errors"
	"slices"
	"strconv"
	"strings"
)

//go:embed clauses/*.jsonl
var clauseFiles embed.FS

// The layers, the least that it takes to see a rule broken. They are this
// project's judgement, not the standard's text.
const (
	LayerCodec    = "codec"    // one packet's bytes, and who sent it
	LayerState    = "state"    // what one connection or one session has seen
	LayerBroker   = "broker"   // routing, retained messages, wills, many sessions
	LayerClient   = "client"   // a client from the inside; it binds no one else
	LayerEnv      = "env"      // transport, WebSocket, claims of conformance
	LayerExplains = "explains" // nothing: the sentence requires nothing of a peer's bytes; error rules only
)

// Clause is a numbered statement of 3.1.1 or 5.0, a line of
// clauses/3.1.1.jsonl or clauses/5.0.jsonl.
type Clause struct {
	ID      string `json:"id"`      // as the standard numbers it, misprints corrected: "MQTT-1.5.4-1"
	Version string `json:"version"` // "3.1.1" or "5.0"
	Section string `json:"section"` // where the statement stands: "1.5.4"
	Who     string `json:"who"`     // whom it binds: "client", "server", "both", or "codec" for pure format
	Layer   string `json:"layer"`   // one of the layers except LayerExplains
	Text    string `json:"text"`    // what is required, in one line
}

// ErrorRule is a sentence of 5.0 that classes something as a Malformed Packet
// or a Protocol Error or names a Reason Code for it, a line of
// clauses/5.0-errors.jsonl. Most have no number in the standard.
type ErrorRule struct {
	// ID is "E-", the section, "/", and the place among the section's
	// sentences of this kind, from 1: "E-3.1.2.11.2/1".
	ID string `json:"id"`
	// Packet is the packet in whose section the sentence stands, "" in a
	// section about many. It is the packet that breaks the rule where Layer is
	// LayerCodec.
	Packet  string `json:"packet,omitempty"`
	Section string `json:"section"`
	// Clause is the ID of the Clause that the sentence is part of, if any.
	Clause string `json:"clause,omitempty"`
	Layer  string `json:"layer"`
	// Reason is the Reason Code to answer with, 0 where there is none. It is there where
	// Layer is LayerCodec, and only there.
	Reason Code `json:"reason"`
	// Text is what goes wrong, in one line. Where there are two ways to break
	// the rule, it has both, with a semicolon between.
	Text string `json:"text"`
}

// NoBytesRule excuses a Clause or an ErrorRule of LayerCodec from having an
// invalid vector, a line of clauses/no-bytes.jsonl.
type NoBytesRule struct {
	ID      string `json:"id"`
	Version string `json:"version"` // "3.1.1" or "5.0"; the same ID is another rule in the other version
	Why     string `json:"why"`     // why no packet is wrong on account of this rule alone
	// ShownBy is "valid" where a valid vector that cites the ID is the proof,
	// else "".
	ShownBy string `json:"shownBy,omitempty"`
}

// Clauses returns every numbered statement of version "3.1.1" or "5.0", in the
// standard's order: 141 or 251. MQTT 3.1 numbers none; for it and for any other
// version Clauses returns an error, as it does when the file is wrong. The
// caller owns the slice.
func Clauses(version string) ([]Clause, error) {
	if version != "3.1.1" && version != "5.0" {
		return nil, errors.New("testdata: no clauses of version " + strconv.Quote(version))
	}
	return loadClauses(version+".jsonl", func(c *Clause) (string, string) {
		switch {
		case !oneLine(c.Text):
			return c.ID, "text is empty or more than a line"
		case c.Section == "":
			return c.ID, "no section"
		case c.Version != version:
			return c.ID, "not of this file's version"
		case !slices.Contains([]string{"codec", "client", "server", "both"}, c.Who):
			return c.ID, "unknown who"
		case !knownLayer(c.Layer) || c.Layer == LayerExplains:
			return c.ID, "unknown layer"
		}
		return c.ID, ""
	})
}

// ErrorRules returns every error rule of 5.0, in the order of its text: 138. It
// returns an error when the file is wrong. The caller owns the slice.
func ErrorRules() ([]ErrorRule, error) {
	clauses, err := Clauses("5.0")
	if err != nil {
		return nil, err
	}
	return loadClauses("5.0-errors.jsonl", func(r *ErrorRule) (string, string) {
		switch {
		case !oneLine(r.Text):
			return r.ID, "text is empty or more than a line"
		case r.Section == "" || !strings.HasPrefix(r.ID, "E-"+r.Section+"/"):
			return r.ID, "no section, or not that of the id"
		case r.Clause != "" && !slices.ContainsFunc(clauses, func(c Clause) bool { return c.ID == r.Clause }):
			return r.ID, "no such clause"
		case !knownLayer(r.Layer):
			return r.ID, "unknown layer"
		case (r.Reason != 0) != (r.Layer == LayerCodec):
			return r.ID, "a reason is for layer codec, and for no other"
		}
		return r.ID, ""
	})
}

// NoBytes returns the rules of LayerCodec that no packet's bytes can break. It
// returns an error when the file is wrong, also when a line excuses a rule that
// does not exist or is of another layer. The caller owns the slice.
func NoBytes() ([]NoBytesRule, error) {
	codec, err := ofLayer(LayerCodec)
	if err != nil {
		return nil, err
	}
	return loadClauses("no-bytes.jsonl", func(n *NoBytesRule) (string, string) {
		key := n.Version + " " + n.ID
		switch {
		case !oneLine(n.Why):
			return key, "why is empty or more than a line"
		case n.ShownBy != "" && n.ShownBy != "valid":
			return key, "unknown shownBy"
		case !codec[key]:
			return key, "no such rule of layer codec"
		}
		return key, ""
	})
}

// NoConversationRule excuses a Clause or an ErrorRule of LayerState from having
// a conversation, a line of clauses/no-conversation.jsonl.
type NoConversationRule struct {
	ID      string `json:"id"`
	Version string `json:"version"` // "3.1.1" or "5.0"; the same ID is another rule in the other version
	Why     string `json:"why"`     // why what one end sees cannot show it
}

// NoConversation returns the rules of LayerState that no conversation shows. It
// returns an error when the file is wrong, also when a line excuses a rule that
// does not exist or is of another layer. The caller owns the slice.
func NoConversation() ([]NoConversationRule, error) {
	state, err := ofLayer(LayerState)
	if err != nil {
		return nil, err
	}
	return loadClauses("no-conversation.jsonl", func(n *NoConversationRule) (string, string) {
		key := n.Version + " " + n.ID
		switch {
		case !oneLine(n.Why):
			return key, "why is empty or more than a line"
		case !state[key]:
			return key, "no such rule of layer state"
		}
		return key, ""
	})
}

// ofLayer returns the rules of a layer, by version and id.
func ofLayer(layer string) (map[string]bool, error) {
	of := map[string]bool{}
	for _, version := range []string{"3.1.1", "5.0"} {
		clauses, err := Clauses(version)
		if err != nil {
			return nil, err
		}
		for _, c := range clauses {
			of[version+" "+c.ID] = c.Layer == layer
		}
	}
	rules, err := ErrorRules()
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		of["5.0 "+r.ID] = r.Layer == layer
	}
	return of, nil
}

// loadClauses reads a file of the clauses directory, as readLines does.
func loadClauses[T any](file string, check func(*T) (key, wrong string)) ([]T, error) {
	data, err := clauseFiles.ReadFile("clauses/" + file)
	if err != nil {
		return nil, err
	}
	return readLines(data, "clauses/"+file, check)
}

// readLines reads a file of the name given, a T a line. check returns what
// identifies a T among the lines of its file, and what is wrong with it.
func readLines[T any](data []byte, file string, check func(*T) (key, wrong string)) ([]T, error) {
	var all []T
	seen := map[string]bool{}
	line := 0
	for text := range bytes.Lines(data) {
		line++
		var t T
		key, wrong := "", ""
		if err := decodeStrict(text, &t); err != nil {
			wrong = err.Error()
		} else if key, wrong = check(&t); wrong == "" && key == "" {
			wrong = "no id"
		} else if wrong == "" && seen[key] {
			wrong = "id given twice"
		}
		if wrong != "" {
			if key != "" {
				wrong = key + ": " + wrong
			}
			return nil, errors.New("testdata: " + file + ":" + strconv.Itoa(line) + ": " + wrong)
		}
		seen[key] = true
		all = append(all, t)
	}
	return all, nil
}

func oneLine(s string) bool { return s != "" && !strings.ContainsAny(s, "\r\n") }

func knownLayer(s string) bool {
	switch s {
	case LayerCodec, LayerState, LayerBroker, LayerClient, LayerEnv, LayerExplains:
		return true
	}
	return false
}
