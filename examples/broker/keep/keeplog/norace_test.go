//go:build !race

package keeplog_test

const raceEnabled = false
