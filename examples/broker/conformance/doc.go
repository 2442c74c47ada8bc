// Package conformance has this project's broker judged by package conformance,
// and holds it to what the standards leave open and it has decided.
package conformance
