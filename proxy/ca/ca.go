// Package ca is the local certificate authority, by which clients of this machine trust the proxy's TLS.
//
// It is name-constrained: its certificates hold for the domains that it was made for and for this machine's own
// names, so that who steals its key can pretend to be nobody else. It knows nothing of proxies or of settings.
package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"sync"
	"time"
)

// Variables are those of the environment that make clients trust a CA, with who reads them.
const Variables = "SSL_CERT_FILE (Go, Ruby), NODE_EXTRA_CA_CERTS (Node), REQUESTS_CA_BUNDLE (Python) or CURL_CA_BUNDLE (curl)"

const (
	validity     = 10 * 365 * 24 * time.Hour // of the CA
	leafValidity = 24 * time.Hour
	skew         = time.Hour     // how much the clock of a client may be behind
	renewal      = 4 * time.Hour // how long before its end a leaf is made anew
	maxLeaves    = 1000          // that are kept
)

// CA signs the certificates of the proxy. It is safe for concurrent use.
type CA struct {
	path string // of its certificate, "" in memory
	cert *x509.Certificate
	key  *ecdsa.PrivateKey

	mu     sync.Mutex
	leaves map[string]*tls.Certificate // by host
}

// New makes a CA for domains, which are names, with all names below them, or addresses; and for localhost and the
// loopback addresses. It is in memory only. It ends after ten years less a day.
func New(domains []string) (*CA, error) {
	names, ranges, err := subtrees(domains)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of a CA: %w", err)
	}
	begin := time.Now().Add(-24 * time.Hour)
	template := &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{"twilio-vcr"}, CommonName: "twilio-vcr local CA"},
		NotBefore:             begin,
		NotAfter:              begin.Add(validity),
		KeyUsage:              x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
		// RFC 5280, section 4.2.1.10. A kind of name that has no subtree would be free, so there is always one of both.
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         names,
		PermittedIPRanges:           ranges,
	}
	cert, err := sign(template, template, key, key)
	if err != nil {
		return nil, fmt.Errorf("make a CA: %w", err)
	}
	return newCA("", cert, key), nil
}

func newCA(path string, cert *x509.Certificate, key *ecdsa.PrivateKey) *CA {
	return &CA{path: path, cert: cert, key: key, leaves: map[string]*tls.Certificate{}}
}

func sign(template, parent *x509.Certificate, of, by *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &of.PublicKey, by)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// Path returns the file of the CA's certificate, or "" if it is in memory only.
func (c *CA) Path() string { return c.path }

// PEM returns the CA's certificate, without its key.
func (c *CA) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw})
}

// Expiry returns when the CA ends.
func (c *CA) Expiry() time.Time { return c.cert.NotAfter }

// HostError says that a host is none of those that a CA is for.
type HostError struct {
	Host string // as it was asked for
	For  string // what the CA is for, in words
}

func (e *HostError) Error() string {
	return fmt.Sprintf("the local CA is for %s, and not for %q", e.For, e.Host)
}

// Certificate returns a certificate for host, a name or an address, that holds for a day and has hours left. It is
// made once and kept. The error is a *HostError if the CA is not for the host.
func (c *CA) Certificate(host string) (*tls.Certificate, error) {
	name, ip, ok := parse(host)
	if !ok || !c.permits(name, ip) {
		return nil, &HostError{Host: host, For: c.extent()}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	key := name + ip.String()
	if leaf := c.leaves[key]; leaf != nil && !now.Before(leaf.Leaf.NotBefore) && now.Before(leaf.Leaf.NotAfter.Add(-renewal)) {
		return leaf, nil
	}
	if now.After(c.cert.NotAfter) {
		return nil, fmt.Errorf("the local CA has ended on %s; make a new one with \"twilio-vcr ca renew\"", c.cert.NotAfter.Format(time.DateOnly))
	}
	leaf, err := c.leaf(name, ip, now)
	if err != nil {
		return nil, fmt.Errorf("make a certificate for %s: %w", host, err)
	}
	if len(c.leaves) >= maxLeaves {
		clear(c.leaves) // to make one anew is cheap
	}
	c.leaves[key] = leaf
	return leaf, nil
}

func (c *CA) leaf(name string, ip net.IP, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	end := now.Add(leafValidity)
	if end.After(c.cert.NotAfter) {
		end = c.cert.NotAfter
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{Organization: []string{"twilio-vcr"}},
		NotBefore:   now.Add(-skew),
		NotAfter:    end,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	cert, err := sign(template, c.cert, key, c.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}, nil
}
