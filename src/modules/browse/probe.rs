//! What `-t` says of recordings that nobody could see.

use crate::engine::{Config, Location, LocationKind, Probe};

/// Warns of locations with nothing to show, or for nobody.
pub fn check(config: &Config<'_>, probe: &mut Probe) {
    let mut recording =
        config.applications.iter().filter(|app| !app.features.recorders.is_empty()).peekable();
    let shown = |location: &&Location<'_>| location.shows_recordings && location.kind != LocationKind::Server;
    let is_none = recording.peek().is_none();
    let nobody = !is_none && recording.all(|app| app.features.players.clients_are_asked);
    for location in config.locations.iter().filter(shown) {
        let Some(node) = location.scope.find("record_browse") else { continue };
        if is_none {
            probe.warn(node, "\"record_browse\" has nothing to show: no application records (\"record\")");
        }
        let beside = |other: &Location<'_>| other.server == location.server && other.api.is_some();
        if nobody && !config.locations.iter().any(beside) {
            probe.warn(
                node,
                "\"record_browse\" shows nothing to anybody: \"on_connect\" cannot be asked about who only reads, and this server has no API whose tokens would do",
            );
        }
    }
}
