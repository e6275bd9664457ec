"""Functions, versions, aliases and permissions: where the patched MiniStack should behave as AWS does.
Arguments: the endpoint of a MiniStack, an account."""

import base64
import hashlib
import io
import json
import subprocess
import time
import uuid
import zipfile

from cloud import ACCOUNT, Case, client, main, make_function, make_role, name, package, settle


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
        again = dict(
            FunctionName=function,
            Runtime="nodejs22.x",
            Handler="index.handler",
            Role=make_role(),
            Code={"ZipFile": package()},
        )
        self.refused("ResourceConflictException", 409, self.functions.create_function, **again)
        for call in (
            "get_function",
            "get_function_configuration",
            "delete_function",
            "get_policy",
            "publish_version",
            "list_versions_by_function",
            "list_aliases",
        ):
            self.refused("ResourceNotFoundException", 404, getattr(self.functions, call), FunctionName="missing")
        for call in ("get_alias",):
            self.refused(
                "ResourceNotFoundException", 404, getattr(self.functions, call), FunctionName=function, Name="missing"
            )
        self.refused(
            "ResourceNotFoundException",
            404,
            self.functions.update_alias,
            FunctionName=function,
            Name="missing",
            FunctionVersion="1",
        )
        self.refused(
            "ResourceNotFoundException",
            404,
            self.functions.create_alias,
            FunctionName=function,
            Name="live",
            FunctionVersion="9",
        )
        self.refused(
            "ResourceNotFoundException", 404, self.functions.get_function, FunctionName=function, Qualifier="9"
        )
        self.refused("ResourceNotFoundException", 404, self.functions.get_policy, FunctionName=function)
        self.refused(
            "ResourceNotFoundException",
            404,
            self.functions.update_function_code,
            FunctionName="missing",
            ZipFile=package(),
        )
        self.refused(
            "ResourceNotFoundException",
            404,
            self.functions.update_function_configuration,
            FunctionName="missing",
            Timeout=3,
        )

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
        self.refused(
            "PreconditionFailedException", 412, self.functions.publish_version, FunctionName=function, RevisionId="x"
        )
        wrong = base64.b64encode(b"x" * 32).decode()
        self.update_code(function, ZipFile=package("fourth"))
        self.refused(
            "InvalidParameterValueException",
            400,
            self.functions.publish_version,
            FunctionName=function,
            CodeSha256=wrong,
        )

    def test_nothing_else_goes_on_during_an_update(self):
        function = self.make()
        self.functions.update_function_configuration(FunctionName=function, Timeout=4)
        found = self.functions.get_function_configuration(FunctionName=function)
        self.assertEqual((found["State"], found["LastUpdateStatus"]), ("Active", "InProgress"))
        self.refused(
            "ResourceConflictException",
            409,
            self.functions.update_function_configuration,
            FunctionName=function,
            Timeout=5,
        )
        self.refused(
            "ResourceConflictException",
            409,
            self.functions.update_function_code,
            FunctionName=function,
            ZipFile=package("other"),
        )
        self.refused("ResourceConflictException", 409, self.functions.publish_version, FunctionName=function)
        settle(self.functions, function)
        self.update_configuration(function, Timeout=5)

    def test_a_function_is_pending_at_first(self):
        function = name("pending")
        made = self.functions.create_function(
            FunctionName=function,
            Runtime="nodejs22.x",
            Handler="index.handler",
            Role=make_role(),
            Code={"ZipFile": package()},
        )
        self.assertEqual((made["State"], made["StateReasonCode"]), ("Pending", "Creating"))
        self.refused("ResourceConflictException", 409, self.functions.invoke, FunctionName=function)
        self.refused(
            "ResourceConflictException",
            409,
            self.functions.update_function_configuration,
            FunctionName=function,
            Timeout=5,
        )
        settle(self.functions, function)
        self.assertEqual(self.functions.invoke(FunctionName=function)["StatusCode"], 200)

    def test_what_aws_refuses_is_refused(self):
        good = dict(
            FunctionName=name("refused"),
            Runtime="nodejs22.x",
            Handler="index.handler",
            Role=make_role(),
            Code={"ZipFile": package()},
        )
        for change in (
            {"Runtime": "nodejs9000.x"},
            {"MemorySize": 127},
            {"MemorySize": 10241},
            {"Timeout": 901},
            {"Role": f"arn:aws:iam::{ACCOUNT}:role/unknown"},
            {"Environment": {"Variables": {"AWS_REGION": "x"}}},
            {"Environment": {"Variables": {"LONG": "x" * 4096}}},
        ):
            self.refused("InvalidParameterValueException", 400, self.functions.create_function, **{**good, **change})
        self.refused("ValidationException", 400, self.functions.create_function, **{**good, "Role": "no-arn"})
        function = self.make()
        self.functions.publish_version(FunctionName=function)
        self.refused(
            "InvalidParameterValueException",
            400,
            self.functions.create_alias,
            FunctionName=function,
            Name="live",
            FunctionVersion="1",
            RoutingConfig={"AdditionalVersionWeights": {"1": 1.5}},
        )

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
        self.refused(
            "ResourceConflictException",
            409,
            self.functions.create_alias,
            FunctionName=function,
            Name="live",
            FunctionVersion="1",
        )
        self.refused(
            "ResourceConflictException", 409, self.functions.delete_function, FunctionName=function, Qualifier="1"
        )
        self.assertEqual(self.invoke(function, "live"), ("1", "first"))
        moved = self.functions.update_alias(
            FunctionName=function,
            Name="live",
            FunctionVersion="2",
            RoutingConfig={"AdditionalVersionWeights": {"1": 0.5}},
        )
        self.assertEqual(moved["RoutingConfig"], {"AdditionalVersionWeights": {"1": 0.5}})
        self.assertEqual({self.invoke(function, "live") for _ in range(40)}, {("1", "first"), ("2", "second")})
        self.functions.update_alias(FunctionName=function, Name="live", RoutingConfig={"AdditionalVersionWeights": {}})
        self.assertEqual({self.invoke(function, "live") for _ in range(10)}, {("2", "second")})
        found = self.functions.get_alias(FunctionName=function, Name="live")
        self.assertEqual((found["FunctionVersion"], found.get("RoutingConfig")), ("2", None))
        self.functions.delete_function(FunctionName=function, Qualifier="1")
        self.refused(
            "ResourceNotFoundException", 404, self.functions.get_function, FunctionName=function, Qualifier="1"
        )

    def invoke(self, function, qualifier):
        answer = json.loads(
            self.functions.invoke(FunctionName=function, Qualifier=qualifier, Payload="{}")["Payload"].read()
        )
        return answer["version"], answer["text"]

    def test_a_permission_belongs_to_its_alias(self):
        function = self.make()
        self.functions.publish_version(FunctionName=function)
        self.functions.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
        grant = dict(
            FunctionName=function,
            Qualifier="live",
            StatementId="api",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:us-east-1:{ACCOUNT}:abc/*",
        )
        self.functions.add_permission(**grant)
        self.refused("ResourceConflictException", 409, self.functions.add_permission, **grant)
        policy = json.loads(self.functions.get_policy(FunctionName=function, Qualifier="live")["Policy"])
        (statement,) = policy["Statement"]
        self.assertEqual(statement["Resource"], f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function}:live")
        self.assertEqual(statement["Principal"], {"Service": "apigateway.amazonaws.com"})
        self.assertEqual(statement["Condition"], {"ArnLike": {"AWS:SourceArn": grant["SourceArn"]}})
        self.refused("ResourceNotFoundException", 404, self.functions.get_policy, FunctionName=function)
        self.functions.remove_permission(FunctionName=function, Qualifier="live", StatementId="api")
        self.refused(
            "ResourceNotFoundException",
            404,
            self.functions.remove_permission,
            FunctionName=function,
            Qualifier="live",
            StatementId="api",
        )
        self.refused(
            "ResourceNotFoundException", 404, self.functions.get_policy, FunctionName=function, Qualifier="live"
        )
        self.refused(
            "ResourceNotFoundException", 404, self.functions.add_permission, **{**grant, "Qualifier": "missing"}
        )
        self.functions.add_permission(**grant)
        self.functions.delete_alias(FunctionName=function, Name="live")
        self.functions.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
        self.refused(
            "ResourceNotFoundException", 404, self.functions.get_policy, FunctionName=function, Qualifier="live"
        )

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
        pages = list(
            functions.get_paginator("list_versions_by_function").paginate(
                FunctionName=names[0], PaginationConfig={"PageSize": 3}
            )
        )
        self.assertEqual([len(page["Versions"]) for page in pages], [3, 1])
        for alias in "abc":
            functions.create_alias(FunctionName=names[0], Name=alias, FunctionVersion="1")
        pages = list(
            functions.get_paginator("list_aliases").paginate(FunctionName=names[0], PaginationConfig={"PageSize": 2})
        )
        self.assertEqual([len(page["Aliases"]) for page in pages], [2, 1])

    def test_modes_and_links_of_the_package_are_kept(self):
        link = zipfile.ZipInfo("linked.txt")
        link.external_attr = 0o120777 << 16
        tool = zipfile.ZipInfo("tool.sh")
        tool.external_attr = 0o100755 << 16
        code = package(
            files=[
                (link, "target.txt"),
                (zipfile.ZipInfo("target.txt"), "through the link"),
                (tool, "#!/bin/sh\necho ran"),
            ]
        )
        code_with = io.BytesIO(code)
        with zipfile.ZipFile(code_with, "a") as archive:
            archive.writestr(
                "files.js",
                """
              const fs = require("node:fs"), path = require("node:path"), { execFileSync } = require("node:child_process");
              exports.handler = async () => ({
                linked: fs.readFileSync(path.join(__dirname, "linked.txt"), "utf8"),
                isLink: fs.lstatSync(path.join(__dirname, "linked.txt")).isSymbolicLink(),
                ran: execFileSync(path.join(__dirname, "tool.sh")).toString().trim(),
              });""",
            )
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


def lives(pid):
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return bool(state) and not state.startswith("Z")


if __name__ == "__main__":
    main()
