// Driver updates one verification with twilio-go, and prints what its user sees when that fails.
//
//	driver SID STATUS BASE_URL ACCOUNT_SID AUTH_TOKEN
//
// One line of JSON: {"error": {status, code, messages}}, where the one message is the text of the error.
package main

import (
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/twilio/twilio-go"
	"github.com/twilio/twilio-go/client"
	verify "github.com/twilio/twilio-go/rest/verify/v2"
)

// toBase sends requests to a base URL.
type toBase struct{ *url.URL }

func (base toBase) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Scheme, req.URL.Host = base.Scheme, base.Host
	return http.DefaultTransport.RoundTrip(req)
}

func main() {
	if len(os.Args) != 6 {
		log.Fatal("usage: driver SID STATUS BASE_URL ACCOUNT_SID AUTH_TOKEN")
	}
	sid, status, account, token := os.Args[1], os.Args[2], os.Args[4], os.Args[5]
	base, err := url.Parse(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	c := &client.Client{Credentials: client.NewCredentials(account, token), HTTPClient: &http.Client{Transport: toBase{base}}}
	c.SetAccountSid(account)
	api := twilio.NewRestClientWithParams(twilio.ClientParams{Client: c}).VerifyV2

	_, err = api.UpdateVerification("VA"+strings.Repeat("a", 32), sid, (&verify.UpdateVerificationParams{}).SetStatus(status))
	var refused *client.TwilioRestError
	if !errors.As(err, &refused) {
		log.Fatalf("the SDK gives %v", err)
	}
	line := map[string]any{"error": map[string]any{"status": refused.Status, "code": refused.Code, "messages": []string{err.Error()}}}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		log.Fatal(err)
	}
}
