package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func mustNew(t *testing.T, domains ...string) *CA {
	t.Helper()
	c, err := New(domains)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// verify is how Go's clients look at a certificate.
func verify(c *CA, leaf *x509.Certificate, host string) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.PEM())
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host})
	return err
}

func TestACertificateHoldsForItsHost(t *testing.T) {
	c := mustNew(t, "twilio.com", "10.1.2.3", "vcr_1", "fd00::7")
	for _, host := range []string{
		"localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "twilio.com", "verify.twilio.com", "Verify.Sydney.AU1.Twilio.com.",
		"api.localhost", "10.1.2.3", "::ffff:10.1.2.3", "vcr_1", "fd00::7",
	} {
		got, err := c.Certificate(host)
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		if err := verify(c, got.Leaf, strings.TrimSuffix(host, ".")); err != nil {
			t.Errorf("%s: %v", host, err)
		}
		if d := time.Until(got.Leaf.NotAfter); d > leafValidity {
			t.Errorf("%s: it holds for %s", host, d)
		}
	}
	if left := time.Until(c.Expiry()); left > 10*365*24*time.Hour || c.Path() != "" {
		t.Errorf("it holds for %s, in %q", left, c.Path())
	}
}

func TestACertificateForAnotherHostIsRefused(t *testing.T) {
	c := mustNew(t, "twilio.com", "10.1.2.3")
	for _, host := range []string{
		"example.com", "nottwilio.com", "twilio.com.example.com", "com", "", ".", ".twilio.com", "*.twilio.com", "a..twilio.com", "128.0.0.1", "0.0.0.0", "10.1.2.4", "::2", "::",
		"twilio.com\x00.example.com", "a b.twilio.com", "vérify.twilio.com", strings.Repeat("a.", 130) + "twilio.com", strings.Repeat("a", 64) + ".twilio.com",
	} {
		_, err := c.Certificate(host)
		var refused *HostError
		if !errors.As(err, &refused) {
			t.Errorf("%q: got %v", host, err)
		}
	}
	_, err := c.Certificate("example.com")
	if want := `the local CA is for localhost, twilio.com, 127.0.0.0/8, ::1/128 and 10.1.2.3/32, and not for "example.com"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestADomainThatIsNoNameIsRefused(t *testing.T) {
	for _, domain := range []string{"", ".", "*.twilio.com", "vérify.example.com", "a/b"} {
		if c, err := New([]string{domain}); err == nil || !strings.Contains(err.Error(), "is no name that a certificate can be for") {
			t.Errorf("%q: got %v, %v", domain, c, err)
		}
	}
}

// forged are certificates that somebody makes who has the CA's key.
func forged(t *testing.T, c *CA) map[string]tls.Certificate {
	t.Helper()
	all := map[string]tls.Certificate{}
	for name, template := range map[string]*x509.Certificate{
		"example.com": {DNSNames: []string{"example.com"}},
		"both":        {DNSNames: []string{"verify.twilio.com", "example.com"}},
		"192.0.2.1":   {IPAddresses: []net.IP{{192, 0, 2, 1}}},
		"2001:db8::1": {IPAddresses: []net.IP{net.ParseIP("2001:db8::1")}},
	} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		template.KeyUsage = x509.KeyUsageDigitalSignature
		leaf, err := sign(template, c.cert, key, c.key)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	}
	return all
}

func TestAStolenKeyPretendsToBeNobodyElse(t *testing.T) {
	c := mustNew(t, "twilio.com")
	for name, cert := range forged(t, c) {
		host := name
		if name == "both" {
			host = "verify.twilio.com"
		}
		var invalid x509.CertificateInvalidError
		if err := verify(c, cert.Leaf, host); !errors.As(err, &invalid) || invalid.Reason != x509.CANotAuthorizedForThisName {
			t.Errorf("%s: got %v", name, err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	below, err := sign(&x509.Certificate{NotBefore: c.cert.NotBefore, NotAfter: c.cert.NotAfter, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, c.cert, key, c.key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := sign(&x509.Certificate{NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}, below, key, key)
	if err != nil {
		t.Fatal(err)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(c.cert)
	between.AddCert(below)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between}); err == nil {
		t.Error("another CA can be made with it")
	}
}

// TestCurlAndNodeHoldToTheConstraints asks servers that have forged certificates, and one that has a real one.
func TestCurlAndNodeHoldToTheConstraints(t *testing.T) {
	c := mustNew(t, "twilio.com")
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, c.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	certs := forged(t, c)
	real, err := c.Certificate("verify.twilio.com")
	if err != nil {
		t.Fatal(err)
	}
	certs["verify.twilio.com"] = *real
	for name, cert := range certs {
		if net.ParseIP(name) != nil {
			continue // this machine has no such address
		}
		host := name
		if name == "both" {
			host = "verify.twilio.com"
		}
		port := serve(t, cert)
		for program, args := range map[string][]string{
			"curl": {"-sS", "--noproxy", "*", "--cacert", file, "--resolve", host + ":" + port + ":127.0.0.1", "https://" + host + ":" + port},
			"node": {"-e", fmt.Sprintf(`require("https").get({host: "127.0.0.1", port: %s, servername: %q, headers: {host: %[2]q}},
				r => r.on("data", d => process.stdout.write(d))).on("error", e => { console.error(e.code, e.message); process.exit(1) })`, port, host)},
		} {
			t.Run(program+" "+name, func(t *testing.T) {
				if _, err := exec.LookPath(program); err != nil {
					t.Skip(program, "is not installed")
				}
				cmd := exec.Command(program, args...)
				cmd.Env = append(cmd.Environ(), "NODE_EXTRA_CA_CERTS="+file)
				out, err := cmd.CombinedOutput()
				if good := name == "verify.twilio.com"; good != (string(out) == "hello") || good != (err == nil) {
					t.Errorf("%v: %s", err, out)
				}
				if name != "verify.twilio.com" && !strings.Contains(strings.ToLower(string(out)), "permitted subtree violation") {
					t.Errorf("it is refused for another reason: %s", out)
				}
			})
		}
	}
}

func serve(t *testing.T, cert tls.Certificate) (port string) {
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") })}
	t.Cleanup(func() { _ = s.Close() })
	go func() { _ = s.Serve(l) }()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

func TestACertificateIsMadeOnceAndAnewBeforeItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := mustNew(t, "twilio.com")
		get := func() *tls.Certificate {
			t.Helper()
			cert, err := c.Certificate("localhost")
			if err != nil {
				t.Fatal(err)
			}
			if err := verify(c, cert.Leaf, "localhost"); err != nil {
				t.Fatal(err)
			}
			return cert
		}
		first := get()
		time.Sleep(leafValidity - renewal - time.Minute)
		if get() != first {
			t.Error("it was made anew without need")
		}
		time.Sleep(2 * time.Minute)
		if get() == first {
			t.Error("it is about to end")
		}
		time.Sleep(time.Until(c.Expiry()) - time.Hour)
		if cert := get(); cert.Leaf.NotAfter.After(c.Expiry()) {
			t.Error("it ends after its CA")
		}
		time.Sleep(2 * time.Hour)
		if _, err := c.Certificate("localhost"); err == nil || !strings.Contains(err.Error(), "the local CA has ended on 2009-12-2") {
			t.Errorf("got %v", err)
		}
	})
}

func TestManyHandshakesShareFewCertificates(t *testing.T) {
	c := mustNew(t, "twilio.com")
	var wg sync.WaitGroup
	certs := make([]*tls.Certificate, 300)
	for i := range certs {
		wg.Go(func() { certs[i], _ = c.Certificate("verify.twilio.com") })
	}
	wg.Wait()
	for _, cert := range certs {
		if cert == nil || cert != certs[0] {
			t.Fatal("they have different ones")
		}
	}
	for i := range maxLeaves + 10 {
		if _, err := c.Certificate(fmt.Sprintf("a%d.twilio.com", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(c.leaves); n > maxLeaves {
		t.Errorf("%d are kept", n)
	}
}
