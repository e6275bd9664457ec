"""What deployments rely on at MiniStack as ministack_patched.py starts it, checked with boto's core: where it should behave as AWS does.
Arguments: the endpoint, an account."""
import base64
import functools
import hashlib
import hmac
import http.client
import http.server
import io
import json
import subprocess
import sys
import threading
import time
import unittest
import urllib.parse
import uuid
import zipfile

from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import get_session
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

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


@functools.cache
def client(service, account=ACCOUNT):
    config = Config(retries={"max_attempts": 1}, parameter_validation=False, s3={"addressing_style": "path"})
    return get_session().create_client(
        service, endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id=account, aws_secret_access_key="test", config=config
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


class Case(unittest.TestCase):
    maxDiff = None

    def refused(self, code, status, call, **arguments):
        with self.assertRaises(ClientError) as refused:
            call(**arguments)
        response = refused.exception.response
        self.assertEqual((response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]), (code, status), arguments)


TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "arn:aws:logs:*:*:*"}]})


def make_role(account=ACCOUNT):
    return client("iam", account).create_role(RoleName=name("runs"), AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]


def make_function(functions, account=ACCOUNT, **change):
    """A function that is active: its name and its ARN."""
    function = name("function")
    arguments = {"FunctionName": function, "Runtime": "nodejs22.x", "Handler": "index.handler", "Code": {"ZipFile": package()}, **change}
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


class Functions(Case):
    @classmethod
    def setUpClass(cls):
        cls.functions = client("lambda")

    def update_code(self, function, **change):
        answer = self.functions.update_function_code(FunctionName=function, **change)
        settle(self.functions, function)
        return answer

    def update_configuration(self, function, **change):
        self.functions.update_function_configuration(FunctionName=function, **change)
        settle(self.functions, function)

    def make(self, **change):
        return make_function(self.functions, **{"Tags": {"semantest:project": "x"}, **change})[0]

    def test_a_function_is_found_with_its_digest_and_tags(self):
        function = self.make()
        found = self.functions.get_function(FunctionName=function)
        self.assertEqual(found["Tags"], {"semantest:project": "x"})
        digest = base64.b64encode(hashlib.sha256(package()).digest()).decode()
        self.assertEqual(found["Configuration"]["CodeSha256"], digest)
        self.assertEqual(found["Configuration"]["State"], "Active")
        self.assertEqual(found["Configuration"]["LastUpdateStatus"], "Successful")
        arn = found["Configuration"]["FunctionArn"]
        self.functions.tag_resource(Resource=arn, Tags={"more": "y"})
        self.functions.untag_resource(Resource=arn, TagKeys=["semantest:project"])
        self.assertEqual(self.functions.list_tags(Resource=arn)["Tags"], {"more": "y"})

    def test_conflicts_and_what_is_missing(self):
        function = self.make()
        again = dict(FunctionName=function, Runtime="nodejs22.x", Handler="index.handler", Role=make_role(), Code={"ZipFile": package()})
        self.refused("ResourceConflictException", 409, self.functions.create_function, **again)
        for call in ("get_function", "get_function_configuration", "delete_function", "get_policy", "publish_version", "list_versions_by_function", "list_aliases"):
            self.refused("ResourceNotFoundException", 404, getattr(self.functions, call), FunctionName="missing")
        for call in ("get_alias",):
            self.refused("ResourceNotFoundException", 404, getattr(self.functions, call), FunctionName=function, Name="missing")
        self.refused("ResourceNotFoundException", 404, self.functions.update_alias, FunctionName=function, Name="missing", FunctionVersion="1")
        self.refused("ResourceNotFoundException", 404, self.functions.create_alias, FunctionName=function, Name="live", FunctionVersion="9")
        self.refused("ResourceNotFoundException", 404, self.functions.get_function, FunctionName=function, Qualifier="9")
        self.refused("ResourceNotFoundException", 404, self.functions.get_policy, FunctionName=function)
        self.refused("ResourceNotFoundException", 404, self.functions.update_function_code, FunctionName="missing", ZipFile=package())
        self.refused("ResourceNotFoundException", 404, self.functions.update_function_configuration, FunctionName="missing", Timeout=3)

    def test_an_alias_can_be_deleted_twice(self):
        # DeleteAlias of an alias that isn't there succeeds on AWS (the operation has no ResourceNotFoundException).
        function = self.make()
        self.functions.publish_version(FunctionName=function)
        self.functions.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
        self.functions.delete_alias(FunctionName=function, Name="live")
        self.functions.delete_alias(FunctionName=function, Name="live")

    def test_a_version_is_published_when_something_has_changed(self):
        function = self.make()
        publish = lambda **more: self.functions.publish_version(FunctionName=function, **more)["Version"]
        self.assertEqual([publish(), publish()], ["1", "1"])
        self.update_code(function, ZipFile=package())
        self.assertEqual(publish(), "1")
        self.update_code(function, ZipFile=package("second"))
        self.assertEqual(publish(), "2")
        self.update_configuration(function, Environment={"Variables": {"A": "1"}})
        self.assertEqual(publish(), "3")
        updated = self.update_code(function, ZipFile=package("third"), Publish=True)
        self.assertEqual((updated["Version"], publish()), ("4", "4"))
        self.assertEqual(updated["FunctionArn"], f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function}:4")
        listed = self.functions.list_versions_by_function(FunctionName=function)["Versions"]
        self.assertEqual([version["Version"] for version in listed], ["$LATEST", "1", "2", "3", "4"])
        self.refused("PreconditionFailedException", 412, self.functions.publish_version, FunctionName=function, RevisionId="x")
        wrong = base64.b64encode(b"x" * 32).decode()
        self.update_code(function, ZipFile=package("fourth"))
        self.refused("InvalidParameterValueException", 400, self.functions.publish_version, FunctionName=function, CodeSha256=wrong)

    def test_nothing_else_goes_on_during_an_update(self):
        function = self.make()
        self.functions.update_function_configuration(FunctionName=function, Timeout=4)
        found = self.functions.get_function_configuration(FunctionName=function)
        self.assertEqual((found["State"], found["LastUpdateStatus"]), ("Active", "InProgress"))
        self.refused("ResourceConflictException", 409, self.functions.update_function_configuration, FunctionName=function, Timeout=5)
        self.refused("ResourceConflictException", 409, self.functions.update_function_code, FunctionName=function, ZipFile=package("other"))
        self.refused("ResourceConflictException", 409, self.functions.publish_version, FunctionName=function)
        settle(self.functions, function)
        self.update_configuration(function, Timeout=5)

    def test_a_function_is_pending_at_first(self):
        function = name("pending")
        made = self.functions.create_function(FunctionName=function, Runtime="nodejs22.x", Handler="index.handler", Role=make_role(), Code={"ZipFile": package()})
        self.assertEqual((made["State"], made["StateReasonCode"]), ("Pending", "Creating"))
        self.refused("ResourceConflictException", 409, self.functions.invoke, FunctionName=function)
        self.refused("ResourceConflictException", 409, self.functions.update_function_configuration, FunctionName=function, Timeout=5)
        settle(self.functions, function)
        self.assertEqual(self.functions.invoke(FunctionName=function)["StatusCode"], 200)

    def test_what_aws_refuses_is_refused(self):
        good = dict(FunctionName=name("refused"), Runtime="nodejs22.x", Handler="index.handler", Role=make_role(), Code={"ZipFile": package()})
        for change in ({"Runtime": "nodejs9000.x"}, {"MemorySize": 127}, {"MemorySize": 10241}, {"Timeout": 901}, {"Role": f"arn:aws:iam::{ACCOUNT}:role/unknown"}, {"Environment": {"Variables": {"AWS_REGION": "x"}}}, {"Environment": {"Variables": {"LONG": "x" * 4096}}}):
            self.refused("InvalidParameterValueException", 400, self.functions.create_function, **{**good, **change})
        self.refused("ValidationException", 400, self.functions.create_function, **{**good, "Role": "no-arn"})
        function = self.make()
        self.functions.publish_version(FunctionName=function)
        self.refused("InvalidParameterValueException", 400, self.functions.create_alias, FunctionName=function, Name="live", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"1": 1.5}})

    def test_what_a_function_has_started_goes_with_it(self):
        source = """const { spawn } = require("node:child_process");
          exports.handler = async (event) => event.hang ? new Promise(() => setTimeout(() => {}, 60000)) : spawn("sleep", ["600"], { stdio: "ignore" }).pid;"""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("index.js", source)
        function = self.make(Code={"ZipFile": buffer.getvalue()}, Timeout=1)
        child = json.loads(self.functions.invoke(FunctionName=function, Payload="{}")["Payload"].read())
        self.assertTrue(lives(child))
        self.functions.invoke(FunctionName=function, Payload='{"hang": true}')
        while lives(child):
            time.sleep(0.05)

    def test_a_dry_run_changes_nothing(self):
        function = self.make()
        before = self.functions.get_function(FunctionName=function)["Configuration"]
        self.update_code(function, ZipFile=package("other"), DryRun=True)
        after = self.functions.get_function(FunctionName=function)["Configuration"]
        self.assertEqual((before["CodeSha256"], before["RevisionId"]), (after["CodeSha256"], after["RevisionId"]))

    def test_an_alias_moves_and_keeps_its_version(self):
        function = self.make()
        self.functions.publish_version(FunctionName=function)
        self.update_code(function, ZipFile=package("second"))
        self.functions.publish_version(FunctionName=function)
        self.functions.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
        self.refused("ResourceConflictException", 409, self.functions.create_alias, FunctionName=function, Name="live", FunctionVersion="1")
        self.refused("ResourceConflictException", 409, self.functions.delete_function, FunctionName=function, Qualifier="1")
        self.assertEqual(self.invoke(function, "live"), ("1", "first"))
        moved = self.functions.update_alias(FunctionName=function, Name="live", FunctionVersion="2", RoutingConfig={"AdditionalVersionWeights": {"1": 0.5}})
        self.assertEqual(moved["RoutingConfig"], {"AdditionalVersionWeights": {"1": 0.5}})
        self.assertEqual({self.invoke(function, "live") for _ in range(40)}, {("1", "first"), ("2", "second")})
        self.functions.update_alias(FunctionName=function, Name="live", RoutingConfig={"AdditionalVersionWeights": {}})
        self.assertEqual({self.invoke(function, "live") for _ in range(10)}, {("2", "second")})
        found = self.functions.get_alias(FunctionName=function, Name="live")
        self.assertEqual((found["FunctionVersion"], found.get("RoutingConfig")), ("2", None))
        self.functions.delete_function(FunctionName=function, Qualifier="1")
        self.refused("ResourceNotFoundException", 404, self.functions.get_function, FunctionName=function, Qualifier="1")

    def invoke(self, function, qualifier):
        answer = json.loads(self.functions.invoke(FunctionName=function, Qualifier=qualifier, Payload="{}")["Payload"].read())
        return answer["version"], answer["text"]

    def test_a_permission_belongs_to_its_alias(self):
        function = self.make()
        self.functions.publish_version(FunctionName=function)
        self.functions.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
        grant = dict(FunctionName=function, Qualifier="live", StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com", SourceArn=f"arn:aws:execute-api:us-east-1:{ACCOUNT}:abc/*")
        self.functions.add_permission(**grant)
        self.refused("ResourceConflictException", 409, self.functions.add_permission, **grant)
        policy = json.loads(self.functions.get_policy(FunctionName=function, Qualifier="live")["Policy"])
        (statement,) = policy["Statement"]
        self.assertEqual(statement["Resource"], f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function}:live")
        self.assertEqual(statement["Principal"], {"Service": "apigateway.amazonaws.com"})
        self.assertEqual(statement["Condition"], {"ArnLike": {"AWS:SourceArn": grant["SourceArn"]}})
        self.refused("ResourceNotFoundException", 404, self.functions.get_policy, FunctionName=function)
        self.functions.remove_permission(FunctionName=function, Qualifier="live", StatementId="api")
        self.refused("ResourceNotFoundException", 404, self.functions.remove_permission, FunctionName=function, Qualifier="live", StatementId="api")
        self.refused("ResourceNotFoundException", 404, self.functions.get_policy, FunctionName=function, Qualifier="live")
        self.refused("ResourceNotFoundException", 404, self.functions.add_permission, **{**grant, "Qualifier": "missing"})
        self.functions.add_permission(**grant)
        self.functions.delete_alias(FunctionName=function, Name="live")
        self.functions.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
        self.refused("ResourceNotFoundException", 404, self.functions.get_policy, FunctionName=function, Qualifier="live")

    def test_lists_come_in_pages(self):
        account = str(10**11 + uuid.uuid4().int % 10**11)
        functions = client("lambda", account)
        names = sorted(make_function(functions, account)[0] for _ in range(3))
        pages = list(functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}))
        self.assertEqual([len(page["Functions"]) for page in pages], [2, 1])
        self.assertEqual(sorted(function["FunctionName"] for page in pages for function in page["Functions"]), names)
        for number in range(3):
            functions.update_function_code(FunctionName=names[0], ZipFile=package(f"version {number}"), Publish=True)
            settle(functions, names[0])
        pages = list(functions.get_paginator("list_versions_by_function").paginate(FunctionName=names[0], PaginationConfig={"PageSize": 3}))
        self.assertEqual([len(page["Versions"]) for page in pages], [3, 1])
        for alias in "abc":
            functions.create_alias(FunctionName=names[0], Name=alias, FunctionVersion="1")
        pages = list(functions.get_paginator("list_aliases").paginate(FunctionName=names[0], PaginationConfig={"PageSize": 2}))
        self.assertEqual([len(page["Aliases"]) for page in pages], [2, 1])

    def test_modes_and_links_of_the_package_are_kept(self):
        link = zipfile.ZipInfo("linked.txt")
        link.external_attr = 0o120777 << 16
        tool = zipfile.ZipInfo("tool.sh")
        tool.external_attr = 0o100755 << 16
        code = package(files=[(link, "target.txt"), (zipfile.ZipInfo("target.txt"), "through the link"), (tool, "#!/bin/sh\necho ran")])
        code_with = io.BytesIO(code)
        with zipfile.ZipFile(code_with, "a") as archive:
            archive.writestr("files.js", """
              const fs = require("node:fs"), path = require("node:path"), { execFileSync } = require("node:child_process");
              exports.handler = async () => ({
                linked: fs.readFileSync(path.join(__dirname, "linked.txt"), "utf8"),
                isLink: fs.lstatSync(path.join(__dirname, "linked.txt")).isSymbolicLink(),
                ran: execFileSync(path.join(__dirname, "tool.sh")).toString().trim(),
              });""")
        function = self.make(Code={"ZipFile": code_with.getvalue()}, Handler="files.handler")
        answer = json.loads(self.functions.invoke(FunctionName=function)["Payload"].read())
        self.assertEqual(answer, {"linked": "through the link", "isLink": True, "ran": "ran"})

    def test_a_function_does_not_see_the_servers_environment(self):
        source = "exports.handler = async () => Object.keys(process.env);"
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("index.js", source)
        function = self.make(Code={"ZipFile": buffer.getvalue()})
        names = json.loads(self.functions.invoke(FunctionName=function)["Payload"].read())
        self.assertIn("AWS_LAMBDA_FUNCTION_NAME", names)
        for unwanted in ("GATEWAY_PORT", "STATE_DIR", "SEMANTEST_INSTANCE", "PERSIST_STATE", "BIND_HOST"):
            self.assertNotIn(unwanted, names)


class Roles(Case):
    def test_a_role_with_a_policy(self):
        roles, role = client("iam"), name("role")
        roles.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "semantest:project", "Value": "x"}])
        self.refused("EntityAlreadyExists", 409, roles.create_role, RoleName=role, AssumeRolePolicyDocument=TRUST)
        found = roles.get_role(RoleName=role)["Role"]
        self.assertEqual(found["Tags"], [{"Key": "semantest:project", "Value": "x"}])
        self.assertEqual(found["AssumeRolePolicyDocument"], json.loads(TRUST))
        self.refused("NoSuchEntity", 404, roles.get_role_policy, RoleName=role, PolicyName="logs")
        roles.put_role_policy(RoleName=role, PolicyName="logs", PolicyDocument=POLICY)
        self.assertEqual(roles.get_role_policy(RoleName=role, PolicyName="logs")["PolicyDocument"], json.loads(POLICY))
        self.refused("DeleteConflict", 409, roles.delete_role, RoleName=role)
        roles.delete_role_policy(RoleName=role, PolicyName="logs")
        self.refused("NoSuchEntity", 404, roles.delete_role_policy, RoleName=role, PolicyName="logs")
        roles.tag_role(RoleName=role, Tags=[{"Key": "more", "Value": "y"}])
        roles.untag_role(RoleName=role, TagKeys=["semantest:project"])
        self.assertEqual(roles.list_role_tags(RoleName=role)["Tags"], [{"Key": "more", "Value": "y"}])
        roles.update_role(RoleName=role, Description="changed", MaxSessionDuration=7200)
        found = roles.get_role(RoleName=role)["Role"]
        self.assertEqual((found["Description"], found["MaxSessionDuration"]), ("changed", 7200))
        roles.delete_role(RoleName=role)
        for call in ("get_role", "delete_role", "list_role_policies", "list_attached_role_policies"):
            self.refused("NoSuchEntity", 404, getattr(roles, call), RoleName=role)
        self.refused("NoSuchEntity", 404, roles.put_role_policy, RoleName=role, PolicyName="logs", PolicyDocument=POLICY)
        self.refused("MalformedPolicyDocument", 400, roles.create_role, RoleName=role, AssumeRolePolicyDocument="not json")

    def test_roles_come_in_pages(self):
        roles = client("iam", account="111122223333")
        for number in range(3):
            roles.create_role(RoleName=f"listed-{number}", AssumeRolePolicyDocument=TRUST)
        pages = list(roles.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 2}))
        self.assertEqual([len(page["Roles"]) for page in pages], [2, 1])


class LogGroups(Case):
    def test_a_log_group(self):
        logs, group = client("logs"), name("/aws/lambda/group")
        logs.create_log_group(logGroupName=group, tags={"semantest:project": "x"})
        self.refused("ResourceAlreadyExistsException", 400, logs.create_log_group, logGroupName=group)
        logs.put_retention_policy(logGroupName=group, retentionInDays=14)
        self.refused("InvalidParameterException", 400, logs.put_retention_policy, logGroupName=group, retentionInDays=13)
        (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        self.assertEqual((found["retentionInDays"], found["arn"]), (14, f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}:*"))
        arn = found["arn"].removesuffix(":*")
        self.assertEqual(logs.list_tags_for_resource(resourceArn=arn)["tags"], {"semantest:project": "x"})
        logs.tag_resource(resourceArn=arn, tags={"more": "y"})
        logs.untag_resource(resourceArn=arn, tagKeys=["semantest:project"])
        self.assertEqual(logs.list_tags_for_resource(resourceArn=arn)["tags"], {"more": "y"})
        logs.delete_retention_policy(logGroupName=group)
        self.assertNotIn("retentionInDays", logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0])
        logs.delete_log_group(logGroupName=group)
        self.refused("ResourceNotFoundException", 400, logs.delete_log_group, logGroupName=group)
        self.refused("ResourceNotFoundException", 400, logs.put_retention_policy, logGroupName=group, retentionInDays=14)
        self.refused("ResourceNotFoundException", 400, logs.list_tags_for_resource, resourceArn=arn)

    def test_log_groups_come_in_pages(self):
        logs, prefix = client("logs"), name("paged")
        for number in range(3):
            logs.create_log_group(logGroupName=f"{prefix}/{number}")
        pages = list(logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix, PaginationConfig={"PageSize": 2}))
        self.assertEqual([len(page["logGroups"]) for page in pages], [2, 1])


class HttpApis(Case):
    @classmethod
    def setUpClass(cls):
        cls.apis = client("apigatewayv2")

    def api(self, **more):
        return self.apis.create_api(Name=name("api"), ProtocolType="HTTP", **more)["ApiId"]

    def test_an_api_and_its_tags(self):
        cors = {"AllowOrigins": ["https://semantest.com"], "AllowMethods": ["GET"], "AllowHeaders": ["authorization"], "MaxAge": 3600}
        api = self.api(CorsConfiguration=cors, Tags={"semantest:project": "x"}, DisableExecuteApiEndpoint=False)
        found = self.apis.get_api(ApiId=api)
        self.assertEqual(found["CorsConfiguration"], cors)
        self.assertEqual(found["Tags"], {"semantest:project": "x"})
        self.assertEqual((found["ProtocolType"], found["RouteSelectionExpression"], found["ApiKeySelectionExpression"]), ("HTTP", "$request.method $request.path", "$request.header.x-api-key"))
        arn = f"arn:aws:apigateway:us-east-1::/apis/{api}"
        self.apis.tag_resource(ResourceArn=arn, Tags={"more": "y"})
        self.apis.untag_resource(ResourceArn=arn, TagKeys=["semantest:project"])
        self.assertEqual(self.apis.get_tags(ResourceArn=arn)["Tags"], {"more": "y"})
        self.assertEqual(self.apis.get_api(ApiId=api)["Tags"], {"more": "y"})
        self.apis.update_api(ApiId=api, Description="changed", CorsConfiguration={**cors, "AllowMethods": ["*"]})
        found = self.apis.get_api(ApiId=api)
        self.assertEqual((found["Description"], found["CorsConfiguration"]["AllowMethods"]), ("changed", ["*"]))
        self.apis.delete_cors_configuration(ApiId=api)
        self.assertNotIn("CorsConfiguration", self.apis.get_api(ApiId=api))
        self.apis.delete_api(ApiId=api)
        self.refused("NotFoundException", 404, self.apis.get_api, ApiId=api)
        self.refused("NotFoundException", 404, self.apis.delete_api, ApiId=api)
        self.refused("NotFoundException", 404, self.apis.get_routes, ApiId=api)

    def test_apis_come_in_pages_with_their_tags(self):
        apis = client("apigatewayv2", account="111122223334")
        for number in range(3):
            apis.create_api(Name=f"listed-{number}", ProtocolType="HTTP", Tags={"number": str(number)})
        first = apis.get_apis(MaxResults="2")
        second = apis.get_apis(MaxResults="2", NextToken=first["NextToken"])
        found = {api["Tags"]["number"] for page in (first, second) for api in page["Items"]}
        self.assertEqual((len(first["Items"]), len(second["Items"]), found), (2, 1, {"0", "1", "2"}))
        self.assertNotIn("NextToken", second)
        self.refused("BadRequestException", 400, apis.get_apis, NextToken="no token of ours")

    def test_routes_and_integrations(self):
        api = self.api()
        function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f:live"
        integration = self.apis.create_integration(ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0", TimeoutInMillis=29000)
        identifier = integration["IntegrationId"]
        found = self.apis.get_integration(ApiId=api, IntegrationId=identifier)
        self.assertEqual((found["IntegrationUri"], found["PayloadFormatVersion"], found["TimeoutInMillis"], found["ConnectionType"], found["IntegrationMethod"]), (function, "2.0", 29000, "INTERNET", "POST"))
        self.assertEqual(self.apis.update_integration(ApiId=api, IntegrationId=identifier, TimeoutInMillis=10000)["TimeoutInMillis"], 10000)
        route = self.apis.create_route(ApiId=api, RouteKey="GET /things/{id}", Target=f"integrations/{identifier}")
        self.refused("ConflictException", 409, self.apis.create_route, ApiId=api, RouteKey="GET /things/{id}", Target=f"integrations/{identifier}")
        other = self.apis.create_route(ApiId=api, RouteKey="$default", Target=f"integrations/{identifier}")
        self.refused("ConflictException", 409, self.apis.update_route, ApiId=api, RouteId=other["RouteId"], RouteKey="GET /things/{id}")
        self.assertEqual(self.apis.update_route(ApiId=api, RouteId=route["RouteId"], RouteKey="PUT /things/{id}")["RouteKey"], "PUT /things/{id}")
        self.refused("ConflictException", 409, self.apis.delete_integration, ApiId=api, IntegrationId=identifier)
        self.refused("BadRequestException", 400, self.apis.create_route, ApiId=api, RouteKey="no route key")
        self.refused("NotFoundException", 404, self.apis.create_route, ApiId="missing", RouteKey="$default")
        pages = list(self.apis.get_paginator("get_routes").paginate(ApiId=api, PaginationConfig={"PageSize": 1}))
        self.assertEqual([len(page["Items"]) for page in pages], [1, 1])
        for call in ("get_route", "delete_route"):
            self.refused("NotFoundException", 404, getattr(self.apis, call), ApiId=api, RouteId="missing")
        self.apis.delete_route(ApiId=api, RouteId=route["RouteId"])
        self.apis.delete_route(ApiId=api, RouteId=other["RouteId"])
        self.apis.delete_integration(ApiId=api, IntegrationId=identifier)
        for call in ("get_integration", "delete_integration"):
            self.refused("NotFoundException", 404, getattr(self.apis, call), ApiId=api, IntegrationId=identifier)

    def test_stages(self):
        api = self.api()
        logs = {"DestinationArn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:access", "Format": '{"requestId":"$context.requestId"}'}
        settings = {"ThrottlingBurstLimit": 200, "ThrottlingRateLimit": 100.0, "DetailedMetricsEnabled": True}
        stage = dict(ApiId=api, StageName="$default", AutoDeploy=True, AccessLogSettings=logs, DefaultRouteSettings=settings, StageVariables={"a": "b"}, Tags={"semantest:project": "x"})
        self.apis.create_stage(**stage)
        self.refused("ConflictException", 409, self.apis.create_stage, **stage)
        found = self.apis.get_stage(ApiId=api, StageName="$default")
        for key in ("AccessLogSettings", "DefaultRouteSettings", "StageVariables", "Tags", "AutoDeploy"):
            self.assertEqual({k: v for k, v in found[key].items() if k in stage[key]} if isinstance(found[key], dict) else found[key], stage[key], key)
        arn = f"arn:aws:apigateway:us-east-1::/apis/{api}/stages/$default"
        self.apis.tag_resource(ResourceArn=arn, Tags={"more": "y"})
        self.assertEqual(self.apis.get_tags(ResourceArn=arn)["Tags"], {"semantest:project": "x", "more": "y"})
        self.assertEqual(self.apis.get_stage(ApiId=api, StageName="$default")["Tags"], {"semantest:project": "x", "more": "y"})
        self.apis.update_stage(ApiId=api, StageName="$default", DefaultRouteSettings={**settings, "ThrottlingRateLimit": 50.0})
        found = self.apis.get_stage(ApiId=api, StageName="$default")
        self.assertEqual((found["DefaultRouteSettings"]["ThrottlingRateLimit"], found["AccessLogSettings"]), (50.0, logs))
        self.apis.update_stage(ApiId=api, StageName="$default", RouteSettings={"GET /x": {"ThrottlingBurstLimit": 5}})
        self.apis.delete_route_settings(ApiId=api, StageName="$default", RouteKey="GET /x")
        self.assertEqual(self.apis.get_stage(ApiId=api, StageName="$default").get("RouteSettings"), {})
        self.refused("NotFoundException", 404, self.apis.delete_route_settings, ApiId=api, StageName="$default", RouteKey="GET /x")
        self.apis.delete_access_log_settings(ApiId=api, StageName="$default")
        self.assertNotIn("AccessLogSettings", self.apis.get_stage(ApiId=api, StageName="$default"))
        self.apis.delete_stage(ApiId=api, StageName="$default")
        for call in ("get_stage", "delete_stage"):
            self.refused("NotFoundException", 404, getattr(self.apis, call), ApiId=api, StageName="$default")

    def test_authorizers(self):
        api = self.api()
        jwt = {"Audience": ["semantest"], "Issuer": "https://id.example.com/"}
        made = self.apis.create_authorizer(ApiId=api, AuthorizerType="JWT", Name="jwt", IdentitySource=["$request.header.Authorization"], JwtConfiguration=jwt)
        found = self.apis.get_authorizer(ApiId=api, AuthorizerId=made["AuthorizerId"])
        self.assertEqual((found["JwtConfiguration"], found["IdentitySource"], found["Name"]), (jwt, ["$request.header.Authorization"], "jwt"))
        changed = self.apis.update_authorizer(ApiId=api, AuthorizerId=made["AuthorizerId"], JwtConfiguration={**jwt, "Audience": ["other"]})
        self.assertEqual(changed["JwtConfiguration"]["Audience"], ["other"])
        route = self.apis.create_route(ApiId=api, RouteKey="$default", AuthorizationType="JWT", AuthorizerId=made["AuthorizerId"])
        self.refused("ConflictException", 409, self.apis.delete_authorizer, ApiId=api, AuthorizerId=made["AuthorizerId"])
        self.apis.update_route(ApiId=api, RouteId=route["RouteId"], AuthorizationType="NONE", AuthorizerId="")
        self.apis.delete_authorizer(ApiId=api, AuthorizerId=made["AuthorizerId"])
        for call in ("get_authorizer", "delete_authorizer"):
            self.refused("NotFoundException", 404, getattr(self.apis, call), ApiId=api, AuthorizerId=made["AuthorizerId"])


class Tags(Case):
    def test_what_has_tags_is_found_by_them(self):
        value = name("project")
        tags = {"semantest:project": value}
        function, _ = make_function(client("lambda"), Tags=tags)
        client("logs").create_log_group(logGroupName=function, tags=tags)
        api = client("apigatewayv2").create_api(Name=function, ProtocolType="HTTP", Tags=tags)["ApiId"]
        client("apigatewayv2").create_stage(ApiId=api, StageName="$default", Tags=tags)
        pages = client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=[{"Key": "semantest:project", "Values": [value]}])
        found = {resource["ResourceARN"] for page in pages for resource in page["ResourceTagMappingList"]}
        self.assertEqual(
            found,
            {
                f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function}",
                f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{function}",
                f"arn:aws:apigateway:us-east-1::/apis/{api}",
                f"arn:aws:apigateway:us-east-1::/apis/{api}/stages/$default",
            },
        )


class Requests(Case):
    """The data plane of an HTTP API in front of a function's alias."""

    @classmethod
    def setUpClass(cls):
        cls.issuer = Issuer()
        functions, cls.apis = client("lambda"), client("apigatewayv2")
        function, arn = make_function(functions, Code={"ZipFile": package("old")})
        functions.publish_version(FunctionName=function)
        functions.update_function_code(FunctionName=function, ZipFile=package("new"), Publish=True)
        settle(functions, function)
        functions.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
        cls.function, cls.functions = function, functions
        cors = {"AllowOrigins": ["https://semantest.com"], "AllowMethods": ["GET", "POST"], "AllowHeaders": ["authorization", "content-type"], "MaxAge": 3600, "AllowCredentials": True}
        cls.api = cls.apis.create_api(Name=function, ProtocolType="HTTP", CorsConfiguration=cors)["ApiId"]
        cls.permit("live")
        integration = cls.apis.create_integration(ApiId=cls.api, IntegrationType="AWS_PROXY", IntegrationUri=arn + ":live", PayloadFormatVersion="2.0")["IntegrationId"]
        jwt = cls.apis.create_authorizer(ApiId=cls.api, AuthorizerType="JWT", Name="jwt", IdentitySource=["$request.header.Authorization"], JwtConfiguration={"Audience": ["semantest"], "Issuer": cls.issuer.url})["AuthorizerId"]
        target = f"integrations/{integration}"
        for key in ("$default", "GET /things/{id}", "ANY /rest/{proxy+}"):
            cls.apis.create_route(ApiId=cls.api, RouteKey=key, Target=target)
        cls.apis.create_route(ApiId=cls.api, RouteKey="GET /private", Target=target, AuthorizationType="JWT", AuthorizerId=jwt)
        cls.apis.create_route(ApiId=cls.api, RouteKey="GET /scoped", Target=target, AuthorizationType="JWT", AuthorizerId=jwt, AuthorizationScopes=["things:read"])
        cls.apis.create_stage(ApiId=cls.api, StageName="$default", AutoDeploy=True, StageVariables={"stage": "variable"})
        cls.apis.create_stage(ApiId=cls.api, StageName="beta", AutoDeploy=True)

    @classmethod
    def permit(cls, qualifier, path="*"):
        source = f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{cls.api}/{path}"
        cls.functions.add_permission(FunctionName=cls.function, Qualifier=qualifier, StatementId=name("api"), Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com", SourceArn=source)

    @classmethod
    def tearDownClass(cls):
        cls.issuer.stop()

    def ask(self, method, path, headers=(), body=None, stage="$default"):
        url = urllib.parse.urlsplit(ENDPOINT)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
        connection.putrequest(method, f"/_aws/execute-api/{self.api}/{stage}{path}", skip_accept_encoding=True)
        for key, value in headers:
            connection.putheader(key, value)
        if body is not None:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer, content

    def event(self, *arguments, **more):
        status, _, content = self.ask(*arguments, **more)
        self.assertEqual(status, 200, content)
        return json.loads(content)["event"]

    def test_the_alias_decides_which_version_runs(self):
        status, _, content = self.ask("GET", "/")
        self.assertEqual((status, json.loads(content)["version"], json.loads(content)["text"]), (200, "1", "old"))

    def test_an_event_has_aws_form(self):
        event = self.event(
            "POST",
            "/a%20b/%C3%A4?x=1&x=2&empty=&y=a%2Cb%20c",
            headers=[("Cookie", "a=1; b=2"), ("X-Twice", "one"), ("X-Twice", "two"), ("User-Agent", "tests"), ("Content-Type", "application/json")],
            body=b'{"a":1}',
        )
        self.assertEqual((event["version"], event["routeKey"]), ("2.0", "$default"))
        self.assertEqual(event["rawPath"], "/a b/ä")
        self.assertEqual(event["rawQueryString"], "x=1&x=2&empty=&y=a%2Cb%20c")
        self.assertEqual(event["queryStringParameters"], {"x": "1,2", "empty": "", "y": "a,b c"})
        self.assertEqual(event["cookies"], ["a=1", "b=2"])
        self.assertNotIn("cookie", event["headers"])
        self.assertEqual(event["headers"]["x-twice"], "one,two")
        self.assertEqual((event["headers"]["user-agent"], event["headers"]["content-type"], event["headers"]["content-length"]), ("tests", "application/json", "7"))
        self.assertEqual((event["body"], event["isBase64Encoded"]), ('{"a":1}', False))
        self.assertEqual(event["stageVariables"], {"stage": "variable"})
        context = event["requestContext"]
        self.assertEqual((context["accountId"], context["apiId"], context["stage"], context["routeKey"]), (ACCOUNT, self.api, "$default", "$default"))
        self.assertEqual((context["http"]["method"], context["http"]["path"], context["http"]["protocol"], context["http"]["userAgent"]), ("POST", "/a b/ä", "HTTP/1.1", "tests"))
        self.assertTrue(context["requestId"] and context["http"]["sourceIp"] and context["time"] and context["timeEpoch"] and context["domainName"] and context["domainPrefix"])

    def test_what_is_not_there_is_left_out(self):
        event = self.event("GET", "/")
        for key in ("queryStringParameters", "cookies", "body", "pathParameters"):
            self.assertNotIn(key, event)
        self.assertEqual((event["rawQueryString"], event["isBase64Encoded"]), ("", False))

    def test_binary_bodies_are_encoded_both_ways(self):
        event = self.event("POST", "/", headers=[("content-type", "application/octet-stream")], body=b"\x00\xff\x01")
        self.assertEqual((event["body"], event["isBase64Encoded"]), (base64.b64encode(b"\x00\xff\x01").decode(), True))
        status, answer, content = self.ask("GET", "/binary")
        self.assertEqual((status, content, answer.headers["content-type"]), (200, b"\x00\xff\x01", "image/png"))

    def test_cookies_of_the_answer_are_set_one_by_one(self):
        status, answer, content = self.ask("GET", "/cookies")
        self.assertEqual((status, content, answer.headers["x-kept"]), (201, b"made", "yes"))
        self.assertEqual(answer.headers.get_all("set-cookie"), ["a=1; Path=/", "b=2"])

    def test_parameters_of_the_path(self):
        event = self.event("GET", "/things/a%20b")
        self.assertEqual((event["routeKey"], event["pathParameters"]), ("GET /things/{id}", {"id": "a b"}))
        event = self.event("PUT", "/rest/a/b")
        self.assertEqual((event["routeKey"], event["pathParameters"]), ("ANY /rest/{proxy+}", {"proxy": "a/b"}))

    def test_a_named_stage_is_part_of_the_path(self):
        event = self.event("GET", "/things/1", stage="beta")
        self.assertEqual((event["rawPath"], event["requestContext"]["stage"], event["requestContext"]["http"]["path"]), ("/beta/things/1", "beta", "/beta/things/1"))
        self.assertNotIn("stageVariables", event)

    def test_preflights_are_answered_by_the_gateway(self):
        headers = [("Origin", "https://semantest.com"), ("Access-Control-Request-Method", "POST")]
        status, answer, content = self.ask("OPTIONS", "/things/1", headers=headers)
        self.assertEqual((status, content), (204, b""))
        self.assertEqual(answer.headers["access-control-allow-origin"], "https://semantest.com")
        self.assertEqual(answer.headers["access-control-allow-credentials"], "true")
        self.assertEqual(answer.headers["access-control-max-age"], "3600")
        self.assertEqual(sorted(answer.headers["access-control-allow-methods"].replace(" ", "").split(",")), ["GET", "POST"])
        self.assertEqual(sorted(answer.headers["access-control-allow-headers"].replace(" ", "").split(",")), ["authorization", "content-type"])
        status, answer, _ = self.ask("OPTIONS", "/things/1", headers=[("Origin", "https://elsewhere.com"), ("Access-Control-Request-Method", "POST")])
        self.assertEqual((status, answer.headers["access-control-allow-origin"]), (204, None))
        status, answer, _ = self.ask("GET", "/", headers=[("Origin", "https://semantest.com")])
        self.assertEqual((status, answer.headers["access-control-allow-origin"]), (200, "https://semantest.com"))

    def test_tokens(self):
        for headers in ([], [("Authorization", "Bearer nonsense")], [("Authorization", "Bearer " + self.issuer.token(aud="other"))], [("Authorization", "Bearer " + self.issuer.token(exp=time.time() - 900))], [("Authorization", "Bearer " + self.issuer.token(iss="https://else.example"))], [("Authorization", "Bearer " + self.issuer.forged())]):
            status, answer, content = self.ask("GET", "/private", headers=headers)
            self.assertEqual((status, json.loads(content)), (401, {"message": "Unauthorized"}), headers)
        event = self.event("GET", "/private", headers=[("Authorization", "Bearer " + self.issuer.token())])
        jwt = event["requestContext"]["authorizer"]["jwt"]
        self.assertEqual((jwt["claims"]["sub"], jwt["claims"]["aud"], jwt["scopes"]), ("user", "semantest", None))
        status, _, content = self.ask("GET", "/scoped", headers=[("Authorization", "Bearer " + self.issuer.token())])
        self.assertEqual((status, json.loads(content)), (403, {"message": "Forbidden"}))
        event = self.event("GET", "/scoped", headers=[("Authorization", "Bearer " + self.issuer.token(scope="things:read other"))])
        self.assertEqual(event["requestContext"]["authorizer"]["jwt"]["scopes"], ["things:read"])

    def test_what_is_not_served_is_not_found(self):
        api = self.apis.create_api(Name="empty", ProtocolType="HTTP")["ApiId"]
        self.apis.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
        whole, self.api = self.api, api
        try:
            status, _, content = self.ask("GET", "/x")
        finally:
            self.api = whole
        self.assertEqual((status, json.loads(content)), (404, {"message": "Not Found"}))

    def serve(self, key, source, **change):
        """A route to a function of its own."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("index.js", source)
        function, arn = make_function(self.functions, Code={"ZipFile": buffer.getvalue()})
        self.functions.add_permission(FunctionName=function, StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
        integration = self.apis.create_integration(ApiId=self.api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0", **change)["IntegrationId"]
        self.apis.create_route(ApiId=self.api, RouteKey=key, Target=f"integrations/{integration}")

    def test_a_failing_function_is_an_internal_server_error(self):
        self.serve("GET /fails", 'exports.handler = async () => { throw new Error("secret") }')
        status, _, content = self.ask("GET", "/fails")
        self.assertEqual((status, json.loads(content)), (500, {"message": "Internal Server Error"}))
        self.serve("GET /teapot", 'exports.handler = async () => ({ statusCode: 418, body: "its own" })')
        status, _, content = self.ask("GET", "/teapot")
        self.assertEqual((status, content), (418, b"its own"))

    def test_a_slow_function_is_given_up(self):
        self.serve("GET /slow", "exports.handler = () => new Promise((resolve) => setTimeout(resolve, 2500, {}))", TimeoutInMillis=200)
        status, _, content = self.ask("GET", "/slow")
        self.assertEqual((status, json.loads(content)), (503, {"message": "Service Unavailable"}))

    def test_cross_origin_headers_are_the_gateways_alone(self):
        self.serve("GET /own-cors", 'exports.handler = async () => ({ statusCode: 200, headers: { "access-control-allow-origin": "*" }, body: "" })')
        status, answer, _ = self.ask("GET", "/own-cors", headers=[("Origin", "https://elsewhere.com")])
        self.assertEqual((status, answer.headers["access-control-allow-origin"]), (200, None))

    def test_without_cors_options_reaches_the_function(self):
        api, self.api = self.api, self.apis.create_api(Name=name("own"), ProtocolType="HTTP")["ApiId"]
        try:
            self.apis.create_stage(ApiId=self.api, StageName="$default", AutoDeploy=True)
            self.serve("$default", "exports.handler = async (event) => ({ event })")
            event = self.event("OPTIONS", "/x", headers=[("Origin", "https://semantest.com"), ("Access-Control-Request-Method", "POST")])
            self.assertEqual(event["requestContext"]["http"]["method"], "OPTIONS")
        finally:
            self.api = api

    def test_a_function_must_permit_the_call(self):
        self.functions.create_alias(FunctionName=self.function, Name="closed", FunctionVersion="1")
        arn = self.functions.get_alias(FunctionName=self.function, Name="closed")["AliasArn"]
        integration = self.apis.create_integration(ApiId=self.api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0")["IntegrationId"]
        self.apis.create_route(ApiId=self.api, RouteKey="GET /closed/{id}", Target=f"integrations/{integration}")
        refused = (500, b'{"message":"Internal Server Error"}')
        self.assertEqual(self.ask("GET", "/closed/1")[::2], refused)
        self.permit("closed", path="*/POST/closed/*")
        self.assertEqual(self.ask("GET", "/closed/1")[::2], refused)
        self.permit("closed", path="*/*/closed/{id}")
        self.assertEqual(self.ask("GET", "/closed/1")[0], 200)
        arn = arn.replace(":closed", ":gone")
        self.apis.update_integration(ApiId=self.api, IntegrationId=integration, IntegrationUri=arn)
        self.assertEqual(self.ask("GET", "/closed/1")[::2], refused)


class Issuer:
    """An OpenID provider on the loopback interface."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(issuer.document(self.path)).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def document(self, path):
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": self.url + "/keys"}
        numbers = self.key.public_key().public_numbers()
        number = lambda value: encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))
        return {"keys": [{"kid": "one", "kty": "RSA", "alg": "RS256", "use": "sig", "n": number(numbers.n), "e": number(numbers.e)}]}

    def token(self, **claims):
        now = time.time()
        claims = {"iss": self.url, "aud": "semantest", "sub": "user", "iat": int(now), "exp": int(now + 600), **claims}
        text = encode(json.dumps({"alg": "RS256", "kid": "one"}).encode()) + "." + encode(json.dumps(claims).encode())
        return text + "." + encode(self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))

    def forged(self):
        head, claims, _ = self.token().split(".")
        return ".".join([head, claims, encode(hmac.digest(b"guess", b"x", "sha256") * 8)])


def lives(pid):
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout.strip()
    return bool(state) and not state.startswith("Z")


def encode(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
