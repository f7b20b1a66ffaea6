//! The queue in front of the one task of an adapter that writes.
//!
//! No timer: while one batch is being written, the next one gathers by itself.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use domain::event::EventId;
use domain::log::{Append, EncodedAppend, LogError, MAX_COMMANDS, Outcome, encode};
use tokio::sync::{mpsc, oneshot};

/// The most commands that wait to be written; whoever comes then is told [`LogError::Busy`].
pub const QUEUE: usize = 8_192;
/// The most bytes of events that wait to be written.
pub const QUEUE_BYTES: usize = 256 * 1024 * 1024;

/// A queue for so many commands and bytes of events, and its end where a writer takes them.
#[must_use]
pub fn queue(commands: usize, bytes: usize) -> (Queue, Line) {
    let (places, waiting) = mpsc::channel(commands);
    let queued_bytes = Arc::new(AtomicUsize::new(0));
    let queue = Queue { places, queued_bytes: queued_bytes.clone(), max_bytes: bytes };
    (queue, Line { waiting, gathered: VecDeque::new(), queued_bytes })
}

/// Where appends wait to be written.
#[derive(Debug)]
pub struct Queue {
    places: mpsc::Sender<Waiting>,
    queued_bytes: Arc<AtomicUsize>,
    max_bytes: usize,
}

/// The end of a queue: what waits comes in batches.
#[derive(Debug)]
pub struct Line {
    waiting: mpsc::Receiver<Waiting>,
    gathered: VecDeque<Waiting>,
    queued_bytes: Arc<AtomicUsize>,
}

/// Commands that are written together. Whoever waits for them waits until [`Batch::answer`] or
/// [`Batch::fail`].
#[derive(Debug)]
pub struct Batch {
    /// What is to be written.
    pub commands: Vec<EncodedAppend>,
    answers: Vec<oneshot::Sender<Result<Outcome, LogError>>>,
    queued_bytes: Arc<AtomicUsize>,
}

/// How much is written together; one command alone may have more.
#[derive(Debug, Clone, Copy)]
pub struct Together {
    /// The most bytes.
    pub bytes: usize,
    /// The most events.
    pub events: usize,
    /// How many bytes a command takes where it is written.
    pub size: fn(&EncodedAppend) -> usize,
}

#[derive(Debug)]
struct Waiting {
    command: EncodedAppend,
    answer: oneshot::Sender<Result<Outcome, LogError>>,
}

impl Queue {
    /// Waits until each command is written or refused; see [`domain::log::EventLog::append`].
    ///
    /// # Errors
    ///
    /// [`LogError::Busy`] when not all find room, and [`LogError::Invalid`] for what no log takes;
    /// nothing is written then. Otherwise what the writer failed with.
    pub async fn append(&self, commands: Vec<Append>) -> Result<Vec<Outcome>, LogError> {
        let started = Instant::now();
        let commands = encode(commands)?;
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.line_up(commands)?;
        let mut outcomes = Vec::with_capacity(answers.len());
        let mut failure = None;
        for answer in answers {
            match answer.await {
                Ok(Ok(outcome)) => outcomes.push(outcome),
                Ok(Err(error)) => failure = Some(error),
                Err(_) => failure = Some(writer_gone()),
            }
        }
        metrics::histogram!("portus_append_duration_seconds").record(started.elapsed());
        failure.map_or(Ok(outcomes), Err)
    }

    /// How many commands wait.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.places.max_capacity() - self.places.capacity()
    }

    /// All find room, or none does.
    fn line_up(
        &self,
        commands: Vec<EncodedAppend>,
    ) -> Result<Vec<oneshot::Receiver<Result<Outcome, LogError>>>, LogError> {
        let places = self.places.try_reserve_many(commands.len()).map_err(|error| match error {
            mpsc::error::TrySendError::Full(()) => LogError::Busy,
            mpsc::error::TrySendError::Closed(()) => writer_gone(),
        })?;
        let bytes = bytes(&commands);
        if self.queued_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > self.max_bytes {
            self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(LogError::Busy);
        }
        let lined_up = places.zip(commands).map(|(place, command)| {
            let (answer, receiver) = oneshot::channel();
            place.send(Waiting { command, answer });
            receiver
        });
        Ok(lined_up.collect())
    }
}

impl Line {
    /// What is to be written next; `None` when nobody can append any more and nothing waits.
    ///
    /// A batch ends before a command that repeats a key or an id of it: the next batch finds that
    /// one's twin in the log, and only so is it known whether the twin was written.
    pub async fn next(&mut self, together: Together) -> Option<Batch> {
        if self.gathered.is_empty() {
            let mut first = Vec::with_capacity(64);
            if self.waiting.recv_many(&mut first, MAX_COMMANDS).await == 0 {
                return None;
            }
            self.gathered.extend(first);
        }
        while self.gathered.len() < MAX_COMMANDS
            && let Ok(next) = self.waiting.try_recv()
        {
            self.gathered.push_back(next);
        }
        metrics::gauge!("portus_append_queue_depth")
            .set((self.waiting.len() + self.gathered.len()) as f64);
        let fit = together.fit(self.gathered.iter().map(|waiting| &waiting.command));
        let taken = self.gathered.drain(..fit);
        let (commands, answers) =
            taken.map(|Waiting { command, answer }| (command, answer)).unzip();
        Some(Batch { commands, answers, queued_bytes: self.queued_bytes.clone() })
    }
}

impl Together {
    /// How many of these, from the front, go together.
    fn fit<'a>(self, commands: impl Iterator<Item = &'a EncodedAppend>) -> usize {
        let (mut bytes, mut events, mut count) = (0, 0, 0);
        let mut keys: HashSet<&str> = HashSet::new();
        let mut ids: HashSet<EventId> = HashSet::new();
        for command in commands.take(MAX_COMMANDS) {
            bytes += (self.size)(command);
            events += command.events.len();
            let fits = count == 0 || (bytes <= self.bytes && events <= self.events);
            let repeats = command.key.as_ref().is_some_and(|key| !keys.insert(key))
                || command.events.iter().any(|event| !ids.insert(event.id));
            if !fits || repeats {
                break;
            }
            count += 1;
        }
        count
    }
}

impl Batch {
    /// Takes the second half away, for a batch of its own.
    #[must_use]
    pub fn halve(&mut self) -> Self {
        let half = self.commands.len() / 2;
        Self {
            commands: self.commands.split_off(half),
            answers: self.answers.split_off(half),
            queued_bytes: self.queued_bytes.clone(),
        }
    }

    /// Tells everybody what became of their command; `outcomes` in the order of the commands.
    pub fn answer(self, outcomes: Vec<Outcome>) {
        self.count(&outcomes);
        self.give_back();
        for (answer, outcome) in self.answers.into_iter().zip(outcomes) {
            // Whoever has gone away does not want to know.
            let _ = answer.send(Ok(outcome));
        }
    }

    /// Tells everybody that it was not written.
    pub fn fail(self, error: impl Fn() -> LogError) {
        self.give_back();
        for answer in self.answers {
            let _ = answer.send(Err(error()));
        }
    }

    /// Gives back the batch's room, before anybody hears of it: whoever has an answer may come with
    /// as much again.
    fn give_back(&self) {
        self.queued_bytes.fetch_sub(bytes(&self.commands), Ordering::Relaxed);
    }

    fn count(&self, outcomes: &[Outcome]) {
        let (mut appended, mut conflicts) = (0, 0);
        for (command, outcome) in self.commands.iter().zip(outcomes) {
            match outcome {
                Outcome::Appended { .. } => appended += command.events.len() as u64,
                Outcome::Conflict { .. } => conflicts += 1,
                Outcome::Duplicate { .. } => (),
            }
        }
        metrics::counter!("portus_events_appended_total").increment(appended);
        metrics::counter!("portus_append_conflicts_total").increment(conflicts);
    }
}

fn bytes(commands: &[EncodedAppend]) -> usize {
    commands.iter().map(EncodedAppend::bytes).sum()
}

fn writer_gone() -> LogError {
    LogError::Unavailable("the log's writer has ended".to_owned())
}

#[cfg(test)]
mod tests {
    use domain::event::{Actor, Event, Meta, NewEvent, Position, StreamName};
    use domain::log::Expected;
    use domain::system::SystemEvent;
    use jiff::Timestamp;

    use super::*;

    const MAX_BYTES: usize = 4 * 1024 * 1024;
    const TOGETHER: Together =
        Together { bytes: MAX_BYTES, events: 8_192, size: EncodedAppend::bytes };

    /// A command of one event, or of as many.
    fn command(number: usize, events: usize, text: &str) -> Append {
        let event = |event: usize| NewEvent {
            id: EventId::from_key(&format!("{number} {event}")),
            occurred_at: Timestamp::UNIX_EPOCH,
            meta: Meta::by(Actor::Anonymous),
            event: Event::System(SystemEvent::Started { version: text.to_owned() }),
        };
        Append {
            stream: StreamName::system(),
            expected: Expected::Any,
            key: None,
            events: (0..events).map(event).collect(),
        }
    }

    /// How many commands each batch takes.
    fn batches(commands: Vec<Append>) -> Vec<usize> {
        let mut waiting: VecDeque<EncodedAppend> = VecDeque::new();
        for command in commands {
            waiting.extend(encode(vec![command]).unwrap());
        }
        let mut next = || waiting.drain(..TOGETHER.fit(waiting.iter())).count();
        std::iter::from_fn(|| Some(next()).filter(|taken| *taken > 0)).collect()
    }

    #[test]
    fn a_batch_holds_a_thousand_commands() {
        let commands = (0..2_001).map(|number| command(number, 1, "x")).collect();
        assert_eq!(batches(commands), [1_000, 1_000, 1]);
    }

    #[test]
    fn a_batch_holds_so_many_bytes() {
        let text = "x".repeat(50_000);
        let commands: Vec<_> = (0..200).map(|number| command(number, 1, &text)).collect();
        let bytes = encode(vec![commands[0].clone()]).unwrap()[0].bytes();
        let full = MAX_BYTES / bytes;
        assert_eq!(batches(commands), [full, full, 200 - 2 * full]);
    }

    #[test]
    fn a_batch_holds_so_many_events() {
        let commands = (0..20).map(|number| command(number, 1_000, "x")).collect();
        assert_eq!(batches(commands), [8, 8, 4]);
    }

    #[test]
    fn a_command_that_is_too_big_for_a_batch_has_its_own() {
        let text = "x".repeat(50_000);
        let commands = vec![command(0, 1, "x"), command(1, 100, &text), command(2, 1, "x")];
        assert_eq!(batches(commands), [1, 1, 1]);
    }

    #[test]
    fn a_batch_ends_before_a_repeated_key_or_id() {
        let keyed = |number| Append { key: Some("k".to_owned()), ..command(number, 1, "x") };
        assert_eq!(batches(vec![keyed(0), command(1, 1, "x"), keyed(2), keyed(3)]), [2, 1, 1]);
        let again = || command(7, 1, "x");
        assert_eq!(batches(vec![again(), command(1, 1, "x"), again(), again()]), [2, 1, 1]);
    }

    fn duplicate() -> Outcome {
        Outcome::Duplicate { first: Position(1) }
    }

    /// What became of it, in words.
    async fn append(queue: &Queue, commands: Vec<Append>) -> Result<usize, String> {
        let appended = queue.append(commands).await;
        appended.map(|outcomes| outcomes.len()).map_err(|error| error.to_string())
    }

    fn busy() -> Result<usize, String> {
        Err(LogError::Busy.to_string())
    }

    #[tokio::test]
    async fn room_for_bytes_comes_back_with_the_answer_and_not_before() {
        let one = || vec![command(0, 1, "x")];
        let two = || vec![command(1, 1, "x"), command(2, 1, "x")];
        let bytes = encode(one()).unwrap()[0].bytes();
        let (queue, mut line) = queue(10, 2 * bytes);
        let (first, ()) = tokio::join!(append(&queue, two()), async {
            let mut batch = line.next(TOGETHER).await.unwrap();
            assert_eq!((batch.commands.len(), queue.depth()), (2, 0));
            assert_eq!(append(&queue, one()).await, busy());
            let second = batch.halve();
            second.fail(|| LogError::Invalid("the second".to_owned()));
            assert_eq!(append(&queue, two()).await, busy(), "half of it is free");
            batch.answer(vec![duplicate()]);
        });
        assert_eq!(first, Err(LogError::Invalid("the second".to_owned()).to_string()));
        let (second, ()) = tokio::join!(append(&queue, two()), async {
            line.next(TOGETHER).await.unwrap().answer(vec![duplicate(), duplicate()]);
        });
        assert_eq!(second, Ok(2));
    }

    #[tokio::test]
    async fn all_commands_find_a_place_or_none_does() {
        let (queue, mut line) = queue(2, QUEUE_BYTES);
        let three = (0..3).map(|number| command(number, 1, "x")).collect();
        assert_eq!(append(&queue, three).await, busy());
        assert_eq!(queue.depth(), 0);
        let two = (0..2).map(|number| command(number, 1, "x")).collect();
        let (answer, ()) = tokio::join!(append(&queue, two), async {
            line.next(TOGETHER).await.unwrap().answer(vec![duplicate(), duplicate()]);
        });
        assert_eq!(answer, Ok(2));
    }

    #[tokio::test]
    async fn who_waits_for_a_writer_that_ends_is_told_and_a_line_without_a_queue_ends() {
        let (queue, line) = queue(2, QUEUE_BYTES);
        let gone = writer_gone().to_string();
        let (answer, ()) = tokio::join!(append(&queue, vec![command(0, 1, "x")]), async {
            tokio::task::yield_now().await;
            drop(line);
        });
        assert_eq!(answer, Err(gone.clone()));
        assert_eq!(append(&queue, vec![command(0, 1, "x")]).await, Err(gone));

        let (queue, mut line) = super::queue(2, QUEUE_BYTES);
        drop(queue);
        assert!(line.next(TOGETHER).await.is_none());
    }
}
