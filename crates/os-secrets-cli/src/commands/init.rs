//! `init`: makes an identity, the key of encrypted files.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{context::Context, failure::Failure};
use os_secrets::{
    credential::Key,
    error::Error,
    file,
    printable::printable_path,
    progress::Progress,
    store::{
        self,
        file::{OsIdentity, keys::generate_identity},
        settings_file::Origin,
    },
};

pub fn init(context: &Context, path: Option<PathBuf>) -> Result<(), Failure> {
    context.reject_scope("init")?;
    context.reject_store("init")?;
    let is_own = path.is_none();
    let path = identity_path(path.map(|path| context.path(&path)))?;
    context.reject_output_over(&[&path])?;
    let recipient = create_identity(&path).map_err(Failure::Failed)?;
    context.note(&format!(
        "the identity is in {}. Keep it safe: whoever has it can read what is encrypted for it, and without it \
         nobody can",
        printable_path(&path)
    ));
    let settings = store::settings();
    if let (true, Origin::Default, Some(file)) = (is_own, settings.kind_origin, &settings.settings_file.path)
    {
        context.note(&format!(
            "to use an encrypted file in all programs, put the line store = \"file\" into {}",
            printable_path(file)
        ));
    }
    context.output.write(format!("{recipient}\n").as_bytes())
}

/// Finds the user's identity in the operating system's store, or creates it, and prints its recipient.
pub fn init_in_os_store(context: &Context, path: Option<PathBuf>, force: bool) -> Result<(), Failure> {
    context.reject_scope("init")?;
    context.reject_store("init")?;
    if path.is_some() {
        return Err(Failure::Usage(
            "--os keeps the identity in the operating system's store, and not in a file; leave out one of the two".into(),
        ));
    }
    let OsIdentity { item, recipient, is_new } = context
        .call(Progress::changing(true), |progress| async move {
            store::file().find_or_create_os_identity(force, &progress).await
        })?;
    let Key { service, name } = item;
    let place = format!("the operating system's store, with the service {service} and the name {name}");
    context.note(&if is_new {
        format!("the new identity is in {place}. Without it, nobody can read what is encrypted for it")
    } else {
        format!("an identity is already in {place}")
    });
    let settings = store::settings();
    if let (Origin::Default, Some(file)) = (settings.kind_origin, &settings.settings_file.path) {
        context.note(&format!(
            "to use an encrypted file in all programs, put the lines store = \"file\" and identity = \"os\" into {}",
            printable_path(file)
        ));
    }
    context.output.write(format!("{recipient}\n").as_bytes())
}

/// The file of a new identity: the given one, or the one that the encrypted file uses if nothing else names a key.
///
/// # Errors
///
/// [`Error::InvalidSetting`] if no file is given, and the environment does not tell the directory either.
pub fn identity_path(given: Option<PathBuf>) -> Result<PathBuf, Error> {
    given.or_else(|| store::settings().file.own_identity()).ok_or_else(|| {
        Error::InvalidSetting(
            "The user's configuration directory is unknown. Name a file for the identity, or set HOME".into(),
        )
    })
}

/// Creates an identity in a new file, and returns its recipient.
///
/// # Errors
///
/// [`Error::IdentityExists`], and [`Error::File`] if the file cannot be written, is a directory, or would be root's in
/// another user's directory.
pub fn create_identity(path: &Path) -> Result<String, Error> {
    if path.is_dir() {
        return Err(file::directory_error(path, "identity"));
    }
    file::check_creator(path)?;
    let (identity, recipient) = generate_identity();
    write_identity(path, &identity)?;
    Ok(recipient)
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
