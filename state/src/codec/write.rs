//! Writing checkpoints (compact) and exports (indented by four spaces), keys in Pulumi's order.

use resource_graph::{CustomTimeouts, Urn};

use super::json::{Json, Layout, Writer, number_text};
use super::value::Properties;
use super::{CURRENT_VERSION, NEWEST_VERSION};
use crate::model::deployment::{Checkpoint, Deployment, Export, Manifest, PendingOperation};
use crate::model::resource::{Resource, ResourceFields};

impl Checkpoint {
    /// The file's content, uncompressed: one line without spaces.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(Layout::Compact, self.latest.as_ref().map_or(0, estimated_size));
        writer.begin(b'{');
        match &self.latest {
            Some(latest) => write_version(&mut writer, latest),
            None => {
                // What `stack init` writes at first. Never around real data: Pulumi would read an empty stack.
                writer.key("version");
                writer.literal("0");
            }
        }
        writer.key("checkpoint");
        writer.begin(b'{');
        writer.key("stack");
        writer.string(&self.stack);
        if let Some(latest) = &self.latest {
            writer.key("latest");
            write_deployment(&mut writer, latest, Layout::Compact);
        }
        write_members(&mut writer, &self.unknown);
        writer.end(b'}');
        write_members(&mut writer, &self.around);
        writer.end(b'}');
        writer.into_bytes()
    }
}

impl Export {
    /// What `pulumi stack export` prints, with its newline at the end.
    pub fn to_bytes(&self) -> Vec<u8> {
        let capacity = self.deployment.as_ref().map_or(0, |latest| 2 * estimated_size(latest));
        let mut writer = Writer::new(Layout::Indented, capacity);
        writer.begin(b'{');
        match &self.deployment {
            Some(deployment) => {
                write_version(&mut writer, deployment);
                writer.key("deployment");
                write_deployment(&mut writer, deployment, Layout::Indented);
            }
            None => {
                writer.key("version");
                writer.literal("3");
                writer.key("deployment");
                writer.literal("null");
            }
        }
        write_members(&mut writer, &self.unknown);
        writer.end(b'}');
        writer.new_line_at_end();
        writer.into_bytes()
    }
}

impl Resource {
    /// The resource as compact text, as checkpoints hold it.
    pub fn to_json(&self) -> Json {
        let mut writer = Writer::new(Layout::Compact, 512);
        write_resource(&mut writer, self, Layout::Compact);
        writer.into_json()
    }
}

fn estimated_size(deployment: &Deployment) -> usize {
    let length = |properties: &Properties| properties.json().map_or(0, |json| json.as_bytes().len());
    let of_resource = |resource: &Resource| match resource.text() {
        Some(text) => text.len() + 1,
        None => 512 + length(&resource.inputs) + length(&resource.outputs),
    };
    let pending = deployment.pending_operations.iter().map(|operation| &operation.resource);
    1024 + deployment.resources.iter().chain(pending).map(of_resource).sum::<usize>()
}

fn write_version(writer: &mut Writer, deployment: &Deployment) {
    let features = deployment.features();
    writer.key("version");
    writer.literal(&(if features.is_empty() { CURRENT_VERSION } else { NEWEST_VERSION }).to_string());
    if !features.is_empty() {
        writer.key("features");
        write_texts(writer, features.iter().copied());
    }
}

fn write_members(writer: &mut Writer, members: &[(String, Json)]) {
    for (name, json) in members {
        writer.key(name);
        writer.json(json);
    }
}

fn write_texts<'a>(writer: &mut Writer, texts: impl Iterator<Item = &'a str>) {
    writer.begin(b'[');
    for text in texts {
        writer.item();
        writer.string(text);
    }
    writer.end(b']');
}

fn write_deployment(writer: &mut Writer, deployment: &Deployment, layout: Layout) {
    writer.begin(b'{');
    writer.key("manifest");
    write_manifest(writer, &deployment.manifest);
    if let Some(provider) = &deployment.secrets_provider {
        writer.key("secrets_providers");
        writer.begin(b'{');
        writer.key("type");
        writer.string(&provider.kind);
        if let Some(state) = &provider.state {
            writer.key("state");
            writer.json(state);
        }
        write_members(writer, &provider.unknown);
        writer.end(b'}');
    }
    if !deployment.resources.is_empty() {
        writer.key("resources");
        writer.begin(b'[');
        for resource in &deployment.resources {
            writer.item();
            write_resource(writer, resource, layout);
        }
        writer.end(b']');
    }
    if !deployment.pending_operations.is_empty() {
        writer.key("pending_operations");
        writer.begin(b'[');
        for operation in &deployment.pending_operations {
            writer.item();
            write_operation(writer, operation, layout);
        }
        writer.end(b']');
    }
    let mut members = Members(writer);
    members.json("metadata", deployment.metadata.as_ref());
    members.json("snippets", deployment.snippets.as_ref());
    members.json("extensions", deployment.extensions.as_ref());
    write_members(writer, &deployment.unknown);
    writer.end(b'}');
}

fn write_manifest(writer: &mut Writer, manifest: &Manifest) {
    writer.begin(b'{');
    // Pulumi takes no empty time; this is what it writes where it has none.
    let time = if manifest.time.is_empty() { "0001-01-01T00:00:00Z" } else { &manifest.time };
    for (name, text) in [("time", time), ("magic", &manifest.magic), ("version", &manifest.version)] {
        writer.key(name);
        writer.string(text);
    }
    write_members(writer, &manifest.unknown);
    writer.end(b'}');
}

fn write_operation(writer: &mut Writer, operation: &PendingOperation, layout: Layout) {
    writer.begin(b'{');
    writer.key("resource");
    write_resource(writer, &operation.resource, layout);
    writer.key("type");
    writer.string(&operation.kind);
    write_members(writer, &operation.unknown);
    writer.end(b'}');
}

fn write_resource(writer: &mut Writer, resource: &Resource, layout: Layout) {
    match resource.text() {
        // Text without line breaks came from a compact file.
        Some(text) if layout == Layout::Compact && memchr::memchr(b'\n', text).is_none() => writer.verbatim(text),
        Some(text) => writer.json(&Json::checked(text.clone())),
        None => write_fields(writer, resource),
    }
}

/// Writes members, leaving out what is empty as Go's `omitempty` does.
struct Members<'w>(&'w mut Writer);

impl Members<'_> {
    fn text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.0.key(name);
            self.0.string(text);
        }
    }

    fn truth(&mut self, name: &str, truth: bool) {
        if truth {
            self.0.key(name);
            self.0.literal("true");
        }
    }

    fn texts<T: AsRef<str>>(&mut self, name: &str, texts: &[T]) {
        if !texts.is_empty() {
            self.0.key(name);
            write_texts(self.0, texts.iter().map(AsRef::as_ref));
        }
    }

    fn urn(&mut self, name: &str, urn: Option<&Urn>) {
        self.text(name, urn.map(Urn::as_str));
    }

    fn json(&mut self, name: &str, json: Option<&Json>) {
        if let Some(json) = json {
            self.0.key(name);
            self.0.json(json);
        }
    }

    fn properties(&mut self, name: &str, properties: &Properties) {
        self.json(name, properties.json());
    }

    fn timeouts(&mut self, timeouts: Option<&CustomTimeouts>, unknown: &[(String, Json)]) {
        let none = CustomTimeouts::default();
        let CustomTimeouts { create, update, delete, read } = timeouts.unwrap_or(&none);
        let known = [("create", create), ("update", update), ("delete", delete), ("read", read)];
        let known = known.map(|(name, seconds)| (name, seconds.filter(|it| it.is_finite() && *it != 0.0)));
        if unknown.is_empty() && known.iter().all(|(_, seconds)| seconds.is_none()) {
            return;
        }
        self.0.key("customTimeouts");
        self.0.begin(b'{');
        for (name, seconds) in known {
            if let Some(seconds) = seconds {
                self.0.key(name);
                self.0.literal(&number_text(seconds));
            }
        }
        write_members(self.0, unknown);
        self.0.end(b'}');
    }
}

fn write_fields(writer: &mut Writer, fields: &ResourceFields) {
    writer.begin(b'{');
    writer.key("urn");
    writer.string(fields.urn.as_str());
    writer.key("custom");
    writer.literal(if fields.custom { "true" } else { "false" });
    let rare = fields.rare();
    let mut members = Members(writer);
    members.truth("delete", fields.delete);
    members.text("id", fields.id.as_deref());
    members.0.key("type");
    members.0.string(fields.type_token.as_str());
    members.properties("inputs", &fields.inputs);
    members.properties("outputs", &fields.outputs);
    members.urn("parent", fields.parent.as_ref());
    members.truth("protect", fields.protect);
    members.truth("taint", rare.taint);
    members.truth("external", fields.external);
    members.texts("dependencies", &fields.dependencies);
    members.texts("initErrors", &rare.init_errors);
    members.text("provider", fields.provider.as_deref());
    members.json("propertyDependencies", fields.property_dependencies.as_ref());
    members.truth("pendingReplacement", fields.pending_replacement);
    members.texts("additionalSecretOutputs", &rare.additional_secret_outputs);
    members.texts("aliases", &rare.aliases);
    members.timeouts(rare.custom_timeouts.as_ref(), &rare.unknown_timeouts);
    members.text("importID", rare.import_id.as_deref());
    members.truth("retainOnDelete", fields.retain_on_delete);
    members.urn("deletedWith", rare.deleted_with.as_ref());
    members.texts("replaceWith", &rare.replace_with);
    members.text("created", fields.created.as_deref());
    members.text("modified", fields.modified.as_deref());
    members.text("sourcePosition", rare.source_position.as_deref());
    members.json("stackTrace", rare.stack_trace.as_ref());
    members.texts("ignoreChanges", &rare.ignore_changes);
    members.json("hideDiff", rare.hide_diff.as_ref());
    members.texts("replaceOnChanges", &rare.replace_on_changes);
    members.json("replacementTrigger", rare.replacement_trigger.as_ref());
    members.truth("refreshBeforeUpdate", rare.refresh_before_update);
    members.urn("viewOf", rare.view_of.as_ref());
    members.json("resourceHooks", rare.resource_hooks.as_ref());
    members.text("extensionRef", rare.extension_ref.as_deref());
    members.text("snippetID", rare.snippet_id.as_deref());
    write_members(writer, &rare.unknown);
    writer.end(b'}');
}
