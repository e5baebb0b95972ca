//go:build !unix

package proxy

import "syscall"

// ownerOnly does nothing: there are no modes.
func ownerOnly(_, _ string, _ syscall.RawConn) error { return nil }
