//! The checked configuration as the engine and the modules read it: servers, applications, locations.
//!
//! Ids are positions in these lists. A module reads its own directives through each [`Scope`] in
//! [`Module::configure`](super::Module::configure) and keeps plain values, indexed by those ids.

use crate::conf::Scope;

/// An RTMP application: a position in [`Config::applications`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AppId(pub usize);

/// An HTTP location: a position in [`Config::locations`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocationId(pub usize);

/// A whole configuration, borrowed from its tree.
#[derive(Debug)]
pub struct Config<'t> {
    /// Every `application` of every RTMP server, in the order of the file.
    pub applications: Vec<Application<'t>>,
    /// Every `location` of every HTTP server; each server without any has one with the prefix "/".
    pub locations: Vec<Location<'t>>,
}

/// One `application` block.
#[derive(Debug)]
pub struct Application<'t> {
    /// The name that `connect` asks for.
    pub name: String,
    /// The position of its RTMP server among the servers.
    pub server: usize,
    /// Its directives, with those inherited from `server` and `rtmp`.
    pub scope: Scope<'t>,
}

/// One `location` block.
#[derive(Debug)]
pub struct Location<'t> {
    /// The path it matches: exactly, or as a prefix.
    pub path: String,
    /// Whether it was written `location = /path`.
    pub exact: bool,
    /// The position of its HTTP server among the servers.
    pub server: usize,
    /// Its directives, with those inherited from `server` and `http`.
    pub scope: Scope<'t>,
}
