"""A function that keeps a server open, which would go on without its emulator. `make` creates and calls it, `call` calls it again, and both print the
ids of its processes. Arguments: make or call, the endpoint, an account."""

import io
import json
import sys
import time
import zipfile

from botocore.config import Config
from botocore.session import get_session

ACTION, ENDPOINT, ACCOUNT = sys.argv[1:4]
CODE = """
const { createServer } = require("node:http"), { spawn } = require("node:child_process");
const server = createServer().listen(0), child = spawn("sleep", ["600"], { stdio: "ignore" });
exports.handler = async () => [process.pid, child.pid];
"""
TRUST = (
    '{"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}'
)


def client(service):
    return get_session().create_client(
        service,
        endpoint_url=ENDPOINT,
        region_name="us-east-1",
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 1}),
    )


functions = client("lambda")
if ACTION == "make":
    role = client("iam").create_role(RoleName="runs", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.js", CODE)
    functions.create_function(
        FunctionName="stays",
        Runtime="nodejs22.x",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": code.getvalue()},
    )
    while functions.get_function_configuration(FunctionName="stays")["State"] != "Active":
        time.sleep(0.05)
print(*json.loads(functions.invoke(FunctionName="stays")["Payload"].read()))
