// The routes of an ordinary Express application; the version is the argument.
'use strict';

const crypto = require('node:crypto');
const { Readable } = require('node:stream');
const zlib = require('node:zlib');
const version = process.argv[2];
const express = require(version);

const app = express();
app.set('trust proxy', true);
app.get('/info', (request, response) => response.json({ framework: version, ip: request.ip, protocol: request.protocol, host: request.hostname }));
app.get('/items/:id', (request, response) => response.json({ id: request.params.id, query: request.query, url: request.originalUrl }));
app.post('/json', express.json({ limit: '8mb' }), (request, response) => response.status(201).json({ received: request.body }));
app.post('/form', express.urlencoded({ extended: false }), (request, response) => response.json(request.body));
app.post('/upload', express.raw({ type: () => true, limit: '8mb' }), (request, response) => {
  response.json({ length: request.body.length, sha256: crypto.createHash('sha256').update(request.body).digest('hex') });
});
app.get('/cookies', (request, response) => {
  response.cookie('a', '1', { httpOnly: true });
  response.cookie('b', 'x y');
  response.send(request.headers.cookie);
});
app.get('/gzip', (request, response) => {
  response.type('json').set('content-encoding', 'gzip').send(zlib.gzipSync(JSON.stringify({ compressed: true })));
});
app.get('/binary', (request, response) => response.send(Buffer.from([0, 255, 128, 10])));
app.get('/stream', (request, response) => {
  response.set('content-type', 'text/event-stream');
  Readable.from(['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n']).pipe(response);
});
app.get('/error', () => {
  throw new Error('on purpose');
});
app.listen(process.env.PORT, () => console.log(`${version} listens`));
