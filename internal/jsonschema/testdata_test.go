package jsonschema_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire/internal/jsonschema"
)

// kinds says which definition of testdata/schema.json the lines of each file,
// or of each folder, are held to.
var kinds = map[string]string{
	"vectors":                       "vector",
	"conversations":                 "conversation",
	"errors.jsonl":                  "error",
	"clauses/3.1.1.jsonl":           "clause",
	"clauses/5.0.jsonl":             "clause",
	"clauses/5.0-errors.jsonl":      "errorRule",
	"clauses/no-bytes.jsonl":        "noBytes",
	"clauses/no-conversation.jsonl": "noConversation",
	"clauses/5.0-properties.jsonl":  "propertyRow",
}

const data = "../../testdata"

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(data, "schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := jsonschema.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDataKeepsSchema holds every line of every data file to the schema.
func TestDataKeepsSchema(t *testing.T) {
	s := schema(t)
	files, lines := 0, 0
	for _, pattern := range []string{"*.jsonl", "*/*.jsonl"} {
		names, err := filepath.Glob(filepath.Join(data, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files++
			rel, err := filepath.Rel(data, name)
			if err != nil {
				t.Fatal(err)
			}
			rel = filepath.ToSlash(rel)
			kind, ok := kinds[rel]
			if folder, _, _ := strings.Cut(rel, "/"); !ok {
				kind = kinds[folder]
			}
			n := 0
			for line := range bytes.Lines(b) {
				n++
				if err := s.Check(kind, line); err != nil {
					t.Errorf("%s:%d: %v", rel, n, err)
				}
			}
			lines += n
		}
	}
	if files < 30 || lines < 4000 {
		t.Errorf("%d lines of %d files", lines, files)
	}
}

// TestSchemaRefuses holds that the schema says what README.md says.
func TestSchemaRefuses(t *testing.T) {
	s := schema(t)
	good := "" // the line that those after it change
	for _, c := range []struct{ kind, good, was, is string }{
		{"vector", `{"name": "puback/x", "version": "5.0", "from": "either", "hex": "4003000780", "packet": {"type": "PUBACK", "packetId": 7, "code": "0x80"}}`, "", ""},
		{"vector", "", `"code": "0x80"`, `"code": 128`},
		{"vector", "", `"code": "0x80"`, `"code": "0x8"`},
		{"vector", "", `"code": "0x80"`, `"code": "0X80"`},
		{"vector", "", `"packetId": 7`, `"packetId": 0`},
		{"vector", "", `"packetId": 7`, `"topic": "t"`},
		{"vector", "", `4003000780`, `400300078`},
		{"vector", "", `4003000780`, `40030007AA`},
		{"vector", "", `"either"`, `"both"`},
		{"vector", "", `"5.0"`, `"5"`},
		{"vector", "", `"hex"`, `"hexadecimal"`},
		{"vector", "", `"from"`, `"error": "e", "reason": "0x81", "from"`},
		{"vector", "", `"from"`, `"answer": {"packet": "CONNACK", "code": "0x81"}, "from"`},
		{"vector", "", `"packet": {`, `"p": {`},
		{"vector", `{"name": "puback/x", "version": "5.0", "from": "either", "hex": "40", "error": "e", "reason": "0x81", "answer": {"packet": "DISCONNECT", "code": "0x81"}}`, "", ""},
		{"vector", "", `"reason": "0x81"`, `"reason": "0x01"`},
		{"vector", "", `, "reason": "0x81"`, ``},
		{"vector", "", `"error"`, `"canonical": "40", "error"`},
		{"vector", "", `DISCONNECT`, `PUBLISH`},
		{"conversation", `{"name": "a/b", "version": "5.0", "end": "client", "clauses": ["E-4.4/1"], "steps": [{"at": 5, "in": "c000", "out": "d000", "tell": [{"event": "rejected", "packetId": 1, "code": "0x97"}]}]}`, "", ""},
		{"conversation", "", `"at": 5`, `"at": -5`},
		{"conversation", "", `"out"`, `"says"`},
		{"conversation", "", `"rejected"`, `"delivered"`},
		{"conversation", "", `"rejected"`, `"will"`},
		{"conversation", "", `, "packetId": 1`, ``},
		{"conversation", "", `E-4.4/1`, `4.4.0-2`},
		{"conversation", "", `"steps": [`, `"steps": [], "x": [`},
	} {
		if c.good != "" {
			good = c.good
			if err := s.Check(c.kind, []byte(good)); err != nil {
				t.Errorf("%s: %v", good, err)
			}
			continue
		}
		bad := strings.Replace(good, c.was, c.is, 1)
		if bad == good || s.Check(c.kind, []byte(bad)) == nil {
			t.Errorf("taken: %s", bad)
		}
	}
}
