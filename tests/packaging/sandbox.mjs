// A Lambda sandbox for the tests: loads a package's handler as AWS's Node.js runtime does and calls it for each line of
// standard input. Its own lines on standard output start with a mark; all others are the function's log.
import readline from 'node:readline';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const MARK = '\u0001';
const [folder, handlerName] = process.argv.slice(2);
const [module, name] = handlerName.split('.');
process.env.LAMBDA_TASK_ROOT = folder;
const write = (message) => process.stdout.write(`${MARK}${JSON.stringify(message)}\n`);

const handler = (await import(pathToFileURL(path.join(folder, `${module}.mjs`))))[name];
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
