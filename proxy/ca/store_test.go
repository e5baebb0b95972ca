package ca

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestMain makes the test binary a process that opens a CA too.
func TestMain(m *testing.M) {
	if dir := os.Getenv("OPEN_CA"); dir != "" {
		c, err := Open(dir, []string{"twilio.com"})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Printf("%s", c.PEM())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func mustOpen(t *testing.T, dir string, domains ...string) *CA {
	t.Helper()
	c, err := Open(dir, domains)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, dir, name, data string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheCAIsMadeOnce(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "new", "folder")
	first := mustOpen(t, dir, "twilio.com")
	second := mustOpen(t, dir, "twilio.com", "127.0.0.1", "verify.twilio.com") // which it is for as well
	if !bytes.Equal(first.PEM(), second.PEM()) || first.Path() != filepath.Join(dir, "ca.pem") || second.Path() != first.Path() {
		t.Error("there are two")
	}
	if read(t, dir, "ca.pem") != string(first.PEM()) {
		t.Error("its file is not its certificate")
	}
	cert, err := second.Certificate("localhost")
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(first, cert.Leaf, "localhost"); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]fs.FileMode{dir: fs.ModeDir | 0o700, filepath.Dir(dir): fs.ModeDir | 0o700, filepath.Join(dir, keyFile): 0o600, filepath.Join(dir, certFile): 0o644} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestThoseWhoMakeItAtTheSameTimeGetTheSame(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]int{}
	for i := range 40 {
		wg.Go(func() {
			var got string
			if i%2 == 0 { // one process of twenty
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(cmd.Environ(), "OPEN_CA="+dir)
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Errorf("%v: %s", err, out)
				}
				got = string(out)
			} else if c, err := Open(dir, []string{"twilio.com"}); err != nil {
				t.Error(err)
			} else {
				got = string(c.PEM())
			}
			mu.Lock()
			defer mu.Unlock()
			seen[got]++
		})
	}
	wg.Wait()
	if len(seen) != 1 {
		t.Errorf("there are %d CAs", len(seen))
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.new")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestWhoOpensWhileItIsRenewedGetsAWholeOne(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, dir, "twilio.com")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				if _, err := Renew(dir, []string{"twilio.com"}); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 50 {
				if c, err := Open(dir, []string{"twilio.com"}); err != nil {
					t.Error(err)
				} else if _, err := c.Certificate("localhost"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if c := mustOpen(t, dir, "twilio.com"); read(t, dir, certFile) != string(c.PEM()) {
		t.Error("the file for clients is not of the CA")
	}
}

func TestRenewAndRemove(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if removed, err := Remove(dir); removed || err != nil {
		t.Errorf("nothing was removed: %t, %v", removed, err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a folder was made to remove from")
	}
	first := mustOpen(t, dir, "twilio.com")
	write(t, dir, keyFile+".new", "left behind by a kill")
	second, err := Renew(dir, []string{"example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(first.PEM(), second.PEM()) || read(t, dir, certFile) != string(second.PEM()) {
		t.Error("it is the old one")
	}
	if c := mustOpen(t, dir, "api.example.com"); !bytes.Equal(c.PEM(), second.PEM()) {
		t.Error("another one was made")
	}
	if removed, err := Remove(dir); !removed || err != nil {
		t.Errorf("it was not removed: %t, %v", removed, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.pem*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestTheFileForClientsIsMended(t *testing.T) {
	dir := t.TempDir()
	c := mustOpen(t, dir, "twilio.com")
	for _, damage := range []func() error{
		func() error { return os.Remove(c.Path()) },
		func() error { return os.WriteFile(c.Path(), []byte("-----BEGIN CERT"), 0o600) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if again := mustOpen(t, dir, "twilio.com"); !bytes.Equal(again.PEM(), c.PEM()) || read(t, dir, certFile) != string(c.PEM()) {
			t.Error("it is not as it was")
		}
	}
}

// TestACAThatIsOfNoUseSaysWhatHelps checks that renewing helps, too, and that nothing of a key is repeated.
func TestACAThatIsOfNoUseSaysWhatHelps(t *testing.T) {
	good, other := t.TempDir(), t.TempDir()
	mustOpen(t, good, "twilio.com")
	mustOpen(t, other, "twilio.com")
	text := read(t, good, keyFile)
	i := strings.Index(text, "-----BEGIN CERTIFICATE")
	key, cert := text[:i], text[i:]
	for name, damage := range map[string]struct {
		text   string
		mode   fs.FileMode
		reason string
	}{
		"empty":                 {"", 0o600, "the local CA has no key"},
		"no PEM":                {"s3cr3t", 0o600, "the local CA has no key"},
		"torn in the key":       {text[:80], 0o600, "the local CA has no key"},
		"torn behind the key":   {key, 0o600, "the local CA has no certificate"},
		"torn in the second":    {text[:len(text)-40], 0o600, "the local CA has no certificate"},
		"no key":                {cert, 0o600, "the local CA has no key"},
		"a broken key":          {"-----BEGIN PRIVATE KEY-----\nczNjcjN0\n-----END PRIVATE KEY-----\n" + cert, 0o600, "the local CA has a key that can't be read"},
		"a broken certificate":  {key + "-----BEGIN CERTIFICATE-----\nczNjcjN0\n-----END CERTIFICATE-----\n", 0o600, "the local CA has a certificate that can't be read"},
		"another's certificate": {key + read(t, other, certFile), 0o600, "the local CA has a certificate that is not of its key"},
		"readable by the group": {text, 0o640, "others can read or write the key of the local CA (mode 0640, not 0600)"},
		"readable by all":       {text, 0o604, "others can read or write the key of the local CA (mode 0604, not 0600)"},
	} {
		dir := t.TempDir()
		write(t, dir, keyFile, damage.text)
		if err := os.Chmod(filepath.Join(dir, keyFile), damage.mode); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, []string{"twilio.com"})
		if want := fmt.Sprintf("%s: %s; make a new one with \"twilio-vcr ca renew\"", filepath.Join(dir, keyFile), damage.reason); err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", name, err, want)
		}
		if read(t, dir, keyFile) != damage.text {
			t.Errorf("%s: the file was changed", name)
		}
		if _, err := Renew(dir, []string{"twilio.com"}); err != nil {
			t.Errorf("%s: renewed: %v", name, err)
		}
		mustOpen(t, dir, "twilio.com")
	}
}

func TestACAForOthersIsRefused(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, dir, "twilio.com")
	file := filepath.Join(dir, keyFile)
	for domain, want := range map[string]string{
		"api.example.com": file + `: the local CA is for localhost, twilio.com, 127.0.0.0/8 and ::1/128, and not for api.example.com; make a new one with "twilio-vcr ca renew", with the same --upstream and --listen`,
		"192.0.2.1":       file + `: the local CA is for localhost, twilio.com, 127.0.0.0/8 and ::1/128, and not for 192.0.2.1; make a new one with "twilio-vcr ca renew", with the same --upstream and --listen`,
		"*":               `"*" is no name that a certificate can be for; write a host in ASCII, such as verify.twilio.com`,
	} {
		if _, err := Open(dir, []string{domain}); err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", domain, err, want)
		}
	}
}

func TestACAWithoutConstraintsIsRefused(t *testing.T) {
	for name, free := range map[string]func(*CA){
		"no names":     func(c *CA) { c.cert.PermittedDNSDomains = nil },
		"no addresses": func(c *CA) { c.cert.PermittedIPRanges = nil },
		"not critical": func(c *CA) { c.cert.PermittedDNSDomainsCritical = false },
		"all names":    func(c *CA) { c.cert.PermittedDNSDomains = append(c.cert.PermittedDNSDomains, "") },
	} {
		c := mustNew(t, "twilio.com")
		free(c)
		if why := c.problem(); why != "may sign for any name, which is not safe" {
			t.Errorf("%s: %q", name, why)
		}
	}
	if why := mustNew(t, "twilio.com").problem(); why != "" {
		t.Error(why)
	}
}

func TestACAThatHasEndedOrNotBegunIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is the year 2000
		c := mustNew(t, "twilio.com")
		time.Sleep(validity)
		if why := c.problem(); why != "has ended on 2009-12-28" {
			t.Error(why)
		}
	})
	c := mustNew(t, "twilio.com")
	synctest.Test(t, func(t *testing.T) {
		if why := c.problem(); !strings.HasPrefix(why, "begins on 20") || !strings.HasSuffix(why, " only, by this machine's clock") {
			t.Error(why)
		}
	})
}

func TestAFolderThatOthersCanWriteToIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, []string{"twilio.com"}); err == nil || err.Error() != fmt.Sprintf(`the folder %s of the local CA can be written by others (mode 0777); make it yours with "chmod 700"`, dir) {
		t.Errorf("got %v", err)
	}
}

func TestAFolderThatCanNotBeMadeSaysWhatHelps(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, filepath.Dir(file), "file", "")
	for _, open := range []func(string, []string) (*CA, error){Open, Renew} {
		if _, err := open(filepath.Join(file, "x"), nil); err == nil || strings.Contains(err.Error(), "panic") {
			t.Errorf("got %v", err)
		}
	}
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("HOME", "")
	if _, err := Dir(); err == nil || !strings.Contains(err.Error(), "set XDG_CONFIG_HOME to a folder of your own") {
		t.Errorf("got %v", err)
	}
}

func TestNothingThatIsPrintedHasTheKey(t *testing.T) {
	dir := t.TempDir()
	c := mustOpen(t, dir, "twilio.com")
	cert, err := c.Certificate("localhost")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Certificate("example.com")
	printed := fmt.Sprintf("%v %+v %s %v %s", c, c, c.PEM(), err, cert.Certificate)
	block, _ := pem.Decode([]byte(read(t, dir, keyFile)))
	private, err := c.key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{string(block.Bytes), string(private), hex.EncodeToString(private), fmt.Sprint(private), base64.StdEncoding.EncodeToString(block.Bytes)[60:], hex.EncodeToString(block.Bytes), "PRIVATE"} {
		if strings.Contains(printed, secret) {
			t.Error("the key is printed")
		}
	}
}
