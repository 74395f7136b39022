//! The answers of directories that are kept. Those that name a server are kept apart from those that say "here": who asks for
//! invented names pushes out only the latter.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::{Home, Question};

/// The most answers of each kind; beyond it the oldest is forgotten.
const MOST_KEPT: usize = 4096;

#[derive(Default)]
pub struct Kept {
    there: Ring,
    here: Ring,
}

#[derive(Default)]
struct Ring {
    answers: HashMap<Question, (Instant, Home)>,
    /// The oldest first.
    order: VecDeque<Question>,
}

impl Kept {
    pub fn find(&self, question: &Question, now: Instant) -> Option<&Home> {
        self.there.find(question, now).or_else(|| self.here.find(question, now))
    }

    pub fn keep(&mut self, question: Question, home: Home, until: Instant) {
        let ring = if home.is_some() { &mut self.there } else { &mut self.here };
        ring.keep(question, (until, home));
    }
}

impl Ring {
    fn find(&self, question: &Question, now: Instant) -> Option<&Home> {
        self.answers.get(question).filter(|(until, _)| now < *until).map(|(_, home)| home)
    }

    fn keep(&mut self, question: Question, answer: (Instant, Home)) {
        if self.answers.insert(question.clone(), answer).is_some() {
            return;
        }
        self.order.push_back(question);
        if self.order.len() > MOST_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.answers.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::AppId;

    fn question(name: &str) -> Question {
        Question { app: AppId(0), is_publish: false, name: name.into() }
    }

    #[test]
    fn invented_names_push_out_no_answer_that_names_a_server() {
        let (mut kept, now) = (Kept::default(), Instant::now());
        let until = now + Duration::from_secs(5);
        kept.keep(question("cam"), Some("rtmp://a/live".into()), until);
        for number in 0..=MOST_KEPT {
            kept.keep(question(&format!("invented{number}")), None, until);
        }
        assert_eq!(kept.find(&question("cam"), now), Some(&Some("rtmp://a/live".into())));
        assert_eq!(kept.find(&question("invented0"), now), None, "the oldest is forgotten");
        assert_eq!(kept.find(&question("invented1"), now), Some(&None));
        assert_eq!(kept.here.answers.len(), MOST_KEPT);
        assert_eq!(kept.find(&question("cam"), until), None);
    }

    #[test]
    fn an_answer_takes_the_place_of_an_older_one() {
        let (mut kept, now) = (Kept::default(), Instant::now());
        for seconds in 1..9 {
            kept.keep(question("cam"), None, now + Duration::from_secs(seconds));
        }
        assert_eq!((kept.here.order.len(), kept.here.answers.len()), (1, 1));
        assert!(kept.find(&question("cam"), now + Duration::from_secs(7)).is_some());
    }
}
