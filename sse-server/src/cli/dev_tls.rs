//! `--dev-tls`: a certificate for localhost, to try HTTP/2 in a browser.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Where the certificate and its key are kept, so that who has trusted it once need not again.
const DIRECTORY: &str = "sse-dev-tls";

/// The certificate and its key, which are made if they are not there.
///
/// # Errors
///
/// What can't be made, in one line.
pub(crate) fn files() -> Result<[PathBuf; 2], String> {
    made_in(Path::new(DIRECTORY)).map_err(|error| format!("--dev-tls: {DIRECTORY}: {error}"))
}

fn made_in(directory: &Path) -> io::Result<[PathBuf; 2]> {
    let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
    if !certificate.exists() || !key.exists() {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
        fs::create_dir_all(directory)?;
        // half of a pair is of no use; what is there of a key may be readable for others
        for old in [&certificate, &key] {
            let _ = fs::remove_file(old);
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&key)?.write_all(made.signing_key.serialize_pem().as_bytes())?;
        fs::write(&certificate, made.cert.pem())?;
    }
    Ok([certificate, key])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_its_key_is_its_owner_s() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path().join("tls");
        let files = made_in(&directory).unwrap();
        let texts = || files.each_ref().map(|path| fs::read_to_string(path).unwrap());
        let before = texts();
        assert!(before[0].starts_with("-----BEGIN CERTIFICATE") && before[1].contains("PRIVATE KEY"));
        made_in(&directory).unwrap();
        assert_eq!(texts(), before);
        #[cfg(unix)]
        {
            let mode = fs::metadata(&files[1]).unwrap().permissions();
            assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
        }
    }
}
