"""API Gateway v2's control plane: conflicts, what is missing, pages and tags as AWS has them.

1.5.33 lets route keys and stages repeat, deletes what is in use and what isn't there, ignores pages, tags without the resource showing it, and takes what
an update leaves out for what is to go.
"""

import json
import re

from ministack.services import apigateway as gateway

ROUTE_KEY = re.compile(r"\$default|(ANY|GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) /\S*")
KINDS = {
    "integrations": "Integration",
    "authorizers": "Authorizer",
    "routes": "Route",
    "stages": "Stage",
    "deployments": "Deployment",
}

handle_request = gateway.handle_request
create_route = gateway._create_route
update_route = gateway._update_route
create_stage = gateway._create_stage
update_stage = gateway._update_stage
update_api = gateway._update_api
tag_resource = gateway._tag_resource
untag_resource = gateway._untag_resource
find_api_scope = gateway.find_api_scope


def apply():
    gateway.handle_request = handle
    gateway._create_route = checked_create_route
    gateway._update_route = checked_update_route
    gateway._create_stage = checked_create_stage
    gateway._update_stage = merging_update_stage
    gateway._update_api = merging_update_api
    gateway._tag_resource = lambda arn, data: shown(arn, tag_resource(arn, data))
    gateway._untag_resource = lambda arn, keys: shown(arn, untag_resource(arn, keys))
    gateway.find_api_scope = owner_of_api


def refuse(code, message, status):
    return gateway._apigw_error(code, message, status)


def owner_of_api(api_id):
    """An API's address is the same for everyone. 1.5.33 looks in the caller's account only, and a caller without a signature has none."""
    scope = find_api_scope(api_id)
    if scope is None:
        scope = next(
            ((account, region) for (account, region, found), _ in gateway._apis.all_items() if found == api_id), None
        )
    return scope


async def handle(method, path, headers, body, query_params):
    parts = [part for part in path.strip("/").split("/") if part]
    if parts[:2] == ["v2", "apis"]:
        if method == "DELETE" and (answer := delete(*parts[2:])):
            return answer
        answer = await handle_request(method, path, headers, body, query_params)
        if method == "GET" and len(parts) in (2, 4) and answer[0] == 200:
            return page(answer, query_params)
        return answer
    return await handle_request(method, path, headers, body, query_params)


def page(answer, query_params):
    document = json.loads(answer[2])
    wanted = query_params or {}
    if "items" not in document or not (wanted.get("maxResults") or wanted.get("nextToken")):
        return answer
    return gateway._page(document["items"], wanted)


def delete(api=None, kind=None, identifier=None, *rest):
    """What can't be deleted, and what 1.5.33 would delete instead; None where it does the right thing."""
    if api not in gateway._apis or kind not in KINDS or identifier is None:
        return None
    resource = getattr(gateway, f"_{kind}").get(api, {}).get(identifier)
    if resource is None:
        return refuse("NotFoundException", f"Invalid {KINDS[kind]} identifier specified", 404)
    if rest:
        return delete_setting(kind, resource, *rest)
    for route in gateway._routes.get(api, {}).values():
        if (
            kind == "integrations"
            and (route.get("target") or "").rsplit("/", 1)[-1] == identifier
            or kind == "authorizers"
            and route.get("authorizerId") == identifier
        ):
            message = (
                f"Cannot delete {KINDS[kind]} '{identifier}' because it is referenced by the Route '{route['routeId']}'"
            )
            return refuse("ConflictException", message, 409)
    return None


def delete_setting(kind, resource, name, *key):
    """DeleteAccessLogSettings and DeleteRouteSettings, which 1.5.33 takes for the deletion of the stage."""
    if kind == "stages" and name == "accesslogsettings":
        resource.pop("accessLogSettings", None)
    elif kind == "stages" and name == "routesettings":
        # A route key has a slash in it, which has been decoded already.
        if resource.get("routeSettings", {}).pop("/".join(key), None) is None:
            return refuse("NotFoundException", "Unable to find Route Settings by key", 404)
    else:
        return None
    return 204, {}, b""


def checked_create_route(api, data):
    return invalid_route(api, data, None) or create_route(api, data)


def checked_update_route(api, route, data):
    return invalid_route(api, data, route) or update_route(api, route, data)


def invalid_route(api, data, own):
    if api not in gateway._apis or gateway._apis[api].get("protocolType") != "HTTP":
        return None
    key = data.get("routeKey")
    if key is not None and not ROUTE_KEY.fullmatch(key):
        return refuse(
            "BadRequestException",
            "The provided route key is not formatted properly for HTTP protocol. Format should be "
            '"<HTTP METHOD> /<RESOURCE PATH>" or "$default"',
            400,
        )
    for route in gateway._routes.get(api, {}).values():
        if key is not None and route["routeKey"] == key and route["routeId"] != own:
            return refuse("ConflictException", f"Route with key {key} already exists for this API", 409)
    target = (data.get("target") or "").rsplit("/", 1)[-1]
    if target and target not in gateway._integrations.get(api, {}):
        return refuse("NotFoundException", f"Unable to find Integration with ID {target}", 404)
    authorizer = data.get("authorizerId")
    if authorizer and authorizer not in gateway._authorizers.get(api, {}):
        return refuse(
            "BadRequestException",
            "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or JWT requires a valid "
            "authorizer.",
            400,
        )
    return None


def checked_create_stage(api, data):
    name = data.get("stageName")
    if name in gateway._stages.get(api, {}):
        return refuse("ConflictException", "Stage already exists", 409)
    return create_stage(api, data)


# What is left out of an update stays as it is, also within a group of settings: who wants something gone has to say so.


def merging_update_stage(api, name, data):
    old = gateway._stages.get(api, {}).get(name) or {}
    merged = dict(data)
    if "defaultRouteSettings" in data:
        merged["defaultRouteSettings"] = {**(old.get("defaultRouteSettings") or {}), **data["defaultRouteSettings"]}
    if "routeSettings" in data:
        known = old.get("routeSettings") or {}
        changed = {key: {**known.get(key, {}), **settings} for key, settings in data["routeSettings"].items()}
        merged["routeSettings"] = {**known, **changed}
    return update_stage(api, name, merged)


def merging_update_api(api, data):
    old = (gateway._apis.get(api) or {}).get("corsConfiguration") or {}
    if data.get("corsConfiguration"):
        data = {**data, "corsConfiguration": {**old, **data["corsConfiguration"]}}
    return update_api(api, data)


def shown(arn, answer):
    """Tags are shown by the resource that has them."""
    match = re.fullmatch(r"arn:aws:apigateway:[^:]+::/apis/([^/]+)(?:/stages/(.+))?", arn)
    if match and answer[0] < 300:
        api, stage = match.groups()
        resource = gateway._stages.get(api, {}).get(stage) if stage else gateway._apis.get(api)
        if resource is not None:
            resource["tags"] = dict(gateway._api_tags.get(arn, {}))
    return answer
