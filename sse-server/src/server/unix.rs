//! Unix sockets.

use std::{
    fs, io,
    os::{
        fd::OwnedFd,
        unix::{
            fs::{FileTypeExt, MetadataExt, PermissionsExt},
            net,
        },
    },
    path::{Path, PathBuf},
};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::net::{TcpStream, UnixListener};

/// The most bytes that the system keeps of what was written and not read yet, which it doubles for what it needs itself.
const UNREAD: usize = 16 << 10;

/// The kernel caps this at `net.core.somaxconn`.
const BACKLOG: i32 = 65_535;

/// A Unix socket that listens. Its file is removed with it, if it made the file.
#[derive(Debug)]
pub(super) struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Which file it made: another hub may have put its own there.
    made: Option<(u64, u64)>,
}

impl UnixSocket {
    /// Makes a socket at `path`, with a file of `mode`. One that is there and on which nobody listens is replaced.
    pub(super) fn make(path: &Path, mode: u32) -> io::Result<Self> {
        let found = fs::symlink_metadata(path);
        if found.as_ref().is_ok_and(|found| found.file_type().is_socket()) {
            let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            probe.set_nonblocking(true)?; // whoever listens may have more waiting than they accept
            match probe.connect(&SockAddr::unix(path)?) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => return Err(io::ErrorKind::AddrInUse.into()),
            }
        } else if found.is_ok() {
            return Err(io::Error::other("there is a file of another kind"));
        }
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        let made = fs::symlink_metadata(path)?;
        // nobody connects before it listens
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        socket.listen(BACKLOG)?;
        let mut opened = Self::opened(OwnedFd::from(socket).into())?;
        opened.made = Some((made.dev(), made.ino()));
        Ok(opened)
    }

    /// The one that somebody else has opened, and removes.
    pub(super) fn opened(listener: net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let path = listener.local_addr()?.as_pathname().map(Path::to_owned).unwrap_or_default();
        Ok(Self { listener: UnixListener::from_std(listener)?, path, made: None })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) async fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.listener.accept().await?;
        SockRef::from(&stream).set_send_buffer_size(UNREAD)?;
        TcpStream::from_std(OwnedFd::from(stream.into_std()?).into())
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        let is_there =
            fs::symlink_metadata(&self.path).is_ok_and(|there| self.made == Some((there.dev(), there.ino())));
        if is_there && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "a Unix socket can't be removed");
        }
    }
}
