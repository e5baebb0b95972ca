module github.com/twilio-vcr/twilio-vcr/e2e

go 1.26.6

require (
	github.com/twilio/twilio-go v1.31.0
	gopkg.in/dnaeon/go-vcr.v3 v3.2.0
	gopkg.in/dnaeon/go-vcr.v4 v4.0.7
)

require (
	github.com/cpuguy83/go-md2man/v2 v2.0.7 // indirect
	github.com/gofrs/flock v0.13.2 // indirect
	github.com/russross/blackfriday/v2 v2.1.0 // indirect
	github.com/urfave/cli/v2 v2.27.7 // indirect
	github.com/xrash/smetrics v0.0.0-20240521201337-686a1a2994c1 // indirect
	go.uber.org/multierr v1.10.0 // indirect
	go.uber.org/zap v1.28.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

require (
	github.com/golang-jwt/jwt/v5 v5.2.2 // indirect
	github.com/golang/mock v1.6.0 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/twilio-vcr/twilio-vcr v0.0.0
	go.yaml.in/yaml/v4 v4.0.0-rc.6 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/twilio-vcr/twilio-vcr => ../
