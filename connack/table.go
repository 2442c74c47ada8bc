package connack

// codes has a row for each code that a version defines. Other is the code that
// stands for it in the other numbering, 0 where none does.
var codes = [...]struct {
	name, text string
	other      Code
	remedy     Remedy
}{
	Success: {"Success", "connection accepted", 0, Proceed},

	RefusedProtocolVersion:       {"unacceptable protocol version", "connection refused: unacceptable protocol version", UnsupportedProtocolVersion, ChangeVersion},
	RefusedIdentifier:            {"identifier rejected", "connection refused: client identifier rejected", ClientIdentifierNotValid, ChangeClientID},
	RefusedServerUnavailable:     {"Server unavailable", "connection refused: server unavailable", ServerUnavailable, Retry},
	RefusedBadUserNameOrPassword: {"bad user name or password", "connection refused: bad user name or password", BadUserNameOrPassword, ChangeCredentials},
	RefusedNotAuthorized:         {"not authorized", "connection refused: not authorized", NotAuthorized, ChangeCredentials},

	UnspecifiedError:            {"Unspecified error", "connection refused: unspecified error", 0, Retry},
	MalformedPacket:             {"Malformed Packet", "connection refused: malformed CONNECT packet", 0, GiveUp},
	ProtocolError:               {"Protocol Error", "connection refused: protocol error in the CONNECT packet", 0, GiveUp},
	ImplementationSpecificError: {"Implementation specific error", "connection refused: CONNECT not accepted by this server", 0, GiveUp},
	UnsupportedProtocolVersion:  {"Unsupported Protocol Version", "connection refused: unsupported protocol version", RefusedProtocolVersion, ChangeVersion},
	ClientIdentifierNotValid:    {"Client Identifier not valid", "connection refused: client identifier not valid", RefusedIdentifier, ChangeClientID},
	BadUserNameOrPassword:       {"Bad User Name or Password", "connection refused: bad user name or password", RefusedBadUserNameOrPassword, ChangeCredentials},
	NotAuthorized:               {"Not authorized", "connection refused: not authorized", RefusedNotAuthorized, ChangeCredentials},
	ServerUnavailable:           {"Server unavailable", "connection refused: server unavailable", RefusedServerUnavailable, Retry},
	ServerBusy:                  {"Server busy", "connection refused: server busy", RefusedServerUnavailable, Retry},
	Banned:                      {"Banned", "connection refused: client is banned", RefusedNotAuthorized, GiveUp},
	BadAuthenticationMethod:     {"Bad authentication method", "connection refused: bad authentication method", RefusedNotAuthorized, ChangeCredentials},
	TopicNameInvalid:            {"Topic Name invalid", "connection refused: will topic not accepted", 0, ChangeWill},
	PacketTooLarge:              {"Packet too large", "connection refused: CONNECT packet too large", 0, GiveUp},
	QuotaExceeded:               {"Quota exceeded", "connection refused: quota exceeded", RefusedServerUnavailable, Retry},
	PayloadFormatInvalid:        {"Payload format invalid", "connection refused: will payload is not in its format", 0, ChangeWill},
	RetainNotSupported:          {"Retain not supported", "connection refused: retained will not supported", 0, ChangeWill},
	QoSNotSupported:             {"QoS not supported", "connection refused: will QoS not supported", 0, ChangeWill},
	UseAnotherServer:            {"Use another server", "connection refused: use another server for now", RefusedServerUnavailable, ChangeServer},
	ServerMoved:                 {"Server moved", "connection refused: server has moved", RefusedServerUnavailable, ChangeServer},
	ConnectionRateExceeded:      {"Connection rate exceeded", "connection refused: connection rate exceeded", RefusedServerUnavailable, Retry},
}
