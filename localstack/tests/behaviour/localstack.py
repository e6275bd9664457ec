"""What deployments rely on at LocalStack with our plugin: functions run as local processes. Arguments: the endpoint, an account."""

import functools
import io
import json
import sys
import unittest
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT, ACCOUNT = sys.argv[1:3]
CODE = """
const { spawn } = require("node:child_process");
let calls = 0;
exports.handler = async (event, context) => {
  calls += 1;
  if (event.start) return { child: spawn("sleep", ["600"], { stdio: "ignore" }).pid };
  if (event.hang) await new Promise((resolve) => setTimeout(resolve, 60000));
  if (event.fail) throw new TypeError("as asked");
  if (event.leave) process.exit(3);
  process.stdout.write("no line end");
  console.log("VERSION logs", event.name);
  return { calls, version: context.functionVersion, name: event.name, environment: process.env.GREETING };
};
"""


@functools.cache
def client(service):
    return boto3.client(
        service,
        endpoint_url=ENDPOINT,
        region_name="us-east-1",
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 1}, read_timeout=60, parameter_validation=False),
    )


def package(version):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.js", CODE.replace("VERSION", version))
    return buffer.getvalue()


class Functions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.functions = client("lambda")
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        cls.role = client("iam").create_role(RoleName="runs", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        cls.functions.create_function(
            FunctionName="greets",
            Runtime="nodejs22.x",
            Handler="index.handler",
            Role=cls.role,
            Code={"ZipFile": package("its code")},
            Timeout=2,
            Environment={"Variables": {"GREETING": "hello"}},
        )
        cls.functions.get_waiter("function_active_v2").wait(FunctionName="greets", WaiterConfig={"Delay": 1})

    def invoke(self, event, **options):
        answer = self.functions.invoke(FunctionName="greets", Payload=json.dumps(event), LogType="Tail", **options)
        return answer, json.loads(answer["Payload"].read())

    def test_a_function_answers_and_stays_warm(self):
        first = self.invoke({"name": "a"})[1]
        answer, second = self.invoke({"name": "b"})
        self.assertEqual((second["name"], second["environment"], second["version"]), ("b", "hello", "$LATEST"))
        self.assertEqual(second["calls"], first["calls"] + 1)
        self.assertNotIn("FunctionError", answer)

    def test_its_log_is_the_invocations_own(self):
        import base64

        log = base64.b64decode(self.invoke({"name": "logged"})[0]["LogResult"]).decode()
        self.assertEqual([line for line in log.splitlines() if "logs" in line], ["no line endits code logs logged"])
        self.assertNotIn("\0", log)

    def test_failures_are_told(self):
        answer, error = self.invoke({"fail": True})
        self.assertEqual(
            (answer["FunctionError"], error["errorType"], error["errorMessage"]), ("Unhandled", "TypeError", "as asked")
        )
        self.assertIn("exit status 3", self.invoke({"leave": True})[1]["errorMessage"])
        self.assertIn("Task timed out after 2.00 seconds", self.invoke({"hang": True})[1]["errorMessage"])
        self.assertEqual(self.invoke({"name": "after"})[1]["name"], "after")

    def test_what_a_function_has_started_goes_with_it(self):
        import os

        child = self.invoke({"start": True})[1]["child"]
        os.kill(child, 0)
        self.invoke({"hang": True})
        with self.assertRaises(ProcessLookupError):
            for _ in range(1000):
                os.kill(child, 0)
                # A zombie whose new parent hasn't looked yet still has its number.
                with open(f"/proc/{child}/stat") as stat:
                    if stat.read().rsplit(")", 1)[1].split()[0] == "Z":
                        raise ProcessLookupError

    def test_an_alias_moves_between_versions(self):
        first = self.functions.publish_version(FunctionName="greets")["Version"]
        self.functions.create_alias(FunctionName="greets", Name="live", FunctionVersion=first)
        self.functions.update_function_configuration(FunctionName="greets", Description="second")
        self.functions.get_waiter("function_updated_v2").wait(FunctionName="greets", WaiterConfig={"Delay": 1})
        second = self.functions.publish_version(FunctionName="greets")["Version"]
        self.assertEqual(self.invoke({}, Qualifier="live")[1]["version"], first)
        # Answers 500 without our plugin.
        routing = {"AdditionalVersionWeights": {first: 0.5}}
        self.functions.update_alias(FunctionName="greets", Name="live", FunctionVersion=second, RoutingConfig=routing)
        versions = {self.invoke({}, Qualifier="live")[1]["version"] for _ in range(40)}
        self.assertEqual(versions, {first, second})

    def test_what_aws_refuses_is_refused(self):
        good = dict(
            FunctionName="refused",
            Runtime="nodejs22.x",
            Handler="index.handler",
            Role=self.role,
            Code={"ZipFile": package("x")},
        )
        for code, change in (
            ("InvalidParameterValueException", {"Runtime": "nodejs9000.x"}),
            ("ValidationException", {"Role": "not-an-arn"}),
            ("ResourceConflictException", {"FunctionName": "greets"}),
        ):
            with self.assertRaises(ClientError) as refused:
                self.functions.create_function(**{**good, **change})
            self.assertEqual(refused.exception.response["Error"]["Code"], code, change)
        grant = dict(
            FunctionName="greets",
            StatementId="once",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
        )
        self.functions.add_permission(**grant)
        with self.assertRaises(self.functions.exceptions.ResourceConflictException):
            self.functions.add_permission(**grant)


class HttpApis(unittest.TestCase):
    def test_an_http_api_is_kept_by_moto(self):
        apis = client("apigatewayv2")
        api = apis.create_api(Name="served", ProtocolType="HTTP", Tags={"semantest:project": "x"})["ApiId"]
        self.assertEqual(apis.get_api(ApiId=api)["Tags"], {"semantest:project": "x"})


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
