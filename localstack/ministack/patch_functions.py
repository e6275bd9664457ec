"""Lambda's control plane: versions, aliases, permissions and updates as AWS has them.

1.5.33 publishes again after an update that changed nothing, lets an alias point to a version that isn't there, ignores an alias' weights, keeps one
policy for all qualifiers, carries out dry runs, and takes what AWS refuses: an update while another is in progress, an unknown role or runtime.
"""

import base64
import contextvars
import copy
import hashlib
import json
import random
import re

from ministack.core.responses import error_response_json, get_account_id, json_response
from ministack.services import iam
from ministack.services import lambda_svc as functions

# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html, ended ones among them: functions of those go on running.
RUNTIMES = re.compile(
    r"nodejs(1[02468]|2[0246])\.x|python3\.(\d|1[0-4])|java(8|8\.al2|11|17|21|25)|dotnet([68]|10)|ruby[34]\.\d|provided(\.al2(023)?)?|go1\.x"
)
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
RESERVED = {
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
}
# What differs between a version and the function that it was published from.
OF_A_VERSION = {
    "Version",
    "FunctionArn",
    "RevisionId",
    "LastModified",
    "State",
    "StateReason",
    "StateReasonCode",
    "LastUpdateStatus",
    "LastUpdateStatusReason",
    "LastUpdateStatusReasonCode",
    "Description",
}

create_function = functions._create_function
update_code = functions._update_code
update_config = functions._update_config
publish_version = functions._publish_version
create_alias = functions._create_alias
update_alias = functions._update_alias
delete_alias = functions._delete_alias
invoke = functions._invoke
record_for_qualifier = functions._effective_func_record_for_qualifier
# Whether the record that is looked up is to be run, when an alias' weights decide which version it is.
running = contextvars.ContextVar("running", default=False)


def apply():
    # Half a second in 1.5.33: what has to wait for an update waits no longer than to notice that it has to.
    functions._LAMBDA_STATE_TRANSITION_DELAY = 0.1
    functions._create_function = checked_create
    functions._update_code = checked_update_code
    functions._update_config = checked_update_config
    functions._publish_version = publish_when_changed
    functions._create_alias = lambda function, data: missing_version(function, data) or create_alias(function, data)
    functions._update_alias = lambda function, alias, data: missing_version(function, data) or update_alias(
        function, alias, data
    )
    functions._delete_alias = delete_alias_and_policy
    functions._add_permission = add_permission
    functions._remove_permission = remove_permission
    functions._get_policy = get_policy
    functions._invoke = invoke_weighted
    functions._effective_func_record_for_qualifier = weighted_record


def refuse(message, code="InvalidParameterValueException", status=400):
    return error_response_json(code, message, status)


# ---- input that AWS refuses


def invalid(data, old=None):
    runtime, memory, timeout = data.get("Runtime"), data.get("MemorySize"), data.get("Timeout")
    if runtime is not None and not RUNTIMES.fullmatch(runtime):
        return refuse(f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set")
    if memory is not None and not 128 <= memory <= 10240:
        return refuse(
            f"'MemorySize' value failed to satisfy constraint: Member must have value between 128 and 10240, not {memory}"
        )
    if timeout is not None and not 1 <= timeout <= 900:
        return refuse(
            f"Value '{timeout}' at 'timeout' failed to satisfy constraint: Member must have value between 1 and 900"
        )
    variables = (data.get("Environment") or {}).get("Variables") or {}
    reserved = sorted(RESERVED.intersection(variables))
    if reserved:
        return refuse(
            "Lambda was unable to configure your environment variables because the environment variables you have provided contains "
            f"reserved keys that are currently not supported for modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
    if len(json.dumps(variables, separators=(",", ":")).encode()) > 4096:
        return refuse(
            "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the "
            "4KB limit."
        )
    role = data.get("Role")
    return invalid_role(role) if role is not None and role != (old or {}).get("Role") else None


def invalid_role(arn):
    match = re.fullmatch(r"arn:aws:iam::(\d{12}):role/(?:.*/)?([\w+=,.@-]+)", arn or "")
    if not match:
        return refuse(
            f"Value '{arn}' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern",
            "ValidationException",
        )
    role = iam._roles.get(match[2]) if match[1] == get_account_id() else None
    if role is None or "lambda.amazonaws.com" not in json.dumps(role.get("AssumeRolePolicyDocument", "")):
        return refuse("The role defined for the function cannot be assumed by Lambda.")
    return None


def checked_create(data):
    if data.get("FunctionName") not in functions._functions:
        error = invalid(data) or invalid_role(data.get("Role"))
        if error:
            return error
    answer = create_function({**data, "Publish": False})
    if data.get("Publish") and answer[0] == 201:
        return publish_version(data["FunctionName"], {})
    return answer


def in_progress(name):
    config = functions._functions.get(name, {}).get("config", {})
    if config.get("StateReasonCode") == "Creating":
        return refuse(
            "The operation cannot be performed at this time. The function is currently in the following state: Pending",
            "ResourceConflictException",
            409,
        )
    if config.get("LastUpdateStatus") == "InProgress":
        return refuse(
            f"The operation cannot be performed at this time. An update is in progress for resource: {config['FunctionArn']}",
            "ResourceConflictException",
            409,
        )
    return None


def still_active(answer, name):
    """A function goes on answering while it is updated; 1.5.33 calls it pending."""
    config = functions._functions.get(name, {}).get("config")
    if answer[0] != 200 or config is None:
        return answer
    config.update(State="Active", StateReason="", StateReasonCode="")
    return json_response(config)


def checked_update_code(name, data):
    error = in_progress(name)
    if error:
        return error
    if data.get("DryRun") and name in functions._functions:
        config = copy.deepcopy(functions._functions[name]["config"])
        if "ZipFile" in data:
            code = base64.b64decode(data["ZipFile"])
            config.update(CodeSize=len(code), CodeSha256=base64.b64encode(hashlib.sha256(code).digest()).decode())
        return json_response(config)
    answer = still_active(update_code(name, {**data, "Publish": False}), name)
    if data.get("Publish") and answer[0] == 200:
        return 200, *publish(name, {})[1:]
    return answer


def checked_update_config(name, data):
    old = functions._functions.get(name, {}).get("config")
    return in_progress(name) or invalid(data, old) or still_active(update_config(name, data), name)


# ---- versions


def fingerprint(record):
    return json.dumps(
        {key: value for key, value in record["config"].items() if key not in OF_A_VERSION}, sort_keys=True, default=str
    )


def publish_when_changed(name, data):
    function = functions._functions.get(name)
    if function is not None:
        error = in_progress(name)
        if error:
            return error
        config = function["config"]
        if data.get("RevisionId") not in (None, config["RevisionId"]):
            return refuse(
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the "
                "latest Revision Id",
                "PreconditionFailedException",
                412,
            )
        if data.get("CodeSha256") not in (None, config["CodeSha256"]):
            return refuse(
                f"CodeSHA256 ({data['CodeSha256']}) is different from current CodeSHA256 in $LATEST ({config['CodeSha256']}). Please try "
                "again with the CodeSHA256 in $LATEST."
            )
    return publish(name, data)


def publish(name, data):
    function = functions._functions.get(name)
    if function is not None and function["versions"]:
        latest = function["versions"][max(function["versions"], key=int)]
        if fingerprint(latest) == fingerprint(function):
            # What 1.5.33 goes by: the function's revision that the version was made from.
            latest["function_revision"] = function["config"]["RevisionId"]
    return publish_version(name, data)


# ---- aliases


def missing_version(name, data):
    function = functions._functions.get(name)
    if function is None:
        return None
    weights = (data.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    for weight in weights.values():
        if not 0 <= float(weight) <= 1:
            return refuse(
                f"Value '{weight}' at 'routingConfig' failed to satisfy constraint: a weight is between 0.0 and 1.0"
            )
    named = [version for version in (data.get("FunctionVersion"), *weights) if version is not None]
    for version in named:
        if version != "$LATEST" and version not in function["versions"]:
            return refuse(
                f"Function not found: {functions._func_arn(name)}:{version}", "ResourceNotFoundException", 404
            )
    return None


def delete_alias_and_policy(name, alias):
    function = functions._functions.get(name)
    if function is None:
        return delete_alias(name, alias)
    if alias not in function["aliases"]:
        # The operation knows no ResourceNotFoundException: deleting what isn't there succeeds.
        return 204, {}, b""
    resource = functions._policy_resource_arn(name, alias)
    function["policy"]["Statement"] = [
        statement for statement in function["policy"]["Statement"] if statement["Resource"] != resource
    ]
    return delete_alias(name, alias)


def weighted(function, qualifier):
    """The version that an alias sends this invocation to; the qualifier itself where it isn't an alias with weights."""
    alias = (function or {}).get("aliases", {}).get(qualifier) if qualifier else None
    weights = ((alias or {}).get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    chance = random.random()
    for version, weight in weights.items():
        if chance < float(weight):
            return version
        chance -= float(weight)
    return qualifier


def weighted_record(function, qualifier):
    return record_for_qualifier(function, weighted(function, qualifier) if running.get() else qualifier)


async def invoke_weighted(name, event, headers, path_qualifier=None, query_params=None):
    function = functions._functions.get(name)
    qualifier = (
        path_qualifier
        or functions._qp_first(query_params or {}, "Qualifier")
        or functions._qp_first(headers, "x-amz-qualifier")
        or None
    )
    if (function or {}).get("config", {}).get("StateReasonCode") == "Creating":
        return in_progress(name)
    chosen = weighted(function, qualifier)
    return await invoke(name, event, headers, path_qualifier if chosen == qualifier else chosen, query_params)


# ---- permissions: each qualifier has a policy of its own


def of_resource(function, resource):
    return [statement for statement in function["policy"]["Statement"] if statement["Resource"] == resource]


def addressed(name, query_params, path_qualifier):
    """The function, and the resource whose policy is meant; or an error."""
    qualifier = functions._qualifier_from_path_or_query(path_qualifier, query_params)
    error = functions._validate_function_qualifier_exists(name, qualifier)
    if error:
        return None, None, error
    return functions._functions[name], functions._policy_resource_arn(name, qualifier), None


def no_policy():
    return refuse("The resource you requested does not exist.", "ResourceNotFoundException", 404)


add_permission_1 = functions._add_permission


def add_permission(name, data, query_params=None, path_qualifier=None):
    function, resource, error = addressed(name, query_params, path_qualifier)
    if error:
        return error
    others = [statement for statement in function["policy"]["Statement"] if statement["Resource"] != resource]
    function["policy"]["Statement"] = of_resource(function, resource)
    try:
        return add_permission_1(name, data, query_params, path_qualifier)
    finally:
        function["policy"]["Statement"] += others


def remove_permission(name, statement_id, query_params, path_qualifier=None):
    function, resource, error = addressed(name, query_params, path_qualifier)
    if error:
        return error
    kept = [
        statement
        for statement in function["policy"]["Statement"]
        if statement["Resource"] != resource or statement["Sid"] != statement_id
    ]
    if len(kept) == len(function["policy"]["Statement"]):
        return refuse(f"Statement {statement_id} is not found in resource policy.", "ResourceNotFoundException", 404)
    function["policy"]["Statement"] = kept
    return 204, {}, b""


def get_policy(name, query_params=None, path_qualifier=None):
    function, resource, error = addressed(name, query_params, path_qualifier)
    if error:
        return error
    statements = of_resource(function, resource)
    if not statements:
        return no_policy()
    policy = json.dumps({**function["policy"], "Statement": statements})
    return json_response({"Policy": policy, "RevisionId": function["config"]["RevisionId"]})
