//! The reference of all directives, made from the tables.

use std::fmt::Write;

use super::directive::{Directive, Repeat};

/// A page in Markdown: a heading for each section, an entry for each directive.
pub fn markdown(sections: &[(&str, &'static [Directive])]) -> String {
    let mut page = String::from(
        "# Directives\n\n\
         Made from the tables in the sources; a test keeps it so. Times are nginx's: a bare number is seconds,\n\
         and `ms s m h d w` may be combined (`1m30s`). Sizes are bytes, or have `k`, `m` or `g`. What is said in\n\
         an outer block holds for the inner ones that do not say otherwise.\n",
    );
    for (section, directives) in sections {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "\n## {section}");
        for directive in *directives {
            let _ = write_entry(&mut page, directive);
        }
    }
    page
}

fn write_entry(page: &mut String, directive: &Directive) -> std::fmt::Result {
    let contexts: Vec<_> = directive.contexts.iter().map(ToString::to_string).collect();
    let syntax = directive.syntax();
    let space = if syntax.is_empty() { "" } else { " " };
    let end = if syntax.ends_with('}') { "" } else { ";" };
    writeln!(page, "\n### {}\n", directive.name)?;
    writeln!(page, "    {}{space}{syntax}{end}\n", directive.name)?;
    let default =
        if directive.default.is_empty() { "none".into() } else { format!("`{}`", directive.default) };
    let repeat = if directive.repeat == Repeat::Many { "; may be repeated" } else { "" };
    let contexts = contexts.join(", ");
    writeln!(page, "Default: {default}. In: {contexts}{repeat}. After a reload: {}.\n", directive.acts)?;
    writeln!(page, "{}", directive.doc)
}
