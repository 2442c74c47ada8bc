package keep

// An Error is what can be wrong with a Store, a Record or a [Batch].
type Error uint8

const (
	// ErrFull says that there is no room, and that nothing was written: what
	// waits for it may be tried again. A Store wraps it, with what is full.
	ErrFull Error = iota + 1
	// ErrMalformed says that bytes are no Record, or no Batch, of any version.
	ErrMalformed
	// ErrDamaged says that the bytes of a Batch are not those that were written:
	// the checksum does not fit.
	ErrDamaged
	// ErrVersion says that a Batch is of a later version of the format.
	ErrVersion
	// ErrKind says that a Record is of a kind that a later version has added.
	ErrKind
	// ErrTooLarge says that a field of a Record is longer than its form allows.
	ErrTooLarge
	// ErrGap says that Batches are missing between two that are there.
	ErrGap
)

var errorTexts = [...]string{
	ErrFull:      "the store is full, nothing was written",
	ErrMalformed: "malformed record",
	ErrDamaged:   "damaged: the checksum does not fit",
	ErrVersion:   "written by a later version: unknown format",
	ErrKind:      "written by a later version: unknown kind of record",
	ErrTooLarge:  "a field of the record is too long",
	ErrGap:       "records are missing",
}

// Error returns what is wrong.
func (e Error) Error() string {
	if int(e) < len(errorTexts) && errorTexts[e] != "" {
		return "keep: " + errorTexts[e]
	}
	return "keep: unknown error"
}
