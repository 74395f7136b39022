//! Publishes and plays that are followed: `on_update` while they last, and the reports of their end.
//!
//! The next update is timed when the last one has been answered, so that they never pile up.

use std::rc::Rc;

use crate::engine::{AppId, CallError, Ctx, Endpoint, Player, Stream, StreamId};
use crate::http::client::Response;

use super::{Asker, Publisher, Requested, Running, Update};
use crate::modules::notify::decision::Decision;
use crate::modules::notify::event::{Activity, CallbackKind, Event, Occasion};
use crate::modules::notify::label::Label;
use crate::modules::notify::notifier::{MODULE, Notifier, UnderWay, client_facts};
use crate::modules::notify::settings::{Callback, OnError};

impl Notifier {
    /// A publish or a play begins.
    pub fn begin(&mut self, cx: &mut Ctx, stream: StreamId, (endpoint, activity): (Endpoint, Activity)) {
        let requested =
            self.requests.remove(&endpoint.session).filter(|it| it.asker == Asker::Endpoint(endpoint));
        let Some((app, name)) = cx.streams.get(stream).map(|stream| (stream.app, stream.name.clone())) else {
            return;
        };
        // A push is no client of this server.
        if activity == Activity::Play && cx.is_relay(endpoint.session) {
            return;
        }
        let Some(settings) = self.apps.get(app) else { return };
        let (args, since) = match requested {
            Some(Requested { args, since, .. }) => (args, since),
            None => (String::new(), cx.now.instant),
        };
        if activity == Activity::Publish
            && settings.tells_of_recordings()
            && let Some(client) = client_facts(cx, endpoint.session, app)
        {
            let publisher = Publisher { client: Rc::new(client), args: args.clone() };
            self.publishers.begin(app, name, publisher);
        }
        if settings.follows(activity) {
            let running = Running { stream, activity, args, since, update: Update::None };
            self.running.insert(endpoint, running);
            self.time_update(cx, endpoint);
        }
    }

    /// A publish or a play ends.
    pub fn end(&mut self, cx: &mut Ctx, stream: StreamId, (endpoint, activity): (Endpoint, Activity)) {
        let Some((app, name)) = cx.streams.get(stream).map(|stream| (stream.app, stream.name.clone())) else {
            return;
        };
        if activity == Activity::Publish {
            self.publishers.end(app, &name);
        }
        let Some(Running { args, update, .. }) = self.running.remove(&endpoint) else { return };
        if let Update::Timed(timer, token) = update {
            cx.cancel_timer(timer);
            self.timers.remove(&token);
        }
        if let Some(client) = client_facts(cx, endpoint.session, app) {
            self.tell_done(cx, (app, activity), &client, (name.as_str(), &args));
        }
    }

    /// Times the updates of all publishes and plays anew, after a reload. Of those that were not followed before, the
    /// arguments are not known any more.
    pub fn time_updates(&mut self, cx: &mut Ctx) {
        let mut found = Vec::new();
        let streams = cx.streams.iter().chain(cx.streams.files());
        for stream in streams.filter(|stream| self.callback(stream.app, CallbackKind::Update).is_some()) {
            found.extend(stream.publisher.map(|publisher| (stream.id, publisher, Activity::Publish)));
            let players = stream.players.iter().filter(|player| !cx.is_relay(player.session));
            found.extend(players.map(|player| (stream.id, *player, Activity::Play)));
        }
        for (stream, endpoint, activity) in found {
            let (args, since) = (String::new(), cx.now.instant);
            let new = || Running { stream, activity, args, since, update: Update::None };
            let running = self.running.entry(endpoint).or_insert_with(new);
            match running.update {
                Update::Called(_) => {}
                Update::Timed(timer, token) => {
                    cx.cancel_timer(timer);
                    self.timers.remove(&token);
                    self.time_update(cx, endpoint);
                }
                Update::None => self.time_update(cx, endpoint),
            }
        }
    }

    /// Sets the time of the next update of what an endpoint does.
    fn time_update(&mut self, cx: &mut Ctx, endpoint: Endpoint) {
        let token = self.next_token();
        let Some(running) = self.running.get_mut(&endpoint) else { return };
        running.update = Update::None;
        let app = cx.streams.get(running.stream).map(|stream| stream.app);
        let settings = app.and_then(|app| self.apps.get(app));
        let settings = settings.filter(|settings| settings.callback(CallbackKind::Update).is_some());
        let Some(every) = settings.and_then(|settings| settings.update_every) else { return };
        running.update = Update::Timed(cx.set_module_timer(MODULE, cx.now.instant + every, token), token);
        self.timers.insert(token, endpoint);
    }

    /// The time of an update has come.
    pub fn update(&mut self, cx: &mut Ctx, timer: u64) {
        let Some(endpoint) = self.timers.remove(&timer) else { return };
        let Some(running) = self.running.get_mut(&endpoint) else { return };
        running.update = Update::None;
        let Some((app, callback)) = self.update_of(cx, endpoint) else { return };
        match self.call_update(cx, endpoint, (app, &callback)) {
            Some(call) => {
                if let Some(running) = self.running.get_mut(&endpoint) {
                    running.update = Update::Called(call);
                }
            }
            // Too many calls wait already.
            None => self.time_update(cx, endpoint),
        }
    }

    /// The application and the callback for updates of what an endpoint does.
    fn update_of(&self, cx: &Ctx, endpoint: Endpoint) -> Option<(AppId, Rc<Callback>)> {
        let app = cx.streams.get(self.running.get(&endpoint)?.stream)?.app;
        Some((app, self.callback(app, CallbackKind::Update)?))
    }

    fn call_update(
        &mut self,
        cx: &mut Ctx,
        endpoint: Endpoint,
        (app, callback): (AppId, &Rc<Callback>),
    ) -> Option<u64> {
        let running = self.running.get(&endpoint)?;
        let stream = cx.streams.get(running.stream)?;
        let client = client_facts(cx, endpoint.session, app)?;
        let (name, args) = (stream.name.clone(), running.args.clone());
        let event = Event::Update {
            of: running.activity,
            seconds: cx.now.instant.saturating_duration_since(running.since).as_secs(),
            timestamp_ms: time_of(cx, stream, endpoint) & u64::from(u32::MAX),
        };
        let occasion = Occasion { client: &client, name: name.as_str(), args: &args, event: &event };
        let label = Label::new(callback, &client, name.as_str());
        self.call(cx, (app, callback), &occasion, UnderWay::Update { endpoint, label }).ok()
    }

    /// Takes the answer to an update: the client may continue, or what it does ends. An answer about something that has
    /// ended meanwhile says nothing of what its endpoint does now.
    pub fn updated(
        &mut self,
        cx: &mut Ctx,
        (call, endpoint): (u64, Endpoint),
        label: &Label,
        result: &Result<Response, CallError>,
    ) {
        let Some(running) = self.running.get(&endpoint) else { return };
        let (stream, activity) = (running.stream, running.activity);
        let app = cx.streams.get(stream).map(|stream| stream.app);
        let Some(settings) = app.and_then(|app| self.apps.get(app)) else { return };
        if !matches!(running.update, Update::Called(made) if made == call) {
            return;
        }
        let event = Event::Update { of: activity, seconds: 0, timestamp_ms: 0 };
        let why = match result {
            Ok(response) if (300..400).contains(&response.status) => {
                let status = response.status;
                let why =
                    || format!("ended by the server's backend: it answers {status} (notify_update_strict)");
                settings.is_strict.then(why)
            }
            Ok(response) => match Decision::of(response, &event, label.callback.format) {
                Decision::Yes | Decision::Rename(_) | Decision::Relay(_) => None,
                Decision::No(why) => {
                    log::info!("{label}: {why}");
                    Some(format!("ended by the server's backend: {why}"))
                }
            },
            Err(error) if settings.on_error == OnError::Refuse => {
                log::warn!("{label}: {error}");
                Some("ended: the server cannot ask its backend".to_owned())
            }
            Err(error) => {
                log::warn!("{label}: {error}; it may continue (notify_on_error)");
                None
            }
        };
        match why {
            Some(why) => end_activity(cx, stream, (endpoint, activity), &why),
            None => self.time_update(cx, endpoint),
        }
    }
}

/// The newest time of the media of a stream, or of the file that a client plays, in milliseconds.
fn time_of(cx: &Ctx, stream: &Stream, endpoint: Endpoint) -> u64 {
    let file_time = cx.file_player(endpoint).and_then(Player::file_time);
    file_time.or(stream.newest_time()).unwrap_or_default()
}

/// Ends a publish, whose client is told why, or the session of a player.
fn end_activity(cx: &mut Ctx, stream: StreamId, (endpoint, activity): (Endpoint, Activity), why: &str) {
    match activity {
        Activity::Publish => cx.dismiss(stream, why),
        Activity::Play => {
            let label = cx.streams.get(stream).map(|stream| stream.label.to_string()).unwrap_or_default();
            cx.finish(endpoint.session, &format!("{label}: {why}"));
        }
    }
}
