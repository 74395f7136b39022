//! The way of an HTTP request to its answer: the modules are asked at its server, at its location, and for an answer;
//! a redirect begins anew at another place.
//!
//! The way can be left when a module has to wait for a lookup; [`Progress`] says where it continues.

use crate::engine::Engine;
use crate::engine::http::answer::{Answer, HttpReply, Redirect, Route, Target};
use crate::engine::http::progress::{MAX_REDIRECTS, Progress, Question};
use crate::engine::http::request::HttpRequest;
use crate::http::Method;

impl Engine {
    /// Asks the modules for an answer, through internal redirects. None to close the connection without an answer.
    /// After [`Answer::Wait`] the same module is asked again. What has been `found` on the way, such as an error, goes
    /// before their answer.
    pub(in crate::engine) fn find_answer(
        &mut self,
        request: &mut HttpRequest,
        progress: &mut Progress,
        mut found: Option<Route>,
    ) -> Option<Answer> {
        while progress.may_continue() {
            let mut route = found.take().unwrap_or_else(|| self.ask_modules(request, progress));
            // As in nginx, an error on the way to an error page gets no error page.
            if let (Route::Reply(reply), false) = (&route, progress.to_error_page) {
                let (status, modules) = (reply.head.status, &mut self.modules);
                let mut better = modules.iter_mut().map(|m| m.on_http_error(&mut self.cx, request, status));
                if status >= 300
                    && let Some(better) = better.find(|route| !matches!(route, Route::Continue))
                {
                    progress.replace(reply);
                    progress.to_error_page = matches!(better, Route::Redirect(_));
                    route = better;
                }
            }
            return match route {
                Route::Close => None,
                Route::Redirect(Redirect { target, status }) => {
                    redirect(request, target, progress.to_error_page);
                    let is_named = request.locations.is_named(request.location);
                    progress.redirect(if is_named { Question::Location } else { Question::Server });
                    progress.forced = progress.forced.or(status);
                    continue;
                }
                Route::Continue => Some(Answer::Reply(HttpReply::error(404))),
                Route::Reply(reply) | Route::Verbatim(reply) => Some(Answer::Reply(reply)),
                Route::Later(work) => Some(Answer::Later(work)),
                Route::Shared(shared) => Some(Answer::Shared(shared)),
                Route::Wait(lookup) => Some(Answer::Wait(lookup)),
                Route::View(file) => Some(Answer::View(file)),
                Route::Operate(operation) => Some(Answer::Operate(operation)),
                Route::Play(play) => Some(Answer::Play(play)),
            };
        }
        log::warn!("{} {}: more than {MAX_REDIRECTS} internal redirects", request.session, request.head.path);
        Some(Answer::Reply(HttpReply::error(500)))
    }

    /// Asks the modules about a request at its present place.
    fn ask_modules(&mut self, request: &mut HttpRequest, progress: &mut Progress) -> Route {
        let cx = &mut self.cx;
        loop {
            let Some(module) = self.modules.get_mut(progress.module) else {
                progress.module = 0;
                progress.question = match progress.question {
                    Question::Server => {
                        locate(request);
                        Question::Location
                    }
                    Question::Location => {
                        request.is_admitted = true;
                        Question::Answer
                    }
                    Question::Answer => return Route::Reply(HttpReply::error(404)),
                };
                continue;
            };
            let route = match progress.question {
                Question::Server => module.on_http_server(cx, request),
                Question::Location => module.on_http_location(cx, request),
                Question::Answer => module.on_http(cx, request).map_or(Route::Continue, Route::from),
            };
            match route {
                Route::Continue => progress.module += 1,
                decided => return decided,
            }
        }
    }
}

/// Finds the location of a request.
fn locate(request: &mut HttpRequest) {
    if let Some((location, captures)) = request.locations.find(request.server, &request.head.path) {
        (request.location, request.captures) = (location, captures);
        let (peer, headers) = ((request.connection_peer, request.is_told), &request.head.headers);
        request.peer = request.locations.client(location, peer, headers);
    }
}

/// Redirects a request internally. To an error page it goes without its conditions and ranges.
fn redirect(request: &mut HttpRequest, target: Target, error_page: bool) {
    (request.internal, request.is_admitted) = (true, false);
    request.admission.redirect();
    if error_page {
        request.head.headers.remove(&["range", "if-range", "if-match", "if-none-match"]);
        request.head.headers.remove(&["if-modified-since", "if-unmodified-since"]);
        if request.head.method != Method::Head {
            request.head.method = Method::Get;
        }
    }
    let own = request.locations.own(request.server);
    match target {
        Target::Path { path, query } => {
            (request.head.path, request.head.query) = (path, query);
            request.location = own.unwrap_or(request.location);
        }
        Target::Named(name) => {
            let named = request.locations.named(request.server, &name).or(own);
            request.location = named.unwrap_or(request.location);
        }
    }
}
