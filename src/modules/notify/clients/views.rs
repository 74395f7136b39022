//! Viewers of HLS (`hls_sessions`): about whom a backend is asked, and of whose end it is told. There is no `on_update`
//! for them.

use crate::engine::{AppId, Ctx, Peer, Request, RequestKind, View, ViewerId};

use super::Asker;
use super::viewers::Texts;
use crate::modules::notify::decision::Decision;
use crate::modules::notify::event::Activity;
use crate::modules::notify::facts::{ClientFacts, Protocol};
use crate::modules::notify::notifier::Notifier;
use crate::modules::notify::settings::Settings;

impl Notifier {
    /// Whether the backends of an application are asked about viewers, and told of them.
    pub fn asks_about_viewers(&self, app: AppId) -> bool {
        self.apps.get(app).is_some_and(|settings| settings.asks_about_viewers)
    }

    /// A viewer begins, whose request has been granted.
    pub fn begin_view(&mut self, cx: &Ctx, viewer: ViewerId, request: &Request) {
        let RequestKind::View(view) = &request.kind else { return };
        if self.requests.get(&request.session).is_some_and(|requested| requested.asker == Asker::of(request))
        {
            self.requests.remove(&request.session);
        }
        if self.apps.get(request.app).is_some_and(Settings::follows_viewers) {
            let Request { app, name, args, .. } = request;
            let View { user_agent, url, referer, .. } = &**view;
            let texts = Texts { name, args, user_agent, url, referer };
            self.viewers.begin(viewer, (*app, view.peer), texts, cx.now.instant);
        }
    }

    /// A viewer ends.
    pub fn end_view(&mut self, cx: &mut Ctx, id: ViewerId) {
        let Some(viewer) = self.viewers.end(id) else { return };
        let Texts { name, args, user_agent, url, referer } = viewer.texts();
        let client = facts(cx, (viewer.app, id), viewer.peer, [user_agent, url, referer]);
        self.tell_done(cx, (viewer.app, Activity::Play), &client, (name, args));
    }
}

/// Why a viewer is refused who is to watch another stream.
pub const OTHER_STREAM: &str = "the backend names another stream, and viewers of HLS cannot be led to one";

/// The decision about a viewer of this stream. It gets the file that it asks for, so another name is a no: the backend may
/// lead it from a stream that is paid for to a preview.
pub fn about_viewer(decision: Decision, stream: &str) -> Decision {
    match decision {
        Decision::Rename(name) if name == stream => Decision::Yes,
        Decision::Rename(_) => Decision::No(OTHER_STREAM.to_owned()),
        decision => decision,
    }
}

/// What callbacks tell of a viewer.
pub fn viewer_facts(cx: &Ctx, app: AppId, view: &View) -> ClientFacts {
    facts(cx, (app, view.id), view.peer, [&view.user_agent, &view.url, &view.referer])
}

fn facts(
    cx: &Ctx,
    (app, id): (AppId, ViewerId),
    peer: Peer,
    [user_agent, url, referer]: [&str; 3],
) -> ClientFacts {
    ClientFacts {
        protocol: Protocol::Hls,
        app: cx.apps.get(app).map(|app| app.name.clone()).unwrap_or_default(),
        flash_ver: user_agent.to_owned(),
        tc_url: url.to_owned(),
        page_url: referer.to_owned(),
        peer: Some(peer),
        client_id: id.serial(),
        // Viewers have no swf_url and no arguments but those of the stream; only a connect tells when it began.
        ..ClientFacts::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_is_led_to_no_other_stream() {
        let rename = |name: &str| Decision::Rename(name.to_owned());
        let no = Decision::No("the backend answers 403".to_owned());
        assert_eq!(about_viewer(Decision::Yes, "cam"), Decision::Yes);
        assert_eq!(about_viewer(no.clone(), "cam"), no);
        assert_eq!(about_viewer(rename("cam"), "cam"), Decision::Yes);
        for other in ["preview", "cam_low", "Cam"] {
            let decision = about_viewer(rename(other), "cam");
            assert!(matches!(&decision, Decision::No(why) if !why.contains(other)), "{decision:?}");
        }
    }
}
