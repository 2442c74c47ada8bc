package jsonschema_test

import (
	"testing"

	"github.com/mqttwire/mqttwire/internal/jsonschema"
)

func TestKeywords(t *testing.T) {
	for _, c := range []struct{ schema, good, bad string }{
		{`{"type": "object"}`, `{}`, `[]`},
		{`{"type": "array"}`, `[]`, `{}`},
		{`{"type": "string"}`, `""`, `0`},
		{`{"type": "integer"}`, `-1`, `1.5`},
		{`{"const": true}`, `true`, `false`},
		{`{"const": 1}`, `1`, `"1"`},
		{`{"enum": ["a", 2]}`, `2`, `"2"`},
		{`{"pattern": "^0x[0-9a-f]{2}$"}`, `"0x8f"`, `"0x8F"`},
		{`{"minLength": 2}`, `"äö"`, `"ä"`},
		{`{"minimum": 1}`, `1`, `0`},
		{`{"maximum": 4294967295}`, `4294967295`, `4294967296`},
		{`{"minItems": 1}`, `[0]`, `[]`},
		{`{"maxItems": 1}`, `[0]`, `[0, 0]`},
		{`{"items": {"type": "string"}}`, `["a", "b"]`, `["a", 1]`},
		{`{"required": ["a"]}`, `{"a": null}`, `{"b": null}`},
		{`{"properties": {"a": {"minimum": 1}, "b": false}}`, `{"a": 1, "c": 0}`, `{"a": 0}`},
		{`{"properties": {"a": {"minimum": 1}, "b": false}}`, `{}`, `{"b": 1}`},
		{`{"properties": {"a": true}, "additionalProperties": false}`, `{"a": 1}`, `{"a": 1, "b": 1}`},
		{`{"anyOf": [{"minimum": 5}, {"maximum": 3}]}`, `3`, `4`},
		{`{"oneOf": [{"minimum": 3}, {"maximum": 5}]}`, `6`, `4`},
		{`{"oneOf": [{"minimum": 5}, {"maximum": 3}]}`, `3`, `4`},
		{`{"$ref": "#/$defs/y"}`, `"y"`, `"x"`},
	} {
		s, err := jsonschema.Parse([]byte(`{"$defs": {"y": {"const": "y"}, "x": ` + c.schema + `}}`))
		if err != nil {
			t.Errorf("%s: %v", c.schema, err)
			continue
		}
		if err := s.Check("x", []byte(c.good)); err != nil {
			t.Errorf("%s refuses %s: %v", c.schema, c.good, err)
		}
		if err := s.Check("x", []byte(c.bad)); err == nil {
			t.Errorf("%s takes %s", c.schema, c.bad)
		}
	}
}

// What this package does not know is refused, at any depth.
func TestUnknownKeywords(t *testing.T) {
	for _, schema := range []string{
		`[]`, `{} {}`,
		`{"not": {}}`,
		`{"type": "number"}`,
		`{"additionalProperties": {}}`,
		`{"items": {"uniqueItems": true}}`,
		`{"properties": {"a": {"format": "uri"}}}`,
		`{"$defs": {"a": {"minLength": "1"}}}`,
		`{"anyOf": [{"if": true}]}`,
		`{"pattern": "("}`,
		`{"$ref": "#/$defs/none"}`,
		`{"$ref": "other.json"}`,
	} {
		if _, err := jsonschema.Parse([]byte(schema)); err == nil {
			t.Errorf("%s is taken", schema)
		}
	}
}
