//! Warns of recorders that will fail or surprise.

use crate::conf::{FindingKind, Scope};
use crate::engine::{Application, Probe};

use super::settings::Settings;

/// Looks at the recorders of an application.
pub fn probe(application: &Application<'_>, probe: &mut Probe) {
    let scope = &application.scope;
    for recorder in std::iter::once(scope.clone()).chain(scope.blocks("recorder")) {
        if let Ok(Some(settings)) = Settings::read(&recorder, "") {
            look_at(application, &recorder, &settings, probe);
        }
    }
}

fn look_at(application: &Application<'_>, scope: &Scope<'_>, settings: &Settings, probe: &mut Probe) {
    if !application.features.live {
        let node = scope.own("record").next().unwrap_or(scope.node());
        probe.warn(
            node,
            "\"record\" without \"live on\": nothing can be published here, so nothing is recorded",
        );
    }
    probe.folder(scope.find("record_path").unwrap_or(scope.node()), "record_path", settings.folder());
    if settings.reuses_names() {
        let message = "a recording does not take the place of an older one: NAME.flv is followed by NAME.1.flv; record_unique, \
                       or a date in record_suffix, makes names that differ";
        probe.tell(scope.find("record").unwrap_or(scope.node()), FindingKind::Differs, message);
    }
}
