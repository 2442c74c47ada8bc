package command

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

// read reads a configuration file. What was given on the command line stays.
func (s *settings) read(f *flag.FlagSet, name string, given map[string]bool) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for key, raw := range all {
		if f.Lookup(key) == nil || key == "config" || key == "hash-password" {
			return fmt.Errorf("%s: there is no setting %q", name, key)
		}
		if given[key] {
			continue
		}
		values, err := valuesOf(raw)
		if _, several := f.Lookup(key).Value.(*list); err == nil && len(values) != 1 && !several {
			err = errors.New("one value is wanted")
		}
		if err != nil {
			return fmt.Errorf("%s: %q: %w", name, key, err)
		}
		if len(values) == 0 {
			values = []string{""} // an empty list
		}
		for _, v := range values {
			if err := f.Set(key, v); err != nil {
				return fmt.Errorf("%s: %q: %w", name, key, err)
			}
		}
	}
	for key := range all {
		given[key] = true
	}
	return nil
}

// valuesOf returns what a member of a configuration file says, as flags have it.
func valuesOf(raw json.RawMessage) (values []string, err error) {
	if json.Unmarshal(raw, &values) == nil && values != nil {
		return values, nil
	}
	var one any
	if err := json.Unmarshal(raw, &one); err != nil {
		return nil, err
	}
	switch one := one.(type) {
	case string:
		return []string{one}, nil
	case bool, float64:
		return []string{strings.TrimSpace(string(raw))}, nil
	}
	return nil, errors.New("neither a string, a number, true, false, nor a list of strings")
}
