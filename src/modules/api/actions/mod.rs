//! What is done: each action reads its body, and tells in the log who has asked for it.

mod act;
mod kick;
mod operate;
pub mod relays;

use crate::engine::{Answer, Ctx, HttpRequest};
use crate::modules::api::actor::Actor;
use crate::modules::api::body;
use crate::modules::api::reply::Fault;
use crate::modules::api::route::Act;

/// Does what a request asks for, or begins to.
pub fn begin(cx: &mut Ctx, request: &HttpRequest, act: &Act, actor: Actor) -> Result<Answer, Fault> {
    match act {
        Act::KickClient(id) => {
            kick::kick_client(cx, *id, &body::read::<body::Kick>(request)?.order()?, &actor)
        }
        Act::KickStream(path) => {
            kick::kick_stream(cx, path, body::read::<body::Kick>(request)?.order()?, actor)
        }
        Act::Redirect(id) => act::redirect(cx, *id, &body::read(request)?, &actor),
        Act::Ban => act::ban(cx, &body::read(request)?, &actor),
        Act::Lift(id) => {
            body::read::<body::Nothing>(request)?;
            act::lift(cx, *id, &actor)
        }
        Act::Record(path) => operate::record(cx, request, path, &body::read(request)?, &actor),
        Act::Push(path) => relays::push(cx, request, path, &body::read(request)?, &actor),
        Act::Pull(path) => relays::pull(cx, request, path, &body::read(request)?, &actor),
        Act::EndRelay(id) => {
            body::read::<body::Nothing>(request)?;
            relays::end(cx, request, *id, &actor)
        }
        Act::Reload => {
            body::read::<body::Nothing>(request)?;
            operate::reload(request, &actor)
        }
    }
}
