"""Call every resource of Twilio Verify with twilio-python, and print what the SDK made of each answer.

    python3 driver.py BASE_URL ACCOUNT_SID AUTH_TOKEN

One line of JSON a call: {"call": …, "result": …}, or {"call": …, "error": {status, code, message}}. A call is
named OPERATION [PREFER]: the operation of Twilio's OpenAPI file, and the Prefer header that tells Prism which
of the file's examples to answer with.
"""

import datetime
import json
import sys

from twilio.base import values
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client


class PreferringClient(TwilioHttpClient):
    """An HTTP client that sends a Prefer header."""

    prefer = ""

    def request(self, method, url, params=None, data=None, headers=None, **options):
        if self.prefer:
            headers = {**(headers or {}), "Prefer": self.prefer}
        return super().request(method, url, params=params, data=data, headers=headers, **options)


base_url, account_sid, auth_token = sys.argv[1:]
http = PreferringClient(timeout=10)
client = Client(account_sid, auth_token, http_client=http)
client.verify.base_url = base_url
verify = client.verify.v2


def plain(value):
    """Return what JSON can't hold as something it can."""
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    return value._properties  # an instance's fields, as the SDK has parsed them


def call(name, function):
    http.prefer = name.partition(" ")[2]
    line = {"call": name}
    try:
        line["result"] = function()
    except TwilioRestException as e:
        line["error"] = {"status": e.status, "code": e.code, "message": e.msg}
    except Exception as e:  # the SDK could not parse the answer
        line["error"] = {"status": None, "code": None, "message": repr(e)}
    print(json.dumps(line, default=plain))


def sid(prefix):
    return prefix + "a" * 32


PHONE = "+15017122661"
EMAIL = "mail@email.com"
IDENTITY = "ff483d1ff591898a9942916050d2ca3f"

service = verify.services(sid("VA"))
# No booleans: this SDK sends them as True and False, which Prism takes for strings.
call("CreateService", lambda: verify.services.create(
    friendly_name="name", code_length=4, tts_name="name", push_apn_credential_sid=sid("CR"), totp_issuer="test-issuer",
    totp_time_step=30, totp_code_length=3, totp_skew=2, default_template_sid=sid("HJ")))
call("FetchService", lambda: service.fetch())
call("ListService", lambda: verify.services.list())
call("UpdateService", lambda: service.update(friendly_name="name", push_fcm_credential_sid=sid("CR")))

verifications = service.verifications
call("CreateVerification example=createVerification", lambda: verifications.create(
    to=PHONE, channel="sms", custom_friendly_name="custom_friendly_name", custom_message="custom_message",
    send_digits="ww1", locale="en", custom_code="482913", amount="€39.99", payee="Acme Inc.",
    rate_limits={"end_user_ip_address": "203.0.113.7"}, app_hash="AAAAAAAAAAA", template_sid=sid("HJ"),
    template_custom_substitutions='{"AppName": "MyApp", "Contact": "12345689"}'))
call("CreateVerification example=createVerificationWhatsapp", lambda: verifications.create(
    to=PHONE, channel="whatsapp", custom_friendly_name="custom_friendly_name", custom_code="482913", locale="en"))
call("CreateVerification example=createVerificationEmail", lambda: verifications.create(
    to=EMAIL, channel="email", custom_code="482913", custom_message="custom_message", locale="en", amount="€39.99",
    payee="Acme Inc.", channel_configuration={
        "from": "foo@bar.com", "from_name": "Bar Inc.", "substitutions": {"username": "ms. baz"},
        "template_id": "Dxxxxxxxxxx"}))
call("CreateVerification example=createVerificationWithRateLimits", lambda: verifications.create(
    to=PHONE, channel="sms", rate_limits={"my_rate_limit_key": "abc"}))
call("CreateVerification example=createVerificationSna", lambda: verifications.create(to=PHONE, channel="sna"))
call("CreateVerification example=createVerificationAuto", lambda: verifications.create(to=PHONE, channel="auto"))
call("CreateVerification code=429", lambda: verifications.create(to=PHONE, channel="sms"))
call("FetchVerification", lambda: verifications(sid("VE")).fetch())
call("FetchVerification", lambda: verifications(PHONE).fetch())
call("FetchVerification", lambda: verifications(EMAIL).fetch())
call("UpdateVerification example=approveVerificationWithPn", lambda: verifications(sid("VE")).update(status="approved"))
call("UpdateVerification example=updateVerification", lambda: verifications(sid("VE")).update(status="canceled"))
call("UpdateVerification example=approveVerificationWithPn", lambda: verifications(PHONE).update(status="approved"))
call("UpdateVerification example=updateVerification", lambda: verifications(EMAIL).update(status="canceled"))

checks = service.verification_checks
call("CreateVerificationCheck code=201, example=verificationChecks", lambda: checks.create(
    to=PHONE, code="482913", amount="€39.99", payee="Acme Inc."))
call("CreateVerificationCheck code=201, example=emailVerificationChecks", lambda: checks.create(
    to="recipient@foo.com", code="482913"))
call("CreateVerificationCheck code=200, example=verificationChecks200", lambda: checks.create(
    verification_sid=sid("VE"), code="482913"))
call("CreateVerificationCheck code=201, example=snaVerificationChecks", lambda: checks.create(
    to=PHONE, code=values.unset))

entity = service.entities(IDENTITY)
call("CreateEntity", lambda: service.entities.create(identity=IDENTITY))
call("FetchEntity", lambda: entity.fetch())
call("ListEntity example=readFull", lambda: service.entities.list())

factor = entity.factors(sid("YF"))
call("CreateNewFactor example=createPush", lambda: entity.new_factors.create(
    friendly_name="John's phone", factor_type="push", binding_alg="ES256",
    binding_public_key="MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8GdwtibWe0kpgsFl6xPQBwhtwUEyeJkeozFmi2jiJDzxFSMwVy3kVR1h",
    config_app_id="com.example.myapp", config_notification_platform="fcm", config_notification_token="test_token",
    config_sdk_version="1.0", metadata={"os": "Android"}))
call("CreateNewFactor example=createTotp", lambda: entity.new_factors.create(
    friendly_name="John's phone", factor_type="totp", binding_secret="GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
    config_time_step=30, config_skew=1, config_code_length=6, config_alg="sha1", metadata={"os": "Android"}))
call("FetchFactor example=fetchPush", lambda: factor.fetch())
call("FetchFactor example=fetchTotp", lambda: factor.fetch())
call("FetchFactor example=fetchPasskeys", lambda: factor.fetch())
call("ListFactor example=readFullPush", lambda: entity.factors.list())
call("ListFactor example=readFullTotp", lambda: entity.factors.list())
call("ListFactor example=readFullPasskeys", lambda: entity.factors.list())
call("ListFactor example=readEmpty", lambda: entity.factors.list())
call("UpdateFactor example=verifyPush", lambda: factor.update(
    auth_payload="482913", friendly_name="John's phone", config_sdk_version="1.0",
    config_notification_token="test_token", config_notification_platform="fcm"))
call("UpdateFactor example=verifyTotp", lambda: factor.update(
    auth_payload="482913", config_time_step=30, config_skew=1, config_code_length=6, config_alg="sha1"))

challenge = entity.challenges(sid("YC"))
details = dict(
    factor_sid=sid("YF"), expiration_date=datetime.datetime(2015, 7, 30, 20, tzinfo=datetime.timezone.utc),
    details_message="Hi! Mr. John Doe, would you like to sign up?",
    details_fields=[{"label": "Action", "value": "Sign up in portal"}], hidden_details={"ip": "172.168.1.234"})
call("CreateChallenge example=createPush", lambda: entity.challenges.create(**details))
call("CreateChallenge example=createTotpWithAuthPayload", lambda: entity.challenges.create(
    **details, auth_payload="12345678"))
call("FetchChallenge", lambda: challenge.fetch())
call("ListChallenge example=readFull", lambda: entity.challenges.list(
    factor_sid=sid("YF"), status="pending", order="asc"))
call("UpdateChallenge example=verifyPush", lambda: challenge.update(
    auth_payload="eyJhbGciOiJFUzI1NiJ9.eyJzdGF0dXMiOiJhcHByb3ZlZCJ9.c2lnbmF0dXJl", metadata={"os": "Android"}))
call("UpdateChallenge example=verifyTotp", lambda: challenge.update(auth_payload="12345678"))
call("CreateNotification example=createWithTtl", lambda: challenge.notifications.create(ttl=150))
call("CreateNotification example=createWithoutTtl", lambda: challenge.notifications.create())

tokens = service.access_tokens
call("CreateAccessToken code=201, example=createWithTtl", lambda: tokens.create(
    identity=IDENTITY, factor_type="push", factor_friendly_name="John Doe iPhone", ttl=300))
call("CreateAccessToken code=200, example=createWithTtl200", lambda: tokens.create(
    identity=IDENTITY, factor_type="push", factor_friendly_name="John Doe iPhone"))
call("FetchAccessToken", lambda: tokens(sid("YK")).fetch())

rate_limit = service.rate_limits(sid("RK"))
call("CreateRateLimit", lambda: service.rate_limits.create(unique_name="unique.name", description="Description"))
call("FetchRateLimit", lambda: rate_limit.fetch())
call("ListRateLimit", lambda: service.rate_limits.list())
call("UpdateRateLimit", lambda: rate_limit.update(description="Description"))
bucket = rate_limit.buckets(sid("BL"))
call("CreateBucket", lambda: rate_limit.buckets.create(max=5, interval=60))
call("FetchBucket", lambda: bucket.fetch())
call("ListBucket example=readFull", lambda: rate_limit.buckets.list())
call("UpdateBucket", lambda: bucket.update(max=5, interval=60))

webhook = service.webhooks(sid("YW"))
call("CreateWebhook", lambda: service.webhooks.create(
    friendly_name="name", event_types=["factor.deleted", "factor.verified"],
    webhook_url="https://user:secret@owlbank.twilio.com", status="enabled", version="v2"))
call("FetchWebhook", lambda: webhook.fetch())
call("ListWebhook example=readFull", lambda: service.webhooks.list())
call("UpdateWebhook", lambda: webhook.update(webhook_url="https://owlbank.twilio.com", status="disabled", version="v2"))

configuration = service.messaging_configurations("CA")
call("CreateMessagingConfiguration", lambda: service.messaging_configurations.create(
    country="CA", messaging_service_sid=sid("MG")))
call("FetchMessagingConfiguration", lambda: configuration.fetch())
call("ListMessagingConfiguration example=readFull", lambda: service.messaging_configurations.list())
call("UpdateMessagingConfiguration", lambda: configuration.update(messaging_service_sid=sid("MG")))

call("ListVerificationTemplate", lambda: verify.templates.list(friendly_name="Base"))
call("FetchForm", lambda: verify.forms("form-push").fetch())
call("ListVerificationAttempt example=listVerificationAttempts", lambda: verify.verification_attempts.list(
    date_created_after=datetime.datetime(2020, 8, 1, tzinfo=datetime.timezone.utc), channel_data_to="+573003003030",
    country="CO", channel="sms", verify_service_sid=sid("VA"), verification_sid=sid("VE"), status="unconverted"))
call("FetchVerificationAttempt", lambda: verify.verification_attempts(sid("VL")).fetch())

call("DeleteBucket", lambda: bucket.delete())
call("DeleteRateLimit", lambda: rate_limit.delete())
call("DeleteWebhook", lambda: webhook.delete())
call("DeleteMessagingConfiguration", lambda: configuration.delete())
call("DeleteFactor", lambda: factor.delete())
call("DeleteEntity", lambda: entity.delete())
call("DeleteService", lambda: service.delete())
