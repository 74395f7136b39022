//! Where answers get files from: memory, the kernel's caches, and what readers have found for the request.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs::read_link;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;
use std::time::SystemTime;

use nix::errno::Errno;

use crate::engine::files::page_cache;
use crate::engine::{
    Admission, Body, Ctx, Descriptors, Findings, HlsFile, HlsFileKind, HttpReply, HttpRequest, Lookup,
    MarkedVersion, Marks, MemoryFiles, Viewing,
};
use crate::http::response::RETRY_AFTER;

use super::finding::{Finding, PlaylistText};
use super::volumes::Volumes;
use crate::engine::files::lookup::{self, DiskFile, Found, SMALL};

/// The status of an answer for which no descriptor is left.
pub const SHORTAGE: u16 = 503;

/// What the answer to a request is made from.
#[derive(Debug)]
pub struct Sources<'a> {
    memory: &'a MemoryFiles,
    /// The descriptors that files on the disk may have.
    pub descriptors: Descriptors,
    volumes: &'a Volumes,
    findings: &'a Findings,
    hls: Option<Hls<'a>>,
    /// Answers for which no descriptor was left.
    pub shortages: Cell<u64>,
}

/// The files of HLS, and what is known of the request for one.
#[derive(Debug, Clone, Copy)]
struct Hls<'a> {
    viewing: &'a Viewing,
    admission: &'a Admission,
}

/// The longest playlist to which tokens are added, in bytes. HLS writes none that is longer.
const MAX_PLAYLIST: u64 = 16 << 20;

/// A file that can be sent.
#[derive(Debug)]
pub struct Content {
    /// The whole file.
    pub body: Body,
    pub modified: SystemTime,
}

/// The reason for which nothing is found.
#[derive(Debug)]
pub enum Miss {
    /// Nothing is there, or it may not be served.
    Failed(Errno),
    /// A reader has to look.
    Unknown(Lookup),
}

impl<'a> Sources<'a> {
    pub fn new(cx: &'a Ctx, volumes: &'a Volumes, request: &'a HttpRequest) -> Self {
        let hls = Hls { viewing: &cx.viewing, admission: &request.admission };
        Self { hls: Some(hls), ..Self::of(&cx.memory, cx.descriptors, (volumes, &request.findings)) }
    }

    /// The sources with these files in memory and descriptors.
    pub fn of(
        memory: &'a MemoryFiles,
        descriptors: Descriptors,
        (volumes, findings): (&'a Volumes, &'a Findings),
    ) -> Self {
        Self { memory, descriptors, volumes, findings, hls: None, shortages: Cell::new(0) }
    }

    /// True if a body may be sent: a file stays open until its client has taken all of it.
    pub fn may_send(&self, body: &Body) -> bool {
        match body {
            Body::File { file, .. } => self.descriptors.may_download(file.file.as_raw_fd()),
            _ => true,
        }
    }

    /// The file of HLS at a path below `base`.
    pub fn hls_file(&self, base: &Path, path: &str) -> Option<HlsFile> {
        let Hls { viewing, .. } = self.hls.filter(|hls| !hls.viewing.files.is_empty())?;
        viewing.file(&base.join(path.trim_start_matches('/')))
    }

    /// The file of HLS that has been opened, by the path that it really has: there may be links in that of the base. An
    /// error if that path cannot be found out; only where an application is guarded.
    pub fn hls_file_behind_links(&self, file: &DiskFile) -> Result<Option<HlsFile>, Errno> {
        let Some(hls) = self.hls.filter(|hls| hls.viewing.files.has_guarded()) else { return Ok(None) };
        let real = read_link(format!("/proc/self/fd/{}", file.file.file.as_raw_fd()));
        let real = real.map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
        // The kernel says so of a file that another one has replaced since it was opened.
        let bytes = real.as_os_str().as_bytes();
        let path = bytes.strip_suffix(b" (deleted)").unwrap_or(bytes);
        Ok(hls.viewing.file(Path::new(OsStr::from_bytes(path))))
    }

    /// Whether it is not known yet if a file may be sent.
    pub fn is_undecided(&self, file: &HlsFile) -> bool {
        let Some(Hls { viewing, admission }) = self.hls else { return false };
        let is_open = file.kind != HlsFileKind::Playlist && !viewing.is_guarded(file.app);
        !is_open && !admission.admits(file)
    }

    /// The file of HLS at a path below `base` if it is not known yet whether it may be sent.
    pub fn undecided(&self, base: &Path, path: &str) -> Option<HlsFile> {
        self.hls_file(base, path).filter(|file| self.is_undecided(file))
    }

    /// What has to be added to a playlist; none for any other file, and for one that all may have.
    pub fn marks(&self, file: &HlsFile, query: &str) -> Option<Marks> {
        self.hls.and_then(|hls| hls.viewing.marks(file, query))
    }

    /// The text of a marked playlist that is kept for all viewers.
    pub fn marked(&self, version: &MarkedVersion) -> Option<Rc<[u8]>> {
        self.hls.and_then(|hls| hls.viewing.marked.find(version))
    }

    /// The file in memory that has this path below `base`.
    pub fn find_in_memory(&self, base: &Path, path: &str) -> Option<Content> {
        if self.memory.is_empty() || !path.split('/').all(|name| name.is_empty() || lookup::is_plain(name)) {
            return None;
        }
        let path = path.trim_start_matches('/');
        let file = if path.is_empty() { self.memory.get(base) } else { self.memory.get(&base.join(path)) }?;
        Some(Content { body: file.body(), modified: file.modified })
    }

    /// What is on the disk at `path` below `base`, see [`lookup::find`].
    pub fn find(&self, base: &Path, path: &str) -> Result<Found, Miss> {
        let path = path.trim_matches('/');
        let found = match self.findings.find(|finding: &Finding| finding.is_of(base, path)) {
            Some(finding) => finding.found.clone(),
            None => match lookup::find_cached(base, path, self.volumes.of(base, path)) {
                Err(Errno::EAGAIN) => return Err(Miss::Unknown(Finding::look_up(base, path))),
                found => found,
            },
        };
        found.map_err(Miss::Failed)
    }
}

impl Content {
    /// The whole text of a playlist, which may have to be waited for; none if it is too long or cannot be read.
    pub fn text(self) -> Result<Vec<u8>, Miss> {
        let length = self.body.len();
        if length > MAX_PLAYLIST {
            return Err(Miss::Failed(Errno::EFBIG));
        }
        match self.body {
            Body::Empty | Body::Live => Ok(Vec::new()),
            Body::Bytes(bytes) => Ok(bytes.to_vec()),
            Body::Memory { extent, offset, .. } => {
                extent.read(offset, length as usize).map_err(|_| Miss::Failed(Errno::EIO))
            }
            Body::File { file, .. } => {
                let mut bytes = vec![0; length as usize];
                if page_cache::read(&file, &mut bytes, 0) {
                    return Ok(bytes);
                }
                Err(Miss::Unknown(PlaylistText::read(file, length)))
            }
        }
    }
}

impl DiskFile {
    /// What is sent of it.
    pub fn content(self) -> Content {
        let Self { file, length, modified, bytes } = self;
        let body = match bytes {
            Some(bytes) => Body::Bytes((*bytes).into()),
            None => Body::File { file, offset: 0, length },
        };
        Content { body, modified }
    }
}

/// Reads a body that is small. One that would have to be waited for is left as it is.
pub fn load(body: Body) -> Body {
    if body.len() > SMALL {
        return body;
    }
    let length = body.len() as usize;
    let read = match &body {
        Body::Empty | Body::Live | Body::Bytes(_) => return body,
        Body::Memory { extent, offset, .. } => extent.read(*offset, length).ok(),
        Body::File { file, offset, .. } => {
            let mut bytes = vec![0; length];
            page_cache::read(file, &mut bytes, *offset).then_some(bytes)
        }
    };
    read.map_or(body, |bytes| Body::Bytes(bytes.into()))
}

/// The answer where a lookup has failed.
pub fn failure(path: &str, errno: Errno) -> HttpReply {
    match errno {
        Errno::ENOENT | Errno::ENOTDIR | Errno::ENAMETOOLONG | Errno::EINVAL => HttpReply::error(404),
        Errno::EACCES | Errno::EPERM | Errno::ELOOP | Errno::ENXIO => HttpReply::error(403),
        Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM => {
            log::warn!("{path}: {errno}");
            HttpReply::error(SHORTAGE).with("Retry-After", RETRY_AFTER)
        }
        _ => {
            log::error!("{path}: {errno}");
            HttpReply::error(500)
        }
    }
}
