//! The documentation of directives is made from the tables, and so cannot differ from them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use millstream::conf::{Table, Tree, check, markdown};
use millstream::{engine, modules};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table() -> Table {
    engine::directive_table(&modules::table())
}

/// To write the page anew: BLESS=1 cargo test --test integration directives
#[test]
fn the_reference_is_made_from_the_tables() {
    let path = repository().join("docs/directives.md");
    let page = markdown(&engine::sections(&modules::table()));
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/directives.md is not what the tables say; run this with BLESS=1");
}

#[test]
fn every_default_is_a_value_that_its_directive_takes() {
    assert_eq!(table().check_defaults(), Ok(()));
}

#[test]
fn every_directive_has_a_sentence_of_documentation() {
    for (section, directives) in engine::sections(&modules::table()) {
        for row in directives {
            let is_sentence = row.doc.ends_with('.') && row.doc.starts_with(char::is_uppercase);
            assert!(is_sentence, "{section}, {}: {:?}", row.name, row.doc);
            assert!(!row.contexts.is_empty(), "{section}, {}", row.name);
        }
    }
}

#[test]
fn no_two_modules_own_a_directive_in_one_place() {
    let mut owned = BTreeSet::new();
    for (_, directives) in engine::sections(&modules::table()) {
        for row in directives {
            for context in row.contexts {
                assert!(owned.insert((row.name, context.to_string())), "{} in {context}", row.name);
            }
        }
    }
}

#[test]
fn the_full_configuration_names_every_directive_and_is_valid() {
    let path = repository().join("conf/full.conf");
    let mut tree = Tree::load(&path).unwrap();
    assert_eq!(check(&mut tree, &table()).unwrap(), [], "nothing in it is without a meaning");
    let text = fs::read_to_string(path).unwrap();
    // A line that begins with the name, or with a "# " and the name where it has no default to stand at.
    let named = |name: &str| {
        let lines = text.lines().map(|line| line.trim_start().trim_start_matches("# "));
        lines.map(|line| line.split([' ', ';']).next().unwrap_or_default()).any(|word| word == name)
    };
    let missing: Vec<_> = table().names(None).filter(|name| !named(name)).collect();
    assert!(missing.is_empty(), "conf/full.conf does not name {missing:?}");
}
