// A REST server of Semantest: an ordinary Express application that listens on PORT. It knows
// nothing of any cloud. CORS, throttling and tokens are left to the gateway in front of it.
'use strict';

const crypto = require('node:crypto');
const express = require('express');

const port = Number(process.env.PORT ?? 3000);
const version = process.env.API_VERSION ?? 'v1';
const startedAt = Date.now();

// One line of JSON for each entry, as the platform's other services write.
function log(level, message, fields = {}) {
  process.stdout.write(`${JSON.stringify({ timestamp: new Date().toISOString(), level, message, ...fields })}\n`);
}

// The cookies of a request by name. A value that isn't properly encoded is taken as it is.
function cookiesOf(request) {
  const cookies = {};
  for (const pair of (request.get('cookie') ?? '').split(';')) {
    const position = pair.indexOf('=');
    if (position < 1) continue;
    const value = pair.slice(position + 1).trim();
    try {
      cookies[pair.slice(0, position).trim()] = decodeURIComponent(value);
    } catch {
      cookies[pair.slice(0, position).trim()] = value;
    }
  }
  return cookies;
}

const app = express();
app.disable('x-powered-by');
app.set('trust proxy', true);

// Everything that one request sets off shares its correlation id.
app.use((request, response, next) => {
  const given = request.get('x-correlation-id');
  request.correlationId = given && /^[\w.:-]{1,128}$/.test(given) ? given : `corr_${crypto.randomUUID()}`;
  response.set('x-correlation-id', request.correlationId);
  const begin = process.hrtime.bigint();
  response.on('finish', () => {
    log('info', 'request', {
      correlationId: request.correlationId,
      method: request.method,
      path: request.path,
      status: response.statusCode,
      durationMs: Number(process.hrtime.bigint() - begin) / 1e6,
    });
  });
  next();
});

app.use(express.json({ limit: '1mb' }));

app.get('/', (request, response) => {
  response.json({ service: 'semantest-rest-api', version, documentation: '/health, /api/tests, /api/session, /events' });
});

app.get('/health', (request, response) => {
  response.json({ status: 'healthy', version, uptimeSeconds: Math.round((Date.now() - startedAt) / 1000) });
});

// Accepts a test to be run: checks it and hands out its id.
app.post('/api/tests', (request, response) => {
  const { name, steps = [] } = request.body ?? {};
  const errors = [];
  if (typeof name !== 'string' || name.trim() === '') errors.push({ field: 'name', message: 'must be text' });
  if (!Array.isArray(steps)) errors.push({ field: 'steps', message: 'must be a list' });
  if (errors.length > 0) {
    response.status(422).json({ error: 'invalid test', errors, correlationId: request.correlationId });
    return;
  }
  const id = crypto.randomUUID();
  response
    .status(201)
    .location(`/api/tests/${id}`)
    .json({ id, name: name.trim(), steps, status: 'accepted', correlationId: request.correlationId });
});

// Shows what the server was asked, for looking at what arrives through a gateway.
app.all('/api/echo', (request, response) => {
  response.json({
    method: request.method,
    path: request.path,
    query: request.query,
    body: request.body ?? null,
    cookies: cookiesOf(request),
    correlationId: request.correlationId,
  });
});

// Counts a browser's visits in a cookie, and remembers its last one in another.
app.get('/api/session', (request, response) => {
  const cookies = cookiesOf(request);
  const visits = (Number.parseInt(cookies.visits, 10) || 0) + 1;
  const attributes = { httpOnly: true, sameSite: 'lax', path: '/' };
  response.cookie('visits', String(visits), { ...attributes, maxAge: 86_400_000 });
  response.cookie('lastVisit', new Date().toISOString(), attributes);
  response.json({ visits, lastVisit: cookies.lastVisit ?? null });
});

app.delete('/api/session', (request, response) => {
  response.clearCookie('visits', { path: '/' });
  response.clearCookie('lastVisit', { path: '/' });
  response.status(204).end();
});

// The platform's events over plain HTTP.
app.post('/events', (request, response) => {
  const { type, payload } = request.body ?? {};
  if (typeof type !== 'string' || !type.endsWith('Event') || typeof payload !== 'object' || payload === null) {
    response.status(400).json({ error: 'expected {"type": "<Name>Event", "payload": {…}}', correlationId: request.correlationId });
    return;
  }
  const correlationId = typeof payload.correlationId === 'string' ? payload.correlationId : request.correlationId;
  log('info', 'event accepted', { type, correlationId });
  response.json({ status: 'accepted', correlationId });
});

app.use((request, response) => {
  response.status(404).json({ error: 'not found', path: request.path, correlationId: request.correlationId });
});

// Four parameters make it Express's error handler.
app.use((error, request, response, next) => {
  if (response.headersSent) {
    next(error);
    return;
  }
  const status = error.status ?? 500;
  if (status >= 500) log('error', error.message, { correlationId: request.correlationId, stack: error.stack });
  response.status(status).json({
    error: status >= 500 ? 'internal error' : error.message,
    correlationId: request.correlationId,
  });
});

const server = app.listen(port, (error) => {
  if (error) {
    log('error', `can't listen on port ${port}: ${error.message}`);
    process.exitCode = 1;
    return;
  }
  log('info', 'listening', { port, version });
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    log('info', 'stopping', { signal });
    server.close();
    server.closeIdleConnections();
  });
}
