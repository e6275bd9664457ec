//! A plain function: its code and nothing before it, but for an address of its own where it wants one.

use super::Kind;
use super::code::Code;
use super::function_url;
use super::names::Names;
use super::scope::Scope;
use crate::adapters::aws::validation::Circumstances;
use crate::domain::component::Function;
use crate::domain::names::ComponentName;
use crate::domain::violation::Violation;
use crate::ports::{PackagedCode, ProviderError};

fn code(function: &Function) -> Code<'_> {
    Code { function: function.function(), log_retention: function.log_retention(), added: Vec::new(), limit: None }
}

impl Kind for Function {
    fn check(&self, name: &ComponentName, circumstances: &Circumstances<'_>) -> Vec<Violation> {
        code(self).check(name, circumstances)
    }

    fn add(&self, scope: &mut Scope<'_>, package: Option<&PackagedCode>) -> Result<(), ProviderError> {
        let mut names = Names::of(scope.request, scope.component)?;
        let parts = code(self).add(scope, &mut names, package)?;
        if self.has_url() {
            function_url::add(scope, &parts, &names, None);
        }
        parts.show(scope);
        Ok(())
    }
}
