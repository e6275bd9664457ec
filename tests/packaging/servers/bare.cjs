// A server on Node.js alone, CommonJS, with a route for everything that a gateway could get wrong.
'use strict';

const crypto = require('node:crypto');
const http = require('node:http');
const zlib = require('node:zlib');

const routes = {
  '/cookies': (request, response) => {
    response.setHeader('set-cookie', ['a=1; Path=/; HttpOnly', 'b=2; Expires=Wed, 21 Oct 2037 07:28:00 GMT']);
    response.setHeader('vary', ['accept', 'origin']);
    response.end(request.headers.cookie ?? '');
  },
  '/gzip': (request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
    response.end(zlib.gzipSync(JSON.stringify({ compressed: true })));
  },
  '/binary': (request, response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    response.end(Buffer.from(Array.from({ length: 256 }, (_, value) => value)));
  },
  '/download': (request, response) => {
    const url = new URL(request.url, 'http://x');
    response.writeHead(200, { 'content-type': url.searchParams.get('type') ?? 'application/octet-stream' });
    response.end(Buffer.alloc(Number(url.searchParams.get('bytes')), url.searchParams.get('fill') ?? 'x'));
  },
  '/upload': (request, response, body) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ length: body.length, sha256: crypto.createHash('sha256').update(body).digest('hex') }));
  },
  '/stream': async (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    for (let count = 1; count <= 3; count += 1) {
      response.write(`data: ${count}\n\n`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  },
  '/endless': (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 1\n\n');
  },
  '/latin1': (request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain; charset=iso-8859-1', 'x-name': Buffer.from('Ünïcode').toString('latin1') });
    response.end(Buffer.from('grüße', 'latin1'));
  },
  '/headers-only': (request, response) => {
    response.writeHead(200, { 'content-length': '1234', 'content-type': 'text/plain', etag: '"x"' });
    response.end();
  },
  '/no-content': (request, response) => response.writeHead(204, { 'x-done': 'yes' }).end(),
  '/not-modified': (request, response) => response.writeHead(304, { etag: '"x"' }).end(),
  '/redirect': (request, response) => response.writeHead(302, { location: '/elsewhere?a=1&b=2' }).end(),
  '/error': (request, response) => response.writeHead(500, { 'content-type': 'text/plain' }).end('on purpose'),
  '/crash': () => {
    console.error('about to crash');
    setImmediate(() => {
      throw new Error('crashed on purpose');
    });
  },
  '/exit': () => process.exit(7),
  '/half': (request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('half');
    setImmediate(() => response.destroy());
  },
  '/hang': () => {
    for (;;);
  },
  '/never': () => {},
  '/pid': (request, response) => response.end(String(process.pid)),
  '/environment': (request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ ...process.env, cwd: process.cwd(), argv: process.argv.slice(2) }));
  },
  '/close': (request, response) => {
    response.end('closed', () => server.close(() => console.log('listens no more')));
  },
};

function echo(request, response, body) {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({
    method: request.method,
    url: request.url,
    headers: request.headers,
    rawHeaders: request.rawHeaders,
    body: body.toString('base64'),
  }));
}

const server = http.createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const route = routes[request.url.split('?')[0]] ?? echo;
  await route(request, response, Buffer.concat(chunks));
});

server.listen(process.env.PORT, () => console.log('listening'));
