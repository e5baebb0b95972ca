// Update one verification with twilio for Node, which is not pointed anywhere: the environment does that.
//
//     node driver.js SERVICE SID STATUS ACCOUNT_SID AUTH_TOKEN
//
// It prints the SID and the status of the answer, or the error.
"use strict";

const [service, sid, status, accountSid, authToken] = process.argv.slice(2);
const client = require("twilio")(accountSid, authToken);

client.verify.v2
  .services(service)
  .verifications(sid)
  .update({ status })
  .then(
    (v) => console.log(v.sid, v.status),
    (e) => console.log(e.message),
  );
