package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
	"github.com/twilio-vcr/twilio-vcr/proxy/ca"
)

// Secure returns l with TLS, for Serve: each client gets the certificate of the name by which it has come, or of the
// address if it gives no name. A handshake that fails is told to journal, with what helps.
func Secure(l net.Listener, authority *ca.CA, journal *Journal) net.Listener {
	return &secureListener{l, journal, &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return authority.Certificate(reachedBy(hello))
		},
	}}
}

// reachedBy returns the name that a client has for the proxy. There is none for an address (RFC 6066, section 3),
// and only localhost for a Unix socket.
func reachedBy(hello *tls.ClientHelloInfo) string {
	if hello.ServerName != "" {
		return hello.ServerName
	}
	if addr, ok := hello.Conn.LocalAddr().(*net.TCPAddr); ok {
		return addr.IP.String()
	}
	return "localhost"
}

// secureProtocols are those of a server whose listener speaks TLS by itself, so that to net/http HTTP/2 comes
// without it.
func secureProtocols() *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	return p
}

type secureListener struct {
	net.Listener
	journal *Journal
	config  *tls.Config
}

func (l *secureListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return secured(c, l.config, l.journal), nil
}

// secured is the connection c with TLS on it.
func secured(c net.Conn, config *tls.Config, journal *Journal) *secureConn {
	raw := &heardConn{Conn: c}
	return &secureConn{Conn: tls.Server(raw, config), raw: raw, journal: journal}
}

// heardConn is a connection that knows whether its client has said anything.
type heardConn struct {
	net.Conn
	heard bool
}

func (c *heardConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.heard = c.heard || n > 0
	return n, err
}

// secureConn shakes hands at the first read, in the goroutine of its connection and within the time that the server
// gives to the head of a request. It does not show net/http that it is of TLS: net/http's own handshake would leave
// of a failure only a line of text.
type secureConn struct {
	net.Conn // a *tls.Conn on raw
	raw      *heardConn
	journal  *Journal

	once   sync.Once
	failed error // of the handshake
}

func (c *secureConn) Read(p []byte) (int, error) {
	c.once.Do(func() {
		if err := c.Conn.(*tls.Conn).Handshake(); err != nil {
			c.explain(err)
			c.failed = io.EOF // to net/http, a client that has gone away
		}
	})
	if c.failed != nil {
		return 0, c.failed
	}
	return c.Conn.Read(p)
}

func (c *secureConn) CloseWrite() error { return c.Conn.(*tls.Conn).CloseWrite() }

// explain tells why the handshake has failed, if that is worth a word.
func (c *secureConn) explain(err error) {
	var noTLS tls.RecordHeaderError
	if errors.As(err, &noTLS) && noTLS.Conn != nil {
		c.journal.refuse(plainToTLS, plainToTLS)
		c.answerPlainly()
		return
	}
	if cause, reason := handshakeProblem(err, c.raw.heard); cause != "" {
		c.journal.refuse(cause, reason)
	}
}

// untrusted is what helps a client that does not trust the CA.
const untrusted = "; if it does not trust the local CA, set " + ca.Variables + " to the path that \"twilio-vcr ca\" prints"

// handshakeProblem returns the cause of a failed handshake, which is the same for all that fail alike, and the whole
// sentence. The cause is empty where there is nothing to say: the client has said nothing either, or it is we that
// end the connection.
func handshakeProblem(err error, heard bool) (cause, reason string) {
	var host *ca.HostError
	var remote *net.OpError
	switch {
	case errors.As(err, &host):
		return "host", fmt.Sprintf("a client asks for another host: %v; reach the proxy by one of these, or name the host in --upstream or --listen and make a new CA with \"twilio-vcr ca renew\"", host)
	case strings.HasSuffix(err.Error(), "tls: bad record MAC"): // OpenSSL's alert, which it does not encrypt
		return "unreadable alert", "a client has refused the TLS handshake" + untrusted
	case errors.As(err, &remote) && remote.Op == "remote error": // an alert; its type is not exported
		alert := strings.TrimPrefix(remote.Err.Error(), "tls: ")
		return alert, fmt.Sprintf("a client has refused the TLS handshake (%s)%s", alert, untrusted)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "stalled", fmt.Sprintf("a client did not finish the TLS handshake within %s and was cut off", headerLimit)
	case errors.Is(err, net.ErrClosed) || !heard:
		return "", ""
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
		return "gone", "a client has broken off the TLS handshake" + untrusted
	}
	return "other", fmt.Sprintf("a client and this proxy can't agree on TLS: %v", err)
}

// answerPlainly answers a client that speaks HTTP where TLS is spoken, and lets it read the answer: one that is still
// sending when the connection is closed sees only that it was reset.
func (c *secureConn) answerPlainly() {
	_ = answer(c.raw, "HTTP/1.1 400 Bad Request", verify.Errorf(http.StatusBadRequest, "%s", plainToTLS)) // it may be gone
	if half, ok := c.raw.Conn.(connection); ok {
		_ = half.CloseWrite()
	}
	_ = c.raw.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	_, _ = io.CopyN(io.Discard, c.raw, maxDrained)
}
