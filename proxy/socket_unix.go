//go:build unix

package proxy

import "syscall"

// ownerOnly gives a socket the mode 0600 before it has its file, so that there is no time in which others can reach
// it, whatever the umask is. Linux makes the file with the mode of the socket; where another system can't, the file
// has the mode only a moment later.
func ownerOnly(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), 0o600) })
}
