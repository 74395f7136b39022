//! Suggestions for misspelt names.

/// Names that are offered for the beginning of several.
const MAX_OFFERED: usize = 4;
/// The shortest beginning that names are offered for.
const SHORTEST_BEGINNING: usize = 3;

/// Suggestions for a misspelt name: the nearest name, else those that begin so, the shortest first. Each in quotes, as
/// a list.
pub fn meant(typo: &str, names: &[&str]) -> Option<String> {
    let nearest = nearest(typo, names.iter().copied());
    let mut offered = nearest.map_or_else(|| beginning_with(typo, names), |name| vec![name]);
    offered.truncate(MAX_OFFERED);
    let quoted: Vec<_> = offered.iter().map(|name| format!("\"{name}\"")).collect();
    (!quoted.is_empty()).then(|| alternatives(&quoted))
}

/// Callbacks as other servers call them, and what they are here.
const ELSEWHERE: [(&str, &str); 6] = [
    ("on_unpublish", "\"on_publish_done\""),
    ("on_stop", "\"on_play_done\""),
    ("on_close", "\"on_disconnect\""),
    ("on_dvr", "\"on_record_done\""),
    ("http_hooks", "\"notify_format srs\""),
    ("authHTTPAddress", "\"on_publish\" and \"on_play\" with \"notify_format mediamtx\""),
];

/// What a directive of another server is here, in quotes.
pub fn elsewhere(name: &str) -> Option<&'static str> {
    let name = name.trim_end_matches(':');
    ELSEWHERE.iter().find(|(other, _)| *other == name).map(|(_, here)| *here)
}

/// Words as a list of which one is chosen: "a, b or c".
pub fn alternatives(words: &[impl AsRef<str>]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.as_slice() {
        [first @ .., before, last] => [first, &[&format!("{before} or {last}")]].concat().join(", "),
        few => few.concat(),
    }
}

fn beginning_with<'a>(beginning: &str, names: &[&'a str]) -> Vec<&'a str> {
    let mut found: Vec<_> = names.iter().copied().filter(|name| name.starts_with(beginning)).collect();
    if beginning.len() < SHORTEST_BEGINNING {
        found.clear();
    }
    found.sort_unstable_by_key(|name| (name.len(), *name));
    found.dedup();
    found
}

/// The name nearest to `typo`, if any is near enough to be meant.
pub fn nearest<'a>(typo: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // One slip in a short word, two in a long one.
    let near = if typo.len() < 5 { 1 } else { 2 };
    let ranked = names.map(|name| (distance(typo, name), name)).filter(|(distance, _)| *distance <= near);
    ranked.min().map(|(_, name)| name)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words (the optimal string
/// alignment distance).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_finds_all_names_that_begin_so() {
        let names = [
            "record",
            "recorder",
            "hls_fragment_naming_granularity",
            "hls_fragments_per_key",
            "hls_fragment_naming",
            "hls_fragment",
            "hls_fragment",
            "hls_fragment_slicing",
        ];
        let all = "\"hls_fragment\", \"hls_fragment_naming\", \"hls_fragment_slicing\" or \"hls_fragments_per_key\"";
        for (typo, offered) in [
            ("recor", Some("\"record\"")),
            ("rec", Some("\"record\" or \"recorder\"")),
            ("hls_fragments_p", Some("\"hls_fragments_per_key\"")),
            ("hls_f", Some(all)),
            ("re", None),
            ("", None),
        ] {
            assert_eq!(meant(typo, &names).as_deref(), offered, "{typo}");
        }
    }

    #[test]
    fn slips_find_the_name_that_was_meant_and_other_words_none() {
        let names = ["live", "hls", "hls_path", "record_path", "chunk_size", "listen"];
        for (typo, meant) in [
            ("liv", Some("live")),
            ("lvie", Some("live")),
            ("hls_pth", Some("hls_path")),
            ("recrod_path", Some("record_path")),
            ("chunksize", Some("chunk_size")),
            ("banana", None),
            ("x", None),
        ] {
            assert_eq!(nearest(typo, names.iter().copied()), meant, "{typo}");
        }
    }
}
