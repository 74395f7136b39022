//! Warnings about callbacks that most likely are not what is meant.

use crate::engine::{Config, Probe};

/// Warns of what stands in the applications of a configuration.
pub fn check(_config: &Config<'_>, _probe: &mut Probe) {}
