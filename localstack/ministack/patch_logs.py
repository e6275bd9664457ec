"""CloudWatch Logs: the newest events first where that is asked for, and pages.

1.5.33 gives the oldest events whatever the direction, and no way to those after them.
"""

import json

from ministack.services import cloudwatch_logs as logs

MOST = 10_000

filter_events = logs._filter_log_events


def apply():
    logs._filter_log_events = filter_in_pages


def filter_in_pages(data):
    forward, start = True, 0
    if data.get("nextToken"):
        # The direction is the token's.
        direction, _, position = data["nextToken"].partition("/")
        forward, start = direction == "f", int(position)
    elif data.get("startFromHead") is False:
        forward = False
    status, headers, body = filter_events({**data, "limit": MOST})
    if status != 200:
        return status, headers, body
    answer = json.loads(body)
    events = answer["events"] if forward else answer["events"][::-1]
    end = start + min(data.get("limit", MOST), MOST)
    answer["events"] = events[start:end]
    if end < len(events):
        answer["nextToken"] = f"{'f' if forward else 'b'}/{end}"
    return status, headers, json.dumps(answer).encode()
