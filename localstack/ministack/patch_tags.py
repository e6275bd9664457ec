"""The tagging API: log groups, HTTP APIs and stages are found by their tags too, which 1.5.33 leaves out."""

from ministack.services import tagging


def apply():
    tagging._COLLECTORS["logs"] = log_groups
    tagging._COLLECTORS["apigateway"] = http_apis


def log_groups():
    from ministack.services import cloudwatch_logs

    for group in cloudwatch_logs._log_groups.values():
        yield group["arn"].removesuffix(":*"), tagging._normalise_flat(group.get("tags"))


def http_apis():
    from ministack.services import apigateway

    for arn, tags in apigateway._api_tags.items():
        yield arn, tagging._normalise_flat(tags)
