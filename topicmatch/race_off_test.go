//go:build !race

package topicmatch_test

const raceDetector = false
