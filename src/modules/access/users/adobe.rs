//! Adobe's authentication at the connect of an encoder: it is asked for user and password, or its answer is judged.

use std::time::UNIX_EPOCH;

use crate::auth::adobe::{self, Challenger, Step};
use crate::auth::secret::Hasher;
use crate::engine::files::users::Claim;
use crate::engine::{Ctx, Peer, Refusal};

/// How a connect continues.
pub enum Encoders {
    /// It goes on, and what it publishes is judged later.
    Pass,
    /// It is asked for what comes next.
    Ask(Refusal),
    /// It has answered a challenge.
    Judge(Claim),
}

impl Encoders {
    /// Finds out what to do with a connect that has no credentials of another kind.
    pub fn of(cx: &Ctx, hasher: &Hasher, peer: Peer, (is_encoder, args): (bool, &str)) -> Self {
        let now = cx.now.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let challenger = || Challenger::new(hasher.clone(), peer.host(), now);
        match Step::of(args) {
            None if is_encoder => {
                let ask = "asked for user and password";
                Self::Ask(Refusal::of_client(adobe::needed()).logged_as(ask))
            }
            None => Self::Pass,
            Some(Step::User(user)) => Self::Ask(match challenger().ask(&user) {
                Some(challenge) => Refusal::of_client(challenge).logged_as("asked to answer a challenge"),
                None => failure(
                    "this user cannot be asked: the name is too long, or has characters that cannot be sent back",
                ),
            }),
            Some(Step::Response(response)) => Self::Judge(Claim::Response(challenger(), response)),
        }
    }
}

fn failure(why: &'static str) -> Refusal {
    Refusal::of_client(adobe::failed()).logged_as(why)
}
