//! The state of the module: the settings of each application, and what is under way.

use crate::engine::ByApp;

use super::lookup::Lookups;
use super::publishes::Publishes;
use super::settings::Settings;
use super::views::Views;

/// The settings, and what is under way. The files beside this one say which relays there are.
#[derive(Default)]
pub struct Relayer {
    pub apps: ByApp<Settings>,
    pub publishes: Publishes,
    pub lookups: Lookups,
    pub views: Views,
}
