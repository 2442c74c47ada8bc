package keeplog_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire/internal/race"
	"github.com/mqttwire/mqttwire/internal/seeded"
)

// Every rule, broken on purpose, must be caught by a test. The bugs are edits of
// the sources of keep and keeplog, all in one build of the tests, each behind a
// condition: the packages have no trace of them.

// bug is one that a test catches, of keeplog or with "keep." before it of keep. The
// file is one of keeplog, or of keep with ../ before it.
func bug(name, by, file, old, new string) seeded.Bug {
	return seeded.New(name, file, old, new).CaughtBy(by)
}

var seededBugs = []seeded.Bug{
	bug("a Sync says yes after a no", "keep.TestFailedSyncIsFinal", "../journal.go", "		j.failed = err\n", "		if !SEEDED { j.failed = err }\n"),
	bug("full is for ever", "keep.TestFullIsTriedAgain", "../journal.go", "full := errors.Is(err, ErrFull);", "full := errors.Is(err, ErrFull) && !SEEDED;"),
	bug("a Sync covers what came while it ran", "keep.TestSyncCoversItsOwn", "../journal.go", "		j.synced.Store(want)\n", "		if SEEDED { want = j.appended.Load() }\n		j.synced.Store(want)\n"),

	bug("the body goes when it is sent", "keep.TestCompact", "../image.go", "			mail.stored = m.instead(mail.stored, e)\n", "			if SEEDED { m.void(mail.queued); mail.queued = nil }\n			mail.stored = m.instead(mail.stored, e)\n"),
	bug("the body goes when it is released", "keep.TestCompact", "../image.go", "			mail.released = m.instead(mail.released, e)\n", "			if SEEDED { m.void(mail.queued); mail.queued = nil }\n			mail.released = m.instead(mail.released, e)\n"),
	bug("the body goes with the first who is done with it", "keep.TestCompact", "../image.go", "	if e.refs > 1 { // what it takes", "	if SEEDED { e.refs = 1 }\n	if e.refs > 1 { // what it takes"),
	bug("the order is that of the newest place", "TestStoreCrashes", "../image.go", "	if e.place == 0 {\n", "	if e.place == 0 || SEEDED {\n"),
	bug("a copy forgets the first place", "TestOrderOfCopies", "../image.go", "	if rest.Place == 0 {\n", "	if rest.Place == 0 || SEEDED {\n"),
	bug("a copy is for those too who have had it", "TestStoreCrashes", "../image.go", "		if slices.ContainsFunc(r.To, gone) {\n			rest.To", "		if slices.ContainsFunc(r.To, gone) && !SEEDED {\n			rest.To"),
	bug("a copy forgets that it was accepted", "TestStoreCrashes", "../image.go", "		if r.Exchange.Change != 0 && !here(s.accepted[r.Exchange.ID]) {", "		if r.Exchange.Change != 0 && (SEEDED || !here(s.accepted[r.Exchange.ID])) {"),
	bug("a will stays after its end", "keep.TestCompact", "../image.go", "			m.void(s.will)\n			s.will = nil\n		}\n	case MessageQueued:", "			if !SEEDED { m.void(s.will); s.will = nil }\n		}\n	case MessageQueued:"),
	bug("a session's end leaves its subscriptions", "keep.TestImageCounts", "../image.go", "	for _, e := range s.subscriptions {\n", "	for _, e := range s.subscriptions {\n		if SEEDED { break }\n"),
	bug("a session that ends is still there", "keep.TestCompact", "../image.go", "	delete(m.sessions, client)\n", "	if !SEEDED { delete(m.sessions, client) }\n"),
	bug("an identifier is held for ever", "keep.TestCompact", "../image.go", "			delete(s.accepted, x.ID)\n", "			if SEEDED { return }\n			delete(s.accepted, x.ID)\n"),
	bug("a dead session gets messages", "keep.TestCompact", "../image.go", "	if r.Kind != MessageQueued || !slices", "	if SEEDED || r.Kind != MessageQueued || !slices"),
	bug("what is retained comes back", "keep.TestCompact", "../image.go", "		m.void(m.retained[topic])\n", "		if SEEDED && r.Kind == RetainedRemoved { break }\n		m.void(m.retained[topic])\n"),
	bug("a dropped message waits", "keep.TestCompact", "../image.go", "	case MessageDropped:\n", "	case MessageDropped:\n		if SEEDED { break }\n"),

	bug("the checksum leaves the head out", "keep.TestBatchFlipped", "../batch.go", "func batchChecksum(b []byte) uint32 {\n", "func batchChecksum(b []byte) uint32 {\n	if SEEDED { return crc32.Checksum(b[batchBody+2:], castagnoli) }\n"),
	bug("a later version is read as this", "keep.TestVectors", "../batch.go", "	case src[0] > batchVersion:\n", "	case src[0] > batchVersion && !SEEDED:\n"),
	bug("an unknown kind is passed over", "keep.TestVectors", "../wire.go", "		if !c.short {\n			return 0, ErrKind", "		if !c.short && !SEEDED {\n			return 0, ErrKind"),

	bug("purged before what voids it is durable", "TestStoreCrashes", "write.go", "	g := &s.group\n", "	g := &s.group\n	if SEEDED && g.dead > 0 { s.log.Purge(context.Background(), s.segments[g.dead-1].last+1) }\n"),
	bug("purged one segment too far", "TestStoreCrashes", "write.go", "s.doomed[len(s.doomed)-1].last+1)", "s.doomed[len(s.doomed)-1].last+1+either[uint64](SEEDED, 1, 0))"),
	bug("the cleaner copies nothing", "TestStoreCrashes", "clean.go", "				if rest, ok := s.image.Rest(x, number); ok {", "				if rest, ok := s.image.Rest(x, number); ok && !SEEDED {"),
	bug("the cleaner sleeps", "TestLogBound", "clean.go", "		if over <= 0 ||", "		if SEEDED || over <= 0 ||"),
	bug("the cleaner purges nothing", "TestLogBound", "write.go", "	if bytes == 0 ||", "	if SEEDED || bytes == 0 ||"),
	bug("a part is taken for the whole", "TestTornEnd", "read.go", "	return begins, !x.More, nil", "	return begins, !x.More || SEEDED, nil"),
	bug("a batch that is missing is not missed", "TestMissingBatches", "read.go", "x.First != r.next:", "x.First != r.next && !SEEDED:"),
	bug("the first that is missing is not missed", "TestMissingBatches", "store.go", "r.needs < r.begins {", "r.needs < r.begins && !SEEDED {"),
	bug("a group is split over two batches", "TestGroupIsOneBatch", "store.go", "func (s *Store) Begin() { s.groups.RLock() }", "func (s *Store) Begin() { if !SEEDED { s.groups.RLock() } }").And("store.go", "func (s *Store) End() { s.groups.RUnlock() }", "func (s *Store) End() { if !SEEDED { s.groups.RUnlock() } }"),
	bug("unknown is taken for done", "TestStoreCrashes", "write.go", "		if pos, err = s.log.Append(context.Background(), id, b); !errors", "		if pos, err = s.log.Append(context.Background(), id, b); SEEDED && errors.Is(err, ErrUnknown) { return pos, nil }\n		if !errors"),
	bug("unknown is not tried again", "TestStoreCrashes", "write.go", "	for range 1 + s.config.Unsure {\n", "	for range 1 + s.config.Unsure {\n		if SEEDED { return s.log.Append(context.Background(), id, b) }\n"),
	bug("what found no room is forgotten", "TestStoreCrashes", "write.go", "		if err != nil {\n			return err\n		}\n		g.rest", "		if err != nil {\n			if SEEDED { s.group = group{} }\n			return err\n		}\n		g.rest"),
	bug("what had no room is all that is written", "TestStoreCrashes", "write.go", "err != nil || !left {", "err != nil || !left || SEEDED {"),
	bug("a failed Sync is forgotten", "TestBrokenIsFinal", "store.go", "		s.failed = err\n", "		if !SEEDED { s.failed = err; }\n"),
	bug("numbers begin anew with each run", "TestStoreCrashes", "store.go", "	s.first = s.next\n", "	if SEEDED { s.next = 1 }\n	s.first = s.next\n"),
	bug("a record is not copied", "TestStore", "store.go", "	s.pending = b\n", "	s.pending = b\n	if SEEDED && r.Message != nil && len(r.Message.Payload) > 0 { s.pending[len(s.pending)-1] ^= 1 }\n"),
}

func TestSeededBugs(t *testing.T) {
	if testing.Short() || race.Enabled || os.Getenv(seeded.Env) != "" {
		t.Skip("builds the tests once more")
	}
	dir := t.TempDir()
	list, err := seeded.Plant(dir, ".", seededBugs, nil)
	if err != nil {
		t.Fatal(err)
	}
	programs := map[string]string{"keep": "..", "keeplog": "."}
	for name, pkg := range programs {
		programs[name] = filepath.Join(dir, name+".test")
		if out, err := exec.Command("go", "test", "-c", "-vet=off", "-overlay", list, "-o", programs[name], pkg).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	run := func(n int, by string) (out string, err error) {
		program, at := programs["keeplog"], "."
		if test, ok := strings.CutPrefix(by, "keep."); ok {
			program, at, by = programs["keep"], "..", test
		}
		c := exec.Command(program, "-test.run", "^("+by+")$", "-test.timeout", "60s")
		c.Dir, c.Env = at, append(os.Environ(), fmt.Sprint(seeded.Env, "=", n))
		b, err := c.CombinedOutput()
		return string(b), err
	}
	for n, b := range seededBugs {
		if out, err := run(n, b.Test); err == nil {
			t.Errorf("nothing catches it: %s\n%s", b.Name, out)
		} else if strings.Contains(out, "test timed out") {
			t.Errorf("it hangs: %s", b.Name)
		}
	}
	if out, err := run(len(seededBugs), "keep.TestCompact"); err != nil {
		t.Errorf("without a bug: %v: %s", err, out)
	}
}
