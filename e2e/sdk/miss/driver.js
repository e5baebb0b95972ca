// Update one verification with twilio for Node, and print what its user sees when that fails.
//
//     node driver.js SID STATUS BASE_URL ACCOUNT_SID AUTH_TOKEN
//
// One line of JSON: {"error": {status, code, messages}}, where the one message is that of the exception.
"use strict";

const twilio = require("twilio");

const [sid, status, baseUrl, accountSid, authToken] = process.argv.slice(2);
const client = twilio(accountSid, authToken);
client.verify.baseUrl = baseUrl;

client.verify.v2
  .services("VA" + "a".repeat(32))
  .verifications(sid)
  .update({ status })
  .then(
    () => console.log("{}"),
    ({ status, code, message }) => console.log(JSON.stringify({ error: { status, code, messages: [message] } })),
  );
