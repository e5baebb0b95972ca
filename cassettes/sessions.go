package cassettes

import "context"

type sessionName struct{}

// WithSession returns the context of a request that belongs to the session with that name.
func WithSession(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, sessionName{}, name)
}

// SessionName returns the name that WithSession gave, or "": the request belongs to the one cassette of the run.
func SessionName(ctx context.Context) string {
	name, _ := ctx.Value(sessionName{}).(string)
	return name
}
