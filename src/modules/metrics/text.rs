//! The text format of Prometheus (version 0.0.4): for each metric its help, its type and its samples.
//!
//! All names begin with `millstream_`. Labels are written by [`label`], which escapes what a stream's name may have.

use std::fmt::{self, Display, Write};

use crate::engine::Histogram;

/// The media type.
pub const MIME: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The kinds of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, but for a restart. Its name ends with `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// A text that is being written.
#[derive(Debug, Default)]
pub struct Text {
    text: String,
    /// The metric whose samples are being written.
    name: &'static str,
}

impl Text {
    /// Begins a metric.
    pub fn begin(&mut self, name: &'static str, kind: Kind, help: &str) {
        let kind = if kind == Kind::Counter { "counter" } else { "gauge" };
        self.begin_as(name, kind, help);
    }

    fn begin_as(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        self.push(format_args!("# HELP millstream_{name} {help}\n# TYPE millstream_{name} {kind}\n"));
    }

    /// Writes a sample of the metric with these labels.
    pub fn sample(&mut self, labels: &str, value: impl Display) {
        self.sample_of("", labels, value);
    }

    fn sample_of(&mut self, suffix: &str, labels: &str, value: impl Display) {
        let name = self.name;
        match labels {
            "" => self.push(format_args!("millstream_{name}{suffix} {value}\n")),
            _ => self.push(format_args!("millstream_{name}{suffix}{{{labels}}} {value}\n")),
        }
    }

    /// Writes a metric that has one value.
    pub fn single(&mut self, name: &'static str, kind: Kind, help: &str, value: impl Display) {
        self.begin(name, kind, help);
        self.sample("", value);
    }

    /// Writes a metric that has a value for each of some words.
    pub fn by(
        &mut self,
        name: &'static str,
        kind: Kind,
        help: &str,
        label_name: &str,
        values: &[(&str, u64)],
    ) {
        self.begin(name, kind, help);
        values.iter().for_each(|(word, value)| self.sample(&label(label_name, word), value));
    }

    /// Writes a histogram of times in seconds.
    pub fn histogram(&mut self, name: &'static str, help: &str, histogram: &Histogram) {
        self.begin_as(name, "histogram", help);
        for (bound, count) in histogram.buckets() {
            let bound = bound.as_secs_f64().to_string();
            self.sample_of("_bucket", &label("le", &bound), count);
        }
        self.sample_of("_bucket", &label("le", "+Inf"), histogram.count());
        self.sample_of("_sum", "", histogram.sum().as_secs_f64());
        self.sample_of("_count", "", histogram.count());
    }

    /// The text so far.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn push(&mut self, arguments: fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.text.write_fmt(arguments);
    }
}

/// A label: `app="live"`.
pub fn label(name: &str, value: &str) -> String {
    let mut text = String::with_capacity(name.len() + value.len() + 3);
    text.push_str(name);
    text.push_str("=\"");
    for char in value.chars() {
        match char {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            char => text.push(char),
        }
    }
    text.push('"');
    text
}

/// Labels one after the other.
pub fn labels(all: &[(&str, &str)]) -> String {
    all.iter().map(|(name, value)| label(name, value)).collect::<Vec<_>>().join(",")
}
