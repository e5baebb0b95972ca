"""Update one verification with twilio-python, and print what its user sees when that fails.

    python3 driver.py SID STATUS BASE_URL ACCOUNT_SID AUTH_TOKEN

One line of JSON: {"error": {status, code, messages}}. The messages are the text of the exception, and what that is
where standard error is a terminal: the SDK lays it out and colours it there.
"""

import io
import json
import sys

from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client


class Terminal(io.StringIO):
    def isatty(self):
        return True


sid, status, base_url, account_sid, auth_token = sys.argv[1:]
client = Client(account_sid, auth_token)
client.verify.base_url = base_url
try:
    client.verify.v2.services("VA" + "a" * 32).verifications(sid).update(status=status)
    print("{}")
except TwilioRestException as e:
    messages = [str(e)]
    sys.stderr = Terminal()
    messages.append(str(e))
    print(json.dumps({"error": {"status": e.status, "code": e.code, "messages": messages}}))
