"""What is denied where IAM is enforced. Arguments: the endpoint of a MiniStack that enforces it, an account."""

import json
import sys

from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import get_session

ENDPOINT, ACCOUNT = sys.argv[1:3]
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "lambda:ListFunctions", "Resource": "*"}]}


def client(service, key=ACCOUNT, secret="test"):
    config = Config(retries={"max_attempts": 1})
    return get_session().create_client(
        service,
        endpoint_url=ENDPOINT,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=config,
    )


def denied(call):
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


users = client("iam")
users.create_user(UserName="deployer")
key = users.create_access_key(UserName="deployer")["AccessKey"]
functions = client("lambda", key["AccessKeyId"], key["SecretAccessKey"])
assert denied(functions.list_functions) == "AccessDeniedException", denied(functions.list_functions)
users.put_user_policy(UserName="deployer", PolicyName="reads", PolicyDocument=json.dumps(ALLOW))
assert denied(functions.list_functions) is None, denied(functions.list_functions)
assert denied(lambda: functions.delete_function(FunctionName="x")) == "AccessDeniedException"
forged = client("lambda", key["AccessKeyId"], "wrong")
assert denied(forged.list_functions) == "InvalidSignatureException", denied(forged.list_functions)
