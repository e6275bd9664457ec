"""MiniStack 1.5.33 as this project runs it: with the gaps closed that matter to deployments, and the installed package left as it is.

The patches are in the modules beside this one, by subject; `localstack/README.md` lists them. Run with `owned FOLDER` or `detached` (see lifeline.py),
or without arguments and with a terminal; MiniStack's own environment variables apply."""

import os
import sys

if __name__ == "__main__" and len(sys.argv) > 1:
    # Before the imports, which take most of the start: a starter that dies meanwhile is noticed.
    import lifeline

    lifeline.hold(sys.argv)

import patch_events
import patch_functions
import patch_gateway
import patch_identity
import patch_logs
import patch_state
import patch_tags
import patch_workers
from ministack import app as ministack_app


def named(inner):
    """Each health check says which server answers, so that a starter knows its own from another one on the same port."""
    header = (b"x-semantest-instance", os.environ.get("SEMANTEST_INSTANCE", "").encode())

    async def outer(scope, receive, send):
        async def with_name(message):
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), header]}
            await send(message)

        await inner(scope, receive, with_name if scope.get("path") == "/_ministack/health" else send)

    return outer


def main():
    for patch in (patch_functions, patch_gateway, patch_events, patch_identity, patch_logs, patch_tags, patch_workers):
        patch.apply()
    ministack_app.app = named(patch_events.joined(patch_state.saved(ministack_app.app)))
    ministack_app.main()


if __name__ == "__main__":
    main()
