package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

// Certifier has the certificates that the proxy shows in the place of upstream's.
type Certifier interface {
	// Certificate returns one for host, with its key, or an error if host is none that may be stood in for.
	Certificate(host string) (*tls.Certificate, error)
}

// tunnel is a connection that a client has asked for with CONNECT.
//
//	client ── CONNECT ── TLS, ended here with a certificate of Certifier ── the handler, as for any request
type tunnel struct {
	net.Conn
	early   io.Reader // what came in behind the CONNECT, and then the connection
	host    string    // what was asked for, without the port
	session string    // the user name that the client gave the proxy, or ""

	serverName string // what the TLS handshake asked for, or ""
}

func (t *tunnel) Read(p []byte) (int, error) { return t.early.Read(p) }

type tunnelKey struct{}

// tunnelOf returns the tunnel through which a request has come, or nil.
func tunnelOf(ctx context.Context) *tunnel {
	t, _ := ctx.Value(tunnelKey{}).(*tunnel)
	return t
}

// connect answers a CONNECT. The requests in the tunnel are served by Serve.
func (h *Handler) connect(w http.ResponseWriter, r *http.Request) {
	host, why := h.connectable(r)
	if why != nil {
		h.refuse(w, r, why)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		h.refuse(w, r, verify.Errorf(http.StatusNotImplemented, "CONNECT is for HTTP/1.1 only; let the client speak that to the proxy"))
		return
	}
	early := make([]byte, buffered.Reader.Buffered())
	_, _ = io.ReadFull(buffered, early) // they are there
	t := &tunnel{Conn: conn, early: io.MultiReader(bytes.NewReader(early), conn), host: host, session: proxyUser(r)}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = conn.Close() // the client has gone away
		return
	}
	if !h.isUpstreamName(host) {
		h.blind(t, r.Host)
		return
	}
	h.tunnels.add(secured(t, &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			t.serverName = hello.ServerName
			if h.isUpstreamName(hello.ServerName) { // if it is not that of the CONNECT, the answer says so
				return h.Certifier.Certificate(hello.ServerName)
			}
			return h.Certifier.Certificate(t.host)
		},
	}, h.journal))
}

// domainName is a name that the DNS can have. Source: RFC 1123, section 2.1.
var domainName = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)

// connectable returns the host that a CONNECT asks for, or why there is no way to it.
func (h *Handler) connectable(r *http.Request) (string, *verify.Error) {
	host, port, err := net.SplitHostPort(r.Host)
	_, noAddress := netip.ParseAddr(host)
	switch {
	case h.Certifier == nil:
		return "", verify.Errorf(http.StatusNotImplemented, "CONNECT is not supported; give the SDK the proxy as its base URL")
	case err != nil || len(host) > 253 || noAddress != nil && !domainName.MatchString(host):
		return "", verify.Errorf(http.StatusBadRequest, "CONNECT asks for no HOST:PORT, such as %s:443", h.upstream.Hostname())
	case h.isUpstreamName(host) && (port == "443" || port == h.upstream.Port()):
		return strings.ToLower(host), nil
	case h.isUpstreamName(host):
		return "", verify.Errorf(http.StatusForbidden, "CONNECT asks for port %s of %s; its API is at port 443", port, host)
	case h.Offline:
		return "", verify.Errorf(http.StatusForbidden, "%s is not upstream %s, and in a replay nothing goes anywhere else; let the client call it without the proxy (NO_PROXY)", host, h.upstream.Host)
	case slices.ContainsFunc(h.Tunnel, func(name string) bool { return strings.EqualFold(name, host) }):
		return strings.ToLower(host), nil
	}
	return "", verify.Errorf(http.StatusForbidden, "%s is not upstream %s; let the client call it without the proxy (NO_PROXY), or name it with --tunnel %s", host, h.upstream.Host, host)
}

// misdirected says that the host of a request is not the one that its tunnel leads to, or returns nil.
// Source: RFC 9110, section 15.5.20.
func (t *tunnel) misdirected(r *http.Request) *verify.Error {
	if strings.EqualFold(hostname(r.Host), t.host) && (t.serverName == "" || strings.EqualFold(t.serverName, t.host)) {
		return nil
	}
	return verify.Errorf(http.StatusMisdirectedRequest, "the Host header, the TLS server name and the host of the CONNECT, %s, are not the same", t.host)
}

// proxyUser returns the user name that a client gives to the proxy, which is the name of a session, or "".
func proxyUser(r *http.Request) string {
	scheme, encoded, _ := strings.Cut(r.Header.Get("Proxy-Authorization"), " ")
	plain, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !strings.EqualFold(scheme, "Basic") {
		return ""
	}
	user, _, _ := strings.Cut(string(plain), ":") // Node's clients leave the colon out if there is no password
	return user
}

// blind passes bytes on, between the client and a host that is not upstream's, until one of them ends.
func (h *Handler) blind(t *tunnel, address string) {
	defer t.Close()
	dialer := net.Dialer{Timeout: 10 * time.Second}
	there, err := dialer.DialContext(h.tunnels.ctx, "tcp", address)
	if err != nil {
		h.journal.log.Warn("a tunnel could not be made: " + t.host + " can't be reached")
		return
	}
	defer there.Close()
	defer context.AfterFunc(h.tunnels.ctx, func() { _ = t.Close(); _ = there.Close() })()
	var both sync.WaitGroup
	for _, way := range []struct {
		to   net.Conn
		from io.Reader
	}{{there, t}, {t.Conn, there}} {
		both.Go(func() {
			_, _ = io.Copy(way.to, way.from)
			if half, ok := way.to.(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite() // the other way goes on
			}
		})
	}
	both.Wait()
}

// tunnels hands the connections in tunnels to a server. It is a net.Listener.
type tunnels struct {
	conns chan net.Conn
	ctx   context.Context // ends with Close
	end   context.CancelFunc
}

func newTunnels() *tunnels {
	t := &tunnels{conns: make(chan net.Conn)}
	t.ctx, t.end = context.WithCancel(context.Background())
	return t
}

// add gives c to the server, or closes it if that takes no more.
func (t *tunnels) add(c net.Conn) {
	select {
	case t.conns <- c:
	case <-t.ctx.Done():
		_ = c.Close()
	}
}

func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case c := <-t.conns:
		return c, nil
	case <-t.ctx.Done():
		return nil, net.ErrClosed
	}
}

func (t *tunnels) Close() error {
	t.end()
	return nil
}

func (t *tunnels) Addr() net.Addr { return tunnelAddr{} }

type tunnelAddr struct{}

func (tunnelAddr) Network() string { return "tunnel" }
func (tunnelAddr) String() string  { return "tunnels" }

// inTunnel is http.Server's ConnContext for connections in tunnels.
func inTunnel(ctx context.Context, c net.Conn) context.Context {
	if secure, ok := c.(*secureConn); ok {
		if t, ok := secure.raw.Conn.(*tunnel); ok {
			return context.WithValue(ctx, tunnelKey{}, t)
		}
	}
	return ctx
}
