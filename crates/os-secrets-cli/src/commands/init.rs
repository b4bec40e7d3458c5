//! `init`: makes an identity, the key of encrypted files.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{context::Context, failure::Failure};
use os_secrets::{
    environment::Process,
    error::Error,
    file,
    store::file::keys::{default_identity_path, generate_identity},
};

pub fn init(context: &Context, path: Option<PathBuf>) -> Result<(), Failure> {
    context.reject_scope("init")?;
    context.reject_store("init")?;
    let path = match path {
        Some(path) => context.path(&path),
        None => default_identity_path(&Process).ok_or_else(|| {
            Error::InvalidSetting(
                "The user's configuration directory is unknown. Name a file for the identity, or set HOME"
                    .into(),
            )
        })?,
    };
    context.reject_output_over(&[&path])?;
    file::check_creator(&path)?;
    let (identity, recipient) = generate_identity();
    write_identity(&path, &identity).map_err(Failure::Failed)?;
    context.note(&format!(
        "the identity is in {}. Keep it safe: whoever has it can read what is encrypted for it, and without it \
         nobody can",
        path.display()
    ));
    context.output.write(format!("{recipient}\n").as_bytes())
}

/// Writes an identity to a new file. Replacing an identity would lose everything that is encrypted for it.
fn write_identity(path: &Path, identity: &[u8]) -> Result<(), Error> {
    if let Some(directory) = path.parent().filter(|parent| *parent != Path::new("")) {
        file::make_directory(directory).map_err(|error| file::failure("Cannot create", directory, error))?;
    }
    file::write_new(path, identity).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::IdentityExists(path.into()),
        _ => file::failure("Cannot write", path, error),
    })
}
