package command

import (
	"flag"

	"github.com/mqttwire/mqttwire/examples/broker/server"
)

// An Extension is a part that a program of another module adds to the broker, such
// as a Store. Its methods are called one after the other, in the order in which
// they stand here, each for all extensions in the order in which Run has them,
// except End, which is called in the reverse order.
type Extension interface {
	// Flags defines the settings of the extension, which -help shows and a
	// configuration file may have like all others. A name that is taken panics,
	// as that of a flag does.
	Flags(f *flag.FlagSet)
	// Configure is called when the settings are read, and agree with each other,
	// except for what only the extension knows of: then it returns an error that
	// names the flags. It may change c, whose Log is set, and open what it needs.
	// It is not called for -help and -hash-password.
	Configure(c *server.Config) error
	// Start is called when what the Store of c holds has been read back, before
	// the broker listens. It may give the server connections from then on.
	Start(s *server.Server) error
	// End is called when the server has shut down, or did not come to start, if
	// Configure returned no error.
	End() error
}
