package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// plainError is between the status and the reason in the answers that net/http itself gives to what it can't
// read, before any handler is asked. The reason is one of its fixed texts. A handler's answer never looks so:
// it tells its length or is in chunks.
const plainError = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"

// Clients that mix up the schemes of the base URL.
const (
	tlsToPlain = "a client speaks TLS, and this address does not: write http:// in the base URL in the place of https://, or start the proxy with --tls"
	plainToTLS = "a client speaks no TLS, and this address does: write https:// in the base URL in the place of http://, or start the proxy without --tls"
)

// connection is what net/http makes use of.
type connection interface {
	net.Conn
	CloseWrite() error
}

// explainingListener gives net/http's own answers to malformed requests Twilio's shape, and a log line.
type explainingListener struct {
	net.Listener
	journal *Journal
}

func (l explainingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if known, ok := c.(connection); ok {
		return &explainingConn{connection: known, journal: l.journal}, err
	}
	return c, err
}

type explainingConn struct {
	connection
	journal *Journal
	first   byte // that was read, or 0
}

func (c *explainingConn) Read(p []byte) (int, error) {
	n, err := c.connection.Read(p)
	if c.first == 0 && n > 0 {
		c.first = p[0]
	}
	return n, err
}

func (c *explainingConn) Write(p []byte) (int, error) {
	if !bytes.Contains(p[:min(len(p), 256)], []byte(plainError)) {
		return c.connection.Write(p)
	}
	line, reason, _ := strings.Cut(string(p), plainError)
	_, status, _ := strings.Cut(line, " ")
	code, err := strconv.Atoi(status[:min(len(status), 3)])
	if err != nil || code < 400 {
		return c.connection.Write(p)
	}
	var why *verify.Error
	if c.first == recordTypeHandshake {
		why = verify.Errorf(code, "%s", tlsToPlain)
		c.journal.refuse(tlsToPlain, tlsToPlain)
	} else {
		why = verify.Errorf(code, "the request is no HTTP that can be read (%s); send HTTP/1.1, not TLS, with a URL whose escapes are right", reason)
		c.journal.Tell(cassettes.Exchange{Outcome: cassettes.Refused, Status: code, Interaction: -1, Detail: why.Message})
	}
	return len(p), answer(c.connection, line, why)
}

// recordTypeHandshake is the first byte of a client that speaks TLS (RFC 8446, section 5.1).
const recordTypeHandshake = 22

// answer writes a whole answer, whose first line is line.
func answer(w io.Writer, line string, why *verify.Error) error {
	body := why.Body()
	_, err := fmt.Fprintf(w, "%s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s: %s\r\nConnection: close\r\n\r\n%s",
		line, len(body), cassettes.OutcomeHeader, cassettes.Refused, body)
	return err
}
