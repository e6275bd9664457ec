// A Lambda sandbox for the tests: loads a package's handler and calls it for each line of standard input. AWS's Node.js
// runtime looks for a file with one of its endings, some emulators ask Node.js to resolve the name first; here both agree. Its own lines on standard output start with a mark; all others are the function's log.
import { createRequire } from 'node:module';
import path from 'node:path';
import readline from 'node:readline';
import { pathToFileURL } from 'node:url';

const MARK = '\u0001';
const [folder, handlerName] = process.argv.slice(2);
const [module, name] = handlerName.split('.');
process.env.LAMBDA_TASK_ROOT = folder;
const write = (message) => process.stdout.write(`${MARK}${JSON.stringify(message)}\n`);

const file = path.join(folder, module);
try {
  throw new Error(`${file} resolves to ${createRequire(import.meta.url).resolve(file)}, which hides the handler`);
} catch (error) {
  if (error.code !== 'MODULE_NOT_FOUND') throw error;
}
const handler = (await import(pathToFileURL(`${file}.mjs`)))[name];
write({ ready: true, pid: process.pid });

const lines = readline.createInterface({ input: process.stdin });
lines.on('line', async (line) => {
  const { id, event, timeout } = JSON.parse(line);
  const deadline = Date.now() + timeout;
  const context = { awsRequestId: String(id), getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()) };
  try {
    const result = await handler(event, context);
    write({ id, result, remaining: deadline - Date.now() });
  } catch (error) {
    write({ id, error: { name: error.name, message: error.message } });
  }
});
lines.on('close', () => process.exit(0));
