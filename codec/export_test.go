package codec

// ResyncWork is Resync, and returns how many bytes it looked at.
var ResyncWork = resync
