//! A plain function: a handler without a gateway.

use crate::domain::code::function::{ServerlessFunction, Start};
use crate::domain::code::health::Invocation;
use crate::domain::code::logs::LogRetention;
use crate::domain::invalid::InvalidValue;

/// A handler that runs when it is invoked, by its name alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    pub(super) function: ServerlessFunction,
    pub(super) health: Option<Invocation>,
    has_url: bool,
    log_retention: LogRetention,
}

impl Function {
    /// A handler without a gateway. `has_url`: whether it has an address of its own all the same.
    ///
    /// # Errors
    /// When the code is a server, to which nothing would send requests.
    pub fn new(
        function: ServerlessFunction,
        health: Option<Invocation>,
        has_url: bool,
        log_retention: LogRetention,
    ) -> Result<Self, InvalidValue> {
        match function.start {
            Start::Handler(_) => Ok(Self { function, health, has_url, log_retention }),
            Start::Server(_) => Err(InvalidValue::contradiction(
                "function",
                "a function without a gateway gets no requests, so a server has nothing to answer",
            )
            .with_hint("name a handler, or make it a rest-api")),
        }
    }

    /// The code that it runs.
    pub fn function(&self) -> &ServerlessFunction {
        &self.function
    }

    /// Whether it has an address of its own.
    pub fn has_url(&self) -> bool {
        self.has_url
    }

    /// How long its logs are kept.
    pub fn log_retention(&self) -> LogRetention {
        self.log_retention
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::component::testing::server;

    #[test]
    fn a_server_needs_a_gateway() {
        let logs = LogRetention::Days(14);
        assert!(Function::new(server(), None, false, logs).unwrap_err().hint().unwrap().contains("rest-api"));
        let handler = ServerlessFunction { start: Start::Handler("index.handler".parse().unwrap()), ..server() };
        assert!(Function::new(handler, None, true, logs).is_ok());
    }
}
