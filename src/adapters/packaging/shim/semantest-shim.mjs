// The runtime shim of semantest-iac: carries an unchanged listening HTTP server in an AWS Lambda function.
//
// It starts the server once for each sandbox, on a free port given to it as PORT, waits until it listens, and turns API
// Gateway events (payload format 2.0, and 1.0) into HTTP requests and the answers back. It uses nothing but Node.js 18 or
// newer, writes nothing to the disk, and stays out of the server's process: no hooks, no preload, no changed options.

import { isUtf8 } from 'node:buffer';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = path.dirname(fileURLToPath(import.meta.url));
const SETTINGS = JSON.parse(readFileSync(path.join(ROOT, 'semantest-shim.json'), 'utf8'));

/** How long the sandbox's start waits for the server. Lambda ends its initialisation phase after 10 s. */
const INITIALISATION_BUDGET = 8000;
/** Time kept for the answer before Lambda's own timeout, which would hide the reason and throw the sandbox away. */
const ANSWER_RESERVE = 500;
/** The time assumed for an invocation when the context doesn't tell. */
const DEFAULT_BUDGET = 30_000;
/** The largest response that Lambda accepts, as JSON, in bytes ("Invocation payload", 6 MB, of the quotas page). */
const RESPONSE_LIMIT = 6_291_556;
/** Lines and bytes of the server's output that are kept for an error report. */
const LAST_LINES = 40;
const LONGEST_LINE = 2000;
/** An idle connection older than this is not used again: while a sandbox is frozen its server's timers stand still. */
const CONNECTION_IDLE_LIMIT = 1000;
/** How long a broken connection waits for the news that the server has ended. */
const EXIT_NEWS = 300;
/** How long a server may take to answer nonsense after it has let a request time out, before it counts as hung. */
const HANG_PROBE = 1000;
/** How often a server is started again because the free port was taken in between. */
const PORT_ATTEMPTS = 3;

/** Headers that belong to one connection, not to the message (RFC 9110, section 7.6.1). */
const CONNECTION_HEADERS = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']);
/** Methods that may be sent again when a connection breaks before an answer (RFC 9110, section 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']);

function log(message) {
  console.error(`semantest-shim: ${message}`);
}

/** A failure with the HTTP status for the client, a code for programs, and a message without the server's secrets. */
class Failure extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Passes a stream of the server on, line by line, and keeps the last lines. */
class Output {
  constructor(lastLines) {
    this.lastLines = lastLines;
  }

  follow(stream, sink) {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      if (rest.length > LONGEST_LINE) {
        lines.push(rest);
        rest = '';
      }
      this.pass(lines, sink);
    });
    stream.on('end', () => this.pass(rest === '' ? [] : [rest], sink));
    stream.on('error', () => {});
    // The sandbox may end while the server still runs.
    stream.unref?.();
  }

  pass(lines, sink) {
    if (lines.length === 0) return;
    sink.write(lines.map((line) => `${line}\n`).join(''));
    for (const line of lines) this.lastLines.push(line.slice(0, LONGEST_LINE));
    this.lastLines.splice(0, this.lastLines.length - LAST_LINES);
  }
}

/** One run of the user's server. */
class Server {
  constructor() {
    this.lastLines = [];
    this.address = null;
    this.ended = null;
    this.suspect = false;
    this.startedAt = Date.now();
    this.startMilliseconds = null;
    this.agent = new http.Agent({ keepAlive: true });
    this.lastUse = 0;
    this.exit = new Promise((resolve) => (this.markEnded = resolve));
    this.listening = this.start().catch((error) => this.finish({ message: `the server could not be started: ${error.message}` }));
  }

  async start() {
    this.port = await freePort();
    const environment = serverEnvironment(this.port);
    const [program, ...words] = SETTINGS.arguments ?? ['/bin/sh', '-c', SETTINGS.start];
    const child = spawn(SETTINGS.arguments ? process.execPath : program, words, {
      cwd: ROOT,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group of its own, so that whatever the command starts can be ended with it.
      detached: true,
    });
    this.child = child;
    child.on('error', (error) => this.finish({ message: `the server could not be started: ${error.message}` }));
    // 'close' comes after 'exit', when all output has been read; but a grandchild may hold the output open.
    child.on('exit', (code, signal) => {
      const message = signal ? `the server was ended by signal ${signal}` : `the server ended with exit code ${code}`;
      const finish = () => this.finish({ message, code, signal });
      child.once('close', finish);
      setTimeout(finish, EXIT_NEWS / 2).unref();
    });
    if (child.pid === undefined) return;
    new Output(this.lastLines).follow(child.stdout, process.stdout);
    new Output(this.lastLines).follow(child.stderr, process.stderr);
    child.unref();
    this.watch = watchOver(child.pid);
    await this.untilListening();
  }

  /** Tries to connect until it works or the server has ended. Bounded by those who wait, not by itself. */
  async untilListening() {
    for (let attempt = 0; !this.ended; attempt += 1) {
      for (const host of ['127.0.0.1', '::1']) {
        if (await accepts(host, this.port)) {
          this.startMilliseconds = Date.now() - this.startedAt;
          this.address = host;
          return;
        }
      }
      if (attempt % 40 === 39) {
        // Perhaps it listens on another address of this machine.
        const found = listeningSockets(this.child.pid).find((socket) => socket.port === this.port);
        if (found && (await accepts(found.host, this.port))) {
          this.startMilliseconds = Date.now() - this.startedAt;
          this.address = found.host;
          return;
        }
      }
      // A connection that is refused costs next to nothing; a slow start needn't be asked as often.
      await Promise.race([delay(attempt < 100 ? 5 : 25, undefined, { ref: false }), this.exit]);
    }
  }

  finish(ended) {
    if (this.ended) return;
    this.ended = ended;
    this.watch?.kill('SIGKILL');
    this.agent.destroy();
    this.markEnded();
  }

  /** Ends the server and everything that its command has started. */
  kill(signal) {
    if (this.child?.pid === undefined) return;
    try {
      process.kill(-this.child.pid, signal);
    } catch {
      this.child.kill(signal);
    }
  }

  /** Whether the port was taken between finding it and listening on it. */
  lostItsPort() {
    return this.ended && !this.address && this.lastLines.some((line) => line.includes('EADDRINUSE') && line.includes(String(this.port)));
  }

  report() {
    const lines = this.lastLines.length === 0 ? ' It printed nothing.' : ` Its last output:\n${this.lastLines.map((line) => `    ${line}`).join('\n')}`;
    return lines;
  }

  /** What a server does that runs but doesn't listen where it should. */
  whereItListens() {
    const elsewhere = listeningSockets(this.child?.pid).map((socket) => `${socket.host.includes(':') ? `[${socket.host}]` : socket.host}:${socket.port}`);
    return elsewhere.length === 0 ? '' : `; it listens on ${elsewhere.join(', ')} instead: it must take its port from the environment variable PORT`;
  }

  /** The connection pool, renewed when the sandbox may have been frozen. */
  pool() {
    if (Date.now() - this.lastUse > CONNECTION_IDLE_LIMIT) {
      this.agent.destroy();
      this.agent = new http.Agent({ keepAlive: true });
    }
    return this.agent;
  }
}

function serverEnvironment(port) {
  const folders = [path.join(ROOT, 'node_modules', '.bin'), path.dirname(process.execPath), process.env.PATH];
  const environment = { ...process.env, PORT: String(port), PATH: folders.filter(Boolean).join(path.delimiter) };
  if (!SETTINGS.arguments) {
    // npm wants to write; in a function only /tmp can be written to.
    environment.npm_config_cache ??= '/tmp/.npm';
    environment.npm_config_update_notifier ??= 'false';
  }
  return environment;
}

async function freePort() {
  for (const host of ['::', '0.0.0.0']) {
    const probe = net.createServer();
    try {
      probe.listen(0, host);
      await once(probe, 'listening');
      return probe.address().port;
    } catch {
      // No IPv6 here.
    } finally {
      if (probe.listening) {
        probe.close();
        await once(probe, 'close');
      }
    }
  }
  throw new Error('no free port was found');
}

function accepts(host, port) {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const settle = (result) => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}

/**
 * Ends the server's process group when this process is gone, however it went: a shell waits on a pipe that nobody writes to
 * and that the system closes. The shell has a session of its own, so that what ends this process doesn't end it first.
 */
function watchOver(group) {
  const script = `read -r line
kill -s TERM -- "-$1" 2>/dev/null || exit 0
for wait in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  kill -s 0 -- "-$1" 2>/dev/null || exit 0
  sleep 0.1
done
kill -s KILL -- "-$1" 2>/dev/null`;
  const watch = spawn('/bin/sh', ['-c', script, 'semantest-shim-watch', String(group)], { cwd: '/', env: { PATH: '/usr/bin:/bin' }, stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  watch.on('error', () => {});
  watch.stdin?.on('error', () => {});
  watch.stdin?.unref?.();
  watch.unref();
  return watch;
}

/** The TCP sockets on which a process group listens, from /proc; empty where there is no such thing. */
function listeningSockets(group) {
  try {
    const inodes = new Set();
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        // "pid (name) state parent group …"; the name may hold anything.
        const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(')').pop().trim().split(' ');
        if (Number(fields[2]) !== group) continue;
        for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
          const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1];
          if (inode) inodes.add(inode);
        }
      } catch {
        // It has ended meanwhile, or isn't ours to look at.
      }
    }
    return ['tcp', 'tcp6'].flatMap((table) => readFileSync(`/proc/net/${table}`, 'utf8').split('\n').slice(1))
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A' && inodes.has(fields[9]))
      .map((fields) => {
        const [host, port] = fields[1].split(':');
        return { host: decodeAddress(host), port: parseInt(port, 16) };
      });
  } catch {
    return [];
  }
}

/** An address of /proc/net: hexadecimal, in words of the machine's (little-endian) order. */
function decodeAddress(hex) {
  const bytes = hex.match(/.{8}/g).flatMap((word) => word.match(/../g).reverse());
  if (bytes.length === 4) return bytes.map((byte) => parseInt(byte, 16)).join('.');
  const text = bytes.join('').match(/.{4}/g).map((part) => parseInt(part, 16).toString(16)).join(':');
  return text === '0:0:0:0:0:0:0:0' ? '::' : text === '0:0:0:0:0:0:0:1' ? '::1' : text;
}

let current = null;

/** The server that runs, or a new one. */
function server() {
  if (!current || current.ended) {
    if (current?.ended) log(`${current.ended.message}; it is started again`);
    current = new Server();
  }
  return current;
}

/** A server that listens, within the time left. */
async function listeningServer(deadline) {
  for (let attempt = 1; ; attempt += 1) {
    const candidate = server();
    const inTime = await before(deadline, candidate.listening);
    if (candidate.address && !candidate.ended) return candidate;
    if (candidate.lostItsPort() && attempt < PORT_ATTEMPTS && Date.now() < deadline) continue;
    if (candidate.ended) {
      log(`${candidate.ended.message} before it listened.${candidate.report()}`);
      throw new Failure(502, 'server-crashed', `${capitalised(candidate.ended.message)} before it listened on the port in PORT.`);
    }
    if (!inTime) {
      const seconds = ((Date.now() - candidate.startedAt) / 1000).toFixed(1);
      log(`the server (${SETTINGS.start}) does not listen on the port in PORT (${candidate.port}) after ${seconds} s${candidate.whereItListens()}.${candidate.report()}`);
      throw new Failure(502, 'server-not-listening', `The server does not listen on the port in PORT after ${seconds} s${candidate.whereItListens()}.`);
    }
  }
}

function capitalised(text) {
  return text[0].toUpperCase() + text.slice(1);
}

/** Waits for a promise until the deadline; says whether it was settled. */
async function before(deadline, promise) {
  const stop = new AbortController();
  const timer = delay(Math.max(0, deadline - Date.now()), false, { signal: stop.signal }).catch(() => false);
  try {
    return await Promise.race([promise.then(() => true), timer]);
  } finally {
    stop.abort();
  }
}

/** Whether a server that let a request time out still reads what it is sent. Any parser answers nonsense at once. */
async function isAlive(candidate) {
  const socket = net.connect({ host: candidate.address, port: candidate.port });
  socket.on('error', () => {});
  const answered = Promise.race(['data', 'close', 'error'].map((event) => new Promise((resolve) => socket.once(event, resolve))));
  socket.write('semantest\r\n\r\n');
  try {
    return await before(Date.now() + HANG_PROBE, answered);
  } finally {
    socket.destroy();
  }
}

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
    if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(lower)) continue;
    headers[lower] = headerValue(value);
  }
  if (request.cookies.length > 0) headers.cookie = headerValue(request.cookies.join('; '));
  const hadLength = request.headers.some(([name]) => name.toLowerCase() === 'content-length');
  if (request.body.length > 0 || hadLength || !['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE'].includes(request.method)) headers['content-length'] = String(request.body.length);
  headers.host ??= headerValue(request.domainName ?? 'localhost');
  headers['x-forwarded-host'] ??= headers.host;
  headers['x-forwarded-proto'] ??= 'https';
  headers['x-forwarded-port'] ??= headers['x-forwarded-proto'] === 'http' ? '80' : '443';
  if (request.sourceIp) headers['x-forwarded-for'] ??= headerValue(request.sourceIp);
  return headers;
}

// ---- requests to answers ------------------------------------------------------------------------------------------

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
    });
    let answering = false;
    const timer = setTimeout(() => {
      target.suspect = true;
      const part = answering ? 'finish its answer (streams that do not end cannot be carried by an HTTP API)' : 'answer';
      settle(reject, new Failure(504, 'server-timeout', `The server did not ${part} within the function's time.`));
    }, Math.max(0, deadline - Date.now()));
    const settle = (how, value) => {
      clearTimeout(timer);
      how(value);
      if (how === reject) outgoing.destroy();
    };
    const broken = (error) => settle(reject, Object.assign(error, { answering, reused: outgoing.reusedSocket }));
    // A server may answer and close before it has read a whole request; then the answer counts, not the failed write.
    outgoing.on('error', (error) => answering || broken(error));
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
      response.on('close', () => {
        if (response.complete) settle(resolve, { status: response.statusCode, rawHeaders: response.rawHeaders, body: Buffer.concat(chunks) });
        else broken(new Error('the connection was closed before the answer was complete'));
      });
    });
    outgoing.end(request.body);
  });
}

function tooLarge(size) {
  return new Failure(502, 'response-too-large', `The server's answer of at least ${size} bytes is larger than the 6 MB that AWS Lambda can return.`);
}

/** Sends a request to the server, which is started, or started again, when needed. */
async function exchange(request, deadline) {
  for (let attempt = 1; ; attempt += 1) {
    let target = await listeningServer(deadline);
    if (target.suspect) {
      if (!(await isAlive(target))) {
        log(`the server hangs since an earlier request: it is ended and started again.${target.report()}`);
        target.kill('SIGKILL');
        await before(Date.now() + HANG_PROBE, target.exit);
        target.finish({ message: 'the server hung' });
        target = await listeningServer(deadline);
      }
      target.suspect = false;
    }
    // What may not be sent twice gets a connection of its own, which can't have been closed by the server already.
    const agent = IDEMPOTENT.has(request.method) && attempt === 1 ? target.pool() : false;
    try {
      return await send(target, request, agent, deadline);
    } catch (error) {
      if (error instanceof Failure) throw error;
      const refused = error.code === 'ECONNREFUSED';
      // The news that a server has ended comes a little later than the broken connection.
      await before(Math.min(deadline, Date.now() + EXIT_NEWS), target.exit);
      // A kept connection that the server has closed meanwhile says nothing about this request.
      if (!target.ended && !error.answering && error.reused && attempt === 1) continue;
      if (refused && attempt < 3 && Date.now() < deadline) {
        // It never got the request, so it may be sent again. One that runs but listens no more is of no use.
        if (!target.ended) {
          target.kill('SIGKILL');
          target.finish({ message: 'the server stopped listening' });
        }
        continue;
      }
      if (target.ended) {
        log(`${target.ended.message} while it answered ${request.method} ${request.path}.${target.report()}`);
        throw new Failure(502, 'server-crashed', `${capitalised(target.ended.message)} while it answered.`);
      }
      log(`the server closed the connection while it answered ${request.method} ${request.path}: ${error.message}`);
      throw new Failure(502, 'server-closed-connection', 'The server closed the connection before it had answered.');
    } finally {
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

/** The deployment's question whether the server starts. Its answer holds output, so no gateway event can ask it. */
async function probe(deadline) {
  try {
    const target = await listeningServer(deadline);
    return { listening: true, port: target.port, address: target.address, startMilliseconds: target.startMilliseconds };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { listening: false, error: { code: error.code, message: error.message }, lastOutput: current?.lastLines ?? [] };
  }
}

/** What Lambda calls. */
export const handler = async (event, context) => {
  const remaining = context?.getRemainingTimeInMillis?.() ?? DEFAULT_BUDGET;
  const deadline = Date.now() + remaining - Math.min(ANSWER_RESERVE, remaining / 4);
  if (event?.semantest === 'probe') return probe(deadline);
  const request = toRequest(event);
  try {
    if (request.method === 'CONNECT') throw new Failure(501, 'method-not-supported', 'CONNECT cannot be carried by an API Gateway.');
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

let ending = false;
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
  process.on(signal, async () => {
    if (ending) return;
    ending = true;
    if (current && !current.ended) {
      current.kill(signal);
      await before(Date.now() + 2000, current.exit);
    }
    process.exit(0);
  });
}

// Lambda gives a sandbox its full processing power while it initialises, so the server starts now, not at the first request.
// A failure isn't one of the initialisation: the first request starts the server again and reports what it finds.
await before(Date.now() + INITIALISATION_BUDGET, server().listening);
