//! Master playlists: the streams whose names differ in a suffix, each with what it needs to be played.
//!
//! What is known of a variant stands in its own playlist, as a comment, so the master playlist is made
//! from what is there and nothing else: those that are live or still listed, also after a restart.

use std::io;
use std::time::SystemTime;

use super::attributes::Attributes;
use super::naming::Naming;
use super::playlist::{self, MAX_TEXT};
use super::settings::Settings;
use super::store::Files;
use crate::engine::StreamName;

/// How `hls_variant` is written.
pub const SYNTAX: &str = "suffix [ATTRIBUTE=value[,ATTRIBUTE=value...] ...]";

/// One `hls_variant`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    suffix: String,
    attributes: Attributes,
}

impl Variant {
    /// What a directive that has been checked says.
    pub fn read(args: &[String]) -> Self {
        let (suffix, given) = args.split_first().map_or(("", args), |(suffix, rest)| (suffix.as_str(), rest));
        let mut attributes = Attributes::default();
        let given = given.iter().flat_map(|arg| split_attributes(arg));
        for (name, value) in given.filter_map(|attribute| attribute.split_once('=')) {
            attributes.set(name, value.trim_matches('"'));
        }
        Self { suffix: suffix.to_owned(), attributes }
    }

    /// What the streams' names end in.
    pub fn suffix(&self) -> &str {
        &self.suffix
    }
}

/// Judges the arguments of `hls_variant`.
pub fn check(args: &[String]) -> Result<(), String> {
    let [suffix, given @ ..] = args else { return Err("nothing is given".to_owned()) };
    let whole = format!("n{suffix}");
    let ends_a_name = StreamName::new(&whole).is_ok_and(|name| name.as_str() == whole);
    if suffix.is_empty() || !ends_a_name {
        return Err(format!("\"{}\" ends no stream's name", suffix.escape_debug()));
    }
    let mut names: Vec<&str> = Vec::new();
    for attribute in given.iter().flat_map(|arg| split_attributes(arg)) {
        let Some((name, value)) = attribute.split_once('=') else {
            return Err(format!("\"{}\" is not ATTRIBUTE=value", attribute.escape_debug()));
        };
        if names.contains(&name) {
            return Err(format!("{name} is given twice"));
        }
        if let Some(expected) = judge(name, value) {
            return Err(format!(
                "{} takes {expected}, not \"{}\"",
                name.escape_debug(),
                value.escape_debug()
            ));
        }
        names.push(name);
    }
    Ok(())
}

/// The attributes in an argument, which may have several, as nginx-rtmp's may. A comma parts two where the name of one
/// follows it, or nothing; others belong to a value, such as a list of codecs.
fn split_attributes(arg: &str) -> Vec<&str> {
    let (mut attributes, mut begin, mut is_quoted) = (Vec::new(), 0, false);
    for (at, byte) in arg.bytes().enumerate() {
        is_quoted ^= byte == b'"';
        if byte == b',' && !is_quoted && arg.get(at + 1..).is_some_and(begins_attribute) {
            attributes.extend(arg.get(begin..at));
            begin = at + 1;
        }
    }
    attributes.extend(arg.get(begin..).filter(|rest| begin == 0 || !rest.is_empty()));
    attributes
}

fn begins_attribute(text: &str) -> bool {
    let name = text.split_once('=').map_or(text, |(name, _)| name);
    text.is_empty() || text.contains('=') && !name.is_empty() && name.bytes().all(is_in_name)
}

fn is_in_name(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-'
}

/// What an attribute takes, if it is not what is given.
fn judge(name: &str, value: &str) -> Option<&'static str> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (fits, expected) = match name {
        "BANDWIDTH" | "AVERAGE-BANDWIDTH" | "PROGRAM-ID" => (digits(value), "a number"),
        "RESOLUTION" => (value.split_once('x').is_some_and(|(w, h)| digits(w) && digits(h)), "WIDTHxHEIGHT"),
        "FRAME-RATE" => (value.parse::<f64>().is_ok_and(|rate| rate > 0.0), "a number"),
        "" => (false, "a name in front"),
        _ if !name.bytes().all(is_in_name) => {
            (false, "a name of capital letters, digits and dashes in front")
        }
        _ => {
            let value = value.trim_matches('"');
            (!value.is_empty() && !value.contains(['"', '\n', '\r']), "a value in one line")
        }
    };
    (!fits).then_some(expected)
}

/// The name without the longest suffix of a variant that it ends in; `None` if it is no variant.
pub fn base_of<'a>(name: &'a str, settings: &Settings) -> Option<&'a str> {
    let bases = settings.variants.iter().filter_map(|variant| name.strip_suffix(variant.suffix.as_str()));
    bases.filter(|base| !base.is_empty()).min_by_key(|base| base.len())
}

/// Writes the master playlist of the variants of `base` anew, from those whose playlists list anything;
/// without any there is none.
pub fn update(files: &mut Files<'_>, naming: &Naming, base: &str, modified: SystemTime) -> io::Result<()> {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:3\n");
    let mut has_any = false;
    for variant in &naming.settings().variants {
        let naming = Naming::new(naming.root(), &format!("{base}{}", variant.suffix), naming.settings());
        let Ok(Some(list)) = files.read(&naming.playlist(), MAX_TEXT) else { continue };
        let Some(mut attributes) = std::str::from_utf8(&list).ok().and_then(playlist::stream_inf) else {
            continue;
        };
        attributes.set_all(&variant.attributes);
        if attributes.get("BANDWIDTH").is_some() {
            has_any = true;
            text.extend(["#EXT-X-STREAM-INF:", &attributes.to_string(), "\n", &naming.playlist_uri(), "\n"]);
        }
    }
    let path = naming.master(base);
    if has_any {
        files.write(&path, text.as_bytes(), modified)
    } else {
        files.remove(&path);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
