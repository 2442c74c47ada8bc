package tokenauth_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The README names tests; each must exist.
func TestReadmeNamesTests(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, dir := range []string{".", "hmactoken", "../examples/broker/gate", "../examples/broker/server", "../examples/client/mqttclient"} {
		files, err := filepath.Glob(dir + "/*_test.go")
		if err != nil || files == nil {
			t.Fatalf("%s: no tests, %v", dir, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (\w+)\(`).FindAllSubmatch(source, -1) {
				there[string(m[1])] = true
			}
		}
	}
	_, table, _ := strings.Cut(string(text), "\n## Statement by statement\n")
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || strings.HasPrefix(cells[1], " **") || cells[1] == " statement " || cells[1] == "---" {
			continue
		}
		rows++
		names := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(cells[3], -1)
		if len(names) == 0 {
			t.Errorf("no test: %s", line)
		}
		for _, name := range names {
			if !there[name[1]] {
				t.Errorf("there is no %s", name[1])
			}
		}
	}
	if rows < 30 {
		t.Errorf("%d rows", rows)
	}
}
