// Package mermaid reads the state diagrams of a package's README, so that its
// tests can hold the code to them. It is for tests alone.
package mermaid

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var arrow = regexp.MustCompile(`^\w+ --> `)

// Arrows returns the lines of the Mermaid diagram under a heading of
// README.md, sorted, without those from the start symbol. It ends the test
// where there is no such diagram.
func Arrows(tb testing.TB, heading string) []string {
	tb.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		tb.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## "+heading+"\n")
	_, section, _ = strings.Cut(section, "```mermaid\n")
	section, _, found := strings.Cut(section, "```")
	if !found {
		tb.Fatalf("no diagram under %q", heading)
	}
	var lines []string
	for line := range strings.Lines(section) {
		if line = strings.TrimSpace(line); arrow.MatchString(line) {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}
