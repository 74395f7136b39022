//! Answers that are kept for a time: so many of them, the newest.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Instant;

/// The most answers; beyond it the oldest is forgotten.
const MOST_KEPT: usize = 4096;

/// Answers `A` to questions `Q`.
pub struct Ring<Q, A> {
    answers: HashMap<Q, (Instant, A)>,
    /// The oldest first.
    order: VecDeque<Q>,
}

impl<Q, A> Default for Ring<Q, A> {
    fn default() -> Self {
        Self { answers: HashMap::new(), order: VecDeque::new() }
    }
}

impl<Q: Clone + Eq + Hash, A> Ring<Q, A> {
    pub fn find(&self, question: &Q, now: Instant) -> Option<&A> {
        self.answers.get(question).filter(|(until, _)| now < *until).map(|(_, answer)| answer)
    }

    pub fn keep(&mut self, question: Q, answer: A, until: Instant) {
        if self.answers.insert(question.clone(), (until, answer)).is_some() {
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

    #[test]
    fn the_oldest_answer_is_forgotten_and_each_in_its_time() {
        let (mut ring, now) = (Ring::default(), Instant::now());
        let until = now + Duration::from_secs(5);
        (0..=MOST_KEPT).for_each(|number| ring.keep(number, "a", until));
        assert_eq!((ring.find(&0, now), ring.find(&1, now)), (None, Some(&"a")));
        assert_eq!((ring.answers.len(), ring.order.len()), (MOST_KEPT, MOST_KEPT));
        assert_eq!(ring.find(&1, until), None);
    }

    #[test]
    fn an_answer_takes_the_place_of_an_older_one() {
        let (mut ring, now) = (Ring::default(), Instant::now());
        for seconds in 1..9 {
            ring.keep("cam", seconds, now + Duration::from_secs(seconds));
        }
        assert_eq!((ring.order.len(), ring.answers.len()), (1, 1));
        assert_eq!(ring.find(&"cam", now + Duration::from_secs(7)), Some(&8));
    }
}
