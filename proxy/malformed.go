package proxy

import (
	"bytes"
	"fmt"
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

// explainingListener gives net/http's own answers to malformed requests Twilio's shape, and a log line.
type explainingListener struct {
	net.Listener
	journal *Journal
}

func (l explainingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		return explainingConn{tcp, l.journal}, err
	}
	return c, err
}

type explainingConn struct {
	*net.TCPConn // net/http uses its CloseWrite
	journal      *Journal
}

func (c explainingConn) Write(p []byte) (int, error) {
	if !bytes.Contains(p[:min(len(p), 256)], []byte(plainError)) {
		return c.TCPConn.Write(p)
	}
	line, reason, _ := strings.Cut(string(p), plainError)
	_, status, _ := strings.Cut(line, " ")
	code, err := strconv.Atoi(status[:min(len(status), 3)])
	if err != nil || code < 400 {
		return c.TCPConn.Write(p)
	}
	why := verify.Errorf(code, "the request is no HTTP that can be read (%s); send HTTP/1.1, not TLS, with a URL whose escapes are right", reason)
	c.journal.Tell(cassettes.Exchange{Outcome: cassettes.Refused, Status: code, Interaction: -1, Detail: why.Message})
	body := why.Body()
	_, err = fmt.Fprintf(c.TCPConn, "%s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s: %s\r\nConnection: close\r\n\r\n%s",
		line, len(body), cassettes.OutcomeHeader, cassettes.Refused, body)
	return len(p), err
}
