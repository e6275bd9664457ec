//! `graph`: the resources that the configuration stands for, drawn. Nothing is built and no cloud is called.

use std::fs;

use schemars::JsonSchema;
use serde::Serialize;

use resource_graph::{ResourceGraph, ResourceSpec, Urn};

use crate::adapters::causes::with_causes;
use crate::adapters::source_code::unbuilt;
use crate::cli::arguments::{GraphArguments, GraphFormat};
use crate::cli::compose::ports;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::views;
use crate::cli::workspace::config_values;
use crate::ports::{BlueprintRequest, ComponentDeployment, PhysicalNames};

/// `graph --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GraphDocument {
    /// Version of this document's form: 1.
    pub schema_version: u32,
    /// The project.
    pub project: String,
    /// The stack.
    pub stack: String,
    /// The resources, each after all that it needs.
    pub nodes: Vec<GraphNode>,
    /// Who needs whom.
    pub edges: Vec<GraphEdge>,
}

/// A resource of the graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GraphNode {
    /// Its URN, as `--target` takes it.
    pub urn: String,
    /// Its type.
    #[serde(rename = "type")]
    pub type_token: String,
    /// Its name.
    pub name: String,
    /// The URN of what it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// That one resource needs another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GraphEdge {
    /// The URN of the one that needs.
    pub from: String,
    /// The URN of the one that is needed.
    pub to: String,
}

impl GraphDocument {
    fn of(graph: &ResourceGraph, project: String, stack: String) -> Self {
        let node = |spec: &ResourceSpec| GraphNode {
            urn: spec.urn.to_string(),
            type_token: spec.type_token.to_string(),
            name: spec.urn.name().to_owned(),
            parent: spec.options.parent.as_ref().map(ToString::to_string),
        };
        let edges = graph.in_order().flat_map(|spec| {
            let needed = graph.dependencies(&spec.urn);
            needed.map(|needed| GraphEdge { from: spec.urn.to_string(), to: needed.urn.to_string() })
        });
        let nodes = graph.in_order().map(|spec| node(spec)).collect();
        Self { schema_version: 1, project, stack, nodes, edges: edges.collect() }
    }
}

/// Draws.
pub fn graph(session: &Session, arguments: &GraphArguments) -> CommandResult {
    let mut configuration = session.configuration()?;
    let selected = session.select_stack(&configuration, &arguments.stack)?;
    let Some(environment) = selected.environment.as_ref().map(ToString::to_string) else {
        return Err(Failure::usage(format!("no environment goes with the stack {}", selected.name))
            .with_hint("name the environment with --env"));
    };
    config_values::take_for_looking(&mut configuration, &environment, selected.name.as_str())?;
    let components = if arguments.components.is_empty() {
        configuration.components_for(&environment)?
    } else {
        configuration.select(&environment, &arguments.components)?
    };
    let cloud = session.block_on(ports::describe_cloud(session, &configuration, &environment, &selected))?;
    let request = BlueprintRequest {
        project: configuration.project_name().to_string(),
        environment,
        stack: selected.name.to_string(),
        identity: None,
        components: components
            .into_iter()
            .map(|component| ComponentDeployment { package: component.code().map(unbuilt), component })
            .collect(),
        names: PhysicalNames::default(),
    };
    let blueprint = cloud.blueprint(&request)?;
    let root = Urn::root(&request.stack, &request.project);
    let mut specs = vec![ResourceSpec::component(root.clone())];
    specs.extend(blueprint.resources.into_iter().map(|mut spec| {
        spec.options.parent.get_or_insert_with(|| root.clone());
        spec
    }));
    let graph = ResourceGraph::new(specs)
        .map_err(|error| Failure::new(ExitCode::Failed, "graph", with_causes(&error)).with_hint(error.hint()))?;
    if session.output.json().is_some() {
        if arguments.output.is_some() {
            return Err(
                Failure::usage("--json goes to stdout, not to a file").with_hint("leave --json or --output out")
            );
        }
        session.output.document(&GraphDocument::of(&graph, request.project, request.stack));
        return Ok(ExitCode::Done);
    }
    let text = match arguments.format {
        GraphFormat::Dot => views::graph::dot(&graph),
        GraphFormat::Mermaid => views::graph::mermaid(&graph),
        GraphFormat::Svg => views::graph::svg(&graph),
    };
    match &arguments.output {
        None => session.output.result(&text),
        Some(file) => {
            let file = session.process.resolve(file);
            let text = session.output.redactor().text(&text);
            fs::write(&file, text.as_bytes())
                .map_err(|error| Failure::system(format!("{} can't be written", file.display()), &error))?;
            session.output.note(&format!("Drawn to {}", file.display()));
        }
    }
    Ok(ExitCode::Done)
}
