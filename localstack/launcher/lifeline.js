// lifeline.py for programs on Node.js, which start no processes of their own: how a local cloud's process hangs on to the program that started it, by
// its standard input.
//
// owned: when the other end of standard input closes, because its owner let go of it or died in whatever way, this process and its group end. detached:
// it goes on only after a first line has come, which its starter sends once it has recorded the process; its starter gives it a group of its own.
"use strict";

const fs = require("node:fs");

/** Takes `owned FOLDER` or `detached` off the arguments. The folder is removed at the end, unless it is `-`. */
exports.hold = (argv) => {
  if (argv.splice(2, 1)[0] === "detached") {
    if (firstLine() !== "go") {
      process.exit(0);
    }
    return;
  }
  const [folder] = argv.splice(2, 1);
  process.stdin.on("close", () => end(folder)).resume();
};

/** What the starter says, waited for: nothing may be done before. */
function firstLine() {
  const buffer = Buffer.alloc(16);
  return buffer.toString("utf8", 0, fs.readSync(0, buffer)).trim();
}

function end(folder) {
  try {
    if (folder !== "-") {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  } finally {
    process.kill(0, "SIGKILL");
  }
}
