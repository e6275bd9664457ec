//! JSON Schemas (draft 2020-12) of everything that `--json` prints.

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};

use crate::application::importing::ImportReport;
use crate::application::importing::bulk_file::BulkFile;
use crate::application::queries::StackStatus;
use crate::application::stacks::config::{ConfigDocument, ConfigValueDocument, SecretsChangeDocument};
use crate::application::stacks::{EncryptionChange, HistoryItem, StackListEntry};
use crate::application::{DeploymentReport, Outputs};
use crate::cli::commands::{
    CancelDocument, EditDocument, EventsDocument, GraphDocument, HistoryDocument, InitDocument, InitialStackDocument,
    LocalCloud, MigrationDocument, MoveDocument, StateDocument, ValidationDocument, VerifiedDocument, VersionDocument,
};
use crate::domain::event::DomainEvent;

/// The schemas as text, by the document's name.
pub fn schemas() -> Vec<(&'static str, String)> {
    vec![
        document::<ConfigValueDocument>("config-get", "What `config get --json` prints: Pulumi's members"),
        document::<ConfigDocument>("config-ls", "What `config ls --json` prints: values by key, as Pulumi does"),
        document::<DeploymentReport>(
            "deployment-report",
            "What `deploy`, `destroy` and `preview` print with --json; the document of every command's failure",
        ),
        document::<CancelDocument>("cancel", "What `cancel --json` prints: the locks that were removed"),
        document::<DomainEvent>("event", "A line of `--json=events`"),
        document::<EventsDocument>("events", "What `events --json` prints"),
        document::<GraphDocument>(
            "graph",
            "What `graph --json` prints: the resources that are wanted, and who needs whom",
        ),
        document::<HistoryDocument>("history", "What `history --json` prints"),
        document::<BulkFile>(
            "bulk-import",
            "What `export --import-file` writes: Pulumi's file for `pulumi import --file`",
        ),
        document::<ImportReport>("import", "What `import --json` prints"),
        document::<InitDocument>("init", "What `init --json` prints"),
        document::<LocalCloud>("local", "What `local up`, `down`, `status` and `reset` print with --json"),
        document::<Outputs>("outputs", "What `outputs --json` prints: values by component and name"),
        document::<SecretsChangeDocument>(
            "stack-change-secrets-provider",
            "What `stack change-secrets-provider --json` prints",
        ),
        document::<EncryptionChange>("stack-encryption", "What `stack encrypt` and `stack decrypt` print with --json"),
        document::<Vec<StackListEntry>>("stack-ls", "What `stack ls --json` prints: Pulumi's members first"),
        document::<Vec<HistoryItem>>(
            "stack-history",
            "What `stack history --json` prints: Pulumi's members, and `number`",
        ),
        document::<InitialStackDocument>("stack-init", "What `stack init --json` prints"),
        document::<MigrationDocument>("stack-migrate", "What `stack migrate --json` prints"),
        document::<VerifiedDocument>("stack-verify", "What `stack verify --json` prints of a sound stack"),
        document::<EditDocument>(
            "state-edit",
            "What `state delete`, `rename`, `protect`, `unprotect` and `repair` print with --json",
        ),
        document::<MoveDocument>("state-move", "What `state move --json` prints"),
        document::<StateDocument>("state-ls", "What `state ls --json` prints"),
        document::<StackStatus>("status", "What `status --json` prints"),
        document::<ValidationDocument>("validation", "What `validate --json` prints"),
        document::<VersionDocument>("version", "What `version --json` prints"),
    ]
}

fn document<T: JsonSchema>(name: &'static str, title: &str) -> (&'static str, String) {
    (name, text(&titled(schema::<T>(), title)))
}

/// The schema of what is written (not of what may be read).
pub(super) fn schema<T: JsonSchema>() -> Schema {
    SchemaGenerator::new(SchemaSettings::draft2020_12().for_serialize()).into_root_schema_for::<T>()
}

fn titled(mut schema: Schema, title: &str) -> Schema {
    schema.insert("title".to_owned(), title.into());
    schema
}

fn text(schema: &Schema) -> String {
    format!("{:#}\n", schema.as_value())
}
