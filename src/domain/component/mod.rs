//! Components: what a project is made of and what a user deploys by name. A kind of component is a module here with its
//! aggregate, a variant of [`ComponentSpec`] and a row of the kinds' table.

#[expect(clippy::module_inception, reason = "the room is called after what lives in it")]
mod component;
mod function;
mod kind;
mod project;
mod rest_api;
mod treatment;

pub use component::{Component, ComponentSpec, Probe};
pub use function::Function;
pub use kind::{ComponentKind, group_urns};
pub use project::Project;
pub use rest_api::{FrontDoor, RestApi};
pub use treatment::{InputPath, ResourceTreatment, Treatment};

#[cfg(test)]
pub(crate) mod testing {
    //! Components for tests.

    use std::path::Path;

    use super::super::code::environment::Environment;
    use super::super::code::function::{ServerlessFunction, SourceFolder, Start};
    use super::super::code::logs::LogRetention;
    use super::super::code::runtime::{Architecture, Runtime};
    use super::super::gateway::ApiGateway;
    use super::{Component, RestApi};
    use crate::domain::quantity::Timeout;

    /// Code of a server.
    pub fn server() -> ServerlessFunction {
        ServerlessFunction {
            source: SourceFolder::new(Path::new("/project"), "rest-api").unwrap(),
            build: None,
            start: Start::Server("node server.js".parse().unwrap()),
            port: None,
            runtime: Runtime::node_js(22),
            architecture: Architecture::default(),
            memory: "512MB".parse().unwrap(),
            timeout: Timeout::from_seconds(30).unwrap(),
            environment: Environment::default(),
        }
    }

    /// A server behind a gateway that lets everything through.
    pub fn rest_api(name: &str) -> Component {
        let api = RestApi::new(server(), ApiGateway::default(), None, LogRetention::Days(14)).unwrap();
        api.named(name.parse().unwrap())
    }
}
