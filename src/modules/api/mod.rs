//! The JSON API for operators: what the server does, and what it is told to do.
//!
//! Who may read and who may act is decided here, for each request, before anything is looked at. What is read is composed
//! in `read/`; what is done is the engine's operations. Every action is logged with who has asked for it.

mod actions;
mod actor;
mod body;
mod directives;
mod facts;
mod look;
mod read;
mod reply;
mod route;
mod settings;
mod tokens;

use std::any::Any;
use std::rc::Rc;

use crate::auth::secret::Hasher;
use crate::auth::tokens::{Grant, Token};
use crate::conf::{self, Directive, Node};
use crate::engine::{
    Answer, ApiFeature, ByLocation, Config, Ctx, HttpRequest, LocationId, Module, Probe, TokenRefusal,
};

use actor::Actor;
use reply::Fault;
use route::Call;
use settings::Settings;

#[derive(Debug, Default)]
pub struct Api {
    /// None where there is no API.
    locations: ByLocation<Option<Rc<Settings>>>,
    /// Actions so far. Who reads after one is told what is there since.
    actions: u64,
}

impl Module for Api {
    fn name(&self) -> &'static str {
        "api"
    }

    fn directives(&self) -> &'static [Directive] {
        directives::DIRECTIVES
    }

    fn declare(&self, config: &mut Config<'_>) {
        for location in &mut config.locations {
            if location.scope.text("millstream_api") != "off" {
                location.takes_bodies = true;
                let tokens = location.scope.all("api_token").into_iter().map(Node::custom).collect();
                location.api = Some(ApiFeature { tokens });
            }
        }
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let mut faults = conf::Faults::default();
        let place = config.locations.first().map(|location| location.scope.place("api_token"));
        let hasher = Hasher::random()
            .map_err(|why| conf::Error::in_place(place.unwrap_or_else(conf::Place::command_line), why));
        if let Some(hasher) = faults.keep(hasher) {
            let read = config.locations.iter();
            let read = read.map(|location| (location.id, Settings::read(location, &hasher, &mut faults)));
            self.locations = read.collect();
        }
        faults.into_result(())
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        tokens::probe(config, probe);
        settings::probe(config, probe);
    }

    fn adopt(&mut self, _cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.locations.adopt(next.locations);
    }

    fn release_locations(&mut self, _cx: &mut Ctx, first: LocationId) {
        self.locations.release(first);
    }

    fn on_http(&mut self, cx: &mut Ctx, request: &HttpRequest) -> Option<Answer> {
        let settings = Rc::clone(self.locations.get(request.location)?.as_ref()?);
        let token = match &settings.tokens {
            open if open.is_empty() => None,
            tokens => match TokenRefusal::judge(tokens, cx, request) {
                Ok(token) => Some(token),
                Err(refusal) => return Some(Answer::Verbatim(refusal.into_reply())),
            },
        };
        let answer = self.answer(cx, (&settings, token), request);
        Some(answer.unwrap_or_else(|fault| Answer::Verbatim(fault.into_reply())))
    }
}

impl Api {
    fn answer(
        &mut self,
        cx: &mut Ctx,
        (settings, token): (&Settings, Option<&Token>),
        request: &HttpRequest,
    ) -> Result<Answer, Fault> {
        let call = Call::of(&settings.base, &request.head.path, &request.head.method)?;
        let grant = token.map_or(settings.open_for, |token| token.grant);
        match call {
            Call::Read(read) => look::read(cx, request, &read, (grant, self.actions)),
            Call::Act(act) => {
                if grant != Grant::Act {
                    return Err(Fault::new(403, denial(token.is_some())));
                }
                body::check(request, token.is_some())?;
                self.actions += 1;
                let actor = Actor { name: settings.name_of(request, token), session: request.session };
                actions::begin(cx, request, &act, actor)
            }
        }
    }
}

/// Why somebody may read and not act.
fn denial(has_token: bool) -> &'static str {
    if has_token {
        "this token only reads: \"api_token NAME SECRET act\" makes one that acts"
    } else {
        "this location only tells: to act takes a token, of \"api_token NAME SECRET act\""
    }
}
