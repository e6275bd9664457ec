//! One operation of an AWS service: its name, the IAM permission it needs, and the quota it counts against.

use crate::ports::CallKind;

/// What API Gateway does in the caller's name to deliver access logs
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html>).
pub(in super::super) const LOG_DELIVERY: &[&str] = &[
    "logs:CreateLogDelivery",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
];

/// An operation of a service.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Action {
    /// Service and operation as users know them: `lambda:CreateFunction`.
    pub(in super::super) name: &'static str,
    /// The permission that it needs in an IAM policy; mostly the name itself.
    pub(in super::super) permission: &'static str,
    /// Permissions that it needs besides, for what it does along the way: tags, handing a role on, deliveries of logs.
    pub(in super::super) besides: &'static [&'static str],
    /// The quota class.
    pub(in super::super) quota: &'static str,
    /// Whether it changes something.
    pub(in super::super) kind: CallKind,
    /// AWS's code for a failure that passes once an earlier change is seen everywhere.
    pub(in super::super) passing: Option<&'static str>,
}

impl Action {
    /// An operation that only reads.
    pub(in super::super) const fn read(name: &'static str, quota: &'static str) -> Self {
        Self { name, permission: name, besides: &[], quota, kind: CallKind::Read, passing: None }
    }

    /// An operation that changes something.
    pub(in super::super) const fn write(name: &'static str, quota: &'static str) -> Self {
        Self { name, permission: name, besides: &[], quota, kind: CallKind::Write, passing: None }
    }

    /// Sets the permission where it isn't called like the operation.
    pub(in super::super) const fn needs(mut self, permission: &'static str) -> Self {
        self.permission = permission;
        self
    }

    /// Sets the permissions that it needs besides its own.
    pub(in super::super) const fn besides(mut self, permissions: &'static [&'static str]) -> Self {
        self.besides = permissions;
        self
    }

    /// Waits for an earlier change to be seen everywhere when AWS answers with this code, which would be final for other
    /// operations.
    pub(in super::super) const fn after_changes(mut self, passing: &'static str) -> Self {
        self.passing = Some(passing);
        self
    }
}
