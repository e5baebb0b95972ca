package ca

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// The names by which this machine's programs reach the proxy. Every CA is for them.
var (
	ownNames  = []string{"localhost"}
	ownRanges = []*net.IPNet{
		{IP: net.IP{127, 0, 0, 0}, Mask: net.CIDRMask(8, 32)},
		{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
	}
)

// hostName is what a name looks like that a certificate can be for. Underscores are in no standard, but in names
// that containers have.
var hostName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*$`)

// parse returns host as the one or the other: a name in lower case, without the dot of its end, or an address.
func parse(host string) (name string, ip net.IP, ok bool) {
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return "", addr.Unmap().WithZone("").AsSlice(), true
	}
	name = strings.ToLower(strings.TrimSuffix(host, "."))
	return name, nil, len(name) <= 253 && hostName.MatchString(name)
}

// subtrees returns what a CA for domains may sign for.
func subtrees(domains []string) (names []string, ranges []*net.IPNet, err error) {
	names, ranges = slices.Clone(ownNames), slices.Clone(ownRanges)
	for _, domain := range domains {
		name, ip, ok := parse(domain)
		switch {
		case !ok:
			return nil, nil, fmt.Errorf("%q is no name that a certificate can be for; write a host in ASCII, such as verify.twilio.com", domain)
		case within(names, ranges, name, ip):
		case ip != nil:
			bits := 8 * len(ip)
			ranges = append(ranges, &net.IPNet{IP: ip, Mask: net.CIDRMask(bits, bits)})
		default:
			names = append(names, name)
		}
	}
	return names, ranges, nil
}

func within(names []string, ranges []*net.IPNet, name string, ip net.IP) bool {
	if ip != nil {
		return slices.ContainsFunc(ranges, func(r *net.IPNet) bool { return r.Contains(ip) })
	}
	return slices.ContainsFunc(names, func(n string) bool { return name == n || strings.HasSuffix(name, "."+n) })
}

func (c *CA) permits(name string, ip net.IP) bool {
	return within(c.cert.PermittedDNSDomains, c.cert.PermittedIPRanges, name, ip)
}

// extent says in words what c is for.
func (c *CA) extent() string {
	all := slices.Clone(c.cert.PermittedDNSDomains)
	for _, r := range c.cert.PermittedIPRanges {
		all = append(all, r.String())
	}
	last := len(all) - 1
	return strings.Join(all[:last], ", ") + " and " + all[last]
}

// isConstrained reports whether c can sign for some names only.
func (c *CA) isConstrained() bool {
	names, ranges := c.cert.PermittedDNSDomains, c.cert.PermittedIPRanges
	return c.cert.PermittedDNSDomainsCritical && len(names) > 0 && len(ranges) > 0 &&
		!slices.ContainsFunc(names, func(n string) bool { return strings.Trim(n, ".") == "" })
}
