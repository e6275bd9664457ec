"""Functions' processes: what they see, what their packages look like unpacked, and that they end.

1.5.33 gives a function the server's own environment, loses the modes and links in its package, leaves behind what a timed-out function has started,
and leaves functions running that keep a socket open when the server is gone."""

import atexit
import os
import shutil
import subprocess
import threading
import zipfile

import lifeline
from ministack.core import lambda_runtime as runtime

# What a function may see of the server's environment, beside what Lambda sets.
PASSED_ON = {"HOME", "LANG", "LC_ALL", "LC_CTYPE", "PATH", "TMPDIR"}
SET_BY_LAMBDA = {
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "NODE_PATH",
}

spawn = runtime.Worker._spawn
end = runtime._signal
# The configuration of the function that this thread starts a process for.
starting = threading.local()


def apply():
    runtime.Worker._spawn = spawn_with_config
    runtime.subprocess = Subprocess()
    runtime.zipfile = Zipfile()
    runtime._signal = end_with_descendants
    # A worker reads its requests from the server, so the end of them is the end of the server, even of a killed one.
    runtime._NODEJS_WORKER_SCRIPT = 'process.stdin.on("end", () => process.exit(0));\n' + runtime._NODEJS_WORKER_SCRIPT
    atexit.register(runtime.reset)


def spawn_with_config(worker):
    starting.config = worker.config
    try:
        return spawn(worker)
    finally:
        starting.config = None


class Subprocess:
    """The module `subprocess`, as the worker pool sees it."""

    def __getattr__(self, name):
        return getattr(subprocess, name)

    def Popen(self, arguments, **options):
        config = getattr(starting, "config", None)
        if config is not None and "env" in options:
            options["env"] = environment(config, options["env"])
        return subprocess.Popen(arguments, **options)


def environment(config, given):
    own = (config.get("Environment") or {}).get("Variables") or {}
    seen = {
        name: value
        for name, value in given.items()
        if name in own or name in PASSED_ON or name in SET_BY_LAMBDA or name not in os.environ
    }
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    seen["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{config.get('Runtime', '')}"
    seen["AWS_LAMBDA_INITIALIZATION_TYPE"] = "on-demand"
    seen["AWS_LAMBDA_LOG_GROUP_NAME"] = (config.get("LoggingConfig") or {}).get(
        "LogGroup"
    ) or f"/aws/lambda/{config.get('FunctionName', '')}"
    seen["_HANDLER"] = config.get("Handler", "")
    seen.setdefault("TZ", ":UTC")
    return seen


class Zipfile:
    """The module `zipfile`, as the worker pool sees it."""

    def __getattr__(self, name):
        return getattr(zipfile, name)

    class ZipFile(zipfile.ZipFile):
        def extractall(self, path=None, members=None, pwd=None):
            root = os.path.realpath(path or ".")
            links = []
            for entry in self.infolist():
                mode = entry.external_attr >> 16
                if mode & 0o170000 == 0o120000:
                    links.append(entry)
                    continue
                target = self.extract(entry, root)
                if mode & 0o7777 and not entry.is_dir():
                    os.chmod(target, mode & 0o7777)
            # Last, so that nothing is written through them; and none leads out of the package.
            for entry in links:
                target = os.path.normpath(os.path.join(root, entry.filename))
                leads_to = self.read(entry).decode()
                resolved = os.path.normpath(os.path.join(os.path.dirname(target), leads_to))
                if not (target.startswith(root + os.sep) and (resolved == root or resolved.startswith(root + os.sep))):
                    raise RuntimeError(f"the link {entry.filename} leads out of the package, to {leads_to}")
                os.makedirs(os.path.dirname(target), exist_ok=True)
                if os.path.isdir(target) and not os.path.islink(target):
                    shutil.rmtree(target)
                elif os.path.lexists(target):
                    os.remove(target)
                os.symlink(leads_to, target)


def end_with_descendants(process):
    # A function may have started processes of its own, such as the server that it carries.
    below = lifeline.descendants(process.pid) if process is not None and process.poll() is None else []
    end(process)
    lifeline.kill(below)
