// Moves the ports of a server whose fixed port is taken already: where sandboxes share one machine, as with a local cloud. In a
// function of its own nothing is taken, and this isn't loaded. Loaded into the server's process by NODE_OPTIONS.
'use strict';

const net = require('node:net');

/** `fixed` is the port that the component names, where it does; `port` the one that the shim asks instead. */
const { fixed, port } = JSON.parse(process.env.SEMANTEST_SHIM_PORTS);

function moved(wanted) {
  const number = Number(wanted);
  if (number === fixed) return port;
  // Any other is nobody's to ask but the server's own, or the one that the shim will find.
  return Number.isInteger(number) && number > 0 && number !== port ? 0 : wanted;
}

const { listen } = net.Server.prototype;
net.Server.prototype.listen = function (first, ...rest) {
  if (typeof first === 'number' || (typeof first === 'string' && /^\d+$/.test(first))) return listen.call(this, moved(first), ...rest);
  if (first && typeof first === 'object' && first.port !== undefined) return listen.call(this, { ...first, port: moved(first.port) }, ...rest);
  return listen.call(this, first, ...rest);
};
