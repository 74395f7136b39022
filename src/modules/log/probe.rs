//! What `-t` says of the access log.

use crate::conf::{FindingKind, Node};
use crate::engine::{Config, Probe};

/// All formats, wherever they stand: nginx-rtmp keeps one list for all its servers.
pub fn formats<'t>(config: &Config<'t>) -> Vec<&'t Node> {
    let mut found: Vec<&Node> = Vec::new();
    for app in &config.applications {
        for node in app.scope.by_level(&["log_format"]).into_iter().flatten() {
            if !found.iter().any(|known| std::ptr::eq(*known, node)) {
                found.push(node);
            }
        }
    }
    found
}

/// Says where nginx-rtmp writes a log and nothing does here: where no log is asked for.
pub fn check(config: &Config<'_>, probe: &mut Probe) {
    let silent = config.applications.iter().find(|app| app.scope.all("access_log").is_empty());
    if let Some(app) = silent {
        let message = format!(
            "no access log is written of the application \"{}\": nginx-rtmp writes one unless \"access_log off;\" says \
             otherwise, here \"access_log PATH;\" asks for it",
            app.name
        );
        probe.tell(app.scope.node(), FindingKind::Differs, message);
    }
}
