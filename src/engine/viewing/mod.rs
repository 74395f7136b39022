//! Viewers: who watches streams over HTTP, as HLS. Each request for a playlist counts its viewer; in a guarded
//! application the viewer has to show what opens it, and a backend may be asked.
//!
//! `files` tells which files are HLS, and `identity` who a viewer is; `viewers` has the table of viewers, and `counting`
//! begins, limits and ends them. `gate` decides whether a request is admitted. `marks` puts tokens into playlists, and
//! `lists` knows what is listed. The files themselves are sent by the module `http`.

pub(in crate::engine) mod admission;
pub(in crate::engine) mod counting;
pub(in crate::engine) mod files;
pub(in crate::engine) mod gate;
pub(in crate::engine) mod guard;
pub(in crate::engine) mod identity;
pub(in crate::engine) mod lists;
pub(in crate::engine) mod marked;
pub(in crate::engine) mod marks;
pub(in crate::engine) mod refused;
pub(in crate::engine) mod view;
pub(in crate::engine) mod viewers;

use std::path::Path;
use std::time::{Duration, Instant};

use crate::auth::segment_token::SegmentSigner;
use crate::engine::config::Application;
use crate::engine::config::by_id::ByApp;
use crate::engine::ids::AppId;
use crate::engine::viewing::files::{HlsFile, HlsFileKind, HlsFiles};
use crate::engine::viewing::guard::Guard;
use crate::engine::viewing::identity::{Identities, carried};
use crate::engine::viewing::lists::HlsLists;
use crate::engine::viewing::marked::MarkedLists;
use crate::engine::viewing::marks::Marks;
use crate::engine::viewing::viewers::{Ended, Viewers};

/// A viewer that has asked for no playlist for so many target durations has left.
const QUIET_TARGETS: u32 = 3;

/// What the engine knows of viewers and of the files that they watch.
#[derive(Debug)]
pub struct Viewing {
    /// The files of HLS.
    pub files: HlsFiles,
    /// What is listed of each stream.
    pub lists: HlsLists,
    /// Makes the tokens of each guarded application. Set by HLS, which keeps the secrets.
    pub signers: ByApp<SegmentSigner>,
    /// Makes tokens before the secret of an application is known; they are not good afterwards.
    stand_in: SegmentSigner,
    /// The playlists with tokens that are the same for all viewers.
    pub marked: MarkedLists,
    /// Who watches.
    pub viewers: Viewers,
    pub(in crate::engine) identities: Identities,
    guards: ByApp<Guard>,
    /// When viewers are checked next.
    pub(in crate::engine) timer: Option<Instant>,
    /// When it was logged last that a viewer is refused for a limit.
    pub(in crate::engine) warned_at: Option<Instant>,
}

impl Viewing {
    /// The files of these applications, and nobody who watches.
    pub(in crate::engine) fn new(applications: &[Application<'_>], seed: u64) -> Self {
        let identities = Identities::new(seed);
        Self {
            files: HlsFiles::new(applications),
            lists: HlsLists::default(),
            signers: ByApp::default(),
            stand_in: SegmentSigner::new(identities.secret().as_bytes()),
            marked: MarkedLists::default(),
            viewers: Viewers::default(),
            identities,
            guards: applications.iter().map(|app| (app.id, Guard::of(app))).collect(),
            timer: None,
            warned_at: None,
        }
    }

    /// Takes the settings of another configuration. Who watches continues.
    pub(in crate::engine) fn adopt(&mut self, next: Self) {
        self.files.adopt(next.files);
        self.guards.adopt(next.guards);
        self.viewers.forget_refusals();
    }

    /// Frees what is kept of an application that is gone.
    pub(in crate::engine) fn release(&mut self, app: AppId) {
        self.files.release(app);
        self.guards.release(app);
        self.lists.release(app);
        self.signers.release(app);
        self.marked.release(app);
    }

    /// The file of HLS at a path.
    pub fn file(&self, path: &Path) -> Option<HlsFile> {
        self.files.find(path, |app, name| self.lists.knows(app, name))
    }

    /// Whether the playlists of an application are sent with tokens.
    pub fn is_guarded(&self, app: AppId) -> bool {
        self.guard(app).is_guarded
    }

    /// What an application asks of its viewers.
    pub(in crate::engine) fn guard(&self, app: AppId) -> Guard {
        self.guards.get(app).cloned().unwrap_or_default()
    }

    /// Whether a file is sent with tokens.
    pub fn is_marked(&self, file: &HlsFile) -> bool {
        file.kind == HlsFileKind::Playlist && self.guard(file.app).is_guarded
    }

    /// What is added to a playlist that a viewer has asked for with this query; none if it is sent as it is.
    pub fn marks(&self, file: &HlsFile, query: &str) -> Option<Marks> {
        self.is_marked(file).then(|| Marks {
            signer: self.signer(file.app).clone(),
            path: format!("{}/{}", self.guard(file.app).app, file.name),
            query: carried(query),
        })
    }

    /// What makes and verifies the tokens of an application; before its secret is known, tokens that are good for
    /// nothing else.
    fn signer(&self, app: AppId) -> &SegmentSigner {
        self.signers.get(app).unwrap_or(&self.stand_in)
    }

    /// Whether the token of a segment or a key is right, and not too old.
    pub(in crate::engine) fn is_right_token(&self, file: &HlsFile, token: &str, now: Instant) -> bool {
        let (name, is_current) = match file.kind {
            HlsFileKind::Segment(id) => {
                (format!("{id}.ts"), self.lists.is_current(file.app, &file.name, id, now))
            }
            // It has the number of the first segment that it is for, and may be for all that follow.
            HlsFileKind::Key(id) => (format!("{id}.key"), true),
            HlsFileKind::Playlist | HlsFileKind::Other | HlsFileKind::Recording => return false,
        };
        let path = format!("{}/{}", self.guard(file.app).app, file.name);
        is_current && self.signer(file.app).verify(&path, &name, token)
    }

    /// How long a viewer of a stream may be quiet.
    pub(in crate::engine) fn quiet(&self, app: AppId, name: &str) -> Duration {
        quiet(&self.guards, &self.lists, (app, name))
    }

    /// Takes the next check of a viewer that is due, see [`Viewers::check`].
    fn check(&mut self, now: Instant) -> Option<Option<Ended>> {
        let (guards, lists) = (&self.guards, &self.lists);
        self.viewers.check(now, |app, name| quiet(guards, lists, (app, name)))
    }
}

/// How long a viewer of a stream may be quiet. The target duration of a master playlist is not known: its viewer has yet
/// to ask for a variant.
fn quiet(guards: &ByApp<Guard>, lists: &HlsLists, (app, name): (AppId, &str)) -> Duration {
    let fragment = guards.get(app).map_or(Duration::ZERO, |guard| guard.fragment);
    lists.target(app, name).unwrap_or_default().max(fragment).saturating_mul(QUIET_TARGETS)
}
