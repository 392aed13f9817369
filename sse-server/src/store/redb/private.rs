//! Files and directories that only their owner may use: events are nobody else's to read, and whoever can open the lock can
//! hold it.

use std::{
    fs::{DirBuilder, File},
    io,
    path::Path,
};

/// Makes `path` and the directories above it that there are not. One that exists is left as it is.
pub(super) fn directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Opens the file at `path`, which is made if there is none.
pub(super) fn file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    tighten(path);
    Ok(file)
}

/// Takes others' rights away from a file that an earlier version made. One that belongs to somebody else stays as it is.
pub(super) fn tighten(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let shared = std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o077 != 0);
        if shared && let Err(error) = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)) {
            tracing::warn!(%error, file = %path.display(), "others may use this file of the log, and that can't be changed");
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}
