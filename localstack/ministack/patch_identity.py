"""IAM: roles in pages, and a trust policy that isn't JSON refused."""

import json

from ministack.services import iam

DEFAULT_PAGE = 100

create_role = iam._create_role
update_trust = iam._update_assume_role_policy


def apply():
    table = next(
        value for value in vars(iam).values() if isinstance(value, dict) and value.get("ListRoles") is iam._list_roles
    )
    table["ListRoles"] = iam._list_roles = list_roles
    table["CreateRole"] = iam._create_role = lambda parameters: malformed(
        parameters, "AssumeRolePolicyDocument"
    ) or create_role(parameters)
    table["UpdateAssumeRolePolicy"] = iam._update_assume_role_policy = lambda parameters: malformed(
        parameters, "PolicyDocument"
    ) or update_trust(parameters)


def malformed(parameters, name):
    try:
        if isinstance(json.loads(iam._p(parameters, name) or ""), dict):
            return None
    except ValueError:
        pass
    return iam._error(400, "MalformedPolicyDocument", "This policy contains invalid Json", ns="iam")


def list_roles(parameters):
    prefix = iam._p(parameters, "PathPrefix") or "/"
    try:
        limit = int(iam._p(parameters, "MaxItems") or DEFAULT_PAGE)
    except ValueError:
        return iam._error(400, "ValidationError", "MaxItems is not a number", ns="iam")
    after = iam._p(parameters, "Marker")
    names = sorted(
        name
        for name, role in iam._roles.items()
        if role.get("Path", "/").startswith(prefix) and (not after or name > after)
    )
    page = names[:limit]
    members = "".join(f"<member>{iam._role_xml(name, boundary=False)}</member>" for name in page)
    more = (
        f"<IsTruncated>true</IsTruncated><Marker>{page[-1]}</Marker>"
        if len(names) > limit
        else "<IsTruncated>false</IsTruncated>"
    )
    return iam._xml(
        200, "ListRolesResponse", f"<ListRolesResult><Roles>{members}</Roles>{more}</ListRolesResult>", ns="iam"
    )
