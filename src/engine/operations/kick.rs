//! Kicks: an operator ends a client, which is told why.
//!
//! A client of RTMP leaves its streams one in a step and is closed; a stream that it publishes ends without a grace. A
//! viewer of HLS is forgotten, and its next requests for playlists are refused for a while. That the client does not come
//! again is for bans, which are a module's.

use std::rc::Rc;
use std::time::Duration;

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::ids::{Endpoint, SessionId, StreamId};
use crate::engine::operations::order::{KickedViewers, Order};
use crate::engine::rtmp::publish::LeaveReason;
use crate::engine::session::roles::SessionRole;
use crate::engine::session::{Life, Session};
use crate::engine::viewing::view::ViewerId;
use crate::rtmp::command::Level;
use crate::rtmp::control::UserControl;

const REJECTED: (Level, &str) = (Level::Error, "NetStream.Publish.Rejected");
const STOP: (Level, &str) = (Level::Status, "NetStream.Play.Stop");
const CLOSED: (Level, &str) = (Level::Error, "NetConnection.Connect.Closed");

/// Viewers that are ended in one step.
const VIEWERS_AT_ONCE: usize = 64;

impl Ctx {
    /// Ends a client of RTMP in a later step, whatever it does, and tells it why. What it publishes ends at once, without
    /// a grace.
    pub fn kick(&mut self, id: SessionId, why: impl Into<Rc<str>>) {
        let session = self.sessions.get(id).filter(|session| session.life == Life::Open);
        let is_client = |session: &Session| session.rtmp().is_some() || session.http_player().is_some();
        if session.is_some_and(is_client) {
            self.order(Order::Kick(id, why.into()));
        }
    }

    /// Ends viewers of HLS in later steps, and refuses their requests for playlists for a time. Whoever shows the same
    /// from the same address with the same program is the same viewer.
    pub fn kick_viewers(&mut self, ids: Vec<ViewerId>, why: impl Into<Rc<str>>, refused_for: Duration) {
        let (is_one, until) = (ids.len() == 1, self.now.instant + refused_for);
        self.order(Order::EndViewers(Box::new(KickedViewers { left: ids, why: why.into(), until, is_one })));
    }

    /// Ends a stream in a later step whose publisher is lost, before its grace is over.
    pub fn end_grace_early(&mut self, id: StreamId) {
        if self.streams.get(id).is_some_and(|stream| stream.grace_until().is_some()) {
            self.order(Order::EndGrace(id));
        }
    }

    /// Tells the client of a role that the role ends, and why.
    pub(in crate::engine) fn tell_of_end(&mut self, id: SessionId, role: &SessionRole, why: &str) {
        let endpoint = Endpoint { session: id, msid: role.msid() };
        match role {
            SessionRole::Player(_) if self.is_http_player(id) => self.end_live_answer(id, why),
            SessionRole::Publisher { .. } => self.status(endpoint, REJECTED, why),
            SessionRole::Player(_) => {
                self.user_control(endpoint, UserControl::StreamEof);
                self.status(endpoint, STOP, why);
            }
        }
    }
}

impl Engine {
    /// One step of a kick: the client leaves one of its streams, whose outputs may have much to write. After the last it
    /// is closed.
    pub(super) fn end_kicked(&mut self, id: SessionId, why: &Rc<str>) {
        let Some(session) = self.cx.sessions.get_mut(id).filter(|session| session.life == Life::Open) else {
            return;
        };
        // It is not to get more than it has got, however slowly it reads.
        session.out.drop_frames();
        session.out.drop_pieces();
        let next = session.roles.iter().next().copied();
        match next {
            Some(role) => {
                self.cx.tell_of_end(id, &role, why);
                self.note_kick(&role);
                self.leave(Endpoint { session: id, msid: role.msid() }, LeaveReason::Ended);
            }
            // Before its connect a client does not expect this.
            None if session.client().is_none() => {}
            None => self.cx.status(Endpoint { session: id, msid: 0 }, CLOSED, why),
        }
        let is_open = |session: &&Session| session.life == Life::Open;
        let Some(session) = self.cx.sessions.get(id).filter(is_open) else { return };
        if session.roles.is_empty() {
            self.cx.finish(id, why);
        } else {
            self.cx.work.orders.push_front(Order::Kick(id, Rc::clone(why)));
        }
    }

    /// The stream that a kicked client publishes ends, and not by itself.
    fn note_kick(&mut self, role: &SessionRole) {
        if let SessionRole::Publisher { stream, .. } = role
            && let Some(stream) = self.cx.streams.get_mut(*stream)
        {
            stream.is_kicked = true;
        }
    }

    /// One step of the end of kicked viewers. The log has a line for one alone; of many whoever has kicked them tells.
    pub(super) fn end_kicked_viewers(&mut self, kicked: KickedViewers) {
        let KickedViewers { mut left, why, until, is_one } = kicked;
        let ids = left.split_off(left.len().saturating_sub(VIEWERS_AT_ONCE));
        if !left.is_empty() {
            let kicked = KickedViewers { left, why: Rc::clone(&why), until, is_one };
            self.cx.order(Order::EndViewers(Box::new(kicked)));
        }
        let level = if is_one { log::Level::Info } else { log::Level::Debug };
        for id in ids {
            let Some(ended) = self.cx.viewing.viewers.kick(id, until, self.cx.now.instant) else { continue };
            let (app, number) = (self.app_name(ended.app), id.serial());
            log::log!(level, "{app}/{}: viewer {number} is ended: {why}", ended.name.escape_debug());
            self.each_module(|module, cx| module.on_view_end(cx, id));
        }
    }

    /// Ends a stream before its grace is over.
    pub(super) fn end_kicked_grace(&mut self, id: StreamId) {
        let Some(stream) = self.cx.streams.get_mut(id).filter(|stream| stream.grace_until().is_some()) else {
            return;
        };
        stream.is_kicked = true;
        log::info!("{} is ended by an operator while its publisher is waited for", stream.label);
        self.end_stream(id);
    }
}
