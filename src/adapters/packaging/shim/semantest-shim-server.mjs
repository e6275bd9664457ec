// Runs the user's server for the runtime shim of semantest-iac: one child process for each sandbox, started on a free port,
// watched, and started again when it has ended. It stays out of the server's process: no hooks, no preload, no changed
// options, so that any start command and any kind of module works.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = path.dirname(fileURLToPath(import.meta.url));
export const SETTINGS = JSON.parse(readFileSync(path.join(ROOT, 'semantest-shim-settings.json'), 'utf8'));

/** Lines of the server's output, and characters of each, that are kept for an error report. */
const LAST_LINES = 40;
const LINE_SHOWN = 2000;
/** A frame of a stack inside of Node.js itself (https://nodejs.org/api/errors.html#errorstack). */
const FOREIGN_FRAME = /^\s+at .*\(?node:/;
/** A line without an end is passed on when it has grown to this: the longest event that CloudWatch Logs takes. */
const LINE_PASSED = 256 * 1024;
/** An idle connection older than this is not used again: while a sandbox is frozen its server's timers stand still. */
const CONNECTION_IDLE_LIMIT = 1000;
/** How long a broken connection waits for the news that the server has ended, and that news for its last output. */
export const EXIT_NEWS = 300;
const LAST_OUTPUT = 150;
/** How long a server may take to answer nonsense after it has let a request time out, before it counts as hung. */
const HANG_PROBE = 2000;
/** How long a server may take to answer a greeting of TLS. */
const TLS_PROBE = 500;
/** How long a server may take to end when the sandbox does. */
const END_GRACE = 2000;
/** How often it is looked where a server listens that doesn't at its port. */
const LOOK_INTERVAL = 200;
/** How long a server must have listened on one other port, and no second, until that one is taken for its port. */
const OTHER_PORT_SETTLED = 1000;
/** How long it is looked whether it comes to listen on the right one after all. */
const OTHER_PORT_WATCHED = 30_000;
/** How often a server is started again because the free port was taken in between. */
const PORT_ATTEMPTS = 3;

export function log(message) {
  console.error(`semantest-shim: ${message}`);
}

/** A failure with the HTTP status for the client, a code for programs, and a message without the server's secrets. */
export class Failure extends Error {
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
      if (rest.length > LINE_PASSED) {
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
    for (const line of lines) {
      // Twenty frames of Node.js's own would push out the error that stands above them.
      if (!FOREIGN_FRAME.test(line)) this.lastLines.push(line.slice(0, LINE_SHOWN));
    }
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
    this.replaced = false;
    this.requests = 0;
    this.lastUse = 0;
    this.exit = new Promise((resolve) => (this.markEnded = resolve));
    this.listening = this.start().catch((error) => this.finish({ message: `the server could not be started: ${error.message}` }));
  }

  async start() {
    // In a function of its own a fixed port is free. Where sandboxes share a machine, another may have it.
    this.moved = sharesMachine || (SETTINGS.port !== undefined && !(await isFree(SETTINGS.port)));
    this.port = this.moved || SETTINGS.port === undefined ? await freePort() : SETTINGS.port;
    const environment = serverEnvironment(this.port, this.moved);
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
      setTimeout(finish, LAST_OUTPUT).unref();
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
    let looked = Date.now();
    let other = null;
    for (let attempt = 0; !this.ended; attempt += 1) {
      if (await this.acceptsLocally(this.port)) return;
      if (Date.now() - looked >= LOOK_INTERVAL) {
        looked = Date.now();
        // Perhaps it listens on another address of this machine, or on another port.
        const sockets = listeningSockets(this.child.pid);
        const found = sockets.find((socket) => socket.port === this.port);
        if (found && (await this.accepts(found.host, found.port))) return;
        other = onlyPort(sockets, other);
        if (other && Date.now() - other.since >= OTHER_PORT_SETTLED && SETTINGS.port === undefined) {
          const wanted = this.port;
          if (await this.accepts(other.host, other.port)) {
            if (!this.moved) log(`the server listens on port ${other.port} and not on the one in PORT; requests go there. \`port: ${other.port}\` in the component says so at once and saves a second of each start`);
            this.followTo(wanted);
            return;
          }
        }
      }
      // A connection that is refused costs next to nothing; a slow start needn't be asked as often.
      await Promise.race([delay(attempt < 100 ? 5 : 25, undefined, { ref: false }), this.exit]);
    }
  }

  async acceptsLocally(port) {
    for (const host of ['127.0.0.1', '::1']) {
      if (await this.accepts(host, port)) return true;
    }
    return false;
  }

  /** A server that was taken at another port may come to listen at its own: then that was only for its metrics, or the like. */
  async followTo(port) {
    const until = Date.now() + OTHER_PORT_WATCHED;
    while (!this.ended && Date.now() < until) {
      await Promise.race([delay(LOOK_INTERVAL, undefined, { ref: false }), this.exit]);
      if (!this.ended && (await this.acceptsLocally(port))) {
        log(`the server listens on the port in PORT now; requests go there`);
        return;
      }
    }
  }

  accepts(host, port) {
    return new Promise((resolve) => {
      const socket = net.connect({ host, port });
      const settle = (connected) => {
        socket.destroy();
        // A fixed port may be another's, who came first.
        const accepted = connected && (port !== SETTINGS.port || this.owns(port));
        if (accepted) {
          this.startMilliseconds = Date.now() - this.startedAt;
          this.address = host;
          this.port = port;
        }
        resolve(accepted);
      };
      socket.once('connect', () => settle(true));
      socket.once('error', () => settle(false));
    });
  }

  /** Records that the server has ended, by itself or because it is of no use any more. */
  finish(ended) {
    if (this.ended) return;
    this.ended = ended;
    // Whoever waits for it reports it; between two requests nobody does.
    if (this.address && this.requests === 0 && !this.replaced && !ending) log(`${ended.message} between two requests.${this.report()}`);
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

  /** Ends the server at once, so that the next request starts another. */
  async replace(reason) {
    this.replaced = true;
    this.kill('SIGKILL');
    await before(Date.now() + HANG_PROBE, this.exit);
    this.finish({ message: reason });
  }

  /** Whether this server listens on a port, as far as this system tells. */
  owns(port) {
    const sockets = listeningSockets(this.child?.pid);
    return sockets === UNKNOWN || sockets.some((socket) => socket.port === port);
  }

  /** Whether a port was taken: between finding it and listening on it, or a fixed one by another sandbox of this machine. */
  lostItsPort() {
    const taken = this.ended && !this.address && this.lastLines.some((line) => line.includes('EADDRINUSE'));
    if (taken && !this.lastLines.some((line) => line.includes('EADDRINUSE') && line.includes(String(this.port)))) sharesMachine = true;
    if (taken && this.port === SETTINGS.port) sharesMachine = true;
    return taken;
  }

  /** Its last output, as the end of a log message. */
  report() {
    if (this.lastLines.length === 0) return ' It printed nothing.';
    return ` Its last output:\n${this.lastLines.map((line) => `    ${line}`).join('\n')}`;
  }

  /** What a server does that runs but doesn't listen where it should. */
  whereItListens() {
    const sockets = listeningSockets(this.child?.pid);
    const paths = sockets.length === 0 ? listeningPaths(this.child?.pid) : [];
    if (paths.length > 0) return `; it listens on the unix socket ${paths.join(', ')} instead: it must listen on the port in the environment variable PORT`;
    const elsewhere = sockets.map(({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`));
    if (elsewhere.length === 0) return '';
    const ports = [...new Set(sockets.map(({ port }) => port))].sort((left, right) => left - right).map((port) => `\`port: ${port}\``);
    return `; it listens on ${elsewhere.join(', ')} instead: it must take its port from the environment variable PORT, or the component must say which one is asked: ${ports.join(' or ')}`;
  }

  /** The connection pool, renewed when the sandbox may have been frozen since the last request. */
  pool() {
    if (this.requests === 0 && Date.now() - this.lastUse > CONNECTION_IDLE_LIMIT) {
      this.agent.destroy();
      this.agent = new http.Agent({ keepAlive: true });
    }
    return this.agent;
  }
}

/**
 * What is the runtime's own (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime)
 * or this shim's: a library that finds it takes the server for the runtime, asks for events in its place, or writes to its
 * descriptors. The trace's name is that of the request that started the server, and wrong for all others.
 */
const RUNTIMES_OWN = /^(_HANDLER|AWS_LAMBDA_RUNTIME_API|AWS_LAMBDA_EXEC_WRAPPER|LAMBDA_RUNTIME_DIR|_LAMBDA_.*|_X_AMZN_TRACE_ID|SEMANTEST_PREFLIGHT_ROUTES)$/;

function serverEnvironment(port, moved) {
  const folders = [path.join(ROOT, 'node_modules', '.bin'), path.dirname(process.execPath), process.env.PATH];
  const inherited = Object.entries(process.env).filter(([name]) => !RUNTIMES_OWN.test(name));
  const environment = { ...Object.fromEntries(inherited), PORT: String(port), PATH: folders.filter(Boolean).join(path.delimiter) };
  if (moved) {
    // https://nodejs.org/api/cli.html#node_optionsoptions: a quoted path may have spaces.
    const preload = `--require ${JSON.stringify(path.join(ROOT, 'semantest-shim-ports.cjs'))}`;
    environment.NODE_OPTIONS = [environment.NODE_OPTIONS, preload].filter(Boolean).join(' ');
    environment.SEMANTEST_SHIM_PORTS = JSON.stringify({ fixed: SETTINGS.port, port });
  }
  if (!SETTINGS.arguments) {
    // npm wants to write; in a function only /tmp can be written to.
    environment.npm_config_cache ??= '/tmp/.npm';
    environment.npm_config_update_notifier ??= 'false';
  }
  return environment;
}

async function isFree(port) {
  return (await freePort(port).catch(() => null)) === port;
}

/** The only port on which sockets listen, with the time since it is; `null` where there is none, or more than one. */
function onlyPort(sockets, before) {
  const [first] = sockets;
  if (!first || sockets.some((socket) => socket.port !== first.port)) return null;
  return before?.port === first.port ? before : { ...first, since: Date.now() };
}

/** Finds a port that nobody listens on, or makes sure of one. */
async function freePort(port = 0) {
  for (const host of ['::', '0.0.0.0']) {
    const probe = net.createServer();
    try {
      probe.listen(port, host);
      await once(probe, 'listening');
      return probe.address().port;
    } catch (error) {
      if (error.code === 'EADDRINUSE') break;
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

/** The unix sockets on which a process group listens, by their paths (https://man7.org/linux/man-pages/man5/proc_net.5.html). */
function listeningPaths(group) {
  try {
    const inodes = socketsOf(group);
    // "Num: RefCount Protocol Flags Type St Inode Path"; the flag 00010000 says that it listens.
    return readFileSync('/proc/net/unix', 'utf8').split('\n').slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '00010000' && inodes.has(fields[6]) && fields[7])
      .map((fields) => fields[7]);
  } catch {
    return [];
  }
}

/** What is known of sockets where there is no /proc. */
const UNKNOWN = [];

/** The TCP sockets on which a process group listens, from /proc. */
function listeningSockets(group) {
  try {
    const inodes = socketsOf(group);
    return ['tcp', 'tcp6'].flatMap((table) => readFileSync(`/proc/net/${table}`, 'utf8').split('\n').slice(1))
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A' && inodes.has(fields[9]))
      .map((fields) => {
        const [host, port] = fields[1].split(':');
        return { host: decodeAddress(host), port: parseInt(port, 16) };
      });
  } catch {
    return UNKNOWN;
  }
}

/** The inodes of all sockets of a process group. */
function socketsOf(group) {
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
  return inodes;
}

/** Whether a server speaks TLS on its port: it then answers a greeting of TLS, and HTTP with nothing or an alert. */
export async function speaksTls(candidate) {
  const socket = tls.connect({ host: candidate.address, port: candidate.port, rejectUnauthorized: false });
  const greeted = new Promise((resolve) => {
    socket.once('secureConnect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
  try {
    return (await before(Date.now() + TLS_PROBE, greeted)) && (await greeted);
  } finally {
    socket.on('error', () => {});
    socket.destroy();
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
let ending = false;
/** Whether a server of this sandbox has found its fixed port taken. */
let sharesMachine = false;

/** The server that runs, or a new one. */
export function server() {
  if (!current || current.ended) {
    if (current?.ended) log(`${current.ended.message}; it is started again`);
    current = new Server();
  }
  return current;
}

/** A server that listens, within the time left. */
export async function listeningServer(deadline) {
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
      const elsewhere = candidate.whereItListens();
      log(`the server (${SETTINGS.start}) does not listen on the port in PORT (${candidate.port}) after ${seconds} s${elsewhere}.${candidate.report()}`);
      throw new Failure(502, 'server-not-listening', `The server does not listen on the port in PORT after ${seconds} s${elsewhere}.`);
    }
  }
}

export function capitalised(text) {
  return text[0].toUpperCase() + text.slice(1);
}

/** Waits for a promise until the deadline; says whether it was settled. */
export async function before(deadline, promise) {
  const stop = new AbortController();
  const timer = delay(Math.max(0, deadline - Date.now()), false, { signal: stop.signal }).catch(() => false);
  try {
    return await Promise.race([promise.then(() => true), timer]);
  } finally {
    stop.abort();
  }
}

/** The last lines that the server printed. */
export function lastOutput() {
  return current?.lastLines ?? [];
}

/** A server that let a request time out may be busy with it or hang for good; one that hangs is replaced. */
export async function reviveWhenHung(candidate, deadline) {
  if (!candidate.suspect || (await isAlive(candidate))) {
    candidate.suspect = false;
    return candidate;
  }
  log(`the server hangs since an earlier request: it is ended.${candidate.report()}`);
  await candidate.replace('the server hung');
  return listeningServer(deadline);
}

/** Whether a server still reads what it is sent. Any HTTP parser answers nonsense at once, without asking the application. */
async function isAlive(candidate) {
  const socket = net.connect({ host: candidate.address, port: candidate.port });
  const answered = Promise.race(['data', 'close', 'error'].map((event) => new Promise((resolve) => socket.once(event, resolve))));
  socket.on('error', () => {});
  socket.write('semantest\r\n\r\n');
  try {
    return await before(Date.now() + HANG_PROBE, answered);
  } finally {
    socket.destroy();
  }
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
  process.on(signal, async () => {
    if (ending) return;
    ending = true;
    if (current && !current.ended) {
      current.kill(signal);
      await before(Date.now() + END_GRACE, current.exit);
    }
    process.exit(0);
  });
}
