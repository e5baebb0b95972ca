package cassettes

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestANameOfASessionIsThatOfAFileOnEverySystem(t *testing.T) {
	for _, name := range []string{"login", "auth/login", "a.b", "Ümläut", "with space", "CONSOLE", "com", "com10", "nullable", "a/b/c/d", strings.Repeat("x", maxSegment)} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", "/", "/etc/passwd", "..", "../login", "auth/../../login", "auth/..", "auth//login", "auth/", "./login", ".hidden", "auth/.git/x",
		`auth\login`, `C:\login`, "C:login", "login\x00", "log\nin", "log\x7fin", "log\u0085in", "log\u2028in", "a<b", "a>b", `a"b`, "a|b", "a?b", "a*b", "login.", "login ", " login", "auth /login",
		"CON", "con", "nul", "NUL.yaml", "aux.tar.gz", "COM1", "com9.x", "LPT¹", "prn .x", "auth/NUL/x", "conin$",
		"\xff", strings.Repeat("x", maxSegment+1), strings.Repeat("x/", maxSession),
	} {
		if CheckName(name) == nil {
			t.Errorf("%q is taken", name)
		} else if err := CheckName(name); name != "" && len(name) > 3 && strings.Contains(err.Error(), name) {
			t.Errorf("%q is repeated: %v", name, err)
		}
	}
}

func FuzzNoNameLeavesTheFolder(f *testing.F) {
	for _, name := range []string{"login", "../x", "a/b", "a/../../b", "/x", "nul", "a\\b", "l", "link/x"} {
		f.Add(name)
	}
	outside := f.TempDir()
	inside := filepath.Join(outside, "inside")
	if err := os.Mkdir(inside, 0o700); err != nil {
		f.Fatal(err)
	}
	if err := os.Symlink("..", filepath.Join(inside, "link")); err != nil {
		f.Fatal(err)
	}
	folder, err := OpenFolder(inside, false)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckName(name) != nil {
			return
		}
		file, err := folder.File(name, true)
		if err != nil {
			return
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			return // such as a name of which another one has made a folder
		}
		real, err := filepath.EvalSymlinks(file)
		if rel, relErr := filepath.Rel(inside, real); err != nil || relErr != nil || !filepath.IsLocal(rel) {
			t.Errorf("%q is %s, %v", name, real, err)
		}
	})
}

func TestASymbolicLinkDoesNotLeaveTheFolder(t *testing.T) {
	outside, inside := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "secret.yaml")
	writeFile(t, secret, "version: 2\ninteractions: []\n")
	for link, target := range map[string]string{
		"file.yaml": secret, "folder": outside, "dangling.yaml": filepath.Join(outside, "new.yaml"), "locked.yaml.lock": filepath.Join(outside, "lock"),
		"relative.yaml": "../" + filepath.Base(outside) + "/secret.yaml",
	} {
		must(t, os.Symlink(target, filepath.Join(inside, link)))
	}
	writeFile(t, filepath.Join(inside, "real.yaml"), "version: 2\ninteractions: []\n")
	must(t, os.Symlink("real.yaml", filepath.Join(inside, "alias.yaml")))
	folder, err := OpenFolder(inside, false)
	must(t, err)
	for _, name := range []string{"file", "folder/secret", "folder/new", "dangling", "locked", "relative"} {
		if file, err := folder.File(name, true); err == nil {
			t.Errorf("%s is taken for %s", name, file)
		}
		if _, err := folder.Load(name); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: loaded, %v", name, err)
		}
	}
	for _, name := range []string{"real", "alias"} {
		if _, err := folder.Load(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	entries, err := os.ReadDir(outside)
	if err != nil || len(entries) != 1 {
		t.Errorf("outside there are %v, %v", entries, err)
	}
}

func TestTheClosestNamesAreThoseThatAPersonWouldMean(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"auth/login", "auth/logout", "signup", "resend", "cancel", "approve", "billing/invoice", ".git/login"} {
		file := filepath.Join(dir, name+".yaml")
		must(t, os.MkdirAll(filepath.Dir(file), 0o700))
		writeFile(t, file, "")
	}
	folder, err := OpenFolder(dir, false)
	must(t, err)
	for name, want := range map[string]string{"login": "auth/login", "auth/lgoin": "auth/login", "Signup": "signup", "cancelled": "cancel", "invoices": "billing/invoice"} {
		if got := folder.Closest(name, 5); len(got) != 5 || got[0] != want || slices.Contains(got, ".git/login") {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestAFolderThatIsNotThereIsSaid(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	if _, err := OpenFolder(dir, false); err == nil || err.Error() != "there is no cassette folder "+dir+": check --cassette-dir, or record to it first" {
		t.Errorf("got %v", err)
	}
	if _, err := OpenFolder(dir, true); err != nil {
		t.Errorf("got %v", err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestWhatIsOnlyLookedForMakesNothing(t *testing.T) {
	dir := t.TempDir()
	folder, err := OpenFolder(dir, false)
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(dir, "folder.yaml"), 0o700))
	if _, err := folder.Load("new/login"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := folder.Load("folder"); err == nil || !strings.Contains(err.Error(), "folder.yaml: it is a folder; name a file in it") {
		t.Errorf("got %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("there are %v, %v", entries, err)
	}
}

func writeFile(t *testing.T, file, text string) {
	t.Helper()
	must(t, os.WriteFile(file, []byte(text), 0o600))
}
