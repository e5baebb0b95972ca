package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/twilio-vcr/twilio-vcr/cassettes"
	"github.com/twilio-vcr/twilio-vcr/cassettes/verify"
)

var errTooLong = verify.Errorf(http.StatusRequestEntityTooLarge,
	"the body of the request is longer than %d MiB; no call of Verify needs that", cassettes.MaxBody>>20)

// guard returns why r may not come in, or nil. The proxy is for the programs on this machine: a web page
// that the same machine looks at must not reach it, neither by a name that its owner points here (DNS
// rebinding) nor by sending forms across sites (CSRF).
func (h *Handler) guard(r *http.Request) *verify.Error {
	host := hostname(r.Host)
	if t := tunnelOf(r.Context()); t != nil {
		if why := t.misdirected(r); why != nil {
			return why
		}
	}
	switch {
	case !isOwnName(host) && !h.isUpstreamName(host):
		return verify.Errorf(http.StatusForbidden, "the Host header names neither this proxy nor upstream %s", h.upstream.Host)
	case isCrossSite(r):
		return verify.Errorf(http.StatusForbidden, "the request comes from a web page of another site")
	case r.ContentLength > cassettes.MaxBody:
		return errTooLong
	}
	return nil
}

// isUpstreamName reports whether host is upstream's, or the API's own in any region.
// Source: https://www.twilio.com/docs/global-infrastructure/understanding-twilio-regions
func (h *Handler) isUpstreamName(host string) bool {
	return strings.EqualFold(host, h.upstream.Hostname()) || strings.EqualFold(host, verify.Host) ||
		strings.HasPrefix(strings.ToLower(host), "verify.") && strings.HasSuffix(strings.ToLower(host), ".twilio.com")
}

// isOwnName reports whether host is a name that only this machine or its own network gives to the proxy:
// an address, or a name that the public DNS can't have. No name at all comes from HTTP/1.0, not from a browser.
func isOwnName(host string) bool {
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	host = strings.ToLower(host)
	return !strings.Contains(host, ".") ||
		strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".internal")
}

// isCrossSite reports whether a browser sent r for a page of another site.
// Source: https://www.w3.org/TR/fetch-metadata/ and RFC 6454.
func isCrossSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return true
	}
	values, sent := r.Header["Origin"]
	if !sent {
		return false
	}
	origin, err := url.Parse(strings.Join(values, ","))
	return err != nil || origin.Host == "" || !strings.EqualFold(origin.Host, r.Host)
}

// hostname returns host without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}
