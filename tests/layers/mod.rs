//! The order of the house, held against the sources: who may import whom, what a layer must not name, no circles, no
//! full folders. docs/architecture.md says why.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

mod circles;
mod house;
mod imports;
mod lexer;
mod rules;

use std::path::Path;

use house::House;
use lexer::tokens;
use rules::{EXCEPTIONS, LAYERS};

fn house() -> House {
    House::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

#[test]
fn every_layer_imports_only_those_below_it_and_names_nothing_that_it_must_not() {
    let breaches = rules::layer_breaches(&house(), LAYERS, EXCEPTIONS);
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn no_file_imports_from_one_that_imports_from_it() {
    let house = house();
    let edges = house.edges();
    let circles = circles::circles(&house, &edges);
    let found: String = circles.iter().map(|circle| circles::describe(&house, &edges, circle)).collect();
    assert!(found.is_empty(), "\n{found}");
}

#[test]
fn a_folder_holds_a_dozen_files_at_most_and_a_module_has_one_layout() {
    let files: Vec<_> = house().sources.iter().map(|source| source.file.clone()).collect();
    let breaches = rules::folder_breaches(&files);
    assert!(breaches.is_empty(), "{breaches:?}");
}

/// The meaning of super::super depends on the place of its file; a path that begins at the crate is the same
/// everywhere.
#[test]
fn paths_to_another_folder_begin_at_the_crate() {
    let chain = tokens("super::super");
    let house = house();
    let climbs =
        house.sources.iter().filter(|source| source.all.windows(chain.len()).any(|part| part == chain));
    let files: Vec<_> = climbs.map(|source| source.file.as_str()).collect();
    assert!(files.is_empty(), "these have super::super:\n{}", files.join("\n"));
}

/// The rows of the table behind a heading: the words between commas, cell by cell.
fn table(text: &str, heading: &str) -> Vec<[Vec<String>; 3]> {
    let (_, behind) = text.split_once(heading).unwrap();
    let rows =
        behind.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let words = |cell: &str| {
        let words = cell.split(',').map(|word| word.trim().to_owned());
        words.filter(|word| !word.is_empty() && word != "nothing of ours").collect::<Vec<_>>()
    };
    rows.skip(2)
        .map(|row| {
            let cells: Vec<_> = row.trim_matches('|').split('|').map(words).collect();
            cells.try_into().unwrap()
        })
        .collect()
}

#[test]
fn the_table_of_the_documentation_is_the_one_that_is_held() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/architecture.md")).unwrap();
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let expected: Vec<_> =
        LAYERS.iter().map(|layer| [owned(&[layer.name]), owned(layer.imports), owned(layer.never)]).collect();
    assert_eq!(table(&text, "### Who may import whom"), expected);
}
