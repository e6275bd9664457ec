"""Keeps what a persistent server holds while it runs. 1.5.33 writes it on an orderly stop only, so that a killed server forgets everything."""

import asyncio
import logging

from ministack import app as ministack_app
from ministack.core import persistence

logger = logging.getLogger("patch_state")

# Time without a change after which the state is written.
QUIET_SECONDS = 0.5
# While changes go on, the state is written this often.
LONGEST_WAIT_SECONDS = 5.0
READING = {"GET", "HEAD", "OPTIONS"}
UNCHANGING = ("/_aws/execute-api/", "/_ministack/health", "/_ministack/ready")


def saved(inner):
    """Writes the state some time after requests have come that may have changed it."""
    if not persistence.PERSIST_STATE:
        return inner
    writer = None

    async def outer(scope, receive, send):
        nonlocal writer
        if scope["type"] == "lifespan":

            async def before_stop():
                message = await receive()
                if message["type"] == "lifespan.shutdown" and writer is not None:
                    await writer.stop()
                return message

            await inner(scope, before_stop, send)
            return
        await inner(scope, receive, send)
        if scope["type"] == "http" and scope["method"] not in READING and not scope["path"].startswith(UNCHANGING):
            writer = writer or Writer()
            writer.changed.set()

    return outer


class Writer:
    def __init__(self):
        self.changed = asyncio.Event()
        self.writing = asyncio.Lock()
        self.task = asyncio.create_task(self.run())

    async def stop(self):
        """Returns when nothing is being written any more: the server's own last writing uses the same files."""
        await self.writing.acquire()
        self.task.cancel()

    async def run(self):
        loop = asyncio.get_running_loop()
        while True:
            await self.changed.wait()
            deadline = loop.time() + LONGEST_WAIT_SECONDS
            while loop.time() < deadline:
                self.changed.clear()
                try:
                    await asyncio.wait_for(self.changed.wait(), QUIET_SECONDS)
                except asyncio.TimeoutError:
                    break
            async with self.writing:
                self.changed.clear()
                try:
                    # Copied here, where no request is halfway, and written elsewhere, where none has to wait for it.
                    copies = {key: copy() for key, copy in ministack_app._build_persistence_save_dict().items()}
                    await asyncio.to_thread(
                        persistence.save_all, {key: lambda state=state: state for key, state in copies.items()}
                    )
                except Exception:
                    logger.exception("the state can't be written")
