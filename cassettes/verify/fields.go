package verify

import (
	"slices"
	"strings"
)

// Kind is what a secret or personal value is, and so what its placeholder must look like.
type Kind string

const (
	Credential Kind = "credential"
	Code       Kind = "code"                             // a few digits that people type
	Token      Kind = "opaque token"                     // keys, signatures, device tokens
	Address    Kind = "phone number or e-mail address"   // what a verification is sent to
	IP         Kind = "IP address"                       //
	URL        Kind = "URL that may hold a secret"       //
	Money      Kind = "amount of money"                  //
	Text       Kind = "name or free text"                // or a structure of them
	Message    Kind = "message that repeats what it got" // only what is recognised in it is redacted
	Readable   Kind = ""                                 // an exception: stays as it is
)

// Place is where a field occurs. A field may have several.
type Place uint8

const (
	InHeader Place = 1 << iota // of a request or a response
	InForm                     // a field of a form, or a member of a JSON request
	InQuery                    // of any URL, wherever it stands
	InJSON                     // a member of a JSON object; what is in it belongs to it
	InPath                     // the segment of a path that follows the one named, if it is no SID
	InURL                      // a part of any URL, wherever it stands

	inFields = InForm | InQuery | InJSON
)

// Field is one place where the API, or the HTTP around it, carries a secret or a personal value.
type Field struct {
	// Name is what the field is called: case, "_" and "-" do not count, so that phone_number is PhoneNumber
	// too. Of a name with dots the last part is the field's, and the others lead to it: "binding.secret".
	Name  string
	In    Place
	Under string // only in calls whose path has this segment; "" for all
	Kind  Kind
	Why   string
}

// Fields are all of them. Where several fit, the one with the most parts counts, and what is inside a
// redacted structure is redacted, but for exceptions that name the structure.
//
// Source: Twilio's OpenAPI file (its x-twilio.pii marks, and every property of every schema), RFC 9110,
// RFC 6265, RFC 6749 and WebAuthn for the names that are not Twilio's.
var Fields = []Field{
	{"Authorization", InHeader, "", Credential, "Basic user and password, or a bearer token"},
	{"Proxy-Authorization", InHeader, "", Credential, "the same, for a proxy"},
	{"Cookie", InHeader, "", Credential, "sessions"},
	{"Set-Cookie", InHeader, "", Credential, "sessions"},
	{"Twilio-Client-Validation", InHeader, "", Credential, "public key client validation"},
	{"X-Twilio-Signature", InHeader, "", Credential, "signature of a webhook"},
	{"X-Api-Key", InHeader, "", Credential, "gateways before the API"},
	{"X-Auth-Token", InHeader, "", Credential, "gateways before the API"},
	{"Forwarded", InHeader, "", IP, "the client's address"},
	{"X-Forwarded-For", InHeader, "", IP, "the client's address"},
	{"X-Real-Ip", InHeader, "", IP, "the client's address"},
	{"True-Client-Ip", InHeader, "", IP, "the client's address"},
	{"Cf-Connecting-Ip", InHeader, "", IP, "the client's address"},
	{"userinfo", InURL, "", Credential, "user:password@ before the host"},

	{"password", inFields, "", Credential, "whoever's it is"},
	{"auth_token", inFields, "", Credential, "an account's"},
	{"api_key", inFields, "", Credential, "an API key"},
	{"api_secret", inFields, "", Credential, "an API key's secret"},
	{"client_secret", inFields, "", Credential, "OAuth"},
	{"access_token", inFields, "", Credential, "OAuth"},
	{"refresh_token", inFields, "", Credential, "OAuth"},
	{"id_token", inFields, "", Credential, "OpenID Connect"},
	{"client_assertion", inFields, "", Credential, "OAuth"},
	{"private_key", inFields, "", Credential, "any"},
	{"secret", inFields, "", Credential, "the seed of a TOTP factor (binding.secret), and any other"},
	{"token", inFields, "", Token, "an access token for enrolling a factor"},
	{"Code", InForm | InQuery, "", Code, "what the user has typed; in answers code is an error's number"},
	{"CustomCode", inFields, "", Code, "a code that the caller has chosen"},
	{"AuthPayload", inFields, "", Code, "a TOTP code, or a signed answer to a challenge"},
	{"SnaClientToken", inFields, "", Token, "silent network authentication"},
	{"sna.url", InJSON, "", URL, "whoever calls it is verified"},
	{"public_key", inFields, "", Token, "of a factor's binding"},
	{"notification_token", inFields, "", Token, "a device's push token"},
	{"binding.uri", InJSON, "", URL, "otpauth: with the seed and the user's name"},
	{"webhook_url", inFields, "", URL, "may embed credentials"},
	{"PageToken", InQuery | InForm, "", Token, "made of SIDs and dates"},

	{"challenge", inFields, "", Token, "what a passkey has to sign"},
	{"clientDataJSON", inFields, "", Token, "WebAuthn"},
	{"attestationObject", inFields, "", Token, "WebAuthn"},
	{"authenticatorData", inFields, "", Token, "WebAuthn"},
	{"signature", inFields, "", Token, "WebAuthn"},
	{"userHandle", inFields, "", Token, "WebAuthn"},
	{"rawId", inFields, "", Token, "WebAuthn: a credential's identifier"},
	{"id", InJSON, "Passkeys", Token, "WebAuthn: the same, in base64url"},
	{"rp.id", InJSON, "Passkeys", Readable, "a domain"},
	{"relying_party.id", InJSON, "", Readable, "a domain"},
	{"options.publicKey", InJSON, "", Readable, "what a passkey is asked for; not a key"},
	{"publicKey.user", InJSON, "", Text, "WebAuthn: the user's names and identifier"},

	{"To", inFields, "", Address, "also in channel_data, and ChannelData.To of a query"},
	{"phone_number", inFields, "", Address, "of the safe list"},
	{"DestinationPrefix", InQuery, "", Address, "may be the whole number"},
	{"whatsapp.from", inFields, "", Address, "a sender's number"},
	{"Verifications", InPath, "", Address, "a verification may be addressed by what it was sent to"},
	{"Numbers", InPath, "", Address, "of the safe list"},
	{"Entities", InPath, "", Text, "the user's identity"},
	{"Identity", inFields, "", Text, "the user's"},
	{"entity_identity", inFields, "", Text, "the user's"},
	{"factor_friendly_name", inFields, "", Text, "\"John's phone\""},
	{"friendly_name", inFields, "Factors", Text, "\"John's phone\"; of services and templates it is readable"},
	{"friendly_name", inFields, "Passkeys", Text, "the same"},
	{"factors.friendly_name", InJSON, "", Text, "the same"},
	{"Amount", inFields, "", Money, "PSD2"},
	{"Payee", inFields, "", Text, "PSD2"},
	{"DeviceIp", inFields, "", IP, "the user's"},
	{"ip", inFields, "", IP, "the user's, in hidden_details"},
	{"Details", inFields, "", Text, "what a challenge shows to the user"},
	{"Details.Fields", InForm | InQuery, "", Text, "the same, a form field of its own"},
	{"Details.Message", InForm | InQuery, "", Text, "the same, a form field of its own"},
	{"HiddenDetails", inFields, "", Text, "what a challenge keeps from the user"},
	{"Metadata", inFields, "", Text, "of factors and challenges"},
	{"RateLimits", InForm | InQuery, "", Text, "values that are counted, such as addresses; in answers rate_limits are resources"},
	{"ChannelConfiguration", inFields, "", Text, "sender and substitutions of an e-mail"},
	{"TemplateCustomSubstitutions", inFields, "", Text, "what is put in a message"},
	{"CustomMessage", inFields, "", Text, "what is sent"},
	{"SendDigits", inFields, "", Code, "an extension"},
	{"Tags", inFields, "", Text, "should hold nothing personal, but may"},
	{"carrier", InJSON, "", Text, "the user's, of lookup and channel_data"},
	{"carrier.type", InJSON, "", Readable, "mobile, landline or voip"},
	{"carrier.error_code", InJSON, "", Readable, "a number of Twilio's errors"},
	{"mobile_country_code", InJSON, "", Text, "the carrier's"},
	{"mobile_network_code", InJSON, "", Text, "the carrier's"},
	{"mcc", InJSON, "", Text, "the carrier's country code"},
	{"mnc", InJSON, "", Text, "the carrier's network code"},
	{"message", InJSON, "", Message, "error 60200 repeats the phone number"},
}

// SecretHeaders are the headers that carry a credential, in canonical form, and PersonalHeaders those that tell
// where the client is.
var (
	SecretHeaders   = headers(Credential)
	PersonalHeaders = headers(IP)
)

func headers(kind Kind) []string {
	var names []string
	for _, f := range Fields {
		if f.In&InHeader != 0 && f.Kind == kind {
			names = append(names, f.Name)
		}
	}
	return names
}

// CredentialSIDs are the two letters that begin the SIDs of accounts and API keys, the user names of
// Twilio's Basic authentication. 32 hexadecimal digits follow them.
var CredentialSIDs = []string{"AC", "SK"}

// Index finds the fields of a list by name. It is not changed once made.
type Index struct {
	byLast map[string][]entry // by the last part of the name; the longest names first
}

type entry struct {
	Field
	parts []string // of the name, folded, the last one first
}

// NewIndex returns the index of fields. Of two that fit equally well, the first counts.
func NewIndex(fields []Field) *Index {
	x := &Index{byLast: map[string][]entry{}}
	for _, f := range fields {
		parts := SplitName(f.Name)
		slices.Reverse(parts)
		x.byLast[parts[0]] = append(x.byLast[parts[0]], entry{f, parts})
	}
	for _, entries := range x.byLast {
		slices.SortStableFunc(entries, func(a, b entry) int { return len(b.parts) - len(a.parts) })
	}
	return x
}

// Find returns the field that name is when it occurs in a place of a call to path. The names that led to it
// are in outer, the nearest one last. Longer says that some of the field's name is among them.
func (x *Index) Find(name string, outer []string, in Place, path string) (f Field, longer, ok bool) {
	var buf [64]byte
	last := name
	if strings.IndexByte(name, '.') >= 0 || strings.IndexByte(name, '[') >= 0 {
		parts := SplitName(name)
		if len(parts) == 0 {
			return Field{}, false, false
		}
		last = parts[len(parts)-1]
		outer = append(slices.Clip(outer), parts[:len(parts)-1]...)
	}
	for _, e := range x.byLast[string(fold(buf[:0], last))] {
		if e.In&in != 0 && (e.Under == "" || hasSegment(path, e.Under)) && endsWith(outer, e.parts[1:]) {
			return e.Field, len(e.parts) > 1, true
		}
	}
	return Field{}, false, false
}

// endsWith reports whether the last names of outer are parts, which are folded, the last one first.
func endsWith(outer, parts []string) bool {
	if len(parts) > len(outer) {
		return false
	}
	var buf [64]byte
	for i, p := range parts {
		if string(fold(buf[:0], outer[len(outer)-1-i])) != p {
			return false
		}
	}
	return true
}

// FieldsNamed returns the redacted fields that a rule for name would speak of.
func FieldsNamed(name string) []Field {
	var fields []Field
	parts := SplitName(name)
	for _, f := range Fields {
		own := SplitName(f.Name)
		n := min(len(parts), len(own))
		if f.Kind != Readable && n > 0 && slices.Equal(parts[len(parts)-n:], own[len(own)-n:]) {
			fields = append(fields, f)
		}
	}
	return fields
}

// SplitName returns the parts of a field's name, folded: "Binding.Secret" and "binding[secret]" have two.
func SplitName(name string) []string {
	var parts []string
	for _, p := range strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		parts = append(parts, string(fold(nil, p)))
	}
	return parts
}

// fold appends name to b without case, "_" and "-".
func fold(b []byte, name string) []byte {
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case 'A' <= c && c <= 'Z':
			b = append(b, c+'a'-'A')
		case c != '_' && c != '-':
			b = append(b, c)
		}
	}
	return b
}

// hasSegment reports whether one of path's segments is segment.
func hasSegment(path, segment string) bool {
	for rest := path; ; {
		i := strings.Index(rest, segment)
		if i < 0 {
			return false
		}
		end := i + len(segment)
		if i > 0 && rest[i-1] == '/' && (end == len(rest) || strings.IndexByte("/?#", rest[end]) >= 0) {
			return true
		}
		rest = rest[i+1:]
	}
}
