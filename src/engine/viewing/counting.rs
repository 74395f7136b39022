//! Viewers are counted: they begin, are limited, and end when they have been quiet.

use std::time::Duration;

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::http::request::HttpRequest;
use crate::engine::ids::AppId;
use crate::engine::limits::origin::Origin;
use crate::engine::peer::Peer;
use crate::engine::timers::Timer;
use crate::engine::viewing::files::{HlsFile, HlsFileKind};
use crate::engine::viewing::identity::ViewerKey;
use crate::engine::viewing::view::ViewerId;
use crate::engine::viewing::viewers::{Ended, Known};
use crate::http::Method;

/// The status for a playlist that the viewer has already.
const NOT_MODIFIED: u16 = 304;

/// The most viewers that are checked in one step.
const CHECKED_AT_ONCE: usize = 256;

/// The shortest time between two log lines about viewers beyond a limit.
const LINE_PAUSE: Duration = Duration::from_secs(10);

impl Engine {
    /// The timer for viewers has expired: those that have been quiet end.
    pub(in crate::engine) fn check_viewers(&mut self) {
        // Another entry may have replaced this one.
        if self.cx.viewing.timer.is_none_or(|at| at > self.cx.now.instant) {
            return;
        }
        self.cx.viewing.timer = None;
        for _ in 0..CHECKED_AT_ONCE {
            match self.cx.viewing.check(self.cx.now.instant) {
                Some(Some(ended)) => self.end_viewer(&ended),
                Some(None) => {}
                None => break,
            }
        }
        self.cx.schedule_viewers();
    }

    /// Ends all viewers, as the server stops.
    pub(in crate::engine) fn end_viewers(&mut self) {
        while let Some(ended) = self.cx.viewing.viewers.end_any() {
            self.end_viewer(&ended);
        }
    }

    fn end_viewer(&mut self, Ended { id, app, name }: &Ended) {
        if self.cx.viewing.guard(*app).asks() {
            let (app, number) = (self.app_name(*app), id.serial());
            log::info!("{app}/{}: viewer {number} has left", name.escape_debug());
        }
        self.each_module(|module, cx| module.on_view_end(cx, *id));
    }
}

impl Ctx {
    /// Sets the timer for the next check of a viewer.
    pub(in crate::engine) fn schedule_viewers(&mut self) {
        let Some(next) = self.viewing.viewers.next_check() else { return };
        if self.viewing.timer.is_none_or(|at| next < at) {
            self.viewing.timer = Some(next);
            self.timers.add(next, Timer::Viewers);
        }
    }

    /// Counts the viewer of an application without gates that has got a playlist.
    pub(in crate::engine) fn count_viewer(&mut self, request: &HttpRequest, status: u16) {
        let is_playlist = |file: &&HlsFile| file.kind == HlsFileKind::Playlist;
        let Some(file) = request.admission.files().iter().rev().find(is_playlist) else { return };
        let guard = self.viewing.guard(file.app);
        let has_got_it = (status < 300 || status == NOT_MODIFIED) && request.method == Method::Get;
        if guard.asks() || !has_got_it {
            return;
        }
        let keys = self.viewing.identities.of(request, file, &guard);
        let now = self.now.instant;
        if let Known::Watching(key) = self.viewing.viewers.find(keys, now) {
            self.viewing.viewers.touch(key, (file.app, &file.name), now);
        } else if !self.viewing.viewers.is_nearly_full() {
            let id = ViewerId(self.sessions.next_serial());
            self.begin_viewer((keys.base, id), file, (request.peer, request.is_of_proxy()));
        }
    }

    /// Whether no more viewers may begin, of an application or from an address; `is_proxy` is for an address that many
    /// viewers may have. The log has a line, but not for each of them.
    pub(in crate::engine) fn refuses_more(&mut self, app: AppId, (peer, is_proxy): (Peer, bool)) -> bool {
        let guard = self.viewing.guard(app);
        let viewers = &self.viewing.viewers;
        let origin = self.counted_origin(app, (peer, is_proxy));
        let of_address = origin.map_or(0, |origin| viewers.of_origin(app, origin));
        let limit = if viewers.is_full() {
            Some("the table of viewers is full".to_owned())
        } else if let Some(most) = guard.most.filter(|most| viewers.of_app(app) >= *most) {
            Some(format!("hls_max_viewers {most}"))
        } else {
            let most = guard.most_per_address.filter(|most| of_address >= *most);
            most.map(|most| format!("hls_max_viewers_per_address {most} for {}", peer.host()))
        };
        let Some(limit) = limit else { return false };
        let now = self.now.instant;
        if self.viewing.warned_at.is_none_or(|at| now >= at + LINE_PAUSE) {
            self.viewing.warned_at = Some(now);
            log::warn!("{}: a viewer is refused: {limit}", guard.app);
        }
        true
    }

    /// The origin for which a viewer counts, where those of an origin are limited.
    fn counted_origin(&self, app: AppId, (peer, is_proxy): (Peer, bool)) -> Option<Origin> {
        self.viewing.guard(app).most_per_address?;
        Origin::of(peer).filter(|_| !is_proxy)
    }

    /// A viewer begins; false if it has begun already.
    pub(in crate::engine) fn begin_viewer(
        &mut self,
        (key, id): (ViewerKey, ViewerId),
        file: &HlsFile,
        client: (Peer, bool),
    ) -> bool {
        let now = self.now.instant;
        let check = now + self.viewing.quiet(file.app, &file.name);
        let origin = self.counted_origin(file.app, client);
        let begins = self.viewing.viewers.begin((key, id), (file.app, &file.name), origin, (now, check));
        self.schedule_viewers();
        begins
    }
}
