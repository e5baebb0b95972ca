package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/twilio/twilio-go"
	"github.com/twilio/twilio-go/client"
	verify "github.com/twilio/twilio-go/rest/verify/v2"

	"github.com/twilio-vcr/twilio-vcr/proxy/proxytest"
)

// TestATestInGoRecordsAndReplaysTwilioGo is what a test in Go looks like, run twice: recorded from the stand-in of
// Twilio, and replayed with the stand-in gone.
func TestATestInGoRecordsAndReplaysTwilioGo(t *testing.T) {
	tape := filepath.Join(t.TempDir(), "testdata", "approve.yaml")
	approve := func(t *testing.T) {
		p := proxytest.Options{Strict: true}.Start(t, tape)
		api := twilio.NewRestClientWithParams(twilio.ClientParams{Client: &client.Client{
			Credentials: client.NewCredentials("AC0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"),
			HTTPClient:  p.Client,
		}})
		answer, err := api.VerifyV2.UpdateVerification("VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "VEaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			(&verify.UpdateVerificationParams{}).SetStatus("approved"))
		if err != nil {
			t.Fatal(err)
		}
		if *answer.AccountSid == "" || *answer.Status == "" {
			t.Errorf("got %+v", answer)
		}
	}
	stand, url := prism(t)
	t.Setenv("TWILIO_VCR_UPSTREAM", url)
	t.Setenv(proxytest.ModeEnv, "record")
	t.Run("record", approve)
	stand.stop(t)
	refusesConnections(t, url)
	t.Setenv(proxytest.ModeEnv, "")
	t.Run("replay", approve)
	if _, err := os.Stat(tape); err != nil {
		t.Error(err)
	}
}
