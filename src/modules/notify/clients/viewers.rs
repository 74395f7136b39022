//! Viewers of HLS: who has to ask (`hls_sessions`), and whose end a backend is told of.
//!
//! What the calls at the end of a viewer need is packed, as there may be many. There is no `on_update` for viewers.

use crate::engine::{AppId, Ctx, Peer, Request, RequestKind, View, ViewerId};

use super::Asker;
use crate::modules::notify::event::Activity;
use crate::modules::notify::facts::{ClientFacts, Protocol};
use crate::modules::notify::notifier::Notifier;
use crate::modules::notify::settings::Settings;

/// A viewer whose end is told.
pub struct Viewer {
    app: AppId,
    peer: Peer,
    /// The name of the stream, its arguments, and what the viewer has said of itself, one behind the other.
    texts: Box<str>,
    /// The place in `texts` where each text but the last ends.
    ends: [u32; 4],
}

impl Viewer {
    /// A viewer who begins by this request.
    fn new(request: &Request, view: &View) -> Self {
        let Request { app, name, args, .. } = request;
        let texts = [name, args, &view.user_agent, &view.url, &view.referer].map(String::as_str);
        let (texts, ends) = pack(texts);
        Self { app: *app, peer: view.peer, texts, ends }
    }
}

/// Texts one behind the other, and where each but the last ends. (They come from the head of a request, so they have less
/// than 4 GiB.)
fn pack(texts: [&str; 5]) -> (Box<str>, [u32; 4]) {
    let (mut all, mut ends) = (String::with_capacity(texts.iter().map(|text| text.len()).sum()), [0; 4]);
    for (index, text) in texts.iter().enumerate() {
        all.push_str(text);
        if let Some(end) = ends.get_mut(index) {
            *end = u32::try_from(all.len()).unwrap_or(u32::MAX);
        }
    }
    (all.into(), ends)
}

/// The texts that were packed.
fn unpack<'t>(texts: &'t str, ends: &[u32; 4]) -> [&'t str; 5] {
    let at = |index: usize| ends.get(index).map_or(texts.len(), |end| *end as usize);
    std::array::from_fn(|index| {
        let begin = index.checked_sub(1).map_or(0, at);
        texts.get(begin..at(index)).unwrap_or_default()
    })
}

impl Notifier {
    /// Whether the backends of an application are asked about viewers, and told of them.
    pub fn asks_about_viewers(&self, app: AppId) -> bool {
        self.apps.get(app).is_some_and(|settings| settings.asks_about_viewers)
    }

    /// A viewer begins, whose request has been granted.
    pub fn begin_view(&mut self, viewer: ViewerId, request: &Request) {
        let RequestKind::View(view) = &request.kind else { return };
        if self.requests.get(&request.session).is_some_and(|requested| requested.asker == Asker::of(request))
        {
            self.requests.remove(&request.session);
        }
        if self.apps.get(request.app).is_some_and(Settings::follows_viewers) {
            self.viewers.insert(viewer, Viewer::new(request, view));
        }
    }

    /// A viewer ends.
    pub fn end_view(&mut self, cx: &mut Ctx, id: ViewerId) {
        let Some(Viewer { app, peer, texts, ends }) = self.viewers.remove(&id) else { return };
        let [name, args, user_agent, url, referer] = unpack(&texts, &ends);
        let client = facts(cx, (app, id), peer, [user_agent, url, referer]);
        self.tell_done(cx, (app, Activity::Play), &client, (name, args));
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
    fn texts_are_unpacked_as_they_were_packed() {
        for texts in [
            ["cam", "key=1&x=y", "Mozilla/5.0", "http://h/hls/cam.m3u8", "http://h/watch"],
            ["café", "", "", "", ""],
            ["", "", "", "", "é"],
            [""; 5],
        ] {
            let (all, ends) = pack(texts);
            assert_eq!(unpack(&all, &ends), texts);
        }
    }

    #[test]
    fn a_viewer_takes_less_than_a_hundred_bytes_beside_its_texts() {
        assert!(size_of::<(ViewerId, Viewer)>() < 100, "{}", size_of::<(ViewerId, Viewer)>());
    }
}
