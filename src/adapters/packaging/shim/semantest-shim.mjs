// The runtime shim of semantest-iac: carries an unchanged listening HTTP server in an AWS Lambda function.
//
// It turns API Gateway events (payload format 2.0, and 1.0) into HTTP requests to the server, and the answers back. It uses
// nothing but Node.js 18 or newer and writes nothing to the disk.

import { isUtf8 } from 'node:buffer';
import http from 'node:http';
import { EXIT_NEWS, Failure, SETTINGS, before, capitalised, lastOutput, listeningServer, log, reviveWhenHung, server, speaksTls } from './semantest-shim-server.mjs';

/** How long the sandbox's start waits for the server, in milliseconds. Lambda ends its initialisation after 10 s. */
const INITIALISATION_BUDGET = SETTINGS.initialisationBudget ?? 8000;
/** Time kept for the answer before Lambda's own timeout, which would hide the reason and throw the sandbox away. */
const ANSWER_RESERVE = 500;
/** The time assumed for an invocation when the context doesn't tell. */
const DEFAULT_BUDGET = 30_000;
/** The largest response that Lambda accepts, as JSON, in bytes ("Invocation payload", 6 MB, of the quotas page). */
const RESPONSE_LIMIT = 6_291_556;
/** The most that a server's headers may take, in bytes. Node.js's own limit is 16 KB (https://nodejs.org/api/http.html#httpmaxheadersize). */
const HEADER_LIMIT = 1024 * 1024;
/** How often one request is tried when it certainly hasn't reached the server. */
const ATTEMPTS = 3;

/** Headers that belong to one connection, not to the message (RFC 9110, section 7.6.1). */
const CONNECTION_HEADERS = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']);
/** Methods that may be sent again when a connection breaks before an answer (RFC 9110, section 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']);
/** Methods whose requests carry no length when they have no body. */
const BODILESS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);
/** What HTTP allows in a method or a header's name (RFC 9110, section 5.6.2). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** `gateway` where the CORS policy is the gateway's, then the paths of the routes that the deployment has added for preflight requests. */
const [CORS_OWNER, ...PREFLIGHT_PATHS] = (process.env.SEMANTEST_PREFLIGHT_ROUTES ?? '').split(' ');
const PREFLIGHT_ROUTES = new Set(PREFLIGHT_PATHS.map((path) => `OPTIONS ${path}`));

// ---- events to requests -------------------------------------------------------------------------------------------

/**
 * Makes a decoded path a valid request target again. HTTP APIs decode every escape but %25 (so an encoded slash arrives as
 * a slash, which nobody can tell from a real one); function URLs and REST APIs decode none. What is a valid escape is
 * therefore left as it is, and everything that can't stand in a path is escaped.
 */
function encodePath(decoded) {
  const escaped = Array.from(decoded, (character) => {
    if (/[A-Za-z0-9\-._~!$&'()*+,;=:@/%]/.test(character)) return character;
    return Array.from(Buffer.from(character, 'utf8'), percent).join('');
  }).join('').replace(/%(?![0-9A-Fa-f]{2})/g, '%25');
  return escaped.startsWith('/') ? escaped : `/${escaped}`;
}

function percent(byte) {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** A query string as it came; only what no HTTP client may send is escaped. */
function encodeQuery(raw) {
  return Array.from(raw, (character) => (/[\u0021-\u007e]/.test(character) && character !== '#' ? character : Array.from(Buffer.from(character, 'utf8'), percent).join(''))).join('');
}

function withoutStage(rawPath, stage) {
  if (!stage || stage === '$default') return rawPath;
  const prefix = `/${stage}`;
  return rawPath === prefix || rawPath.startsWith(`${prefix}/`) ? rawPath.slice(prefix.length) || '/' : rawPath;
}

function toRequest(event) {
  const context = event?.requestContext;
  if (event?.version === '2.0' && context?.http?.method) {
    return {
      version: 2,
      method: context.http.method,
      path: encodePath(withoutStage(event.rawPath ?? context.http.path ?? '/', context.stage)),
      query: encodeQuery(event.rawQueryString ?? ''),
      headers: Object.entries(event.headers ?? {}),
      cookies: event.cookies ?? [],
      body: bodyOf(event),
      sourceIp: context.http.sourceIp,
      domainName: context.domainName,
    };
  }
  if (event?.httpMethod && context) {
    const parameters = event.multiValueQueryStringParameters ?? Object.fromEntries(Object.entries(event.queryStringParameters ?? {}).map(([name, value]) => [name, [value]]));
    const query = Object.entries(parameters).flatMap(([name, values]) => (values ?? []).map((value) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)).join('&');
    const headers = event.multiValueHeaders ? Object.entries(event.multiValueHeaders).map(([name, values]) => [name, name.toLowerCase() === 'cookie' ? values.join('; ') : values.join(', ')]) : Object.entries(event.headers ?? {});
    return {
      version: 1,
      method: event.httpMethod,
      path: encodePath(withoutStage(event.path ?? '/', context.stage)),
      query,
      headers,
      cookies: [],
      body: bodyOf(event),
      sourceIp: context.identity?.sourceIp,
      domainName: context.domainName,
    };
  }
  const shape = event && typeof event === 'object' ? `an object with ${Object.keys(event).slice(0, 8).join(', ') || 'no members'}` : JSON.stringify(event);
  const error = new Error(`This function carries an HTTP server and understands API Gateway HTTP events only (payload format 2.0 or 1.0); it was invoked with ${shape}.`);
  error.name = 'UnsupportedEvent';
  throw error;
}

function bodyOf(event) {
  return Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
}

/** HTTP/1.1 sends bytes: what goes beyond Latin-1 is sent as UTF-8, and what would end the line is dropped. */
function headerValue(value) {
  const text = String(value).replace(/[\0\r\n]/g, '');
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text) ? text : Buffer.from(text.replace(/[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]/g, ''), 'utf8').toString('latin1');
}

function requestHeaders(request) {
  const headers = {};
  for (const [name, value] of request.headers) {
    const lower = name.toLowerCase();
    if (CONNECTION_HEADERS.has(lower) || lower === 'content-length' || lower === 'expect' || value === undefined || value === null) continue;
    if (!TOKEN.test(lower)) continue;
    headers[lower] = headerValue(value);
  }
  if (request.cookies.length > 0) headers.cookie = headerValue(request.cookies.join('; '));
  const hadLength = request.headers.some(([name]) => name.toLowerCase() === 'content-length');
  if (request.body.length > 0 || hadLength || !BODILESS.has(request.method)) headers['content-length'] = String(request.body.length);
  headers.host ??= headerValue(request.domainName ?? 'localhost');
  headers['x-forwarded-host'] ??= headers.host;
  headers['x-forwarded-proto'] ??= 'https';
  headers['x-forwarded-port'] ??= headers['x-forwarded-proto'] === 'http' ? '80' : '443';
  if (request.sourceIp) headers['x-forwarded-for'] ??= headerValue(request.sourceIp);
  return headers;
}

// ---- requests to answers ------------------------------------------------------------------------------------------

/** Sockets whose failed writes aren't told. */
const patient = new WeakSet();

/**
 * A server may answer and close before it has read a whole request. Node.js destroys a socket whose write fails, with the answer
 * unread in it (https://nodejs.org/api/stream.html#errors-while-writing); so the failure isn't told. What is read tells it, too.
 */
function outliveFailedWrites(socket) {
  if (patient.has(socket)) return;
  patient.add(socket);
  for (const name of ['_write', '_writev']) {
    const write = socket[name];
    socket[name] = function (...words) {
      const done = words.pop();
      write.call(this, ...words, () => done());
    };
  }
}

/** What a failure of the HTTP parser means (the codes are llhttp's, https://github.com/nodejs/llhttp/blob/main/src/llhttp/constants.ts). */
function parserFailure(error) {
  if (error.code === 'HPE_HEADER_OVERFLOW') return new Failure(502, 'response-headers-too-large', "The server's answer has more than 1 MB of headers.");
  if (!error.code?.startsWith('HPE_')) return null;
  return new Failure(502, 'server-not-http', `The server's answer isn't HTTP (${error.reason ?? error.message}).`);
}

/** Sends a request and collects the whole answer. */
function send(target, request, agent, deadline) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request({
      host: target.address,
      port: target.port,
      method: request.method,
      path: request.query ? `${request.path}?${request.query}` : request.path,
      headers: requestHeaders(request),
      agent,
      setHost: false,
      maxHeaderSize: HEADER_LIMIT,
    });
    let answering = false;
    let settled = false;
    const timer = setTimeout(() => {
      target.suspect = true;
      const part = answering ? 'finish its answer (streams that do not end cannot be carried by an HTTP API)' : 'answer';
      settle(reject, new Failure(504, 'server-timeout', `The server did not ${part} within the function's time.`));
    }, Math.max(0, deadline - Date.now()));
    const settle = (how, value) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      how(value);
      // A connection on which half of a request has been sent is of no use any more.
      if (how === reject || !outgoing.writableFinished) outgoing.destroy();
    };
    const broken = (error) => settle(reject, parserFailure(error) ?? Object.assign(error, { answering, reused: outgoing.reusedSocket }));
    outgoing.on('socket', outliveFailedWrites);
    // Once it answers, the answer's own end tells.
    outgoing.on('error', (error) => answering || broken(error));
    outgoing.on('close', () => answering || broken(new Error('the connection was closed before an answer')));
    outgoing.on('upgrade', () => {
      settle(reject, new Failure(502, 'server-upgraded', 'The server answered 101 Switching Protocols, which opens a WebSocket mostly. This component is a rest-api: its gateway carries requests and answers, no connections that stay open.'));
    });
    outgoing.on('response', (response) => {
      answering = true;
      const chunks = [];
      let size = 0;
      response.on('data', (chunk) => {
        size += chunk.length;
        if (size > RESPONSE_LIMIT) settle(reject, tooLarge(size));
        else chunks.push(chunk);
      });
      response.on('error', () => {});
      // Not at its `close`, which waits for the whole request to be sent, also where the server reads no further.
      response.on('end', () => settle(resolve, { status: response.statusCode, rawHeaders: response.rawHeaders, body: Buffer.concat(chunks) }));
      response.on('close', () => broken(new Error('the connection was closed before the answer was complete')));
    });
    outgoing.end(request.body);
  });
}

function tooLarge(size) {
  return new Failure(502, 'response-too-large', `The server's answer of at least ${size} bytes is larger than the 6 MB that AWS Lambda can return.`);
}

function speaksHttps() {
  return new Failure(502, 'server-speaks-https', 'The server speaks HTTPS on its port. It must speak HTTP there: the gateway speaks HTTPS with the clients.');
}

/** Sends a request to the server, which is started, or started again, when needed. */
async function exchange(request, deadline) {
  for (let attempt = 1; ; attempt += 1) {
    const target = await reviveWhenHung(await listeningServer(deadline), deadline);
    // What may not be sent twice gets a connection of its own, which can't have been closed by the server already.
    const agent = IDEMPOTENT.has(request.method) && attempt === 1 ? target.pool() : false;
    target.requests += 1;
    try {
      return await send(target, request, agent, deadline);
    } catch (error) {
      if (error instanceof Failure) throw error.code === 'server-not-http' && (await speaksTls(target)) ? speaksHttps() : error;
      // The news that a server has ended comes a little later than the broken connection.
      await before(Math.min(deadline, Date.now() + EXIT_NEWS), target.exit);
      const again = attempt < ATTEMPTS && Date.now() < deadline;
      if (again && error.code === 'ECONNREFUSED') {
        // The request never reached it. A server that runs but listens no more is of no use.
        if (!target.ended) await target.replace('the server stopped listening');
        continue;
      }
      // A kept connection that the server has closed meanwhile says nothing about this request.
      if (again && error.reused && !error.answering && !target.ended) continue;
      if (target.ended) {
        log(`${target.ended.message} while it answered ${request.method} ${request.path}.${target.report()}`);
        throw new Failure(502, 'server-crashed', `${capitalised(target.ended.message)} while it answered.`);
      }
      if (!error.answering && (await speaksTls(target))) throw speaksHttps();
      log(`the server closed the connection while it answered ${request.method} ${request.path}: ${error.message}`);
      throw new Failure(502, 'server-closed-connection', 'The server closed the connection before it had answered.');
    } finally {
      target.requests -= 1;
      target.lastUse = Date.now();
    }
  }
}

function toResult(answer, request) {
  const headers = new Map();
  const cookies = [];
  for (let position = 0; position < answer.rawHeaders.length; position += 2) {
    const name = answer.rawHeaders[position].toLowerCase();
    const value = readHeader(answer.rawHeaders[position + 1]);
    if (name === 'set-cookie') cookies.push(value);
    else if (!CONNECTION_HEADERS.has(name)) headers.set(name, [...(headers.get(name) ?? []), value]);
  }
  const bodiless = request.method === 'HEAD' || answer.status === 204 || answer.status === 304;
  // The gateway counts the body itself; only an answer without one may say how long it would have been.
  if (!bodiless) headers.delete('content-length');
  const text = isText(headers, answer.body);
  const result = {
    statusCode: answer.status,
    isBase64Encoded: !text,
    body: bodiless ? '' : answer.body.toString(text ? 'utf8' : 'base64'),
  };
  if (request.version === 2) {
    result.headers = Object.fromEntries([...headers].map(([name, values]) => [name, values.join(', ')]));
    if (cookies.length > 0) result.cookies = cookies;
  } else {
    result.multiValueHeaders = Object.fromEntries([...headers, ...(cookies.length > 0 ? [['set-cookie', cookies]] : [])]);
  }
  return result;
}

/** Node.js reads header bytes as Latin-1; servers that mean UTF-8 are understood. */
function readHeader(value) {
  if (!/[\x80-\xff]/.test(value)) return value;
  const bytes = Buffer.from(value, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : value;
}

function isText(headers, body) {
  if (body.length === 0) return true;
  const encoding = headers.get('content-encoding')?.join(',').toLowerCase() ?? 'identity';
  if (encoding !== 'identity' || !isUtf8(body)) return false;
  if (!headers.has('content-type')) return true;
  const [type, ...parameters] = headers.get('content-type')[0].toLowerCase().split(';').map((part) => part.trim());
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice(8).replaceAll('"', '');
  if (charset && !['utf-8', 'utf8', 'us-ascii'].includes(charset)) return false;
  return /^(text\/|application\/(json|javascript|ecmascript|xml|x-www-form-urlencoded|graphql|x-ndjson|yaml|sql)$)|\+(json|xml|yaml)$/.test(type);
}

function failureResult(failure, request) {
  const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', 'x-semantest-error': failure.code };
  const body = JSON.stringify({ message: failure.message, code: failure.code });
  const result = { statusCode: failure.status, headers, isBase64Encoded: false, body: request.method === 'HEAD' ? '' : body };
  return result;
}

/**
 * Whether the gateway's CORS policy answers it: the gateway adds the headers, and browsers want a good status beside them, which
 * servers that know nothing of CORS don't give (https://fetch.spec.whatwg.org/#cors-preflight-fetch). That is everything that
 * came by a route which the deployment has added, since such routes ask for no token though the server's others do; and preflight
 * requests by routes of any method. `OPTIONS` routes of the user's own are the server's.
 */
function isForPolicy(event, request) {
  const route = event.routeKey ?? event.requestContext.routeKey;
  if (CORS_OWNER !== 'gateway') return false;
  if (PREFLIGHT_ROUTES.has(route)) return true;
  if (request.method !== 'OPTIONS' || route?.startsWith('OPTIONS ')) return false;
  const names = request.headers.map(([name]) => name.toLowerCase());
  return names.includes('origin') && names.includes('access-control-request-method');
}

/**
 * The answer to `{"semantest": "probe"}`: whether the server starts, `{"listening": true, "port": …, "startMilliseconds": …}` or
 * `{"listening": false, "error": {"code": …, "message": …}, "lastOutput": [lines]}`. It holds output, so no gateway event can ask it.
 */
async function probe(deadline) {
  try {
    const target = await listeningServer(deadline);
    if (await speaksTls(target)) throw speaksHttps();
    return { listening: true, port: target.port, address: target.address, startMilliseconds: target.startMilliseconds };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { listening: false, error: { code: error.code, message: error.message }, lastOutput: lastOutput() };
  }
}

/** What Lambda calls. */
export const handler = async (event, context) => {
  const remaining = context?.getRemainingTimeInMillis?.() ?? DEFAULT_BUDGET;
  const deadline = Date.now() + remaining - Math.min(ANSWER_RESERVE, remaining / 4);
  if (event?.semantest === 'probe') return probe(deadline);
  const request = toRequest(event);
  try {
    if (request.method === 'CONNECT' || !TOKEN.test(request.method)) throw new Failure(501, 'method-not-supported', `The method ${request.method} cannot be carried to the server.`);
    if (isForPolicy(event, request)) return { statusCode: 204, headers: {}, isBase64Encoded: false, body: '' };
    const result = toResult(await exchange(request, deadline), request);
    if (result.body.length > RESPONSE_LIMIT / 8) {
      const size = Buffer.byteLength(JSON.stringify(result));
      if (size > RESPONSE_LIMIT) throw tooLarge(size);
    }
    return result;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    log(`${request.method} ${request.path}: ${error.message} (${error.code}, answered ${error.status})`);
    return failureResult(error, request);
  }
};

// Lambda gives a sandbox its full processing power while it initialises, so the server starts now, not at the first request.
// A failure isn't one of the initialisation: the first request starts the server again and reports what it finds.
await before(Date.now() + INITIALISATION_BUDGET, server().listening);
