// Driver calls every resource of Twilio Verify with twilio-go, and prints what the SDK made of each answer.
//
//	driver BASE_URL ACCOUNT_SID AUTH_TOKEN
//
// One line of JSON a call: {"call": …, "result": …}, or {"call": …, "error": {status, code, message}}. A call is
// named OPERATION [PREFER]: the operation of Twilio's OpenAPI file, and the Prefer header that tells Prism which
// of the file's examples to answer with.
package main

import (
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/twilio/twilio-go"
	"github.com/twilio/twilio-go/client"
	verify "github.com/twilio/twilio-go/rest/verify/v2"
)

// preferring sends requests to base, with a Prefer header.
type preferring struct {
	base   *url.URL
	prefer string
}

func (p *preferring) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Scheme, req.URL.Host = p.base.Scheme, p.base.Host
	if p.prefer != "" {
		req.Header.Set("Prefer", p.prefer)
	}
	return http.DefaultTransport.RoundTrip(req)
}

// caller makes calls and prints what comes of them.
type caller struct {
	transport *preferring
	out       *json.Encoder
}

type line struct {
	Call   string   `json:"call"`
	Result any      `json:"result,omitempty"`
	Error  *failure `json:"error,omitempty"`
}

type failure struct {
	Status  int    `json:"status"`
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (c *caller) call(name string, request func() (any, error)) {
	_, c.transport.prefer, _ = strings.Cut(name, " ")
	l := line{Call: name}
	result, err := request()
	var refused *client.TwilioRestError
	switch {
	case errors.As(err, &refused):
		l.Error = &failure{refused.Status, refused.Code, refused.Message}
	case err != nil: // the SDK could not parse the answer
		l.Error = &failure{Message: err.Error()}
	default:
		l.Result = result
	}
	if err := c.out.Encode(l); err != nil {
		log.Fatal(err)
	}
}

const (
	phone    = "+15017122661"
	email    = "mail@email.com"
	identity = "ff483d1ff591898a9942916050d2ca3f"
)

func sid(prefix string) string { return prefix + strings.Repeat("a", 32) }

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: driver BASE_URL ACCOUNT_SID AUTH_TOKEN")
	}
	base, err := url.Parse(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	transport := &preferring{base: base}
	cl := &client.Client{
		Credentials: client.NewCredentials(os.Args[2], os.Args[3]),
		HTTPClient:  &http.Client{Transport: transport, Timeout: 10 * time.Second},
	}
	cl.SetAccountSid(os.Args[2])
	api := twilio.NewRestClientWithParams(twilio.ClientParams{Client: cl}).VerifyV2
	c := &caller{transport, json.NewEncoder(os.Stdout)}

	c.services(api)
	c.verifications(api)
	c.entities(api)
	c.challenges(api)
	c.settings(api)
	c.overviews(api)
	c.passkeys(api)
	c.deletions(api)
}

func (c *caller) services(api *verify.ApiService) {
	c.call("CreateService", func() (any, error) {
		return api.CreateService((&verify.CreateServiceParams{}).
			SetFriendlyName("name").SetCodeLength(4).SetLookupEnabled(false).SetPsd2Enabled(false).
			SetSkipSmsToLandlines(false).SetDtmfInputRequired(false).SetTtsName("name").
			SetDoNotShareWarningEnabled(false).SetCustomCodeEnabled(true).SetPushIncludeDate(false).
			SetPushApnCredentialSid(sid("CR")).SetTotpIssuer("test-issuer").SetTotpTimeStep(30).
			SetTotpCodeLength(3).SetTotpSkew(2).SetDefaultTemplateSid(sid("HJ")).
			SetWhatsappMsgServiceSid(sid("MG")).SetWhatsappFrom("whatsapp:+1234567890").
			SetPasskeysRelyingPartyId("www.mydomain.com").SetPasskeysRelyingPartyName("My domain").
			SetPasskeysRelyingPartyOrigins("www.mydomain.com,www.login.mydomain.com"))
	})
	c.call("FetchService", func() (any, error) { return api.FetchService(sid("VA")) })
	c.call("ListService", func() (any, error) { return api.ListService(nil) })
	c.call("UpdateService", func() (any, error) {
		return api.UpdateService(sid("VA"), (&verify.UpdateServiceParams{}).SetFriendlyName("name").
			SetPushFcmCredentialSid(sid("CR")).SetWhatsappFrom("whatsapp:+1234567890"))
	})
}

func (c *caller) verifications(api *verify.ApiService) {
	create := func(prefer string, p *verify.CreateVerificationParams) {
		c.call("CreateVerification "+prefer, func() (any, error) { return api.CreateVerification(sid("VA"), p) })
	}
	create("example=createVerification", (&verify.CreateVerificationParams{}).
		SetTo(phone).SetChannel("sms").SetCustomFriendlyName("custom_friendly_name").
		SetCustomMessage("custom_message").SetSendDigits("ww1").SetLocale("en").SetCustomCode("482913").
		SetAmount("€39.99").SetPayee("Acme Inc.").
		SetRateLimits(map[string]string{"end_user_ip_address": "203.0.113.7"}).SetAppHash("AAAAAAAAAAA").
		SetTemplateSid(sid("HJ")).SetTemplateCustomSubstitutions(`{"AppName": "MyApp", "Contact": "12345689"}`).
		SetDeviceIp("203.0.113.7").SetRiskCheck("enable").SetTags(`{"tenant_id": "12345"}`))
	create("example=createVerificationWhatsapp", (&verify.CreateVerificationParams{}).
		SetTo(phone).SetChannel("whatsapp").SetCustomFriendlyName("custom_friendly_name").
		SetCustomCode("482913").SetLocale("en"))
	create("example=createVerificationEmail", (&verify.CreateVerificationParams{}).
		SetTo(email).SetChannel("email").SetCustomCode("482913").SetCustomMessage("custom_message").
		SetLocale("en").SetAmount("€39.99").SetPayee("Acme Inc.").SetChannelConfiguration(map[string]any{
		"from": "foo@bar.com", "from_name": "Bar Inc.", "substitutions": map[string]string{"username": "ms. baz"},
		"template_id": "Dxxxxxxxxxx"}))
	create("example=createVerificationWithRateLimits", (&verify.CreateVerificationParams{}).
		SetTo(phone).SetChannel("sms").SetRateLimits(map[string]string{"my_rate_limit_key": "abc"}))
	create("example=createVerificationSna", (&verify.CreateVerificationParams{}).
		SetTo(phone).SetChannel("sna").SetEnableSnaClientToken(true))
	create("example=createVerificationAuto", (&verify.CreateVerificationParams{}).
		SetTo(phone).SetChannel("auto").SetDeviceIp("203.0.113.7"))
	create("code=429", (&verify.CreateVerificationParams{}).SetTo(phone).SetChannel("sms"))

	for _, of := range []string{sid("VE"), phone, email} {
		c.call("FetchVerification", func() (any, error) { return api.FetchVerification(sid("VA"), of) })
	}
	for _, update := range []struct{ of, status, prefer string }{
		{sid("VE"), "approved", "example=approveVerificationWithPn"},
		{sid("VE"), "canceled", "example=updateVerification"},
		{phone, "approved", "example=approveVerificationWithPn"},
		{email, "canceled", "example=updateVerification"},
	} {
		c.call("UpdateVerification "+update.prefer, func() (any, error) {
			return api.UpdateVerification(sid("VA"), update.of, (&verify.UpdateVerificationParams{}).SetStatus(update.status))
		})
	}

	check := func(prefer string, p *verify.CreateVerificationCheckParams) {
		c.call("CreateVerificationCheck "+prefer, func() (any, error) { return api.CreateVerificationCheck(sid("VA"), p) })
	}
	check("code=201, example=verificationChecks", (&verify.CreateVerificationCheckParams{}).
		SetTo(phone).SetCode("482913").SetAmount("€39.99").SetPayee("Acme Inc."))
	check("code=201, example=emailVerificationChecks", (&verify.CreateVerificationCheckParams{}).
		SetTo("recipient@foo.com").SetCode("482913"))
	check("code=200, example=verificationChecks200", (&verify.CreateVerificationCheckParams{}).
		SetVerificationSid(sid("VE")).SetCode("482913"))
	check("code=201, example=snaVerificationChecks", (&verify.CreateVerificationCheckParams{}).
		SetTo(phone).SetSnaClientToken("5f7ba2d8e3c14906"))
}

func (c *caller) entities(api *verify.ApiService) {
	c.call("CreateEntity", func() (any, error) {
		return api.CreateEntity(sid("VA"), (&verify.CreateEntityParams{}).SetIdentity(identity))
	})
	c.call("FetchEntity", func() (any, error) { return api.FetchEntity(sid("VA"), identity) })
	c.call("ListEntity example=readFull", func() (any, error) { return api.ListEntity(sid("VA"), nil) })

	c.call("CreateNewFactor example=createPush", func() (any, error) {
		return api.CreateNewFactor(sid("VA"), identity, (&verify.CreateNewFactorParams{}).
			SetFriendlyName("John's phone").SetFactorType("push").SetBindingAlg("ES256").
			SetBindingPublicKey("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8GdwtibWe0kpgsFl6xPQBwhtwUEyeJkeozFmi2jiJDzxFSMwVy3kVR1h").
			SetConfigAppId("com.example.myapp").SetConfigNotificationPlatform("fcm").
			SetConfigNotificationToken("test_token").SetConfigSdkVersion("1.0").
			SetMetadata(map[string]string{"os": "Android"}))
	})
	c.call("CreateNewFactor example=createTotp", func() (any, error) {
		return api.CreateNewFactor(sid("VA"), identity, (&verify.CreateNewFactorParams{}).
			SetFriendlyName("John's phone").SetFactorType("totp").
			SetBindingSecret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").SetConfigTimeStep(30).SetConfigSkew(1).
			SetConfigCodeLength(6).SetConfigAlg("sha1").SetMetadata(map[string]string{"os": "Android"}))
	})
	for _, example := range []string{"fetchPush", "fetchTotp", "fetchPasskeys"} {
		c.call("FetchFactor example="+example, func() (any, error) {
			return api.FetchFactor(sid("VA"), identity, sid("YF"))
		})
	}
	for _, example := range []string{"readFullPush", "readFullTotp", "readFullPasskeys", "readEmpty"} {
		c.call("ListFactor example="+example, func() (any, error) { return api.ListFactor(sid("VA"), identity, nil) })
	}
	c.call("UpdateFactor example=verifyPush", func() (any, error) {
		return api.UpdateFactor(sid("VA"), identity, sid("YF"), (&verify.UpdateFactorParams{}).
			SetAuthPayload("482913").SetFriendlyName("John's phone").SetConfigSdkVersion("1.0").
			SetConfigNotificationToken("test_token").SetConfigNotificationPlatform("fcm"))
	})
	c.call("UpdateFactor example=verifyTotp", func() (any, error) {
		return api.UpdateFactor(sid("VA"), identity, sid("YF"), (&verify.UpdateFactorParams{}).
			SetAuthPayload("482913").SetConfigTimeStep(30).SetConfigSkew(1).SetConfigCodeLength(6).SetConfigAlg("sha1"))
	})
}

func (c *caller) challenges(api *verify.ApiService) {
	details := func() *verify.CreateChallengeParams {
		return (&verify.CreateChallengeParams{}).SetFactorSid(sid("YF")).
			SetExpirationDate(time.Date(2015, 7, 30, 20, 0, 0, 0, time.UTC)).
			SetDetailsMessage("Hi! Mr. John Doe, would you like to sign up?").
			SetDetailsFields([]any{map[string]string{"label": "Action", "value": "Sign up in portal"}}).
			SetHiddenDetails(map[string]string{"ip": "172.168.1.234"})
	}
	c.call("CreateChallenge example=createPush", func() (any, error) {
		return api.CreateChallenge(sid("VA"), identity, details())
	})
	c.call("CreateChallenge example=createTotpWithAuthPayload", func() (any, error) {
		return api.CreateChallenge(sid("VA"), identity, details().SetAuthPayload("12345678"))
	})
	c.call("FetchChallenge", func() (any, error) { return api.FetchChallenge(sid("VA"), identity, sid("YC")) })
	c.call("ListChallenge example=readFull", func() (any, error) {
		return api.ListChallenge(sid("VA"), identity, (&verify.ListChallengeParams{}).
			SetFactorSid(sid("YF")).SetStatus("pending").SetOrder("asc"))
	})
	c.call("UpdateChallenge example=verifyPush", func() (any, error) {
		return api.UpdateChallenge(sid("VA"), identity, sid("YC"), (&verify.UpdateChallengeParams{}).
			SetAuthPayload("eyJhbGciOiJFUzI1NiJ9.eyJzdGF0dXMiOiJhcHByb3ZlZCJ9.c2lnbmF0dXJl").
			SetMetadata(map[string]string{"os": "Android"}))
	})
	c.call("UpdateChallenge example=verifyTotp", func() (any, error) {
		return api.UpdateChallenge(sid("VA"), identity, sid("YC"), (&verify.UpdateChallengeParams{}).SetAuthPayload("12345678"))
	})
	c.call("CreateNotification example=createWithTtl", func() (any, error) {
		return api.CreateNotification(sid("VA"), identity, sid("YC"), (&verify.CreateNotificationParams{}).SetTtl(150))
	})
	c.call("CreateNotification example=createWithoutTtl", func() (any, error) {
		return api.CreateNotification(sid("VA"), identity, sid("YC"), nil)
	})

	token := func() *verify.CreateAccessTokenParams {
		return (&verify.CreateAccessTokenParams{}).SetIdentity(identity).SetFactorType("push").
			SetFactorFriendlyName("John Doe iPhone")
	}
	c.call("CreateAccessToken code=201, example=createWithTtl", func() (any, error) {
		return api.CreateAccessToken(sid("VA"), token().SetTtl(300))
	})
	c.call("CreateAccessToken code=200, example=createWithTtl200", func() (any, error) {
		return api.CreateAccessToken(sid("VA"), token())
	})
	c.call("FetchAccessToken", func() (any, error) { return api.FetchAccessToken(sid("VA"), sid("YK")) })
}

func (c *caller) settings(api *verify.ApiService) {
	c.call("CreateRateLimit", func() (any, error) {
		return api.CreateRateLimit(sid("VA"), (&verify.CreateRateLimitParams{}).
			SetUniqueName("unique.name").SetDescription("Description"))
	})
	c.call("FetchRateLimit", func() (any, error) { return api.FetchRateLimit(sid("VA"), sid("RK")) })
	c.call("ListRateLimit", func() (any, error) { return api.ListRateLimit(sid("VA"), nil) })
	c.call("UpdateRateLimit", func() (any, error) {
		return api.UpdateRateLimit(sid("VA"), sid("RK"), (&verify.UpdateRateLimitParams{}).SetDescription("Description"))
	})
	c.call("CreateBucket", func() (any, error) {
		return api.CreateBucket(sid("VA"), sid("RK"), (&verify.CreateBucketParams{}).SetMax(5).SetInterval(60))
	})
	c.call("FetchBucket", func() (any, error) { return api.FetchBucket(sid("VA"), sid("RK"), sid("BL")) })
	c.call("ListBucket example=readFull", func() (any, error) { return api.ListBucket(sid("VA"), sid("RK"), nil) })
	c.call("UpdateBucket", func() (any, error) {
		return api.UpdateBucket(sid("VA"), sid("RK"), sid("BL"), (&verify.UpdateBucketParams{}).SetMax(5).SetInterval(60))
	})

	c.call("CreateWebhook", func() (any, error) {
		return api.CreateWebhook(sid("VA"), (&verify.CreateWebhookParams{}).
			SetFriendlyName("name").SetEventTypes([]string{"factor.deleted", "factor.verified"}).
			SetWebhookUrl("https://user:secret@owlbank.twilio.com").SetStatus("enabled").SetVersion("v2"))
	})
	c.call("FetchWebhook", func() (any, error) { return api.FetchWebhook(sid("VA"), sid("YW")) })
	c.call("ListWebhook example=readFull", func() (any, error) { return api.ListWebhook(sid("VA"), nil) })
	c.call("UpdateWebhook", func() (any, error) {
		return api.UpdateWebhook(sid("VA"), sid("YW"), (&verify.UpdateWebhookParams{}).
			SetWebhookUrl("https://owlbank.twilio.com").SetStatus("disabled").SetVersion("v2"))
	})

	c.call("CreateMessagingConfiguration", func() (any, error) {
		return api.CreateMessagingConfiguration(sid("VA"), (&verify.CreateMessagingConfigurationParams{}).
			SetCountry("CA").SetMessagingServiceSid(sid("MG")))
	})
	c.call("FetchMessagingConfiguration", func() (any, error) { return api.FetchMessagingConfiguration(sid("VA"), "CA") })
	c.call("ListMessagingConfiguration example=readFull", func() (any, error) {
		return api.ListMessagingConfiguration(sid("VA"), nil)
	})
	c.call("UpdateMessagingConfiguration", func() (any, error) {
		return api.UpdateMessagingConfiguration(sid("VA"), "CA", (&verify.UpdateMessagingConfigurationParams{}).
			SetMessagingServiceSid(sid("MG")))
	})
}

func (c *caller) overviews(api *verify.ApiService) {
	c.call("CreateSafelist", func() (any, error) {
		return api.CreateSafelist((&verify.CreateSafelistParams{}).SetPhoneNumber("+18001234567"))
	})
	c.call("FetchSafelist", func() (any, error) { return api.FetchSafelist("+18001234567") })
	c.call("ListVerificationTemplate", func() (any, error) {
		return api.ListVerificationTemplate((&verify.ListVerificationTemplateParams{}).SetFriendlyName("Base"))
	})
	c.call("FetchForm", func() (any, error) { return api.FetchForm("form-push") })
	c.call("ListVerificationAttempt example=listVerificationAttempts", func() (any, error) {
		return api.ListVerificationAttempt((&verify.ListVerificationAttemptParams{}).
			SetDateCreatedAfter(time.Date(2020, 8, 1, 0, 0, 0, 0, time.UTC)).SetChannelDataTo("+573003003030").
			SetCountry("CO").SetChannel("sms").SetVerifyServiceSid(sid("VA")).SetVerificationSid(sid("VE")).
			SetStatus("unconverted"))
	})
	c.call("FetchVerificationAttempt", func() (any, error) { return api.FetchVerificationAttempt(sid("VL")) })
	c.call("FetchVerificationAttemptsSummary", func() (any, error) {
		return api.FetchVerificationAttemptsSummary((&verify.FetchVerificationAttemptsSummaryParams{}).
			SetVerifyServiceSid(sid("VA")).SetCountry("US").SetChannel("sms").SetDestinationPrefix("+1501712"))
	})
}

func (c *caller) passkeys(api *verify.ApiService) {
	const (
		id    = "6ySmhJd6qGUMCthiqszyb4Od4U6TFn0v3DLz-1EZrNQ"
		rawID = "eb24a684977aa8650c0ad862aaccf26f839de14e93167d2fdc32f3fb5119acd4"
	)
	c.call("CreateNewFactorPasskey", func() (any, error) {
		return api.CreateNewFactorPasskey(sid("VA"), (&verify.CreateNewFactorPasskeyParams{}).
			SetCreateNewPasskeysFactorRequest(verify.CreateNewPasskeysFactorRequest{
				FriendlyName: "John's phone",
				Identity:     identity,
				Config: verify.CreateNewPasskeysFactorRequestConfig{
					RelyingParty: verify.CreateNewPasskeysFactorRequestConfigRelyingParty{
						Id: "example.com", Name: "Example", Origins: []string{"https://example.com"},
					},
					AuthenticatorAttachment: "platform",
					DiscoverableCredentials: "preferred",
					UserVerification:        "preferred",
				},
			}))
	})
	c.call("UpdatePasskeysFactor", func() (any, error) {
		return api.UpdatePasskeysFactor(sid("VA"), (&verify.UpdatePasskeysFactorParams{}).
			SetVerifyPasskeysFactorRequest(verify.VerifyPasskeysFactorRequest{
				Id: id, RawId: rawID, AuthenticatorAttachment: "platform", Type: "public-key",
				Response: verify.VerifyPasskeysFactorRequestResponse{
					AttestationObject: "o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YViko3mm9u6vuaVeN4wRgDTidR5o",
					ClientDataJSON:    "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIn0",
					Transports:        []string{"internal"},
				},
			}))
	})
	c.call("CreateChallengePasskeys example=createChallengeResponse", func() (any, error) {
		return api.CreateChallengePasskeys(sid("VA"), (&verify.CreateChallengePasskeysParams{}).
			SetCreatePasskeysChallengeRequest(verify.CreatePasskeysChallengeRequest{}))
	})
	c.call("CreateChallengePasskeys example=createChallengeNonDiscoverableResponse", func() (any, error) {
		return api.CreateChallengePasskeys(sid("VA"), (&verify.CreateChallengePasskeysParams{}).
			SetCreatePasskeysChallengeRequest(verify.CreatePasskeysChallengeRequest{Identity: identity, FactorSid: sid("YF")}))
	})
	for _, example := range []string{"approvedChallengeResponse", "approvedChallengeNonDiscoverableResponse"} {
		c.call("UpdateChallengePasskeys example="+example, func() (any, error) {
			return api.UpdateChallengePasskeys(sid("VA"), (&verify.UpdateChallengePasskeysParams{}).
				SetApprovePasskeysChallengeRequest(verify.ApprovePasskeysChallengeRequest{
					Id: id, RawId: rawID, AuthenticatorAttachment: "platform", Type: "public-key",
					Response: verify.ApprovePasskeysChallengeRequestResponse{
						AuthenticatorData: "o3mm9u6vuaVeN4wRgDTid",
						ClientDataJSON:    "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0",
						Signature:         "MEYCIQDDs662ykELzpmxkQaOR6HY5GwO7n",
						UserHandle:        "WUU0ZmQzYWFmNGU0NT",
					},
				}))
		})
	}
}

func (c *caller) deletions(api *verify.ApiService) {
	for _, d := range []struct {
		name string
		err  func() error
	}{
		{"DeleteBucket", func() error { return api.DeleteBucket(sid("VA"), sid("RK"), sid("BL")) }},
		{"DeleteRateLimit", func() error { return api.DeleteRateLimit(sid("VA"), sid("RK")) }},
		{"DeleteWebhook", func() error { return api.DeleteWebhook(sid("VA"), sid("YW")) }},
		{"DeleteMessagingConfiguration", func() error { return api.DeleteMessagingConfiguration(sid("VA"), "CA") }},
		{"DeleteFactor", func() error { return api.DeleteFactor(sid("VA"), identity, sid("YF")) }},
		{"DeleteEntity", func() error { return api.DeleteEntity(sid("VA"), identity) }},
		{"DeleteSafelist", func() error { return api.DeleteSafelist("+18001234567") }},
		{"DeleteService", func() error { return api.DeleteService(sid("VA")) }},
	} {
		c.call(d.name, func() (any, error) {
			err := d.err()
			return err == nil, err
		})
	}
}
