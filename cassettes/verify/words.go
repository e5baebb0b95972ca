package verify

import "strings"

// IsWord reports whether s is a word that the API, HTTP or a cassette speaks in: the name of a field, a value
// of an enumeration, a segment of a path. Case does not count. Such a word says nothing about anybody, even
// where somebody has it for a name.
func IsWord(s string) bool { return words[strings.ToLower(s)] }

var words = func() map[string]bool {
	all := map[string]bool{}
	for _, list := range []string{apiWords, httpWords, tapeWords} {
		for word := range strings.FieldsSeq(list) {
			all[word] = true
		}
	}
	return all
}()

// apiWords are the properties, parameters, enumerations and path segments of Twilio's OpenAPI file.
const apiWords = `
accepted accesstokens account_sid alg amount any apn apncredentialsid apphash appid approvechallenge
approved asc attempts attestationobject authenticator_attachment authenticatorattachment authenticatordata
authpayload binding ble buckets busy call canceled challenge_sid challenges challengesid channel
channel_data channelconfiguration channeldata channels clientdatajson code code_length codelength completed
config confirmed conversion_rate_percentage conversion_status converted country cross-platform
custom_code_enabled customcode customcodeenabled customfriendlyname custommessage date_created
date_responded date_updated datecreatedafter datecreatedbefore default_template_sid defaulttemplatesid
delivered denied desc description destinationprefix details deviceip disable disabled discouraged
discoverable_credentials discoverablecredentials do_not_share_warning_enabled donotsharewarningenabled
dtmf_input_required dtmfinputrequired email enable enabled enablesnaclienttoken entities entity_identity
entity_sid event_types eventtypes expiration_date expirationdate expired factor_friendly_name factor_sid
factor_type factorfriendlyname factors factorsid factortype failed fcm fcmcredentialsid fields
first_page_url form-push form_meta form_type forms formtype friendly_name friendlyname from get
hidden_details hiddendetails hybrid id identity in-progress includedate internal interval issuer key links
locale lookup lookup_enabled lookupenabled max message messaging_configurations messaging_service_sid
messagingconfigurations messagingservicesid meta metadata more_info msgservicesid name next_page_url nfc
no-answer none not_needed not_requested notificationplatform notifications notificationtoken numbers options
order origins page page_size pagesize pagetoken partially_delivered passkeys payee pending phone_number
phonenumber platform post preferred previous_page_url price priority psd2_enabled psd2enabled public-key
publickey push queued rate_limit_sid rate_limits ratelimits ratelimitsid rawid rbm read received receiving
relying_party relyingparty required responded_reason response ringing riskcheck safelist scheduled
sdkversion secret send_code_attempts senddigits sending sent service_sid services servicesid sha1 sha256
sha512 sid signature skew skip_sms_to_landlines skipsmstolandlines smart-card sms sna
sna_attempts_error_codes snaclienttoken status summary tags templatecustomsubstitutions templates
templatesid timestep to token total_attempts total_converted total_unconverted totp translations transports
ttl tts_name ttsname type unconfirmed unconverted undelivered unique_name uniquename unverified url usb
user_verification userhandle userverification v1 v2 valid verification_sid verificationcheck verifications
verificationsid verified verify_event_subscription_enabled verifyeventsubscriptionenabled verifyfactor
verifyservicesid version webhook_method webhook_url webhooks webhookurl whatsapp`

// httpWords are the words of the headers that clients and Twilio send, and of their values.
const httpWords = `
accept access age agent allow application authorization basic bearer cache charset chunked client close
concurrent connection content control cookie created credentials date domain duration encoding etag expires
expose form gzip headers home host http https identity json keep-alive language length link location methods
modified no-cache origin powered ray redacted region request requests retry security server set shenanigans
strict text trailer transfer transport twilio type urlencoded user utf-8 validation vary verify www`

// tapeWords are the words of go-vcr's format, and of JSON.
const tapeWords = `
body code content_length duration false form headers host id interactions method null proto proto_major
proto_minor recorded remote_addr request request_uri response status trailer transfer_encoding true
uncompressed url version`
