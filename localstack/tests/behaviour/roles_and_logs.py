"""Roles and log groups: where the patched MiniStack should behave as AWS does.
Arguments: the endpoint of a MiniStack, an account."""

import json
import time

from cloud import ACCOUNT, POLICY, TRUST, Case, client, main, name


class Roles(Case):
    def test_a_role_with_a_policy(self):
        roles, role = client("iam"), name("role")
        roles.create_role(
            RoleName=role, AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "semantest:project", "Value": "x"}]
        )
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
        self.refused(
            "NoSuchEntity", 404, roles.put_role_policy, RoleName=role, PolicyName="logs", PolicyDocument=POLICY
        )
        self.refused(
            "MalformedPolicyDocument", 400, roles.create_role, RoleName=role, AssumeRolePolicyDocument="not json"
        )

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
        self.refused(
            "InvalidParameterException", 400, logs.put_retention_policy, logGroupName=group, retentionInDays=13
        )
        (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        self.assertEqual(
            (found["retentionInDays"], found["arn"]), (14, f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}:*")
        )
        arn = found["arn"].removesuffix(":*")
        self.assertEqual(logs.list_tags_for_resource(resourceArn=arn)["tags"], {"semantest:project": "x"})
        logs.tag_resource(resourceArn=arn, tags={"more": "y"})
        logs.untag_resource(resourceArn=arn, tagKeys=["semantest:project"])
        self.assertEqual(logs.list_tags_for_resource(resourceArn=arn)["tags"], {"more": "y"})
        logs.delete_retention_policy(logGroupName=group)
        self.assertNotIn("retentionInDays", logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0])
        logs.delete_log_group(logGroupName=group)
        self.refused("ResourceNotFoundException", 400, logs.delete_log_group, logGroupName=group)
        self.refused(
            "ResourceNotFoundException", 400, logs.put_retention_policy, logGroupName=group, retentionInDays=14
        )
        self.refused("ResourceNotFoundException", 400, logs.list_tags_for_resource, resourceArn=arn)

    def test_events_come_in_pages_and_in_either_direction(self):
        logs, group = client("logs"), name("events")
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="one")
        now = int(time.time() * 1000)
        events = [{"timestamp": now + number // 2, "message": str(number)} for number in range(5)]
        logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)

        def pages(**options):
            token = {}
            while True:
                answer = logs.filter_log_events(logGroupName=group, limit=2, **options, **token)
                yield [event["message"] for event in answer["events"]]
                if "nextToken" not in answer:
                    return
                token = {"nextToken": answer["nextToken"]}

        self.assertEqual(list(pages()), [["0", "1"], ["2", "3"], ["4"]])
        self.assertEqual(list(pages(startTime=now + 1, startFromHead=False)), [["4", "3"], ["2"]])

    def test_log_groups_come_in_pages(self):
        logs, prefix = client("logs"), name("paged")
        for number in range(3):
            logs.create_log_group(logGroupName=f"{prefix}/{number}")
        pages = list(
            logs.get_paginator("describe_log_groups").paginate(
                logGroupNamePrefix=prefix, PaginationConfig={"PageSize": 2}
            )
        )
        self.assertEqual([len(page["logGroups"]) for page in pages], [2, 1])


if __name__ == "__main__":
    main()
