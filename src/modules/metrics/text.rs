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
    #[cfg(test)]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The whole text.
    pub fn into_string(self) -> String {
        self.text
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_a_label_must_not_have_is_escaped() {
        assert_eq!(label("a", "b\\\"c\nd<e>\u{e9}"), "a=\"b\\\\\\\"c\\nd<e>\u{e9}\"");
        assert_eq!(labels(&[("a", "1"), ("b", "2")]), "a=\"1\",b=\"2\"");
    }

    #[test]
    fn a_metric_has_help_type_and_samples() {
        let mut text = Text::default();
        text.single("draining", Kind::Gauge, "Whether.", 0);
        text.by("seen_total", Kind::Counter, "Seen.", "kind", &[("a", 1), ("b", 2)]);
        let expected = "# HELP millstream_draining Whether.\n# TYPE millstream_draining gauge\n\
                        millstream_draining 0\n\
                        # HELP millstream_seen_total Seen.\n# TYPE millstream_seen_total counter\n\
                        millstream_seen_total{kind=\"a\"} 1\nmillstream_seen_total{kind=\"b\"} 2\n";
        assert_eq!(text.as_str(), expected);
    }

    #[test]
    fn a_histogram_counts_up_to_each_bound_and_all_in_the_end() {
        let (mut text, mut histogram) = (Text::default(), Histogram::default());
        [200, 3_000_000, 20_000_000]
            .into_iter()
            .for_each(|micros| histogram.observe(Duration::from_micros(micros)));
        text.histogram("turn_seconds", "Turns.", &histogram);
        for line in [
            "# TYPE millstream_turn_seconds histogram\n",
            "millstream_turn_seconds_bucket{le=\"0.0001\"} 0\n",
            "millstream_turn_seconds_bucket{le=\"0.00025\"} 1\n",
            "millstream_turn_seconds_bucket{le=\"5\"} 2\n",
            "millstream_turn_seconds_bucket{le=\"10\"} 2\n",
            "millstream_turn_seconds_bucket{le=\"+Inf\"} 3\n",
            "millstream_turn_seconds_sum 23.0002\n",
            "millstream_turn_seconds_count 3\n",
        ] {
            assert!(text.as_str().contains(line), "{line}{}", text.as_str());
        }
    }
}
