//! What `-t` says of settings that most likely do not do what is meant.

use crate::conf::Scope;
use crate::engine::{Application, Config, Location, LocationKind, Probe};

/// The directives that say how streams are sent.
const DEPENDENT: [&str; 3] = ["flv_compat", "flv_timestamps", "flv_origin"];

pub fn probe(config: &Config<'_>, probe: &mut Probe) {
    for location in &config.locations {
        match location.scope.flag("flv_live") {
            true => judge(&location.scope, probe),
            // Settings of a server are for all its locations.
            false if location.kind == LocationKind::Server => {}
            false => name_settings_without_it(&location.scope, probe),
        }
    }
    warn_of_local_applications(config, probe);
}

fn name_settings_without_it(scope: &Scope<'_>, probe: &mut Probe) {
    for node in DEPENDENT.iter().flat_map(|name| scope.own(name)) {
        let message = format!("\"{}\" has no effect in a location without \"flv_live on\"", node.name);
        probe.warn(node, message);
    }
}

fn judge(scope: &Scope<'_>, probe: &mut Probe) {
    if let Some(node) = scope.own("limit_rate").find(|_| scope.size("limit_rate") > 0) {
        probe.warn(node, "it has no effect on live streams, which go out as fast as they are published");
    }
}

/// Warns of applications that only this machine could reach before.
fn warn_of_local_applications(config: &Config<'_>, probe: &mut Probe) {
    let sends = |location: &&Location<'_>| location.scope.flag("flv_live") && location.is_open();
    let Some(node) = config.locations.iter().find(sends).and_then(|at| at.scope.find("flv_live")) else {
        return;
    };
    let is_opened =
        |app: &&Application<'_>| app.features.live && app.features.players.are_none() && config.is_local(app);
    if let Some(app) = config.applications.iter().find(is_opened) {
        let name = &app.name;
        let message = format!(
            "everybody may play the streams of application \"{name}\" here, whose RTMP server listens to this machine alone: \
             write \"allow local; deny all;\" here, or \"deny play all;\" there"
        );
        probe.warn(node, message);
    }
}
