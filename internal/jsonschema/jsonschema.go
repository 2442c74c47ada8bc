// Package jsonschema checks JSON against the part of JSON Schema (draft
// 2020-12) that testdata/schema.json uses, for tests: $ref within the file, type,
// const, enum, pattern, minLength, minimum, maximum, properties, required,
// additionalProperties false, items, minItems, maxItems, anyOf and oneOf. A
// schema with any other keyword is refused, so that none is passed over.
package jsonschema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Schema is a schema file. It may be used by several goroutines at a time.
type Schema struct {
	root     map[string]any
	patterns map[string]*regexp.Regexp
}

// Parse reads a schema file. The error says what is wrong with it, or that it
// uses what this package does not know.
func Parse(data []byte) (*Schema, error) {
	v, err := decode(data)
	if err != nil {
		return nil, err
	}
	root, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("the schema is no object")
	}
	s := &Schema{root, map[string]*regexp.Regexp{}}
	return s, s.learn("#", root)
}

// Check returns what is wrong with a JSON value by the definition of a name
// among $defs, nil where nothing is.
func (s *Schema) Check(def string, data []byte) error {
	v, err := decode(data)
	if err != nil {
		return err
	}
	schema, ok := s.resolve("#/$defs/" + def)
	if !ok {
		return errors.New("no definition of " + strconv.Quote(def))
	}
	return s.check("", schema, v)
}

// decode reads one JSON value, with its numbers as they are written.
func decode(data []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

// learn checks a schema and all that are in it.
func (s *Schema) learn(at string, schema any) error {
	if _, ok := schema.(bool); ok {
		return nil
	}
	m, ok := schema.(map[string]any)
	if !ok {
		return errors.New(at + ": no schema")
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if err := s.learnKey(at+"/"+key, key, m[key]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Schema) learnKey(at, key string, v any) error {
	switch key {
	case "$schema", "title", "description", "const":
		return nil
	case "$ref":
		ref, _ := v.(string)
		if _, ok := s.resolve(ref); !ok {
			return errors.New(at + ": nothing at " + ref)
		}
		return nil
	case "type":
		if name, _ := v.(string); slices.Contains([]string{"object", "array", "string", "integer"}, name) {
			return nil
		}
	case "pattern":
		text, _ := v.(string)
		re, err := regexp.Compile(text)
		s.patterns[text] = re
		return err
	case "minLength", "minItems", "maxItems", "minimum", "maximum":
		if n, ok := v.(json.Number); ok && number(n) != nil {
			return nil
		}
	case "enum", "required":
		if list, ok := v.([]any); ok && len(list) != 0 {
			return nil
		}
	case "additionalProperties":
		if v == false {
			return nil
		}
	case "items":
		return s.learn(at, v)
	case "properties", "$defs":
		if m, ok := v.(map[string]any); ok {
			for _, name := range slices.Sorted(maps.Keys(m)) {
				if err := s.learn(at+"/"+name, m[name]); err != nil {
					return err
				}
			}
			return nil
		}
	case "anyOf", "oneOf":
		if list, ok := v.([]any); ok && len(list) != 0 {
			for i, x := range list {
				if err := s.learn(at+"/"+strconv.Itoa(i), x); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return errors.New(at + ": not known to this package")
}

// resolve finds what a $ref within the file stands for.
func (s *Schema) resolve(ref string) (any, bool) {
	path, ok := strings.CutPrefix(ref, "#/")
	var at any = s.root
	for name := range strings.SplitSeq(path, "/") {
		m, isMap := at.(map[string]any)
		if !ok || !isMap {
			return nil, false
		}
		at, ok = m[name]
	}
	return at, ok
}

// number returns an integer, nil for what is none.
func number(n json.Number) *big.Int {
	i, ok := new(big.Int).SetString(n.String(), 10)
	if !ok {
		return nil
	}
	return i
}

// check returns what is wrong with v by a schema, and where.
func (s *Schema) check(at string, schema, v any) error {
	if ok, is := schema.(bool); is {
		if !ok {
			return errors.New(at + ": may not be there")
		}
		return nil
	}
	m := schema.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if err := s.checkKey(at, key, m[key], m, v); err != nil {
			return err
		}
	}
	return nil
}

func (s *Schema) checkKey(at, key string, want any, schema map[string]any, v any) error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%s: "+format, append([]any{at}, args...)...)
	}
	text, isText := v.(string)
	list, isList := v.([]any)
	object, isObject := v.(map[string]any)
	n, isNumber := v.(json.Number)
	switch key {
	case "$ref":
		to, _ := s.resolve(want.(string))
		return s.check(at, to, v)
	case "type":
		is := map[string]bool{"object": isObject, "array": isList, "string": isText, "integer": isNumber && number(n) != nil}
		if !is[want.(string)] {
			return wrong("%v is not of type %v", v, want)
		}
	case "const":
		if !reflect.DeepEqual(want, v) {
			return wrong("%v is not %v", v, want)
		}
	case "enum":
		if !slices.ContainsFunc(want.([]any), func(x any) bool { return reflect.DeepEqual(x, v) }) {
			return wrong("%v is none of %v", v, want)
		}
	case "pattern":
		if isText && !s.patterns[want.(string)].MatchString(text) {
			return wrong("%q does not match %v", text, want)
		}
	case "minLength":
		if isText && less(utf8.RuneCountInString(text), want) {
			return wrong("%q is too short", text)
		}
	case "minimum":
		if isNumber && number(n) != nil && number(n).Cmp(number(want.(json.Number))) < 0 {
			return wrong("%v is below %v", n, want)
		}
	case "maximum":
		if isNumber && number(n) != nil && number(n).Cmp(number(want.(json.Number))) > 0 {
			return wrong("%v is above %v", n, want)
		}
	case "minItems":
		if isList && less(len(list), want) {
			return wrong("fewer than %v items", want)
		}
	case "maxItems":
		if isList && number(want.(json.Number)).Cmp(big.NewInt(int64(len(list)))) < 0 {
			return wrong("more than %v items", want)
		}
	case "items":
		for i, x := range list {
			if err := s.check(at+"/"+strconv.Itoa(i), want, x); err != nil {
				return err
			}
		}
	case "required":
		for _, name := range want.([]any) {
			if _, ok := object[name.(string)]; isObject && !ok {
				return wrong("no %v", name)
			}
		}
	case "properties":
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if x, ok := want.(map[string]any)[name]; ok {
				if err := s.check(at+"/"+name, x, object[name]); err != nil {
					return err
				}
			}
		}
	case "additionalProperties":
		known, _ := schema["properties"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if _, ok := known[name]; !ok {
				return wrong("%q is not known", name)
			}
		}
	case "anyOf", "oneOf":
		var errs []error
		for _, x := range want.([]any) {
			if err := s.check(at, x, v); err != nil {
				errs = append(errs, err)
			}
		}
		switch fit := len(want.([]any)) - len(errs); {
		case fit == 0:
			return wrong("none of %s: %w", key, errors.Join(errs...))
		case fit > 1 && key == "oneOf":
			return wrong("%d of oneOf", fit)
		}
	}
	return nil
}

func less(n int, than any) bool { return big.NewInt(int64(n)).Cmp(number(than.(json.Number))) < 0 }
