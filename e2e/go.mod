module github.com/twilio-vcr/twilio-vcr/e2e

go 1.26.6

require (
	github.com/twilio/twilio-go v1.31.0
	gopkg.in/dnaeon/go-vcr.v3 v3.2.0
)

require (
	github.com/golang-jwt/jwt/v5 v5.2.2 // indirect
	github.com/golang/mock v1.6.0 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)
