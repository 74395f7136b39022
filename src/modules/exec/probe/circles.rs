//! Warnings about commands that start themselves: they publish to an application for which they run.

use crate::conf::Node;
use crate::engine::{Config, Probe};

use crate::modules::exec::line::Kind;
use crate::modules::exec::settings::{read, written};

use super::urls::local_urls;

/// Warns of commands that start themselves.
pub fn check_circles(config: &Config<'_>, probe: &mut Probe) {
    let mut told: Vec<&Node> = Vec::new();
    for app in &config.applications {
        for (node, options) in written(&app.scope) {
            let Ok(line) = read(&app.scope, node, options) else { continue };
            let is_known = told.iter().any(|other| std::ptr::eq(*other, node));
            let begins =
                matches!(line.kind, Kind::Push | Kind::Publish | Kind::PublishDone) && line.is_for_all();
            if begins && !is_known && publishes_to(&node.args, &app.name) {
                told.push(node);
                let message = format!(
                    "the command publishes to the application \"{}\", for which it runs: each of its streams starts it again",
                    app.name
                );
                probe.warn(node, message);
            }
        }
    }
}

/// Whether a command publishes to an application of this machine.
fn publishes_to(words: &[String], app: &str) -> bool {
    let names = ["$app", "${app}", "$MILLSTREAM_APP", "${MILLSTREAM_APP}", app];
    local_urls(words).iter().any(|url| !url.is_input && names.contains(&url.app))
}
