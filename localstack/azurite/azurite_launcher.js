// Starts Azurite's blob service on the loopback interface, tied to its starter by lifeline.js, and lets it answer a request for its health, which
// Azurite itself knows nothing of.
"use strict";

const http = require("node:http");

require("./lifeline").hold(process.argv);

const { version } = require("azurite/package.json");
const health = JSON.stringify({ services: { blob: "running" }, version });
const emit = http.Server.prototype.emit;
http.Server.prototype.emit = function (event, request, response) {
  if (event !== "request" || request.url !== "/_azurite/health") {
    return emit.apply(this, arguments);
  }
  response.writeHead(200, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(health),
    "x-semantest-instance": process.env.SEMANTEST_INSTANCE ?? "",
  });
  response.end(health);
  return true;
};

const { BLOB_PORT, LOCATION } = process.env;
const place = LOCATION ? ["--location", LOCATION] : ["--inMemoryPersistence"];
process.argv.push("--blobHost", "127.0.0.1", "--blobPort", BLOB_PORT, ...place);
// Clients may speak a newer version of the protocol than this Azurite knows; and nothing is told to anybody about its use.
process.argv.push("--skipApiVersionCheck", "--disableTelemetry", "--silent");
require("azurite/dist/src/blob/main");
