//! `init`: makes an identity.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{Context, Failure};
use os_secrets::{
    environment::Process,
    error::Error,
    file,
    store::file::keys::{default_identity_path, generate_identity},
};

pub fn init(context: &Context, path: Option<PathBuf>) -> Result<(), Failure> {
    context.without_scope("init")?;
    context.without_store("init")?;
    let path = match path {
        Some(path) => context.at(&path),
        None => default_identity_path(&Process).ok_or_else(|| {
            Error::InvalidSetting("There is no place for an identity: name its file, or set HOME".into())
        })?,
    };
    context.keep_from_output(&[&path])?;
    let (identity, recipient) = generate_identity();
    write(&path, &identity)?;
    context.note(&format!(
        "the identity is {}; whoever has it can read what is encrypted for it, and without it nobody can",
        path.display()
    ));
    context.output.write(format!("{recipient}\n").as_bytes())
}

/// Writes the file of an identity. One that is there is not replaced: with it went what is encrypted for it.
fn write(path: &Path, identity: &[u8]) -> Result<(), Error> {
    if let Some(directory) = path.parent().filter(|parent| *parent != Path::new("")) {
        file::make_directory(directory).map_err(|error| file::failure("Cannot make", directory, error))?;
    }
    file::write_new(path, identity).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            let error = io::Error::other("it is there already, and what is encrypted for it needs it");
            file::failure("Cannot write", path, error)
        }
        _ => file::failure("Cannot write", path, error),
    })
}
