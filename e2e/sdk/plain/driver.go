// Driver updates one verification with twilio-go, which it does not point anywhere: the environment does.
//
//	driver SERVICE SID STATUS ACCOUNT_SID AUTH_TOKEN
//
// It prints the SID and the status of the answer, or the error.
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/twilio/twilio-go"
	verify "github.com/twilio/twilio-go/rest/verify/v2"
)

func main() {
	if len(os.Args) != 6 {
		log.Fatal("usage: driver SERVICE SID STATUS ACCOUNT_SID AUTH_TOKEN")
	}
	client := twilio.NewRestClientWithParams(twilio.ClientParams{Username: os.Args[4], Password: os.Args[5]})
	v, err := client.VerifyV2.UpdateVerification(os.Args[1], os.Args[2], (&verify.UpdateVerificationParams{}).SetStatus(os.Args[3]))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(*v.Sid, *v.Status)
}
