package access

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// b64 returns n bytes as the file has them.
func b64(n int) string { return base64.RawStdEncoding.EncodeToString(bytes.Repeat([]byte("s"), n)) }

// entry returns a hash as the file has it, which no password is known for.
func entry(iterations string) string {
	return "$pbkdf2-sha512$i=" + iterations + "$" + b64(16) + "$" + b64(64)
}

// testLine is HashPassword with so few iterations that a test can use many.
func testLine(t testing.TB, name, password string, iterations int) string {
	t.Helper()
	line, err := hashPassword(name, []byte(password), iterations)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func TestCheck(t *testing.T) {
	long := strings.Repeat("p", maxPassword)
	file := "# users\n\n" +
		testLine(t, "alice", "secret", MinIterations) + "\r\n" +
		"\t" + strings.Replace(testLine(t, "bob", "other", MinIterations+1), ":", ":!", 1) + "  \n" +
		testLine(t, "Zoë van Æ/+#", "\x00\xff", MinIterations) + "\n" +
		testLine(t, "long", long, MinIterations)
	users, line, err := ParseUsers([]byte(file))
	if err != nil || line != 0 || users.Len() != 4 {
		t.Fatalf("%d users, line %d, %v", users.Len(), line, err)
	}
	for _, tt := range []struct {
		name, password string
		want           Result
	}{
		{"alice", "secret", OK},
		{"alice", "secret\x00", Wrong}, // HMAC does not tell it from "secret"
		{"alice", "Secret", Wrong},
		{"alice", "", Wrong},
		{"alice", "other", Wrong},
		{"alice", long, Wrong},
		{"bob", "other", Locked},
		{"bob", "secret", Wrong},
		{"bob", "", Wrong},
		{"Zoë van Æ/+#", "\x00\xff", OK},
		{"long", long, OK},
		{"long", long[1:], Wrong},
		{"Alice", "secret", Unknown},
		{"alice ", "secret", Unknown},
		{"", "", Unknown},
		{"", "secret", Unknown},
		{"# users", "secret", Unknown},
		{"\xff\x00", "secret", Unknown},
	} {
		if got := users.Check(tt.name, []byte(tt.password)); got != tt.want {
			t.Errorf("Check(%q, %.10q) = %v, want %v", tt.name, tt.password, got, tt.want)
		}
	}
}

// What HashPassword makes is what Check takes, and no two are alike.
func TestHashPassword(t *testing.T) {
	line, err := HashPassword("alice", []byte("secret"))
	if err != nil || !strings.HasPrefix(line, "alice:$pbkdf2-sha512$i=210000$") || strings.Contains(line, "\n") {
		t.Fatalf("%q, %v", line, err)
	}
	users, _, err := ParseUsers([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	if got := users.Check("alice", []byte("secret")); got != OK {
		t.Error(got)
	}
	if a, b := testLine(t, "a", "p", MinIterations), testLine(t, "a", "p", MinIterations); a == b {
		t.Error("the same salt twice")
	}
	for _, tt := range []struct {
		name, password string
		want           error
	}{
		{"", "p", ErrName},
		{"a:b", "p", ErrName},
		{"a\nb", "p", ErrName},
		{"a\tb", "p", ErrName},
		{"#a", "p", ErrName},
		{" a", "p", ErrName},
		{"a ", "p", ErrName},
		{"a\u00a0b", "p", ErrName},
		{"\ufeffa", "p", ErrName},
		{"a\u202eb", "p", ErrName},
		{"a\xff", "p", ErrName},
		{"a\x00", "p", ErrName},
		{strings.Repeat("a", MaxName+1), "p", ErrName},
		{"a", "", ErrPassword},
		{"a", "\x00", ErrPassword},
		{"a", "p\x00", ErrPassword},
		{"a", strings.Repeat("p", maxPassword+1), ErrPassword},
	} {
		if line, err := hashPassword(tt.name, []byte(tt.password), MinIterations); err != tt.want || line != "" {
			t.Errorf("%.20q: %q, %v; want %v", tt.name, line, err, tt.want)
		}
	}
	testLine(t, strings.Repeat("a", MaxName), "p", MinIterations)
	testLine(t, "a b#", "p", MinIterations)
}

// knownLine is of another implementation of PBKDF2, Python's hashlib.
const knownLine = "alice:$pbkdf2-sha512$i=1000$AAECAwQFBgcICQoLDA0ODw" +
	"$Xpx07WjVx4vCIvrmBRj8uOoVVtGqJqtUv2J5bhizSQs7osCteF7W4A61dZDqSIqQjO+dxO6p5FT/Uy7QRBXSXA"

func TestKnownHash(t *testing.T) {
	users, _, err := ParseUsers([]byte(knownLine))
	if err != nil {
		t.Fatal(err)
	}
	if got := users.Check("alice", []byte("correct horse")); got != OK {
		t.Error(got)
	}
}

func TestParseUsersRefused(t *testing.T) {
	good := entry("210000")
	swap := func(old, new string) string { return "a:" + strings.Replace(good, old, new, 1) }
	for _, tt := range []struct {
		name, file string
		line       int
		want       error
	}{
		{"no colon", "alice", 1, ErrLine},
		{"hash alone", good, 1, ErrLine},
		{"no name", ":" + good, 1, ErrName},
		{"colon in the name", "a:b:" + good, 1, ErrName},
		{"colon at its end", "a::" + good, 1, ErrName},
		{"space before the colon", "a :" + good, 1, ErrName},
		{"byte order mark", "\ufeffa:" + good, 1, ErrName},
		{"carriage return in the name", "a\rb:" + good, 1, ErrName},
		{"name not UTF-8", "\xff:" + good, 1, ErrName},
		{"name too long", strings.Repeat("a", MaxName+1) + ":" + good, 1, ErrName},
		{"third line", "\n# a\nb", 3, ErrLine},
		{"last line", "a:" + good + "\nb:" + good + "\nc:\n", 3, ErrHash},
		{"no hash", "a:", 1, ErrHash},
		{"locked, no hash", "a:!", 1, ErrHash},
		{"password in clear", "a:secret", 1, ErrHash},
		{"locked twice", "a:!!" + good, 1, ErrHash},
		{"space after the colon", "a: " + good, 1, ErrHash},
		{"comment after it", "a:" + good + " # b", 1, ErrHash},
		{"of mosquitto", "a:$7$101$" + b64(12) + "$" + b64(64), 1, ErrHash},
		{"other scheme", swap("sha512", "sha256"), 1, ErrHash},
		{"no i=", swap("i=", ""), 1, ErrHash},
		{"no hash part", "a:" + good[:strings.LastIndex(good, "$")], 1, ErrHash},
		{"a part too many", "a:" + good + "$", 1, ErrHash},
		{"no iterations", swap("210000", ""), 1, ErrHash},
		{"sign", swap("210000", "+210000"), 1, ErrHash},
		{"leading zero", swap("210000", "0210000"), 1, ErrHash},
		{"underscore", swap("210000", "210_000"), 1, ErrHash},
		{"overflow", swap("210000", "99999999999999999999"), 1, ErrHash},
		{"negative", swap("210000", "-210000"), 1, ErrIterations},
		{"zero", swap("210000", "0"), 1, ErrIterations},
		{"too few", swap("210000", "999"), 1, ErrIterations},
		{"too many", swap("210000", "2000001"), 1, ErrIterations},
		{"salt too short", swap(b64(16), b64(15)), 1, ErrHash},
		{"salt too long", swap(b64(16), b64(65)), 1, ErrHash},
		{"salt padded", swap(b64(16), b64(16)+"=="), 1, ErrHash},
		{"salt with bits too many", swap(b64(16), b64(16)[:21]+"x"), 1, ErrHash},
		{"carriage return in the salt", swap(b64(16), "\r"+b64(16)), 1, ErrHash},
		{"key too short", swap(b64(64), b64(63)), 1, ErrHash},
		{"key too long", swap(b64(64), b64(65)), 1, ErrHash},
		{"key of other letters", swap(b64(64), strings.Repeat("_", 86)), 1, ErrHash},
		{"twice", "a:" + good + "\nb:" + good + "\na:!" + good, 3, ErrTwice},
	} {
		if users, line, err := ParseUsers([]byte(tt.file)); users != nil || line != tt.line || err != tt.want {
			t.Errorf("%s: line %d, %v; want line %d, %v", tt.name, line, err, tt.line, tt.want)
		}
	}
	for _, file := range []string{"", "\n", " \t\r\n#", "#" + good} {
		if users, line, err := ParseUsers([]byte(file)); users.Len() != 0 || line != 0 || err != nil {
			t.Errorf("%q: line %d, %v", file, line, err)
		}
	}
	for _, good := range []string{entry("1000"), entry("2000000"), strings.Replace(good, b64(16), b64(64), 1)} {
		if users, line, err := ParseUsers([]byte("a:" + good)); users.Len() != 1 || line != 0 || err != nil {
			t.Errorf("%q: line %d, %v", good, line, err)
		}
	}
}

// Whoever asks, the same number of iterations is spent.
func TestSameWork(t *testing.T) {
	mixed, _, err := ParseUsers([]byte("a:" + entry("1000") + "\nb:!" + entry("7000") + "\nc:" + entry("5000")))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		users *Users
		want  int
	}{{mixed, 7000}, {&Users{}, DefaultIterations}} {
		for _, name := range []string{"a", "b", "c", "d", ""} {
			who, known, rest := tt.users.work(name)
			if got := who.iterations + rest; got != tt.want || rest < 0 || known != (tt.users.byName[name].iterations > 0) {
				t.Errorf("%q: %d iterations, known %v; want %d", name, got, known, tt.want)
			}
			if len(who.salt) < saltSize {
				t.Errorf("%q: a salt of %d bytes", name, len(who.salt))
			}
		}
	}
}

// Users who are shown to somebody by mistake keep their hashes to themselves.
func TestRedacted(t *testing.T) {
	users, _, err := ParseUsers([]byte(testLine(t, "alice", "secret", MinIterations)))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, x := range []any{users, *users} {
			if got := strings.Trim(fmt.Sprintf(verb, x), `"`); got != "[users redacted]" {
				t.Errorf("%s: %s", verb, got)
			}
		}
	}
}

func TestResults(t *testing.T) {
	seen := map[string]bool{"unknown result": true}
	for r := Unknown; r <= OK; r++ {
		if seen[r.String()] {
			t.Errorf("Result(%d) is %q", r, r)
		}
		seen[r.String()] = true
	}
	if got := Result(99).String(); got != "unknown result" {
		t.Error(got)
	}
	var zero Result
	if zero == OK {
		t.Error("the zero Result lets clients in")
	}
}

func TestErrors(t *testing.T) {
	seen := map[string]bool{"unknown error": true, "": true}
	for e := ErrLine; e <= ErrTwoNames; e++ {
		if seen[e.Error()] || strings.Contains(e.Error(), "\n") {
			t.Errorf("Error(%d) is %q", e, e)
		}
		seen[e.Error()] = true
	}
	for _, e := range []Error{0, ErrTwoNames + 1, 255} {
		if e.Error() != "unknown error" {
			t.Errorf("Error(%d) is %q", e, e)
		}
	}
}

// What is parsed is what was written, and nothing else would have been.
func FuzzParseUsers(f *testing.F) {
	f.Add([]byte("# users\n\nalice:" + entry("210000") + "\nbob:!" + entry("1000") + "\r\n"))
	f.Add([]byte("a:b:" + entry("210000")))
	f.Add([]byte("a:" + entry("99999999999999999999")))
	f.Add([]byte("a:$pbkdf2-sha512$i=1000$$"))
	f.Fuzz(func(t *testing.T, file []byte) {
		lines := bytes.Count(file, []byte("\n")) + 1
		users, line, err := ParseUsers(file)
		if err != nil {
			if _, typed := err.(Error); !typed || users != nil || line < 1 || line > lines {
				t.Fatalf("line %d of %d, %v", line, lines, err)
			}
			return
		}
		if line != 0 || users.Len() > lines {
			t.Fatalf("line %d, %d users in %d lines", line, users.Len(), lines)
		}
		for name, u := range users.byName {
			if !validName(name) || u.iterations < MinIterations || u.iterations > users.iterations || users.iterations > MaxIterations {
				t.Fatalf("%q with %d iterations of at most %d", name, u.iterations, users.iterations)
			}
			text := name + ":" + u.text()
			if u.locked {
				text = name + ":!" + u.text()
			}
			if !bytes.Contains(file, []byte(text)) {
				t.Fatalf("%q is not in the file", text)
			}
		}
	})
}
