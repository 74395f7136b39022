//! Circles: files that import from each other, directly or through others.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::house::{Edges, House};

/// The files of one circle, each reaching every other, in order.
pub type Circle = Vec<usize>;

pub fn circles(house: &House, edges: &Edges) -> Vec<Circle> {
    let reached: Vec<_> = (0..house.sources.len()).map(|file| reached_from(file, edges)).collect();
    let mut found = Vec::new();
    let mut done = BTreeSet::<usize>::new();
    for file in 0..house.sources.len() {
        if done.contains(&file) || !reached[file].contains(&file) {
            continue;
        }
        let circle: Circle =
            reached[file].iter().copied().filter(|&other| reached[other].contains(&file)).collect();
        done.extend(&circle);
        found.push(circle);
    }
    found
}

/// All files that a file imports from, directly or through others.
fn reached_from(file: usize, edges: &Edges) -> BTreeSet<usize> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![file]);
    while let Some(from) = open.pop() {
        let next = edges.range((from, 0)..=(from, usize::MAX)).map(|(&(_, to), _)| to);
        open.extend(next.filter(|&to| reached.insert(to)));
    }
    reached
}

/// Every import that is part of a circle, one a line.
pub fn describe(house: &House, edges: &Edges, circle: &Circle) -> String {
    let mut text = format!("a circle of {}:\n", circle.len());
    for (&(from, to), names) in edges {
        if circle.contains(&from) && circle.contains(&to) {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let (from, to) = (&house.sources[from].file, &house.sources[to].file);
            let _ = writeln!(text, "  {from} imports {} of {to}", names.join(", "));
        }
    }
    text
}

/// The circles of made-up sources.
fn found(files: &[(&str, &str)]) -> String {
    let files = files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    let house = House::new(files);
    let edges = house.edges();
    circles(&house, &edges).iter().map(|circle| describe(&house, &edges, circle)).collect()
}

#[test]
fn two_files_that_import_from_each_other_are_a_circle() {
    let a = ("net/a.rs", "use super::b::{B, C as D}; pub struct A;");
    let expected = "a circle of 2:\n  net/a.rs imports B, C of net/b.rs\n  net/b.rs imports A of net/a.rs\n";
    for b in ["use super::a::A;", "fn f(_: crate::net::a::A) {}", "use super::a; fn f(_: a::A) {}"] {
        assert_eq!(found(&[a, ("net/b.rs", b)]), expected, "{b}");
    }
    for b in [
        "struct B;",
        "use super::a;",
        "// use super::a::A;",
        "const A: &str = \"super::a::A\";",
        "#[cfg(test)] mod tests { use super::super::a::A; }",
    ] {
        assert_eq!(found(&[a, ("net/b.rs", b)]), "", "{b}");
    }
}

#[test]
fn three_files_can_be_a_circle_without_two_that_are_one() {
    let files = [
        ("net/a.rs", "use crate::net::b::B;"),
        ("net/b.rs", "fn f() { crate::net::c::f() }"),
        ("net/c.rs", "use super::a::{self as first}; fn f() { first::g() }"),
        ("net/d.rs", "use super::{a::A, b::B, c::C};"),
    ];
    let expected = "a circle of 3:\n  net/a.rs imports B of net/b.rs\n  net/b.rs imports f of net/c.rs
  net/c.rs imports g of net/a.rs\n";
    assert_eq!(found(&files), expected);
}

#[test]
fn a_name_that_is_handed_on_is_its_definers() {
    let a = ("net/a.rs", "use super::b::B; pub struct A;");
    for parent in [
        "mod a; mod b; pub use a::A;",
        "mod a; mod b; pub(crate) use self::a::{A};",
        "mod a; mod b; pub use a::*;",
        "mod a; mod b; use a::A;",
    ] {
        let files = [a, ("net/mod.rs", parent), ("net/b.rs", "use super::A;")];
        let expected = "a circle of 2:\n  net/a.rs imports B of net/b.rs\n  net/b.rs imports A of net/a.rs\n";
        assert_eq!(found(&files), expected, "{parent}");
    }
    // Under another name, through two files, and where module and function have one name.
    let renamed = [a, ("net/mod.rs", "pub use a::A as C;"), ("net/b.rs", "use super::C;")];
    assert!(found(&renamed).contains("net/b.rs imports A of net/a.rs"));
    let twice =
        [a, ("net/mod.rs", "pub use a::A;"), ("lib.rs", "pub use net::A;"), ("net/b.rs", "use crate::A;")];
    assert!(found(&twice).contains("net/b.rs imports A of net/a.rs"));
    let same = [
        ("net/a.rs", "use super::b::B; pub fn a() {}"),
        ("net/mod.rs", "pub use a::a;"),
        ("net/b.rs", "use super::a;"),
    ];
    assert!(found(&same).contains("net/b.rs imports a of net/a.rs"));
}

#[test]
fn a_parent_and_a_child_that_imports_from_it_are_a_circle() {
    let parent = "mod child; pub fn f() { child::g() }";
    let expected =
        "a circle of 2:\n  net/child.rs imports f of net/mod.rs\n  net/mod.rs imports g of net/child.rs\n";
    for child in ["use super::f;", "fn g() { super::f() }", "fn g() { $crate::net::f!() }"] {
        assert_eq!(found(&[("net/mod.rs", parent), ("net/child.rs", child)]), expected, "{child}");
    }
    assert!(
        found(&[("net/mod.rs", parent), ("net/child.rs", "use super::*;")])
            .contains("imports * of net/mod.rs")
    );
    // A parent that only hands on is no part of a circle, until it has a use for the name itself.
    let child = ("net/child.rs", "use super::f; pub struct B;");
    assert_eq!(found(&[("net/mod.rs", "mod child; pub use child::B; pub fn f() {}"), child]), "");
    assert_ne!(found(&[("net/mod.rs", "mod child; pub use child::B; pub fn f(_: B) {}"), child]), "");
}

#[test]
fn files_of_tests_are_part_of_no_circle() {
    let files = [
        ("net/mod.rs", "#[cfg(test)] pub(crate) mod made; fn f() {}"),
        ("net/made/mod.rs", "mod more; use super::f;"),
        ("net/made/more.rs", "use super::super::f; use super::a;"),
    ];
    assert_eq!(found(&files), "");
}
