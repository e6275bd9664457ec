//! The port of a cloud: [`CloudFactory`] is what there is of it before one is connected to, [`Cloud`] what it is then, in four
//! parts: its resource types, the blueprint that turns components into resources, the account,
//! and what it tells of deployed components. None has a method with a default: whoever wraps a cloud and forgets to hand one
//! on would answer in its place.

mod account;
mod blueprints;
mod catalogue;
mod diagnostics;
mod factory;

pub use account::{Account, CloudIdentity};
pub use blueprints::{Blueprint, BlueprintRequest, Blueprints, ComponentDeployment, OutputDeclaration, PhysicalNames};
pub use catalogue::Catalogue;
pub use diagnostics::{Diagnostics, Invoked};
pub use factory::{
    BrokenRules, CloudFactory, CloudSettings, ConnectError, ConnectRequest, ConnectionChoice, MissingSetting,
    RulesRequest, Variables,
};

/// One cloud.
pub trait Cloud: Catalogue + Blueprints + Account + Diagnostics {}

impl<C: Catalogue + Blueprints + Account + Diagnostics> Cloud for C {}
