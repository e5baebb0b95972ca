package verify

// SecretHeaders are the headers that carry a credential, in requests or responses, in canonical form.
//
// Source: Twilio's documentation of its authentication, of webhook signatures (X-Twilio-Signature) and
// of public key client validation (Twilio-Client-Validation); RFC 9110 and RFC 6265 for the others.
var SecretHeaders = []string{
	"Authorization",
	"Cookie",
	"Proxy-Authorization",
	"Set-Cookie",
	"Twilio-Client-Validation",
	"X-Twilio-Signature",
}

// CredentialSIDs are the two letters that begin the SIDs of accounts and API keys, the user names of
// Twilio's Basic authentication. 32 hexadecimal digits follow them.
var CredentialSIDs = []string{"AC", "SK"}
