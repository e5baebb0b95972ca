// Call every resource of Twilio Verify with twilio for Node, and print what the SDK made of each answer.
//
//     node driver.js BASE_URL ACCOUNT_SID AUTH_TOKEN
//
// One line of JSON a call: {"call": …, "result": …}, or {"call": …, "error": {status, code, message}}. A call is
// named OPERATION [PREFER]: the operation of Twilio's OpenAPI file, and the Prefer header that tells Prism which
// of the file's examples to answer with.
"use strict";

const twilio = require("twilio");

/** An HTTP client that sends a Prefer header. */
class PreferringClient extends twilio.RequestClient {
  prefer = "";

  request(options) {
    const headers = this.prefer ? { ...options.headers, Prefer: this.prefer } : options.headers;
    return super.request({ ...options, headers });
  }
}

const [baseUrl, accountSid, authToken] = process.argv.slice(2);
const httpClient = new PreferringClient();
const client = twilio(accountSid, authToken, { httpClient });
client.verify.baseUrl = baseUrl;

async function call(name, request) {
  httpClient.prefer = name.split(" ").slice(1).join(" ");
  const line = { call: name };
  try {
    line.result = await request();
  } catch ({ status = null, code = null, message }) {
    line.error = { status, code, message };
  }
  console.log(JSON.stringify(line));
}

const sid = (prefix) => prefix + "a".repeat(32);

const phone = "+15017122661";
const email = "mail@email.com";
const identity = "ff483d1ff591898a9942916050d2ca3f";

async function main() {
  const verify = client.verify.v2;

  const service = verify.services(sid("VA"));
  await call("CreateService", () =>
    verify.services.create({
      friendlyName: "name",
      codeLength: 4,
      lookupEnabled: false,
      psd2Enabled: false,
      skipSmsToLandlines: false,
      dtmfInputRequired: false,
      ttsName: "name",
      doNotShareWarningEnabled: false,
      customCodeEnabled: true,
      "push.includeDate": false,
      "push.apnCredentialSid": sid("CR"),
      "totp.issuer": "test-issuer",
      "totp.timeStep": 30,
      "totp.codeLength": 3,
      "totp.skew": 2,
      defaultTemplateSid: sid("HJ"),
      "whatsapp.msgServiceSid": sid("MG"),
      "whatsapp.from": "whatsapp:+1234567890",
      "passkeys.relyingParty.id": "www.mydomain.com",
      "passkeys.relyingParty.name": "My domain",
      "passkeys.relyingParty.origins": "www.mydomain.com,www.login.mydomain.com",
    }),
  );
  await call("FetchService", () => service.fetch());
  await call("ListService", () => verify.services.list());
  await call("UpdateService", () =>
    service.update({
      friendlyName: "name",
      "push.fcmCredentialSid": sid("CR"),
      "whatsapp.from": "whatsapp:+1234567890",
    }),
  );

  const { verifications } = service;
  await call("CreateVerification example=createVerification", () =>
    verifications.create({
      to: phone,
      channel: "sms",
      customFriendlyName: "custom_friendly_name",
      customMessage: "custom_message",
      sendDigits: "ww1",
      locale: "en",
      customCode: "482913",
      amount: "€39.99",
      payee: "Acme Inc.",
      rateLimits: { end_user_ip_address: "203.0.113.7" },
      appHash: "AAAAAAAAAAA",
      templateSid: sid("HJ"),
      templateCustomSubstitutions: '{"AppName": "MyApp", "Contact": "12345689"}',
      deviceIp: "203.0.113.7",
      riskCheck: "enable",
      tags: '{"tenant_id": "12345"}',
    }),
  );
  await call("CreateVerification example=createVerificationWhatsapp", () =>
    verifications.create({
      to: phone,
      channel: "whatsapp",
      customFriendlyName: "custom_friendly_name",
      customCode: "482913",
      locale: "en",
    }),
  );
  await call("CreateVerification example=createVerificationEmail", () =>
    verifications.create({
      to: email,
      channel: "email",
      customCode: "482913",
      customMessage: "custom_message",
      locale: "en",
      amount: "€39.99",
      payee: "Acme Inc.",
      channelConfiguration: {
        from: "foo@bar.com",
        from_name: "Bar Inc.",
        substitutions: { username: "ms. baz" },
        template_id: "Dxxxxxxxxxx",
      },
    }),
  );
  await call("CreateVerification example=createVerificationWithRateLimits", () =>
    verifications.create({ to: phone, channel: "sms", rateLimits: { my_rate_limit_key: "abc" } }),
  );
  await call("CreateVerification example=createVerificationSna", () =>
    verifications.create({ to: phone, channel: "sna", enableSnaClientToken: true }),
  );
  await call("CreateVerification example=createVerificationAuto", () =>
    verifications.create({ to: phone, channel: "auto", deviceIp: "203.0.113.7" }),
  );
  await call("CreateVerification code=429", () => verifications.create({ to: phone, channel: "sms" }));
  await call("FetchVerification", () => verifications(sid("VE")).fetch());
  await call("FetchVerification", () => verifications(phone).fetch());
  await call("FetchVerification", () => verifications(email).fetch());
  await call("UpdateVerification example=approveVerificationWithPn", () =>
    verifications(sid("VE")).update({ status: "approved" }),
  );
  await call("UpdateVerification example=updateVerification", () =>
    verifications(sid("VE")).update({ status: "canceled" }),
  );
  await call("UpdateVerification example=approveVerificationWithPn", () =>
    verifications(phone).update({ status: "approved" }),
  );
  await call("UpdateVerification example=updateVerification", () => verifications(email).update({ status: "canceled" }));

  const checks = service.verificationChecks;
  await call("CreateVerificationCheck code=201, example=verificationChecks", () =>
    checks.create({ to: phone, code: "482913", amount: "€39.99", payee: "Acme Inc." }),
  );
  await call("CreateVerificationCheck code=201, example=emailVerificationChecks", () =>
    checks.create({ to: "recipient@foo.com", code: "482913" }),
  );
  await call("CreateVerificationCheck code=200, example=verificationChecks200", () =>
    checks.create({ verificationSid: sid("VE"), code: "482913" }),
  );
  await call("CreateVerificationCheck code=201, example=snaVerificationChecks", () =>
    checks.create({ to: phone, snaClientToken: "5f7ba2d8e3c14906" }),
  );

  const entity = service.entities(identity);
  await call("CreateEntity", () => service.entities.create({ identity }));
  await call("FetchEntity", () => entity.fetch());
  await call("ListEntity example=readFull", () => service.entities.list());

  const factor = entity.factors(sid("YF"));
  await call("CreateNewFactor example=createPush", () =>
    entity.newFactors.create({
      friendlyName: "John's phone",
      factorType: "push",
      "binding.alg": "ES256",
      "binding.publicKey":
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8GdwtibWe0kpgsFl6xPQBwhtwUEyeJkeozFmi2jiJDzxFSMwVy3kVR1h",
      "config.appId": "com.example.myapp",
      "config.notificationPlatform": "fcm",
      "config.notificationToken": "test_token",
      "config.sdkVersion": "1.0",
      metadata: { os: "Android" },
    }),
  );
  await call("CreateNewFactor example=createTotp", () =>
    entity.newFactors.create({
      friendlyName: "John's phone",
      factorType: "totp",
      "binding.secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
      "config.timeStep": 30,
      "config.skew": 1,
      "config.codeLength": 6,
      "config.alg": "sha1",
      metadata: { os: "Android" },
    }),
  );
  await call("FetchFactor example=fetchPush", () => factor.fetch());
  await call("FetchFactor example=fetchTotp", () => factor.fetch());
  await call("FetchFactor example=fetchPasskeys", () => factor.fetch());
  await call("ListFactor example=readFullPush", () => entity.factors.list());
  await call("ListFactor example=readFullTotp", () => entity.factors.list());
  await call("ListFactor example=readFullPasskeys", () => entity.factors.list());
  await call("ListFactor example=readEmpty", () => entity.factors.list());
  await call("UpdateFactor example=verifyPush", () =>
    factor.update({
      authPayload: "482913",
      friendlyName: "John's phone",
      "config.sdkVersion": "1.0",
      "config.notificationToken": "test_token",
      "config.notificationPlatform": "fcm",
    }),
  );
  await call("UpdateFactor example=verifyTotp", () =>
    factor.update({
      authPayload: "482913",
      "config.timeStep": 30,
      "config.skew": 1,
      "config.codeLength": 6,
      "config.alg": "sha1",
    }),
  );

  const challenge = entity.challenges(sid("YC"));
  const details = {
    factorSid: sid("YF"),
    expirationDate: new Date("2015-07-30T20:00:00Z"),
    "details.message": "Hi! Mr. John Doe, would you like to sign up?",
    "details.fields": [{ label: "Action", value: "Sign up in portal" }],
    hiddenDetails: { ip: "172.168.1.234" },
  };
  await call("CreateChallenge example=createPush", () => entity.challenges.create(details));
  await call("CreateChallenge example=createTotpWithAuthPayload", () =>
    entity.challenges.create({ ...details, authPayload: "12345678" }),
  );
  await call("FetchChallenge", () => challenge.fetch());
  await call("ListChallenge example=readFull", () =>
    entity.challenges.list({ factorSid: sid("YF"), status: "pending", order: "asc" }),
  );
  await call("UpdateChallenge example=verifyPush", () =>
    challenge.update({
      authPayload: "eyJhbGciOiJFUzI1NiJ9.eyJzdGF0dXMiOiJhcHByb3ZlZCJ9.c2lnbmF0dXJl",
      metadata: { os: "Android" },
    }),
  );
  await call("UpdateChallenge example=verifyTotp", () => challenge.update({ authPayload: "12345678" }));
  await call("CreateNotification example=createWithTtl", () => challenge.notifications.create({ ttl: 150 }));
  await call("CreateNotification example=createWithoutTtl", () => challenge.notifications.create());

  const tokens = service.accessTokens;
  await call("CreateAccessToken code=201, example=createWithTtl", () =>
    tokens.create({ identity, factorType: "push", factorFriendlyName: "John Doe iPhone", ttl: 300 }),
  );
  await call("CreateAccessToken code=200, example=createWithTtl200", () =>
    tokens.create({ identity, factorType: "push", factorFriendlyName: "John Doe iPhone" }),
  );
  await call("FetchAccessToken", () => tokens(sid("YK")).fetch());

  const rateLimit = service.rateLimits(sid("RK"));
  await call("CreateRateLimit", () =>
    service.rateLimits.create({ uniqueName: "unique.name", description: "Description" }),
  );
  await call("FetchRateLimit", () => rateLimit.fetch());
  await call("ListRateLimit", () => service.rateLimits.list());
  await call("UpdateRateLimit", () => rateLimit.update({ description: "Description" }));
  const bucket = rateLimit.buckets(sid("BL"));
  await call("CreateBucket", () => rateLimit.buckets.create({ max: 5, interval: 60 }));
  await call("FetchBucket", () => bucket.fetch());
  await call("ListBucket example=readFull", () => rateLimit.buckets.list());
  await call("UpdateBucket", () => bucket.update({ max: 5, interval: 60 }));

  const webhook = service.webhooks(sid("YW"));
  await call("CreateWebhook", () =>
    service.webhooks.create({
      friendlyName: "name",
      eventTypes: ["factor.deleted", "factor.verified"],
      webhookUrl: "https://user:secret@owlbank.twilio.com",
      status: "enabled",
      versionParam: "v2",
    }),
  );
  await call("FetchWebhook", () => webhook.fetch());
  await call("ListWebhook example=readFull", () => service.webhooks.list());
  await call("UpdateWebhook", () =>
    webhook.update({ webhookUrl: "https://owlbank.twilio.com", status: "disabled", versionParam: "v2" }),
  );

  const configuration = service.messagingConfigurations("CA");
  await call("CreateMessagingConfiguration", () =>
    service.messagingConfigurations.create({ country: "CA", messagingServiceSid: sid("MG") }),
  );
  await call("FetchMessagingConfiguration", () => configuration.fetch());
  await call("ListMessagingConfiguration example=readFull", () => service.messagingConfigurations.list());
  await call("UpdateMessagingConfiguration", () => configuration.update({ messagingServiceSid: sid("MG") }));

  const safe = verify.safelist("+18001234567");
  await call("CreateSafelist", () => verify.safelist.create({ phoneNumber: "+18001234567" }));
  await call("FetchSafelist", () => safe.fetch());
  await call("ListVerificationTemplate", () => verify.templates.list({ friendlyName: "Base" }));
  await call("FetchForm", () => verify.forms("form-push").fetch());
  await call("ListVerificationAttempt example=listVerificationAttempts", () =>
    verify.verificationAttempts.list({
      dateCreatedAfter: new Date("2020-08-01T00:00:00Z"),
      "channelData.to": "+573003003030",
      country: "CO",
      channel: "sms",
      verifyServiceSid: sid("VA"),
      verificationSid: sid("VE"),
      status: "unconverted",
    }),
  );
  await call("FetchVerificationAttempt", () => verify.verificationAttempts(sid("VL")).fetch());
  await call("FetchVerificationAttemptsSummary", () =>
    verify
      .verificationAttemptsSummary()
      .fetch({ verifyServiceSid: sid("VA"), country: "US", channel: "sms", destinationPrefix: "+1501712" }),
  );

  // The SDK's own classes for these requests write keys that the API does not know (friendlyName), so they are
  // plain objects here, as the API has them.
  const credential = {
    id: "6ySmhJd6qGUMCthiqszyb4Od4U6TFn0v3DLz-1EZrNQ",
    rawId: "eb24a684977aa8650c0ad862aaccf26f839de14e93167d2fdc32f3fb5119acd4",
    authenticatorAttachment: "platform",
    type: "public-key",
  };
  await call("CreateNewFactorPasskey", () =>
    service.newFactors.create({
      friendly_name: "John's phone",
      identity,
      config: {
        relying_party: { id: "example.com", name: "Example", origins: ["https://example.com"] },
        authenticator_attachment: "platform",
        discoverable_credentials: "preferred",
        user_verification: "preferred",
      },
    }),
  );
  await call("UpdatePasskeysFactor", () =>
    service.newVerifyFactors.update({
      ...credential,
      response: {
        attestationObject: "o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YViko3mm9u6vuaVeN4wRgDTidR5o",
        clientDataJSON: "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIn0",
        transports: ["internal"],
      },
    }),
  );
  await call("CreateChallengePasskeys example=createChallengeResponse", () => service.newChallenge().create({}));
  await call("CreateChallengePasskeys example=createChallengeNonDiscoverableResponse", () =>
    service.newChallenge().create({ identity, factor_sid: sid("YF") }),
  );
  for (const answer of ["approvedChallengeResponse", "approvedChallengeNonDiscoverableResponse"]) {
    await call(`UpdateChallengePasskeys example=${answer}`, () =>
      service.approveChallenge.update({
        ...credential,
        response: {
          authenticatorData: "o3mm9u6vuaVeN4wRgDTid",
          clientDataJSON: "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0",
          signature: "MEYCIQDDs662ykELzpmxkQaOR6HY5GwO7n",
          userHandle: "WUU0ZmQzYWFmNGU0NT",
        },
      }),
    );
  }

  await call("DeleteBucket", () => bucket.remove());
  await call("DeleteRateLimit", () => rateLimit.remove());
  await call("DeleteWebhook", () => webhook.remove());
  await call("DeleteMessagingConfiguration", () => configuration.remove());
  await call("DeleteFactor", () => factor.remove());
  await call("DeleteEntity", () => entity.remove());
  await call("DeleteSafelist", () => safe.remove());
  await call("DeleteService", () => service.remove());
}

main();
