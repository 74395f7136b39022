//! The state of the module: the settings of each application, and what is under way.

use std::collections::HashMap;

use crate::engine::{ByApp, RelayId};

use super::lookup::Lookups;
use super::publishes::Publishes;
use super::settings::Settings;
use super::trials::Trials;
use super::views::Views;

/// The settings, and what is under way. The files beside this one say which relays there are.
#[derive(Default)]
pub struct Relayer {
    pub apps: ByApp<Settings>,
    pub publishes: Publishes,
    pub lookups: Lookups,
    pub views: Views,
    pub trials: Trials,
    /// The arguments of the client for which a pull has been begun: a reload would begin it with them, too.
    pub pulled_with: HashMap<RelayId, Box<str>>,
}
