package proxytest_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/twilio-vcr/twilio-vcr/proxy/proxytest"
)

// A test of code that takes an *http.Client, as twilio-go does, or a base URL.
func ExampleStart() {
	test := func(t *testing.T) {
		p := proxytest.Start(t, "testdata/login.yaml")
		resp, err := p.Client.PostForm("https://verify.twilio.com/v2/Services/VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/VerificationCheck",
			url.Values{"To": {"+15005550006"}, "Code": {"123456"}})
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("got %s", resp.Status)
		}
	}
	_ = test
}
