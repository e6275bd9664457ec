"""MiniStack launcher with three gaps of 1.5.33 closed, without touching the installed wheel:
 1. alias RoutingConfig weights are honoured by Invoke and by API Gateway (1.5.33 stores them but always runs the primary version)
 2. HTTP API payload 2.0 events carry `cookies` and `stageVariables`
 3. node workers die with the server (1.5.33 leaves those whose handler keeps a socket open, e.g. an http.Server, orphaned)
Run it instead of `ministack` (same environment variables)."""
import atexit, os, random, sys

if __name__ == "__main__" and len(sys.argv) > 1:
    # Before the imports, which take most of the start: a starter that dies meanwhile is noticed.
    import lifeline

    def _end_workers():
        runtime = sys.modules.get("ministack.core.lambda_runtime")
        if runtime is not None and hasattr(runtime, "reset"):
            runtime.reset()

    lifeline.hold(sys.argv, _end_workers)

from ministack.core import lambda_runtime as rt
from ministack.services import apigateway as gw, lambda_svc as L

def _weighted(func, qualifier):
    alias = (func or {}).get("aliases", {}).get(qualifier) if qualifier else None
    weights = ((alias or {}).get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    r = random.random()
    for version, w in weights.items():
        if r < float(w):
            return version
        r -= float(w)
    return alias["FunctionVersion"] if weights else qualifier

_invoke = L._invoke
async def invoke(name, event, headers, path_qualifier=None, query_params=None):
    q = path_qualifier or L._qp_first(query_params or {}, "Qualifier") or L._qp_first(headers, "x-amz-qualifier")
    if q and name in L._functions:
        v = _weighted(L._functions[name], q)
        if v != q:
            path_qualifier = v
    return await _invoke(name, event, headers, path_qualifier, query_params)
L._invoke = invoke

_ref = L._get_func_record_for_ref_in_scope
def ref_in_scope(function_ref, *a, **k):
    head, _, q = function_ref.rpartition(":")
    if function_ref.count(":") == 7:  # arn:aws:lambda:region:acct:function:name:qualifier
        orig = L._effective_func_record_for_qualifier
        def pick(func, qualifier):
            return orig(func, _weighted(func, qualifier))
        L._effective_func_record_for_qualifier = pick
        try:
            return _ref(function_ref, *a, **k)
        finally:
            L._effective_func_record_for_qualifier = orig
    return _ref(function_ref, *a, **k)
L._get_func_record_for_ref_in_scope = ref_in_scope

_exec = L._execute_function_with_config_scope
def execute(record, event, *a, **k):
    if isinstance(event, dict) and event.get("version") == "2.0" and "http" in event.get("requestContext", {}):
        h = event.get("headers") or {}
        if h.get("cookie"):
            event["cookies"] = [c.strip() for c in h["cookie"].split(";") if c.strip()]
            event["headers"] = {n: v for n, v in h.items() if n != "cookie"}
        if "stageVariables" not in event:
            try:
                st = gw._stages.get(event["requestContext"]["apiId"], {}).get(event["requestContext"]["stage"], {})
                if st.get("stageVariables"):
                    event["stageVariables"] = st["stageVariables"]
            except Exception:
                pass
    return _exec(record, event, *a, **k)
L._execute_function_with_config_scope = execute

def _named(inner):
    """Each answer says which server it comes from, so that a starter knows its own from another one on the same port."""
    header = (b"x-semantest-instance", os.environ.get("SEMANTEST_INSTANCE", "").encode())

    async def outer(scope, receive, send):
        async def named(message):
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), header]}
            await send(message)
        await inner(scope, receive, named if scope.get("path") == "/_ministack/health" else send)
    return outer

atexit.register(lambda: rt.reset())
# A worker reads its requests from the server, so the end of them is the end of the server, even of a killed one.
rt._NODEJS_WORKER_SCRIPT = 'process.stdin.on("end", () => process.exit(0));\n' + rt._NODEJS_WORKER_SCRIPT

if __name__ == "__main__":
    from ministack import app as ministack_app
    ministack_app.app = _named(ministack_app.app)
    ministack_app.main()
