"""What these checks share: clients, functions that are ready, and the form of a refusal.
Arguments: the endpoint of a MiniStack, an account."""

import functools
import io
import json
import sys
import time
import unittest
import uuid
import zipfile

from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import get_session

ENDPOINT, ACCOUNT = sys.argv[1:3]
ECHO = """
exports.handler = async (event, context) => {
  if (event.requestContext?.http && event.rawPath.endsWith("/cookies"))
    return { statusCode: 201, cookies: ["a=1; Path=/", "b=2"], headers: { "x-kept": "yes" }, body: "made" };
  if (event.requestContext?.http && event.rawPath.endsWith("/binary"))
    return { statusCode: 200, isBase64Encoded: true, headers: { "content-type": "image/png" }, body: Buffer.from([0, 255, 1]).toString("base64") };
  return { event, version: context.functionVersion, text: "TEXT" };
};
"""
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "arn:aws:logs:*:*:*"}],
    }
)


@functools.cache
def client(service, account=ACCOUNT):
    config = Config(retries={"max_attempts": 1}, parameter_validation=False, s3={"addressing_style": "path"})
    return get_session().create_client(
        service,
        endpoint_url=ENDPOINT,
        region_name="us-east-1",
        aws_access_key_id=account,
        aws_secret_access_key="test",
        config=config,
    )


def package(text="first", files=()):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        # A ZipInfo of its own has a fixed date, so that the same text is the same package.
        archive.writestr(zipfile.ZipInfo("index.js"), ECHO.replace("TEXT", text))
        for info, content in files:
            archive.writestr(info, content)
    return buffer.getvalue()


def name(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def make_role(account=ACCOUNT):
    return client("iam", account).create_role(RoleName=name("runs"), AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]


def make_function(functions, account=ACCOUNT, **change):
    """A function that is active: its name and its ARN."""
    function = name("function")
    arguments = {
        "FunctionName": function,
        "Runtime": "nodejs22.x",
        "Handler": "index.handler",
        "Code": {"ZipFile": package()},
        **change,
    }
    made = functions.create_function(**{"Role": make_role(account), **arguments})
    settle(functions, arguments["FunctionName"])
    return arguments["FunctionName"], made["FunctionArn"].removesuffix(":1")


def settle(functions, function):
    """Waits as a client of AWS has to."""
    while True:
        found = functions.get_function_configuration(FunctionName=function)
        if found["State"] == "Active" and found["LastUpdateStatus"] == "Successful":
            return
        time.sleep(0.05)


class Case(unittest.TestCase):
    maxDiff = None

    def refused(self, code, status, call, **arguments):
        with self.assertRaises(ClientError) as refused:
            call(**arguments)
        response = refused.exception.response
        self.assertEqual(
            (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]), (code, status), arguments
        )


def main():
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], module="__main__", verbosity=2)
