//! The documents, held against what they tell of: configurations that are accepted, links that lead somewhere.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use millstream::conf::{self, Table, Tree};
use millstream::{engine, modules};

/// The blocks that an example may be meant for: `%` is the example.
const PLACES: [&str; 8] = [
    "%",
    "rtmp { % }",
    "rtmp { server { % } }",
    "rtmp { server { application live { % } } }",
    "rtmp { server { application live { recorder all { % } } } }",
    "http { % }",
    "http { server { % } }",
    "http { server { location / { % } } }",
];

/// The README and all documents: the path in the repository, and the text.
fn documents() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let all = docs.filter(|path| path.extension().is_some_and(|end| end == "md"));
    all.chain([root.join("README.md")])
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect()
}

/// The indented blocks of a document, each with the number of its first line.
fn indented_blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in (1..).zip(text.lines()) {
        match (line.strip_prefix("    "), blocks.last_mut()) {
            (Some(code), Some((_, block))) if open => *block += &format!("{code}\n"),
            (Some(code), _) => blocks.push((number, format!("{code}\n"))),
            (None, Some((_, block))) if open && line.is_empty() => block.push('\n'),
            (None, _) => {}
        }
        open = line.starts_with("    ") || open && line.is_empty();
    }
    blocks
}

/// True if a block is a configuration, and one for this server: it begins with a directive.
fn is_configuration(block: &str, table: &Table) -> bool {
    let words = block.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
    let first = words.flat_map(str::split_whitespace).next().unwrap_or_default();
    let is_known = table.named(first.trim_end_matches(';')).next().is_some();
    is_known && block.contains([';', '{']) && !block.contains("proxy_pass")
}

/// The error of a configuration; `Ok` if it is accepted in one of these blocks.
fn judge(block: &str, table: &Table) -> Result<(), String> {
    let judged = PLACES.map(|place| {
        let tree = Tree::from_text("example", &place.replace('%', block));
        let mut tree = tree.map_err(|error| error.to_string())?;
        conf::check(&mut tree, table).map(drop).map_err(|errors| errors.to_string())
    });
    if judged.contains(&Ok(())) {
        return Ok(());
    }
    Err(judged.into_iter().filter_map(Result::err).collect::<Vec<_>>().join("\n    "))
}

#[test]
fn every_configuration_in_the_documents_is_accepted() {
    let table = engine::directive_table(&modules::table());
    let mut count = 0;
    for (path, text) in documents() {
        // The reference shows the form of directives, not examples.
        let blocks = if path.ends_with("directives.md") { Vec::new() } else { indented_blocks(&text) };
        for (line, block) in blocks.iter().filter(|(_, block)| is_configuration(block, &table)) {
            count += 1;
            let judged = judge(block, &table);
            assert!(judged.is_ok(), "{}:{line}:\n    {}", path.display(), judged.unwrap_err());
        }
    }
    assert!(count > 20, "only {count} configurations were found");
}

/// ffmpeg would warn of that at the end of each stream, and the log is to show what is wrong.
#[test]
fn commands_that_publish_do_not_have_ffmpeg_write_a_length() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in
        ["docs/exec.md", "docs/recipes.md", "conf/examples/ladder.conf", "conf/examples/transcode.conf"]
    {
        let text = fs::read_to_string(root.join(file)).unwrap();
        let mut parts: Vec<_> = text.split("-f flv rtmp").collect();
        parts.pop();
        assert!(!parts.is_empty(), "{file}");
        assert!(parts.iter().all(|part| part.ends_with("-flvflags no_duration_filesize ")), "{file}");
    }
}

/// The anchors of a document's headings, as they are made on the usual sites.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_between_the_documents_leads_somewhere() {
    for (path, text) in documents() {
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(file.exists(), "{}: {target}", path.display());
            let is_there =
                || anchors(&fs::read_to_string(&file).unwrap()).iter().any(|there| there == anchor);
            assert!(anchor.is_empty() || is_there(), "{}: {target}", path.display());
        }
    }
}

/// The names in the first column of the table below a heading.
fn first_column<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    let section = text.split(heading).nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    rows.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn planned_directives_and_no_others_stand_in_the_guide_for_users_of_nginx_rtmp() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/nginx-rtmp.md");
    let text = fs::read_to_string(path).unwrap();
    let told = first_column(&text, "\n## Not there yet\n");
    for planned in conf::planned() {
        assert!(told.contains(&planned), "{planned} is missing");
    }
    for name in told.into_iter().filter(|name| !name.starts_with("-s ")) {
        let is_place = ["publish", "play"].contains(&name);
        assert!(is_place || conf::planned().any(|planned| planned == name), "{name} is there");
    }
}
