// The same routes on Fastify: an ES module with a top-level await, listening on the loopback addresses only.
import crypto from 'node:crypto';
import { Readable } from 'node:stream';
import zlib from 'node:zlib';
import Fastify from 'fastify';

const app = Fastify({ trustProxy: true, bodyLimit: 8 * 1024 * 1024, logger: true });
app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (request, body, done) => done(null, body));
app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (request, body, done) => done(null, Object.fromEntries(new URLSearchParams(body))));
app.get('/info', async (request) => ({ framework: 'fastify', ip: request.ip, protocol: request.protocol, host: request.hostname }));
app.get('/items/:id', async (request) => ({ id: request.params.id, query: request.query, url: request.originalUrl }));
app.post('/json', async (request, reply) => reply.status(201).send({ received: request.body }));
app.post('/form', async (request) => request.body);
app.post('/upload', async (request) => ({ length: request.body.length, sha256: crypto.createHash('sha256').update(request.body).digest('hex') }));
app.get('/cookies', async (request, reply) => {
  reply.header('set-cookie', ['a=1; Path=/; HttpOnly', 'b=x%20y; Path=/']);
  return request.headers.cookie;
});
app.get('/gzip', async (request, reply) => {
  reply.header('content-type', 'application/json').header('content-encoding', 'gzip');
  return zlib.gzipSync(JSON.stringify({ compressed: true }));
});
app.get('/binary', async () => Buffer.from([0, 255, 128, 10]));
app.get('/stream', async (request, reply) => {
  reply.header('content-type', 'text/event-stream');
  return Readable.from(['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n']);
});
app.get('/error', async () => {
  throw new Error('on purpose');
});
await app.listen({ port: Number(process.env.PORT) });
