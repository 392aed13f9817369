//! Where the data lie, and how fast the disk is that they lie on.

use std::{
    fs, io,
    io::{Seek, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use tempfile::TempDir;

use crate::{files, results::median, table::number};

/// How often the disk is asked for a sync, to tell how long that takes.
const SYNCS: u32 = 50;

/// A temporary directory.
#[derive(Debug)]
pub(super) struct Disk {
    directory: TempDir,
}

impl Disk {
    pub(super) fn new() -> Result<Self, String> {
        Ok(Self { directory: files::temporary()? })
    }

    /// A directory of this name, empty.
    pub(super) fn empty(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.directory.path().join(name);
        let made = remove(&path).and_then(|()| fs::create_dir(&path));
        made.map_err(|error| format!("can't make {} anew: {error}", path.display()))?;
        Ok(path)
    }

    /// A directory of this name with a copy of what another holds, and on the disk for good: writing it back must not
    /// fall into what is measured.
    pub(super) fn copy(&self, of: &Path, name: &str) -> Result<PathBuf, String> {
        let path = self.empty(name)?;
        copy(of, &path).map_err(|error| format!("can't copy {} to {}: {error}", of.display(), path.display()))?;
        Ok(path)
    }

    /// In words, with what a sync takes.
    pub(super) fn describe(&self) -> String {
        let path = self.directory.path();
        let place = path.parent().unwrap_or(path).display();
        let filesystem = self.filesystem().map(|kind| format!(", {kind}")).unwrap_or_default();
        let sync = number(sync_ms(path).ok().flatten(), 2);
        format!("the data under {place}{filesystem}, where a write of 4 KiB takes {sync} ms to sync")
    }

    /// What would make the figures worthless.
    pub(super) fn doubt(&self) -> Option<String> {
        let memory = self.filesystem().is_some_and(|kind| kind == "tmpfs" || kind == "ramfs");
        memory.then(|| {
            "the data lie in memory, where a sync costs nothing; set TMPDIR to a directory on a disk".to_owned()
        })
    }

    fn filesystem(&self) -> Option<String> {
        let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
        filesystem(&mounts, &self.directory.path().canonicalize().ok()?).map(str::to_owned)
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let path = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&path)?;
            copy(&entry.path(), &path)?;
        } else {
            fs::copy(entry.path(), &path)?;
            fs::File::options().write(true).open(&path)?.sync_all()?;
        }
    }
    Ok(())
}

/// The milliseconds that it takes to write 4 KiB over others and to sync that.
fn sync_ms(directory: &Path) -> io::Result<Option<f64>> {
    let path = directory.join("sync");
    let mut file = fs::File::create(&path)?;
    let mut times = Vec::new();
    for byte in 0..=SYNCS {
        let began = Instant::now();
        file.rewind()?;
        file.write_all(&[byte as u8; 4096])?;
        file.sync_data()?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    fs::remove_file(&path)?;
    // the first one made the file longer
    Ok(median(times.split_off(1)))
}

/// The kind of the filesystem that a path lies on: of the mount that is nearest to it, the latest of several.
fn filesystem<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    let mut nearest = None;
    let mut depth = 0;
    for mount in mounts.lines() {
        let mut fields = mount.split(' ').skip(1);
        let (Some(place), Some(kind)) = (fields.next(), fields.next()) else { continue };
        let place = Path::new(place);
        if path.starts_with(place) && place.components().count() >= depth {
            depth = place.components().count();
            nearest = Some(kind);
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_counts() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\nproc /proc proc rw 0 0\n/dev/b /tm xfs rw 0 0\n";
        assert_eq!(filesystem(mounts, Path::new("/tmp/x/y")), Some("tmpfs"));
        assert_eq!(filesystem(mounts, Path::new("/home/x")), Some("ext4"));
        assert_eq!(filesystem("", Path::new("/home/x")), None);
    }

    #[test]
    fn a_copy_has_all_of_it_and_replaces_what_was_there() {
        let disk = Disk::new().unwrap();
        let from = disk.empty("from").unwrap();
        fs::create_dir(from.join("in")).unwrap();
        fs::write(from.join("in/log"), "hello").unwrap();
        fs::write(disk.empty("to").unwrap().join("old"), "old").unwrap();
        let to = disk.copy(&from, "to").unwrap();
        assert_eq!(fs::read_to_string(to.join("in/log")).unwrap(), "hello");
        assert!(!to.join("old").exists());
    }
}
