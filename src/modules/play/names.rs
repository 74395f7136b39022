//! The files that a client may mean by a name.

/// The suffixes of files that are played. Any of them in a name is part of the file's name.
const SUFFIXES: [&str; 6] = [".flv", ".mp4", ".m4v", ".m4a", ".mov", ".f4v"];

/// What is put before a name for FLV and for MP4, and the suffix that it stands for.
const PREFIXES: [(&str, &str); 2] = [("flv:", ".flv"), ("mp4:", ".mp4")];

/// Stands for a slash in the names of streams, by which backends and keys name files.
const SLASH: char = '~';
/// Flash Player's name for the instance of an application without instances.
const DEFAULT_INSTANCE: &str = "_definst_/";

/// The paths below a folder to be tried in order, for a name as a client has sent it, "cam", "flv:cam", "mp4:room/cam.mp4",
/// or as it is known here: "room~cam".
pub fn candidates(sent: &str) -> Vec<String> {
    let mut paths = as_it_is(sent);
    let with_slashes = paths.iter().filter(|path| path.contains(SLASH)).map(|path| path.replace(SLASH, "/"));
    let with_slashes: Vec<_> = with_slashes.collect();
    paths.extend(with_slashes);
    paths
}

fn as_it_is(sent: &str) -> Vec<String> {
    let (path, suffix) = without_prefix(sent);
    let path = path.trim_matches('/');
    let path = path.strip_prefix(DEFAULT_INSTANCE).unwrap_or(path);
    if path.is_empty() {
        return Vec::new();
    }
    let lower = path.to_ascii_lowercase();
    if SUFFIXES.iter().any(|suffix| lower.ends_with(suffix)) {
        return vec![path.to_owned()];
    }
    let with = |suffix: &&str| [path, suffix].concat();
    match &suffix {
        Some(suffix) => vec![with(suffix), path.to_owned()],
        None => SUFFIXES.iter().take(2).map(with).chain([path.to_owned()]).collect(),
    }
}

/// The path without a prefix in front of one of its parts, and the suffix that this stands for.
fn without_prefix(sent: &str) -> (String, Option<&'static str>) {
    let mut found = None;
    let parts = sent.split('/').map(|part| {
        let prefix = PREFIXES.iter().find(|(prefix, _)| found.is_none() && part.starts_with(prefix));
        match prefix {
            Some((prefix, suffix)) => {
                found = Some(*suffix);
                part.get(prefix.len()..).unwrap_or_default()
            }
            None => part,
        }
    });
    let path = parts.collect::<Vec<_>>().join("/");
    (path, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_files_with_and_without_suffix_and_a_prefix_says_which() {
        for (sent, expected) in [
            ("cam", &["cam.flv", "cam.mp4", "cam"][..]),
            ("cam.flv", &["cam.flv"]),
            ("Cam.MP4", &["Cam.MP4"]),
            ("flv:cam", &["cam.flv", "cam"]),
            ("mp4:cam", &["cam.mp4", "cam"]),
            ("mp4:cam.mp4", &["cam.mp4"]),
            ("mp4:cam.m4v", &["cam.m4v"]),
            ("mp4:a/b/cam", &["a/b/cam.mp4", "a/b/cam"]),
            ("/a/mp4:cam", &["a/cam.mp4", "a/cam"]),
            ("../cam", &["../cam.flv", "../cam.mp4", "../cam"]),
            ("flv:mp4:cam", &["mp4:cam.flv", "mp4:cam"]),
            ("a~cam.flv", &["a~cam.flv", "a/cam.flv"]),
            ("mp4:a~cam", &["a~cam.mp4", "a~cam", "a/cam.mp4", "a/cam"]),
            ("_definst_/mp4:a/cam", &["a/cam.mp4", "a/cam"]),
            ("/_definst_/cam.flv", &["cam.flv"]),
            ("", &[]),
            ("flv:", &[]),
            ("/", &[]),
        ] {
            assert_eq!(candidates(sent), expected, "{sent}");
        }
    }
}
