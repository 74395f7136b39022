//! Publishes and plays that are followed: `on_update` while they last, and the reports of their end.
//!
//! The next update is timed when the last one has been answered, so that they never pile up.

use std::rc::Rc;

use crate::engine::{CallError, Ctx, Endpoint, StreamId};
use crate::http::client::Response;

use super::callbacks::{Callbacks, MODULE, Made, Requested, Running, client_facts, label};
use super::decision::Decision;
use super::event::{Activity, Event, Hook, Occasion};
use super::publishers::Publisher;
use super::settings::OnError;

impl Callbacks {
    /// A publish or a play begins.
    pub fn begin(&mut self, cx: &mut Ctx, stream: StreamId, (endpoint, activity): (Endpoint, Activity)) {
        let requested = self.requests.remove(&endpoint.session).filter(|it| it.endpoint == Some(endpoint));
        let Some((app, name)) = cx.streams.get(stream).map(|stream| (stream.app, stream.name.clone())) else {
            return;
        };
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
            self.running.insert(endpoint, Running { activity, args, since, timer: None, update: None });
            self.time_update(cx, stream, endpoint);
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
        let Some(Running { args, timer, .. }) = self.running.remove(&endpoint) else { return };
        if let Some((timer, token)) = timer {
            cx.cancel_timer(timer);
            self.timers.remove(&token);
        }
        if let Some(client) = client_facts(cx, endpoint.session, app) {
            self.tell_done(cx, (app, activity), &client, (name.as_str(), &args));
        }
    }

    /// Sets the time of the next update of what an endpoint does.
    fn time_update(&mut self, cx: &mut Ctx, stream: StreamId, endpoint: Endpoint) {
        let Some(app) = cx.streams.get(stream).map(|stream| stream.app) else { return };
        if !self.has(app, Hook::Update) {
            return;
        }
        let Some(every) = self.apps.get(app).map(|settings| settings.update_every) else { return };
        let token = self.next_token();
        if let Some(running) = self.running.get_mut(&endpoint) {
            running.timer = Some((cx.set_module_timer(MODULE, cx.now.instant + every, token), token));
            self.timers.insert(token, (endpoint, stream));
        }
    }

    /// The time of an update has come.
    pub fn update(&mut self, cx: &mut Ctx, token: u64) {
        let Some((endpoint, stream)) = self.timers.remove(&token) else { return };
        let Some(found) = cx.streams.get(stream) else { return };
        let (app, name) = (found.app, found.name.clone());
        let timestamp_ms = found.newest_time().unwrap_or_default() & u64::from(u32::MAX);
        let Some(callback) = self.apps.get(app).and_then(|settings| settings.callback(Hook::Update)).cloned()
        else {
            return;
        };
        let Some(client) = client_facts(cx, endpoint.session, app) else { return };
        let Some(running) = self.running.get_mut(&endpoint) else { return };
        running.timer = None;
        let seconds = cx.now.instant.saturating_duration_since(running.since).as_secs();
        let (of, args) = (running.activity, running.args.clone());
        let event = Event::Update { of, seconds, timestamp_ms };
        let occasion = Occasion { client: &client, name: name.as_str(), args: &args, event: &event };
        let label = label(&callback, &client, name.as_str());
        let made = Made::Update { endpoint, stream, label: label.clone() };
        let Ok(call) = self.call(cx, (app, &callback), &occasion, made) else {
            log::warn!("{label}: too many calls wait already; it is called again later");
            return self.time_update(cx, stream, endpoint);
        };
        if let Some(running) = self.running.get_mut(&endpoint) {
            running.update = Some(call);
        }
    }

    /// Takes the answer to an update: the client may go on, or its session ends. An answer about something that has
    /// ended meanwhile says nothing of what its endpoint does now.
    pub fn updated(
        &mut self,
        cx: &mut Ctx,
        call: u64,
        (endpoint, stream): (Endpoint, StreamId),
        label: &str,
        result: &Result<Response, CallError>,
    ) {
        let app = cx.streams.get(stream).map(|stream| stream.app);
        let Some(settings) = app.and_then(|app| self.apps.get(app)) else { return };
        let running = self.running.get_mut(&endpoint).filter(|running| running.update == Some(call));
        let Some(running) = running else { return };
        running.update = None;
        let activity = running.activity;
        let event = Event::Update { of: activity, seconds: 0, timestamp_ms: 0 };
        let (why, is_error) = match result {
            Ok(response) if !settings.is_strict && (300..400).contains(&response.status) => (None, false),
            Ok(response) => match Decision::of(response, &event, settings.format) {
                Decision::Yes => (None, false),
                Decision::Rename(_) => (Some("the backend answers with another name".to_owned()), false),
                Decision::No(why) => (Some(why), false),
            },
            Err(error) => (Some(error.to_string()), true),
        };
        match why {
            Some(why) if is_error && settings.on_error == OnError::Allow => {
                log::warn!("{label}: {why}; it goes on (notify_on_error)");
                self.time_update(cx, stream, endpoint);
            }
            Some(why) => {
                log::warn!("{label}: {why}");
                end_session(cx, stream, (endpoint, activity), &why);
            }
            None => self.time_update(cx, stream, endpoint),
        }
    }
}

/// Ends what a client does, for a reason that it is told.
fn end_session(cx: &mut Ctx, stream: StreamId, (endpoint, activity): (Endpoint, Activity), why: &str) {
    let reason = format!("ended by the server's backend: {why}");
    match activity {
        Activity::Publish => cx.dismiss(stream, &reason),
        Activity::Play => cx.finish(endpoint.session, &reason),
    }
}
