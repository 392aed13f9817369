//! Programs and temporary directories, with errors that say what to do.

use std::path::Path;

use tempfile::TempDir;

/// # Errors
/// There is no such file.
pub(crate) fn is_there(program: &Path) -> Result<(), String> {
    if program.is_file() {
        return Ok(());
    }
    Err(format!("there is no {}: start this by `cargo xtask bench`", program.display()))
}

/// A directory that is removed with what is in it when it is dropped.
pub(crate) fn temporary() -> Result<TempDir, String> {
    TempDir::new().map_err(|error| format!("can't make a temporary directory: {error}"))
}
