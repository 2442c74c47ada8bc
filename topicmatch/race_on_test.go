//go:build race

package topicmatch_test

// The race detector makes sync.Pool forget things at random.
const raceDetector = true
