//! Where recordings are on the web: the URLs of a location.

use std::time::SystemTime;

use crate::engine::AppId;
use crate::http::path;

use super::address::{FOLDER, PLAYLIST};
use super::links::{For, Links};

/// The URLs of a location, for one request.
#[derive(Debug, Clone)]
pub struct Place {
    /// The path of the location, ending with '/'.
    pub base: String,
    pub links: Links,
    /// Whom links are for, if they are needed.
    pub whose: Option<For>,
}

/// The URLs of a recording.
#[derive(Debug, PartialEq, Eq)]
pub struct RecordingUrls {
    pub file: String,
    pub playlist: String,
}

impl Place {
    /// The URLs of a file of an application.
    pub fn urls(&self, (id, app): (AppId, &str), file: &str, now: SystemTime) -> RecordingUrls {
        let link = self.whose.map(|whose| self.links.link(whose, (id, file), now));
        let query = link.map(|link| format!("?t={link}")).unwrap_or_default();
        let path = path::encode(&format!("{}{FOLDER}{app}/{file}", self.base));
        RecordingUrls { file: format!("{path}{query}"), playlist: format!("{path}/{PLAYLIST}{query}") }
    }
}
