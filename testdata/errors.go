package testdata

import (
	_ "embed"
	"slices"
	"strconv"
)

//go:embed errors.jsonl
var errorFile []byte

// ErrorText is what a peer can do wrong, by the text that stands for it in the
// Error of a Vector and of a Step, a line of errors.jsonl.
type ErrorText struct {
	Error string `json:"error"` // the text of the mqttwire.Error
	// Layer is LayerCodec where the bytes of one packet show it, and LayerState
	// where it takes what the connection or the session has seen.
	Layer string `json:"layer"`
	// Reason is the 5.0 Reason Code that stands for it, in every version.
	Reason Code `json:"reason"`
	// Clauses are the rules that it breaks, by "3.1", "3.1.1" and "5.0", where
	// the version has one: a conformance statement, or a section such as
	// "§3.2.2.1".
	Clauses map[string]string `json:"clauses"`
}

// Errors returns every text that an Error can be, those of LayerCodec in the
// order in which a packet is read. It returns an error when the file is wrong.
// The caller owns the slice.
func Errors() ([]ErrorText, error) {
	return readLines(errorFile, "errors.jsonl", func(e *ErrorText) (string, string) {
		switch {
		case !oneLine(e.Error):
			return e.Error, "error is empty or more than a line"
		case e.Layer != LayerCodec && e.Layer != LayerState:
			return e.Error, "layer is neither codec nor state"
		case e.Reason < 0x80:
			return e.Error, "reason is none of an error"
		case len(e.Clauses) == 0:
			return e.Error, "no clause"
		}
		for v := range e.Clauses {
			if !slices.Contains(versions, v) {
				return e.Error, "no version " + strconv.Quote(v)
			}
		}
		return e.Error, ""
	})
}

var versions = []string{"3.1", "3.1.1", "5.0"}
