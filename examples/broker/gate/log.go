package gate

import (
	"context"
	"log/slog"

	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

// Discreet returns a handler that hands on what is logged without the tokens in
// it, wherever a client has put them, as [hmactoken.Redact] does.
func Discreet(h slog.Handler) slog.Handler { return discreet{h} }

type discreet struct{ slog.Handler }

func (d discreet) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, hmactoken.Redact(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(redact(a))
		return true
	})
	return d.Handler.Handle(ctx, clean)
}

func (d discreet) WithAttrs(attrs []slog.Attr) slog.Handler {
	return discreet{d.Handler.WithAttrs(redactAll(attrs))}
}

func (d discreet) WithGroup(name string) slog.Handler {
	return discreet{d.Handler.WithGroup(name)}
}

func redactAll(attrs []slog.Attr) []slog.Attr {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = redact(a)
	}
	return clean
}

func redact(a slog.Attr) slog.Attr {
	a.Value = a.Value.Resolve()
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(hmactoken.Redact(a.Value.String()))
	case slog.KindGroup:
		a.Value = slog.GroupValue(redactAll(a.Value.Group())...)
	case slog.KindAny:
		// As text only where there is something to hide: handlers have forms of
		// their own for what is not.
		text := a.Value.String()
		if clean := hmactoken.Redact(text); clean != text {
			a.Value = slog.StringValue(clean)
		}
	}
	return a
}
