package cassettes

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/dnaeon/go-vcr.v3/cassette"

	"github.com/twilio-vcr/twilio-vcr/cassettes/redact"
)

// MaxBody is the longest body that is taken from a client or put on a tape, decoded: 10 MiB.
const MaxBody = 10 << 20

// ErrEncoding says that a body is compressed in a way that can't be undone, so it can't be redacted.
var ErrEncoding = errors.New("the body's Content-Encoding can't be decoded")

// ErrTooLong says that a body is longer than MaxBody.
var ErrTooLong = fmt.Errorf("the body is longer than %d MiB", MaxBody>>20)

// readBody reads and closes the body of a client's request.
func readBody(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	var body []byte
	var err error
	if n := req.ContentLength; n > 0 && n <= MaxBody { // nearly always: no more memory than it needs
		body = make([]byte, n)
		_, err = io.ReadFull(req.Body, body)
	} else {
		body, err = io.ReadAll(req.Body)
	}
	if err != nil {
		return nil, fmt.Errorf("read the request's body: %w", err)
	}
	return body, req.Body.Close()
}

// withBody returns req with body to be read once more.
func withBody(req *http.Request, body []byte) *http.Request {
	again := *req
	again.Body, again.ContentLength = http.NoBody, int64(len(body))
	if len(body) > 0 {
		// With GetBody a call is sent again where a kept connection turns out to be closed, and only there.
		again.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		again.Body, _ = again.GetBody()
	}
	return &again
}

// Identify reads the body of a client's request. It returns the match key of req, and req with its body to be read
// once more. The error is that of the body.
func Identify(policy *redact.Policy, req *http.Request) (Key, *http.Request, error) {
	body, err := readBody(req)
	if err != nil {
		return Key{}, nil, err
	}
	return Match{}.unredacted(policy, lookupRequest(req, body)), withBody(req, body), nil
}

// captureRequest returns req and its body as go-vcr's type. It shares nothing with req.
//
// A body that can't be decoded is an error that wraps ErrEncoding or ErrTooLong; the rest is returned
// with it, without the body.
func captureRequest(req *http.Request, body []byte) (cassette.Request, error) {
	c := cassette.Request{
		Proto:            req.Proto,
		ProtoMajor:       req.ProtoMajor,
		ProtoMinor:       req.ProtoMinor,
		ContentLength:    req.ContentLength,
		TransferEncoding: slices.Clone(req.TransferEncoding),
		Trailer:          req.Trailer.Clone(),
		Host:             req.Host,
		Headers:          req.Header.Clone(),
		URL:              req.URL.String(),
		Method:           req.Method,
	}
	if agent := c.Headers["User-Agent"]; len(agent) == 1 && agent[0] == "" {
		delete(c.Headers, "User-Agent") // ReverseProxy's mark for a request that had none
	}
	plain, err := decodeBody(body, c.Headers)
	if err != nil {
		return c, fmt.Errorf("request: %w", err)
	}
	c.Body = string(plain)
	c.ContentLength = int64(len(plain))
	setLength(c.Headers, len(plain))
	if mediaType(c.Headers) == formMedia {
		c.Form = group(parsePairs(c.Body))
	}
	return c, nil
}

// lookupRequest returns what a match key is made of. Its headers are req's own.
// A body that can't be decoded is left as it is: no tape holds one, so it finds its way to a miss.
func lookupRequest(req *http.Request, body []byte) cassette.Request {
	header := req.Header
	if _, encoded := header["Content-Encoding"]; encoded {
		header = header.Clone()
		if plain, err := decodeBody(body, header); err == nil {
			body = plain
		}
	}
	return cassette.Request{Method: req.Method, URL: req.URL.String(), Body: string(body), Headers: header}
}

// captureResponse returns resp, whose body has been read, as go-vcr's type. It shares nothing with resp.
// Its errors are those of captureRequest.
func captureResponse(resp *http.Response, body []byte, duration time.Duration) (cassette.Response, error) {
	c := cassette.Response{
		Proto:            resp.Proto,
		ProtoMajor:       resp.ProtoMajor,
		ProtoMinor:       resp.ProtoMinor,
		TransferEncoding: slices.Clone(resp.TransferEncoding),
		Trailer:          resp.Trailer.Clone(),
		ContentLength:    resp.ContentLength,
		Headers:          resp.Header.Clone(),
		Status:           resp.Status,
		Code:             resp.StatusCode,
		Duration:         duration,
	}
	encoded := c.Headers.Get("Content-Encoding") != "" && len(body) > 0
	plain, err := decodeBody(body, c.Headers)
	if err != nil {
		return c, fmt.Errorf("response: %w", err)
	}
	if encoded {
		c.Uncompressed = true
		c.ContentLength = int64(len(plain))
		setLength(c.Headers, len(plain))
	}
	c.Body = string(plain)
	return c, nil
}

func setLength(h http.Header, length int) {
	if _, ok := h["Content-Length"]; ok {
		h.Set("Content-Length", strconv.Itoa(length))
	}
}

// decodeBody undoes the Content-Encoding of h on body, and removes it from h.
// Source: RFC 9110, section 8.4: the encodings are listed in the order in which they were applied.
func decodeBody(body []byte, h http.Header) ([]byte, error) {
	names := strings.Split(strings.Join(h["Content-Encoding"], ","), ",")
	if len(body) > 0 {
		for _, name := range slices.Backward(names) {
			var err error
			if body, err = decodeOne(body, strings.ToLower(strings.TrimSpace(name))); err != nil {
				return nil, err
			}
		}
		h.Del("Content-Encoding")
	}
	if len(body) > MaxBody {
		return nil, ErrTooLong
	}
	return body, nil
}

func decodeOne(body []byte, encoding string) ([]byte, error) {
	var r io.Reader
	var err error
	switch encoding {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		r, err = zlib.NewReader(bytes.NewReader(body))
	default: // its name comes from the other side, so it is not repeated
		return nil, ErrEncoding
	}
	if err != nil {
		return nil, ErrEncoding
	}
	plain, err := io.ReadAll(io.LimitReader(r, MaxBody+1))
	switch {
	case len(plain) > MaxBody:
		return nil, ErrTooLong
	case err != nil:
		return nil, ErrEncoding
	}
	return plain, nil
}
