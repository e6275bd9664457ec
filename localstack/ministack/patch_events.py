"""The data plane of HTTP APIs: what a function gets in payload format 2.0, who may call it, and what the caller gets when that fails.

1.5.33 leaves cookies and stage variables out of events and the stage out of a named stage's path, answers every OPTIONS request itself, calls
functions that didn't permit it, waits longer than the integration's timeout, and shows callers the error of a failed function.
"""

import asyncio
import contextvars
import fnmatch

import patch_functions
from ministack.core.responses import get_account_id, get_region, get_request_client_ip
from ministack.services import apigateway as gateway
from ministack.services import lambda_svc as functions

JSON = {"Content-Type": "application/json"}
# An HTTP API's own limit: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
LONGEST_TIMEOUT = 30_000

invoke_lambda_proxy = gateway._invoke_lambda_proxy
execute_in_scope = gateway._handle_execute_in_scope
execute_function = functions._execute_function_with_config_scope
to_proxy_response = functions.lambda_execute_result_to_api_proxy_response
cors_headers = gateway._cors_response_headers
match_route = gateway._match_route
unauthorized = gateway._jwt_unauthorized
# What is known of the request that an HTTP API is handling.
request = contextvars.ContextVar("request", default=None)


def apply():
    gateway._handle_execute_in_scope = execute
    gateway._match_route = remember_route
    gateway._invoke_lambda_proxy = invoke
    gateway._cors_response_headers = cors_of
    gateway._cors_preflight_response = preflight
    gateway._jwt_unauthorized = challenge
    functions._execute_function_with_config_scope = execute_with_event
    functions.lambda_execute_result_to_api_proxy_response = remember_failure


def joined(inner):
    """Repeated headers are one, joined by commas without a space."""

    async def outer(scope, receive, send):
        if scope["type"] == "http" and (
            scope["path"].startswith("/_aws/execute-api/") or b".execute-api." in host(scope)
        ):
            headers = {}
            for name, value in scope["headers"]:
                headers.setdefault(name.lower(), []).append(value)
            scope = {
                **scope,
                "headers": [
                    (name, (b"; " if name == b"cookie" else b",").join(values)) for name, values in headers.items()
                ],
            }
        await inner(scope, receive, send)

    return outer


def host(scope):
    return next((value for name, value in scope["headers"] if name.lower() == b"host"), b"")


def message(status, text):
    return status, dict(JSON), f'{{"message":"{text}"}}'.encode()


def challenge(text="Unauthorized"):
    status, headers, body = unauthorized(text)
    return status, {**headers, "www-authenticate": "Bearer"}, body


async def execute(api_id, stage, path, method, headers, *rest, **more):
    cors = (gateway._apis.get(api_id) or {}).get("corsConfiguration")
    if method == "OPTIONS" and not (cors and match_route(api_id, method, "/" + path.lstrip("/")) is None):
        # The gateway answers OPTIONS itself only where no route takes it. A route that does is asked like any other, its authorizer included
        # (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html); in small letters it isn't taken for a preflight.
        method = "options"
    token = request.set({"failed": False, "route": None})
    try:
        return await execute_in_scope(api_id, stage, path, method, headers, *rest, **more)
    finally:
        request.reset(token)


def remember_route(api_id, method, path):
    route = match_route(api_id, method.upper(), path)
    if request.get() is not None:
        request.get()["route"] = route
    return route


# ---- cross-origin requests


def cors_of(config, origin):
    allowed = (config or {}).get("allowOrigins") or []
    scheme = (origin or "").split("://")[0]
    if "*" in allowed:
        allowed = ["*"]
    elif f"{scheme}://*" in allowed:
        allowed = [origin]
    return cors_headers({**config, "allowOrigins": allowed}, origin) if config else {}


def preflight(config, origin):
    # An origin that isn't allowed gets the same answer without the headers.
    headers = cors_of(config, origin)
    if headers:
        for key, name in (
            ("allowMethods", "Access-Control-Allow-Methods"),
            ("allowHeaders", "Access-Control-Allow-Headers"),
        ):
            if config.get(key):
                headers[name] = ",".join(config[key])
        if config.get("maxAge") is not None:
            headers["Access-Control-Max-Age"] = str(config["maxAge"])
    return 204, headers, b""


# ---- calling the function


async def invoke(integration, api_id, stage, path, method, *rest, **more):
    reference = gateway._extract_lambda_ref_from_integration_uri(integration.get("integrationUri", ""))
    if not permitted(reference, api_id, stage, method.upper()):
        return message(500, "Internal Server Error")
    token = patch_functions.running.set(True)
    try:
        seconds = min(integration.get("timeoutInMillis") or LONGEST_TIMEOUT, LONGEST_TIMEOUT) / 1000
        call = asyncio.ensure_future(
            invoke_lambda_proxy(integration, api_id, stage, path, method.upper(), *rest, **more)
        )
    finally:
        patch_functions.running.reset(token)
    done, _ = await asyncio.wait({call}, timeout=seconds)
    if not done:
        return message(503, "Service Unavailable")
    status, headers, body = call.result()
    if request.get() is not None and request.get()["failed"]:
        return message(500, "Internal Server Error")
    if cors := gateway._apis[api_id].get("corsConfiguration"):
        # "If you configure CORS for an API, API Gateway ignores CORS headers returned from your backend integration."
        headers = {name: value for name, value in headers.items() if not name.lower().startswith("access-control-")}
        if method == "options":
            _, allowed, _ = preflight(cors, rest[0].get("origin", ""))
            headers |= allowed
    return status, headers, body


def permitted(reference, api_id, stage, method):
    """Whether the function is there and its policy lets this API call it."""
    function, _, name = functions._get_base_func_record_for_ref(reference)
    if function is None:
        return False
    prefix, _, qualifier = reference.rpartition(":")
    qualified = prefix.endswith(f":function:{name}")
    if qualified and not functions._function_qualifier_exists(function, qualifier):
        return False
    resource = functions._policy_resource_arn(name, qualifier if qualified else None)
    key = ((request.get() or {}).get("route") or {}).get("routeKey", "$default")
    place = "/$default" if key == "$default" else method + key.partition(" ")[2]
    source = f"arn:aws:execute-api:{get_region()}:{get_account_id()}:{api_id}/{stage}/{place.lstrip('/')}"
    return any(allows(statement, resource, source) for statement in function["policy"]["Statement"])


def allows(statement, resource, source):
    principal = statement.get("Principal")
    service = principal == "*" or (
        isinstance(principal, dict) and principal.get("Service") == "apigateway.amazonaws.com"
    )
    condition = statement.get("Condition") or {}
    pattern = (condition.get("ArnLike") or {}).get("AWS:SourceArn", "*")
    account = (condition.get("StringEquals") or {}).get("AWS:SourceAccount", get_account_id())
    return (
        statement.get("Effect") == "Allow"
        and service
        and statement.get("Resource") == resource
        and statement.get("Action") in ("lambda:InvokeFunction", "lambda:*", "*")
        and account == get_account_id()
        # A bracket has a meaning of its own in fnmatch and none in an ARN.
        and fnmatch.fnmatchcase(source, pattern.replace("[", "[[]"))
    )


def remember_failure(result):
    if request.get() is not None and (result.get("error") or result.get("throttle")):
        request.get()["failed"] = True
    return to_proxy_response(result)


def execute_with_event(record, event, *rest, **more):
    known = request.get()
    if (
        known is not None
        and isinstance(event, dict)
        and event.get("version") == "2.0"
        and "http" in event.get("requestContext", {})
    ):
        complete(event, known["route"] or {})
    return execute_function(record, event, *rest, **more)


def complete(event, route):
    context = event["requestContext"]
    api_id, stage = context["apiId"], context["stage"]
    cookie = event["headers"].pop("cookie", None)
    if cookie:
        event["cookies"] = [part.strip() for part in cookie.split(";") if part.strip()]
    if event.get("pathParameters") is None:
        event.pop("pathParameters", None)
    variables = gateway._stages.get(api_id, {}).get(stage, {}).get("stageVariables")
    if variables:
        event["stageVariables"] = variables
    if stage != "$default":
        event["rawPath"] = f"/{stage}{event['rawPath']}"
        context["http"]["path"] = event["rawPath"]
    context["domainPrefix"] = context["domainName"].split(".")[0]
    context["http"]["sourceIp"] = get_request_client_ip() or context["http"]["sourceIp"]
    jwt = (context.get("authorizer") or {}).get("jwt")
    if jwt is not None:
        wanted = route.get("authorizationScopes") or []
        jwt["scopes"] = [scope for scope in jwt["scopes"] if scope in wanted] or None
