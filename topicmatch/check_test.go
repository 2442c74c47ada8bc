package topicmatch_test

import (
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// as gives an Error the form that the checks return.
func as(e mqttwire.Error) error {
	if e == 0 {
		return nil
	}
	return e
}

func TestCheckName(t *testing.T) {
	for _, c := range []struct {
		clause string
		name   string
		err    mqttwire.Error
	}{
		{"MQTT-4.7.3-1", "", mqttwire.ErrTopicEmpty},
		{"MQTT-4.7.3-1", "a", 0},
		{"MQTT-4.7.3-2", "a\x00", mqttwire.ErrNUL},
		{"MQTT-4.7.3-3", strings.Repeat("a", 65535), 0},
		{"MQTT-4.7.3-3", strings.Repeat("a", 65536), mqttwire.ErrTopicTooLong},
		{"MQTT-4.7.3-3", strings.Repeat("é", 32767) + "aa", mqttwire.ErrTopicTooLong}, // bytes, not characters
		{"MQTT-4.7.0-1", "a/+", mqttwire.ErrTopicWildcard},
		{"MQTT-4.7.0-1", "#", mqttwire.ErrTopicWildcard},
		{"MQTT-4.7.0-1", "a+b/long enough for two words", mqttwire.ErrTopicWildcard},
		{"MQTT-1.5.4-1", "a/\xed\xa0\x80", mqttwire.ErrUTF8},
		{"MQTT-1.5.4-1", "+\xff", mqttwire.ErrUTF8},
		{"MQTT-1.5.4-3", "\ufeffa", 0},
		{"§4.7.1.1", "/", 0},
		{"§4.7.1.1", "//a//", 0},
		{"§4.7.3", "Accounts payable", 0},
		{"§4.7.2", "$SYS/uptime", 0},
		{"§4.8.2", "$share/g/a", 0},
	} {
		if err := topicmatch.CheckName(c.name); err != as(c.err) {
			t.Errorf("%s: CheckName(%.40q): %v, want %v", c.clause, c.name, err, as(c.err))
		}
		if err := topicmatch.CheckName([]byte(c.name)); err != as(c.err) {
			t.Errorf("%s: CheckName of bytes %.40q: %v, want %v", c.clause, c.name, err, as(c.err))
		}
	}
}

func TestCheckFilter(t *testing.T) {
	for _, c := range []struct {
		clause       string
		filter       string
		err          mqttwire.Error // of CheckFilter
		subscription mqttwire.Error // of CheckSubscription
	}{
		{"MQTT-4.7.3-1", "", mqttwire.ErrTopicEmpty, mqttwire.ErrTopicEmpty},
		{"MQTT-4.7.3-2", "\x00", mqttwire.ErrNUL, mqttwire.ErrNUL},
		{"MQTT-4.7.3-3", strings.Repeat("/", 65535), 0, 0},
		{"MQTT-4.7.3-3", strings.Repeat("/", 65536), mqttwire.ErrTopicTooLong, mqttwire.ErrTopicTooLong},
		{"MQTT-4.7.3-3", "$share/g/" + strings.Repeat("/", 65526), 0, 0},
		{"MQTT-4.7.3-3", "$share/g/" + strings.Repeat("/", 65527), mqttwire.ErrTopicTooLong, mqttwire.ErrTopicTooLong},
		{"MQTT-4.7.1-1", "#", 0, 0},
		{"MQTT-4.7.1-1", "sport/tennis/#", 0, 0},
		{"MQTT-4.7.1-1", "sport/tennis#", mqttwire.ErrMultiLevelWildcard, mqttwire.ErrMultiLevelWildcard},
		{"MQTT-4.7.1-1", "sport/tennis/#/ranking", mqttwire.ErrMultiLevelWildcard, mqttwire.ErrMultiLevelWildcard},
		{"MQTT-4.7.1-1", "##", mqttwire.ErrMultiLevelWildcard, mqttwire.ErrMultiLevelWildcard},
		{"MQTT-4.7.1-1", "#a", mqttwire.ErrMultiLevelWildcard, mqttwire.ErrMultiLevelWildcard},
		{"MQTT-4.7.1-2", "+", 0, 0},
		{"MQTT-4.7.1-2", "+/tennis/#", 0, 0},
		{"MQTT-4.7.1-2", "sport/+/player1", 0, 0},
		{"MQTT-4.7.1-2", "/+", 0, 0},
		{"MQTT-4.7.1-2", "sport+", mqttwire.ErrSingleWildcard, mqttwire.ErrSingleWildcard},
		{"MQTT-4.7.1-2", "+sport", mqttwire.ErrSingleWildcard, mqttwire.ErrSingleWildcard},
		{"MQTT-4.7.1-2", "++", mqttwire.ErrSingleWildcard, mqttwire.ErrSingleWildcard},
		{"MQTT-1.5.4-1", "a+/\xff", mqttwire.ErrUTF8, mqttwire.ErrUTF8},
		{"MQTT-4.8.2-1", "$share//a", 0, mqttwire.ErrShareName},
		{"MQTT-4.8.2-1", "$share/", 0, mqttwire.ErrShareName},
		{"MQTT-4.8.2-2", "$share/g", 0, mqttwire.ErrShareFilter},
		{"MQTT-4.8.2-2", "$share/g/", 0, mqttwire.ErrShareFilter},
		{"MQTT-4.8.2-2", "$share/+/a", 0, mqttwire.ErrShareWildcard},
		{"MQTT-4.8.2-2", "$share/#", 0, mqttwire.ErrShareWildcard},
		{"MQTT-4.8.2-2", "$share/a+/b", mqttwire.ErrSingleWildcard, mqttwire.ErrShareWildcard},
		{"MQTT-4.8.2-2", "$share/g//finance", 0, 0},
		{"MQTT-4.8.2-2", "$share/g/#", 0, 0},
		{"MQTT-4.8.2-2", "$share/g/a#", mqttwire.ErrMultiLevelWildcard, mqttwire.ErrMultiLevelWildcard},
		{"§4.8.2", "$share", 0, 0},
		{"§4.8.2", "$Share//a", 0, 0},
	} {
		if err := topicmatch.CheckFilter(c.filter); err != as(c.err) {
			t.Errorf("%s: CheckFilter(%.40q): %v, want %v", c.clause, c.filter, err, as(c.err))
		}
		if err := topicmatch.CheckFilter([]byte(c.filter)); err != as(c.err) {
			t.Errorf("%s: CheckFilter of bytes %.40q: %v, want %v", c.clause, c.filter, err, as(c.err))
		}
		if err := topicmatch.CheckSubscription(c.filter); err != as(c.subscription) {
			t.Errorf("%s: CheckSubscription(%.40q): %v, want %v", c.clause, c.filter, err, as(c.subscription))
		}
		if err := topicmatch.CheckSubscription([]byte(c.filter)); err != as(c.subscription) {
			t.Errorf("%s: CheckSubscription of bytes %.40q: %v, want %v", c.clause, c.filter, err, as(c.subscription))
		}
	}
}

func TestSplitShared(t *testing.T) {
	for _, c := range []struct {
		filter, group, inner string
		shared, ok           bool
	}{
		{"a/b", "", "", false, false},
		{"", "", "", false, false},
		{"$share", "", "", false, false},
		{"$share/", "", "", true, false},
		{"$share/g", "g", "", true, false},
		{"$share/g/", "g", "", true, false},
		{"$share/g/a/b", "g", "a/b", true, true},
		{"$share/g//finance", "g", "/finance", true, true},
		{"$share//a", "", "a", true, true},
	} {
		group, inner, ok := topicmatch.SplitShared(c.filter)
		if topicmatch.IsShared(c.filter) != c.shared || group != c.group || inner != c.inner || ok != c.ok {
			t.Errorf("%q: shared %v; %q, %q, %v, want %+v", c.filter, topicmatch.IsShared(c.filter), group, inner, ok, c)
		}
		g, i, ok := topicmatch.SplitShared([]byte(c.filter))
		if topicmatch.IsShared([]byte(c.filter)) != c.shared || string(g) != c.group || string(i) != c.inner || ok != c.ok {
			t.Errorf("bytes of %q: %q, %q, %v, want %+v", c.filter, g, i, ok, c)
		}
	}
}

func TestCheckAllocatesNothing(t *testing.T) {
	for _, s := range []string{"sensors/room-12/temp", "$share/g/a/+/#", "bad\xff", "a#"} {
		if n := testing.AllocsPerRun(10, func() {
			sinkError = topicmatch.CheckName(s)
			sinkError = topicmatch.CheckFilter(s)
			sinkError = topicmatch.CheckSubscription(s)
			topicmatch.SplitShared(s)
		}); n != 0 {
			t.Errorf("%q: %v allocations", s, n)
		}
	}
}

var sinkError error
