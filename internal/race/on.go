//go:build race

// Package race tells tests whether the race detector is on: it makes programs several
// times slower, and sync.Pool forget things at random.
package race

// Enabled reports whether the race detector is on.
const Enabled = true
