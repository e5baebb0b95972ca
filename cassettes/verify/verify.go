// Package verify is what we know of Twilio Verify's API, version 2: the shape of its errors, its
// operations and their contract, and where it carries secrets.
//
// It knows nothing of cassettes or of HTTP servers. Its facts come from Twilio's OpenAPI file
// twilio_verify_v2.json (github.com/twilio/twilio-oai) and Twilio's documentation.
package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// Host is where the real API lives.
const Host = "verify.twilio.com"

// Error is an error answer in Twilio's shape, which every SDK turns into a readable exception.
// It is also a Go error.
//
// Source: https://www.twilio.com/docs/usage/troubleshooting/debugging-your-application
type Error struct {
	Code     int    `json:"code"`
	Message  string `json:"message"`
	MoreInfo string `json:"more_info"`
	Status   int    `json:"status"` // the HTTP status
}

// Errorf returns an error of our own. Its code is the HTTP status, three digits, which no error code
// of Twilio's has.
func Errorf(status int, format string, args ...any) *Error {
	return &Error{
		Code:     status,
		Message:  "twilio-vcr: " + fmt.Sprintf(format, args...),
		MoreInfo: "This answer is twilio-vcr's own, not Twilio's. See its README.",
		Status:   status,
	}
}

// statusErrors are the errors of Twilio's that mean what their HTTP status means.
//
// Source: https://www.twilio.com/docs/api/errors
var statusErrors = map[int]struct {
	code    int
	message string
}{
	http.StatusUnauthorized:        {20003, "Authenticate"},
	http.StatusNotFound:            {20404, "The requested resource was not found"},
	http.StatusTooManyRequests:     {20429, "Too many requests"},
	http.StatusInternalServerError: {20500, "Internal Server Error"},
	http.StatusServiceUnavailable:  {20503, "Service Unavailable"},
}

// StatusError returns Twilio's own error for an HTTP status. Where there is none that always goes with the
// status, it is one of Errorf's.
func StatusError(status int) *Error {
	e, known := statusErrors[status]
	if !known {
		return Errorf(status, "this status was asked for, to see what the client makes of it")
	}
	return &Error{Code: e.code, Message: e.message, MoreInfo: fmt.Sprintf("https://www.twilio.com/docs/errors/%d", e.code), Status: status}
}

func (e *Error) Error() string { return e.Message }

// Body returns e as the JSON that Twilio would send.
func (e *Error) Body() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(e) // strings and integers always encode
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Response returns e as the answer to req.
func (e *Error) Response(req *http.Request) *http.Response {
	body := e.Body()
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status)),
		StatusCode:    e.Status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        e.header(len(body)),
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       req,
	}
}

// Write sends e as the answer on w.
func (e *Error) Write(w http.ResponseWriter) {
	body := e.Body()
	for k, v := range e.header(len(body)) {
		w.Header()[k] = v
	}
	w.WriteHeader(e.Status)
	_, _ = w.Write(body) // the client has gone away: nobody is left to tell
}

func (e *Error) header(bodyLength int) http.Header {
	return http.Header{
		"Content-Type":   {"application/json"},
		"Content-Length": {strconv.Itoa(bodyLength)},
	}
}
