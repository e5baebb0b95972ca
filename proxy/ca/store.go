package ca

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"
)

// The files of a CA in its folder. The key's has the certificate too, so that they are always of one CA; ca.pem is
// a copy of that certificate, for clients.
const (
	keyFile  = "ca-key.pem"
	certFile = "ca.pem"
	lockFile = "ca.lock" // held by who writes; it stays
)

// lockWait is how long another process may take to write.
const lockWait = 10 * time.Second

// mend ends the sentences about a CA that is of no use.
const mend = `make a new one with "twilio-vcr ca renew"`

// Dir returns the folder of this user's CA. It need not be there.
func Dir() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the folder of the local CA: %w; set XDG_CONFIG_HOME to a folder of your own", err)
	}
	return filepath.Join(dir, "twilio-vcr"), nil
}

// Open returns the CA in dir, for domains as in New, and makes it if there is none. Processes that open it at the
// same time get the same one. A CA that is broken, ended, not for the domains, or whose key others can read, is an
// error that says what helps.
func Open(dir string, domains []string) (*CA, error) {
	c, err := load(dir, domains)
	switch {
	case err == nil && c.isPublished():
		return c, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return locked(dir, func() (*CA, error) {
		c, err := load(dir, domains) // another process may have been faster
		if errors.Is(err, fs.ErrNotExist) {
			return create(dir, domains)
		}
		if err != nil || c.isPublished() {
			return c, err
		}
		return c, replace(c.path, c.PEM(), 0o644)
	})
}

// Renew puts a new CA in the place of the one in dir, whatever state that is in. Clients have to trust the new one;
// programs that have the old one open go on with it.
func Renew(dir string, domains []string) (*CA, error) {
	return locked(dir, func() (*CA, error) { return create(dir, domains) })
}

// Remove takes the CA out of dir, and reports whether there was one.
func Remove(dir string) (bool, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	found := false
	_, err := locked(dir, func() (*CA, error) {
		for _, name := range []string{keyFile, certFile} {
			switch err := os.Remove(filepath.Join(dir, name)); {
			case err == nil:
				found = true
			case !errors.Is(err, fs.ErrNotExist):
				return nil, fmt.Errorf("remove the local CA: %w", err)
			}
		}
		return nil, nil
	})
	return found, err
}

// locked runs write as the only one that writes to dir, among all processes.
func locked(dir string, write func() (*CA, error)) (*CA, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the local CA: %w; set XDG_CONFIG_HOME to a folder that can be written", err)
	}
	if info, err := os.Stat(dir); err == nil && exposed(info, 0o022) {
		return nil, fmt.Errorf("the folder %s of the local CA can be written by others (mode %04o); make it yours with \"chmod 700\"", dir, info.Mode().Perm())
	}
	lock := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	if _, err := lock.TryLockContext(ctx, 5*time.Millisecond); err != nil {
		return nil, fmt.Errorf("lock the local CA with %s: %w; make its folder writable, and see that no other process holds it", lock.Path(), err)
	}
	c, err := write()
	return c, errors.Join(err, lock.Close())
}

// exposed reports whether others have one of the permissions. Windows has no such permissions.
func exposed(info fs.FileInfo, perm fs.FileMode) bool {
	return runtime.GOOS != "windows" && info.Mode().Perm()&perm != 0
}

// create makes a CA and saves it. Its caller holds the lock.
func create(dir string, domains []string) (*CA, error) {
	c, err := New(domains)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		return nil, errors.New("make a CA: its key can't be saved") // unreachable: it is one of ours
	}
	both := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), c.PEM()...)
	if err := replace(filepath.Join(dir, keyFile), both, 0o600); err != nil {
		return nil, err
	}
	c.path = filepath.Join(dir, certFile)
	return c, replace(c.path, c.PEM(), 0o644)
}

// replace puts data in the place of file in one step. Its caller holds the lock, so the file beside it is a leftover
// of a killed process, if it is there.
func replace(file string, data []byte, perm fs.FileMode) error {
	fresh := file + ".new"
	_ = os.Remove(fresh) // if that fails, the next line says why
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return fmt.Errorf("save the local CA: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(fresh, file)
	}
	if err != nil {
		return fmt.Errorf("save the local CA: %w", errors.Join(err, os.Remove(fresh)))
	}
	return nil
}

// isPublished reports whether the file for clients has the certificate.
func (c *CA) isPublished() bool {
	data, err := os.ReadFile(c.path)
	return err == nil && bytes.Equal(data, c.PEM())
}

// load reads the CA in dir. Its error is fs.ErrNotExist if there is none. It never quotes the file.
func load(dir string, domains []string) (*CA, error) {
	file := filepath.Join(dir, keyFile)
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the local CA: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the local CA: %w", err)
	}
	if exposed(info, 0o077) {
		return nil, fmt.Errorf("%s: others can read or write the key of the local CA (mode %04o, not 0600); %s", file, info.Mode().Perm(), mend)
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read the local CA: %w; remove it, and %s", err, mend)
	}
	c, why := decode(data)
	if why == "" {
		why = c.problem()
	}
	if why != "" {
		return nil, fmt.Errorf("%s: the local CA %s; %s", file, why, mend)
	}
	names, ranges, err := subtrees(domains)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !c.permits(name, nil) {
			return nil, c.notFor(file, name)
		}
	}
	for _, r := range ranges {
		if !c.permits("", r.IP) {
			return nil, c.notFor(file, r.IP.String())
		}
	}
	c.path = filepath.Join(dir, certFile)
	return c, nil
}

func (c *CA) notFor(file, host string) error {
	return fmt.Errorf("%s: the local CA is for %s, and not for %s; %s, with the same --upstream and --listen", file, c.extent(), host, mend)
}

// decode returns the CA in the file of its key, or why that is none.
func decode(data []byte) (c *CA, why string) {
	var key *ecdsa.PrivateKey
	var cert *x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "PRIVATE KEY":
			parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if key, _ = parsed.(*ecdsa.PrivateKey); err != nil || key == nil {
				return nil, "has a key that can't be read"
			}
		case "CERTIFICATE":
			var err error
			if cert, err = x509.ParseCertificate(block.Bytes); err != nil {
				return nil, "has a certificate that can't be read"
			}
		}
	}
	switch {
	case key == nil:
		return nil, "has no key"
	case cert == nil:
		return nil, "has no certificate"
	case !key.PublicKey.Equal(cert.PublicKey):
		return nil, "has a certificate that is not of its key"
	}
	return newCA("", cert, key), ""
}

// problem says why c is of no use, whatever it is for, or nothing.
func (c *CA) problem() string {
	now := time.Now()
	switch {
	case !c.cert.IsCA:
		return "has a certificate that is none of a CA"
	case now.After(c.cert.NotAfter):
		return "has ended on " + c.cert.NotAfter.Format(time.DateOnly)
	case now.Before(c.cert.NotBefore):
		return "begins on " + c.cert.NotBefore.Format(time.DateOnly) + " only, by this machine's clock"
	case !c.isConstrained():
		return "may sign for any name, which is not safe"
	}
	return ""
}
