//! Where state is kept, and what the environment says of how: Pulumi's variables, and the credentials of buckets and
//! containers.

use std::path::{Path, PathBuf};

use state::{
    AzureAccess, AzureIdentity, Compression, Encryption, SealOptions, Secret, StackStore, StoreAccess, StoreOptions,
    StoreUrl,
};

use crate::adapters::causes::with_causes;
use crate::adapters::configuration::{Configuration, StateLocation};

use super::aws;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::process::environment::Process;
use crate::cli::process::session::Session;

/// Opens the project's store; nothing is read yet.
///
/// # Errors
/// When its URL or a variable makes no sense, or something that it takes isn't known.
pub async fn open(session: &Session, configuration: &Configuration) -> Result<StackStore, Failure> {
    let url = url(&session.process, configuration.state())?;
    let encryption = Some(configuration.state_encryption().into());
    open_with(session, &url, SealOptions { encryption, ..SealOptions::default() }).await
}

/// Opens the store at a URL for work on its stacks, each of which is taken as it is; new ones are made as `encryption` says.
///
/// # Errors
/// As [`open`].
pub async fn open_url(
    session: &Session,
    url: &StoreUrl,
    encryption: Option<Encryption>,
) -> Result<StackStore, Failure> {
    open_with(session, url, SealOptions { encryption, tolerant: true, ..SealOptions::default() }).await
}

async fn open_with(session: &Session, url: &StoreUrl, seal: SealOptions) -> Result<StackStore, Failure> {
    let mut options = options(&session.process)?;
    // Without a home folder nothing is remembered, and nothing that others need is missing.
    let seen = session.data_folder().ok().map(|data| data.join("sealed-stacks"));
    options.seal = SealOptions { seen, ..seal };
    let access = access(session, url).await?;
    StackStore::open(url, options, &access).map_err(|error| unusable(&error))
}

/// Where the project's store is: what the configuration says; else what `PULUMI_BACKEND_URL` says; else the default. A variable that was set for another
/// project must not hide this one's state.
///
/// # Errors
/// When it is no URL of a store.
pub fn url(process: &Process, location: &StateLocation) -> Result<StoreUrl, Failure> {
    let home = home(process);
    match process.text("PULUMI_BACKEND_URL").filter(|_| !location.is_written()) {
        Some(text) => parse(text, location.base(), home.as_deref()),
        None => location.store_url(home.as_deref()).map_err(|error| unusable(&error)),
    }
}

/// The URL that [`url`] reads, as it is written.
pub fn written_url(process: &Process, location: &StateLocation) -> String {
    let preset = process.text("PULUMI_BACKEND_URL").filter(|_| !location.is_written());
    preset.map_or_else(|| location.text().to_owned(), str::to_owned)
}

/// Reads a store's URL.
///
/// # Errors
/// When it is none.
pub fn parse(text: &str, base: &Path, home: Option<&Path>) -> Result<StoreUrl, Failure> {
    StoreUrl::parse(text, base, home).map_err(|error| unusable(&error))
}

/// The user's home folder, where `file://~` is.
pub fn home(process: &Process) -> Option<PathBuf> {
    process.variable("HOME").or_else(|| process.variable("USERPROFILE")).map(PathBuf::from)
}

fn unusable(error: &state::Error) -> Failure {
    let failure = Failure::new(ExitCode::Usage, "state-unsupported", with_causes(error));
    error.hint().into_iter().fold(failure, Failure::with_hint)
}

/// Pulumi's settings of DIY backends (SPEC.md section 4.4), with their old names.
fn options(process: &Process) -> Result<StoreOptions, Failure> {
    let flag = |names: [&'static str; 2]| {
        let set = names.into_iter().find_map(|name| Some((name, process.text(name)?)));
        set.map_or(Ok(false), |(name, value)| truth(name, value))
    };
    let gzip = flag(["PULUMI_DIY_BACKEND_GZIP", "PULUMI_SELF_MANAGED_STATE_GZIP"])?;
    let zstd = flag(["PULUMI_DIY_BACKEND_ZSTD", "PULUMI_SELF_MANAGED_STATE_ZSTD"])?;
    let compression = match (gzip, zstd) {
        (true, true) => {
            return Err(Failure::usage("PULUMI_DIY_BACKEND_GZIP and PULUMI_DIY_BACKEND_ZSTD can't both be set")
                .with_hint("unset one of them"));
        }
        (true, false) => Some(Compression::Gzip),
        (false, true) => Some(Compression::Zstd),
        (false, false) => None,
    };
    let backups = !flag(["PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS", "PULUMI_DISABLE_CHECKPOINT_BACKUPS"])?;
    let retain_checkpoints = flag(["PULUMI_DIY_BACKEND_RETAIN_CHECKPOINTS", "PULUMI_RETAIN_CHECKPOINTS"])?;
    Ok(StoreOptions { compression, backups, retain_checkpoints, ..StoreOptions::default() })
}

fn truth(name: &str, value: &str) -> Result<bool, Failure> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "t" | "true" => Ok(true),
        "0" | "f" | "false" => Ok(false),
        _ => Err(Failure::usage(format!("{name} can be true or false, not {value:?}"))),
    }
}

/// What the store is opened with. Only what its kind takes is looked up.
async fn access(session: &Session, url: &StoreUrl) -> Result<StoreAccess, Failure> {
    let process = &session.process;
    match url {
        StoreUrl::File { .. } => Ok(StoreAccess::default()),
        StoreUrl::S3(url) => {
            let s3 = aws::bucket(process, url).await?;
            Ok(StoreAccess { s3: Some(s3), ..StoreAccess::default() })
        }
        StoreUrl::Azure(_) => Ok(StoreAccess { azure: azure(session)?, ..StoreAccess::default() }),
    }
}

/// What Azure's own variables say, which Pulumi reads, too.
fn azure(session: &Session) -> Result<AzureAccess, Failure> {
    let process = &session.process;
    let text = |name: &str| process.text(name).map(str::to_owned);
    let flag = |name: &str| process.text(name).map(|value| truth(name, value)).transpose();
    let secret = |name: &str| {
        let value = process.text(name)?;
        session.output.redactor().add_secret(value);
        Some(Secret::new(value))
    };
    Ok(AzureAccess {
        account: text("AZURE_STORAGE_ACCOUNT"),
        domain: text("AZURE_STORAGE_DOMAIN"),
        protocol: text("AZURE_STORAGE_PROTOCOL"),
        local_emulator: flag("AZURE_STORAGE_IS_LOCAL_EMULATOR")?,
        cdn: flag("AZURE_STORAGE_IS_CDN")?,
        key: secret("AZURE_STORAGE_KEY"),
        sas_token: secret("AZURE_STORAGE_SAS_TOKEN"),
        connection_string: secret("AZURE_STORAGE_CONNECTION_STRING"),
        identity: Some(identity(session)),
    })
}

/// Who we are where there is neither key nor token: what the environment names, else the user of the Azure CLI where there
/// is one, else the machine.
pub fn identity(session: &Session) -> AzureIdentity {
    let process = &session.process;
    let secret = process.text("AZURE_CLIENT_SECRET").map(|value| {
        session.output.redactor().add_secret(value);
        Secret::new(value)
    });
    identity_of(process, secret)
}

fn identity_of(process: &Process, secret: Option<Secret>) -> AzureIdentity {
    let text = |name: &str| process.text(name).map(str::to_owned);
    let (client, authority) = (text("AZURE_CLIENT_ID"), text("AZURE_AUTHORITY_HOST"));
    if let (Some(tenant), Some(client)) = (text("AZURE_TENANT_ID"), client.clone()) {
        if let Some(secret) = secret {
            return AzureIdentity::ClientSecret { tenant, client, secret, authority };
        }
        if let Some(file) = process.variable("AZURE_FEDERATED_TOKEN_FILE") {
            return AzureIdentity::Workload { tenant, client, token_file: file.into(), authority };
        }
    }
    let endpoint = text("IDENTITY_ENDPOINT");
    let has_cli = process
        .variable("PATH")
        .is_some_and(|path| std::env::split_paths(path).any(|folder| folder.join("az").is_file()));
    match endpoint.is_none() && has_cli {
        true => AzureIdentity::CommandLine,
        false => AzureIdentity::Managed { client, endpoint },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(variables: &[(&str, &str)]) -> Process {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Process { variables, ..Process::default() }
    }

    fn location(url: &str) -> StateLocation {
        StateLocation::new(url, Path::new("/project")).unwrap()
    }

    #[test]
    fn the_configurations_url_comes_before_the_environments() {
        let set = process(&[("PULUMI_BACKEND_URL", "s3://theirs"), ("HOME", "/home/ann")]);
        let written = location("file://~/state");
        assert_eq!(url(&set, &written).unwrap().to_string(), "file:///home/ann/state");
        assert_eq!(
            url(&process(&[]), &location("file://./.semantest")).unwrap().to_string(),
            "file:///project/.semantest"
        );
        assert!(url(&process(&[]), &written).is_err());
    }

    #[test]
    fn pulumis_settings_are_read_under_both_of_their_names() {
        let of = |variables: &[(&str, &str)]| options(&process(variables));
        for (variables, compression) in [
            (&[][..], None),
            (&[("PULUMI_DIY_BACKEND_GZIP", "1")], Some(Compression::Gzip)),
            (&[("PULUMI_SELF_MANAGED_STATE_GZIP", "true")], Some(Compression::Gzip)),
            (&[("PULUMI_DIY_BACKEND_ZSTD", "TRUE"), ("PULUMI_DIY_BACKEND_GZIP", "0")], Some(Compression::Zstd)),
            (&[("PULUMI_DIY_BACKEND_GZIP", "false"), ("PULUMI_SELF_MANAGED_STATE_GZIP", "true")], None),
        ] {
            assert_eq!(of(variables).unwrap().compression, compression, "{variables:?}");
        }
        let both = [("PULUMI_DIY_BACKEND_GZIP", "1"), ("PULUMI_SELF_MANAGED_STATE_ZSTD", "1")];
        assert!(of(&both).unwrap_err().details[0].message.contains("can't both be set"));
        assert!(of(&[("PULUMI_DIY_BACKEND_GZIP", "yes")]).unwrap_err().details[0].message.contains("true or false"));
        assert!(!of(&[("PULUMI_DISABLE_CHECKPOINT_BACKUPS", "1")]).unwrap().backups);
        assert!(of(&[("PULUMI_DIY_BACKEND_RETAIN_CHECKPOINTS", "1")]).unwrap().retain_checkpoints);
        let defaults = of(&[]).unwrap();
        assert!(defaults.backups && !defaults.retain_checkpoints);
    }

    #[test]
    fn who_we_are_in_azure_is_what_is_set_most_closely() {
        let of = |variables: &[(&str, &str)], secret: Option<&str>| {
            identity_of(&process(variables), secret.map(Secret::new))
        };
        let application =
            [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"), ("AZURE_FEDERATED_TOKEN_FILE", "/token")];
        assert!(matches!(of(&application, Some("s")), AzureIdentity::ClientSecret { .. }));
        assert!(matches!(of(&application, None), AzureIdentity::Workload { .. }));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        assert!(matches!(of(&[("PATH", path)], None), AzureIdentity::Managed { endpoint: None, .. }));
        std::fs::write(folder.path().join("az"), "").unwrap();
        assert!(matches!(of(&[("PATH", path)], None), AzureIdentity::CommandLine));
        let hosted = [("PATH", path), ("IDENTITY_ENDPOINT", "http://127.0.0.1:1")];
        assert!(matches!(of(&hosted, None), AzureIdentity::Managed { endpoint: Some(_), .. }));
    }
}
