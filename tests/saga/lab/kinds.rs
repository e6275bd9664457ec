//! The simulated cloud's resource types. They have the shape of what a REST server needs on AWS, and between them all the ways
//! in which types differ: named or with generated ids, tagged or found through what they belong to, refusing or repeating a
//! second creation, replaced with the new or the old one first, made by one call or by several.

use std::time::Duration;

use resource_graph::resource::resource_type::never_equivalent;
use resource_graph::{CallCost, OperationCost, ResourceTypeInfo};

/// How a resource gets its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// By its `name`, which is unique in the account: a second creation is refused.
    Named,
    /// The cloud makes one up: a second creation makes a second resource. It is found by its tags.
    Generated,
    /// The cloud makes one up; the resource is found by these inputs. `unique`: a second one with the same is refused.
    Keyed { inputs: &'static [&'static str], unique: bool },
    /// Its id is made of these inputs, and a second creation is refused.
    Composed(&'static [&'static str]),
    /// As composed, but its id is the last of these inputs alone: it is unique only within what it belongs to.
    Scoped(&'static [&'static str]),
    /// Its id is made of these inputs, and a second creation changes what is there.
    Put(&'static [&'static str]),
}

/// A type of the simulated cloud.
#[derive(Debug)]
pub struct SimulatedType {
    pub info: ResourceTypeInfo,
    pub identity: Identity,
    /// The input that names what it belongs to, and that thing's type.
    pub belongs: Option<(&'static str, &'static str)>,
    /// Deleting it takes along what belongs to it; otherwise that is refused while there is anything.
    pub takes_along: bool,
    /// Each change is followed by a second call that publishes a version.
    pub publishes: bool,
}

impl SimulatedType {
    /// Whether it carries tags of its own.
    pub fn is_tagged(&self) -> bool {
        matches!(self.identity, Identity::Named | Identity::Generated)
    }

    pub fn identifying(&self) -> &'static [&'static str] {
        match self.identity {
            Identity::Named | Identity::Generated => &["name"],
            Identity::Keyed { inputs, .. }
            | Identity::Composed(inputs)
            | Identity::Scoped(inputs)
            | Identity::Put(inputs) => inputs,
        }
    }

    pub fn has_generated_id(&self) -> bool {
        matches!(self.identity, Identity::Generated | Identity::Keyed { unique: false, .. })
    }
}

pub const ROLE: &str = "sim:iam/role:Role";
pub const POLICY: &str = "sim:iam/rolePolicy:RolePolicy";
pub const LOGS: &str = "sim:logs/group:Group";
pub const FUNCTION: &str = "sim:lambda/function:Function";
pub const ALIAS: &str = "sim:lambda/alias:Alias";
pub const PERMISSION: &str = "sim:lambda/permission:Permission";
pub const API: &str = "sim:gateway/api:Api";
pub const INTEGRATION: &str = "sim:gateway/integration:Integration";
pub const ROUTE: &str = "sim:gateway/route:Route";
pub const STAGE: &str = "sim:gateway/stage:Stage";

const fn cost() -> OperationCost {
    OperationCost { calls: &[CallCost { quota: "sim", calls: 1 }], typical: Duration::from_millis(100) }
}

const fn info(
    token: &'static str,
    replace_on: &'static [&'static str],
    stable_outputs: &'static [&'static str],
    delete_before_replace: bool,
    conflict_input: Option<&'static str>,
) -> ResourceTypeInfo {
    ResourceTypeInfo {
        token,
        replace_on,
        stable_outputs,
        delete_before_replace,
        conflict_input,
        conflict_scope: "sim",
        id_within: &[],
        create: cost(),
        update: cost(),
        delete: cost(),
        read: cost(),
        equivalent: never_equivalent,
    }
}

/// The id is unique only within what inputs name.
const fn within(id_within: &'static [&'static str], info: ResourceTypeInfo) -> ResourceTypeInfo {
    ResourceTypeInfo { id_within, ..info }
}

const fn of(info: ResourceTypeInfo, identity: Identity) -> SimulatedType {
    SimulatedType { info, identity, belongs: None, takes_along: false, publishes: false }
}

pub static ALL: [SimulatedType; 10] = [
    of(info(ROLE, &["name"], &["arn", "name"], false, Some("name")), Identity::Named),
    SimulatedType {
        belongs: Some(("role", ROLE)),
        ..of(info(POLICY, &["role", "name"], &["role", "name"], false, Some("role")), Identity::Put(&["role", "name"]))
    },
    of(info(LOGS, &["name"], &["arn", "name"], true, None), Identity::Named),
    SimulatedType {
        takes_along: true,
        publishes: true,
        ..of(info(FUNCTION, &["name", "architecture"], &["arn", "name"], true, Some("name")), Identity::Named)
    },
    SimulatedType {
        belongs: Some(("functionName", FUNCTION)),
        ..of(
            info(ALIAS, &["functionName", "name"], &["functionName", "name"], true, Some("functionName")),
            Identity::Composed(&["functionName", "name"]),
        )
    },
    SimulatedType {
        belongs: Some(("functionName", FUNCTION)),
        ..of(
            within(
                &["functionName"],
                info(
                    PERMISSION,
                    &["functionName", "statementId", "source"],
                    &["statementId"],
                    true,
                    Some("functionName"),
                ),
            ),
            Identity::Scoped(&["functionName", "statementId"]),
        )
    },
    SimulatedType {
        takes_along: true,
        ..of(info(API, &["protocol"], &["arn", "endpoint"], false, None), Identity::Generated)
    },
    SimulatedType {
        belongs: Some(("apiId", API)),
        ..of(
            info(INTEGRATION, &["apiId", "kind"], &["apiId"], false, Some("apiId")),
            Identity::Keyed { inputs: &["apiId", "uri", "kind"], unique: false },
        )
    },
    SimulatedType {
        belongs: Some(("apiId", API)),
        ..of(
            info(ROUTE, &["apiId"], &["apiId"], false, Some("apiId")),
            Identity::Keyed { inputs: &["apiId", "key"], unique: true },
        )
    },
    SimulatedType {
        belongs: Some(("apiId", API)),
        ..of(
            within(&["apiId"], info(STAGE, &["apiId", "name"], &["apiId", "name"], true, Some("apiId"))),
            Identity::Scoped(&["apiId", "name"]),
        )
    },
];

/// The type of a token.
pub fn of_token(token: &str) -> Option<&'static SimulatedType> {
    ALL.iter().find(|kind| kind.info.token == token)
}
