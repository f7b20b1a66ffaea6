//! Moving a log from one store to another, event by event as it is, and comparing two.
//!
//! Nothing is remembered between two runs: each finds out what is there, reads it beside the
//! source, and goes on behind it. In the end both are read again from the beginning.

use std::collections::VecDeque;

use domain::event::Position;

use super::transfer::{Digest, Kept, Standing, Transfer, TransferError};

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// What the target holds already is read beside the source.
    Checking,
    /// Events move.
    Copying,
    /// Both are read from the beginning.
    Verifying,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// In what.
    pub phase: Phase,
    /// Where this phase began.
    pub from: Position,
    /// Where it is.
    pub at: Position,
    /// Where it ends.
    pub upto: Position,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What is copied.
    Source,
    /// Where to.
    Target,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

/// The first thing in which two logs differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// Of which event.
    pub position: Position,
    /// What of it; `None`: one of the two ends before it.
    pub field: Option<&'static str>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.field {
            Some(field) => {
                write!(f, "at position {} they hold events of another {field}", self.position)
            }
            None => write!(f, "position {} is only in one of them", self.position),
        }
    }
}

/// What was compared, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Up to where both are the same.
    pub head: Position,
    /// Over everything up to there: computed from each, and the same.
    pub digest: String,
}

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The events that were there before.
    pub found: u64,
    /// The events that were written.
    pub written: u64,
    /// What the comparison of both said.
    pub compared: Compared,
    /// By so many events the source has grown meanwhile: the target may not be used yet.
    pub grown: u64,
    /// Whether a service had the source open.
    pub served: bool,
}

/// Why nothing was copied, or not everything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// A store did not serve.
    #[error("the {side}, {place}: {error}")]
    Store {
        /// Which.
        side: Side,
        /// Where it is.
        place: String,
        /// What it says.
        error: TransferError,
    },
    /// Both are one.
    #[error("source and target are the same log, {0}")]
    Same(String),
    /// The source is itself half a copy.
    #[error("the source, {0}, is a copy that was not finished: finish that one first")]
    HalfSource(String),
    /// A service works on the target.
    #[error("a service has the target open, {0}: stop it first")]
    Served(String),
    /// The target holds something that the source does not.
    #[error(
        "the target, {place}, holds something else than the source: {difference}. Nothing was \
         changed; choose an empty target"
    )]
    Foreign {
        /// The target.
        place: String,
        /// What.
        difference: Difference,
    },
    /// Both were read, and differ.
    #[error("the two logs are not the same: {0}")]
    Different(Difference),
}

/// Copies all that `target` has not yet, and then compares both from the beginning.
///
/// # Errors
///
/// [`CopyError`]. With [`CopyError::Foreign`] and those before it nothing was changed.
pub async fn copy(
    source: &mut dyn Transfer,
    target: &mut dyn Transfer,
    show: &(dyn Fn(Progress) + Sync),
) -> Result<Copied, CopyError> {
    let (from, to) = look(source, target).await?;
    if from.unfinished {
        return Err(CopyError::HalfSource(source.place()));
    }
    if to.served {
        return Err(CopyError::Served(target.place()));
    }
    let common = from.head.min(to.head);
    let place = target.place();
    if common.0 > 0 {
        let place = place.clone();
        both(source, target, common, Phase::Checking, show).await.map_err(|error| match error {
            CopyError::Different(difference) => CopyError::Foreign { place, difference },
            error => error,
        })?;
    }
    if to.head > from.head {
        let position = Position(from.head.0 + 1);
        return Err(CopyError::Foreign { place, difference: Difference { position, field: None } });
    }
    let marked = to.unfinished || to.head < from.head;
    if marked {
        on(Side::Target, target, async |target| target.begin().await).await?;
        if let Err(error) = pass(source, target, to.head, from.head, show).await {
            let moved = matches!(&error, CopyError::Store { error: TransferError::Moved(at), .. }
                if *at == to.head.0 + 1);
            if moved && !to.unfinished {
                // Somebody else began just now, and this is theirs: not half a copy of ours.
                let _ = target.end().await;
            }
            return Err(error);
        }
        on(Side::Target, target, async |target| target.settle().await).await?;
    }
    let compared = both(source, target, from.head, Phase::Verifying, show).await?;
    let now = on(Side::Source, source, async |source| source.standing().await).await?;
    let grown = now.head.0.saturating_sub(from.head.0);
    if marked && grown == 0 {
        on(Side::Target, target, async |target| target.end().await).await?;
    }
    let (found, written) = (to.head.0, from.head.0 - to.head.0);
    Ok(Copied { found, written, compared, grown, served: now.served })
}

/// Reads both from the beginning to the end, and changes neither.
///
/// # Errors
///
/// [`CopyError`]; [`CopyError::Different`] also when one of them ends before the other.
pub async fn verify(
    source: &mut dyn Transfer,
    target: &mut dyn Transfer,
    show: &(dyn Fn(Progress) + Sync),
) -> Result<Compared, CopyError> {
    let (from, to) = look(source, target).await?;
    let common = from.head.min(to.head);
    let compared = both(source, target, common, Phase::Verifying, show).await?;
    if from.head != to.head {
        let position = Position(common.0 + 1);
        return Err(CopyError::Different(Difference { position, field: None }));
    }
    Ok(compared)
}

/// How both stand; they must be two.
async fn look(
    source: &mut dyn Transfer,
    target: &mut dyn Transfer,
) -> Result<(Standing, Standing), CopyError> {
    let from = on(Side::Source, source, async |source| source.standing().await).await?;
    let to = on(Side::Target, target, async |target| target.standing().await).await?;
    let one = on(Side::Source, source, async |source| source.identity().await).await?;
    let other = on(Side::Target, target, async |target| target.identity().await).await?;
    if one.is_some() && one == other {
        return Err(CopyError::Same(source.place()));
    }
    Ok((from, to))
}

/// Copies what lies between: the next page is read while one is written.
async fn pass(
    source: &mut dyn Transfer,
    target: &mut dyn Transfer,
    from: Position,
    upto: Position,
    show: &(dyn Fn(Progress) + Sync),
) -> Result<(), CopyError> {
    let mut page = next(Side::Source, source, from, upto).await?;
    while let Some(last) = page.last() {
        let at = last.event.position;
        let (written, read) = tokio::join!(
            on(Side::Target, target, async |target| target.write(&page).await),
            next(Side::Source, source, at, upto)
        );
        written?;
        show(Progress { phase: Phase::Copying, from, at, upto });
        page = read?;
    }
    Ok(())
}

/// Reads both side by side up to a position.
async fn both(
    source: &mut dyn Transfer,
    target: &mut dyn Transfer,
    upto: Position,
    phase: Phase,
    show: &(dyn Fn(Progress) + Sync),
) -> Result<Compared, CopyError> {
    let (mut ours, mut theirs) = (VecDeque::new(), VecDeque::new());
    let (mut one, mut other) = (Digest::default(), Digest::default());
    let (mut at, mut read, mut seen) = (Position(0), Position(0), Position(0));
    while at < upto {
        let (more, as_many) = tokio::join!(
            refill(Side::Source, source, &mut ours, &mut read, upto),
            refill(Side::Target, target, &mut theirs, &mut seen, upto)
        );
        more?;
        as_many?;
        while let (Some(our), Some(their)) = (ours.front(), theirs.front()) {
            at = our.event.position;
            if let Some(field) = our.difference(their) {
                let difference = Difference { position: at, field: Some(field) };
                return Err(CopyError::Different(difference));
            }
            one.add(our);
            other.add(their);
            ours.pop_front();
            theirs.pop_front();
        }
        show(Progress { phase, from: Position(0), at, upto });
    }
    let (digest, theirs) = (one.shown(), other.shown());
    if digest != theirs {
        // Not reached: all that is in it was compared.
        let difference = Difference { position: upto, field: Some("digest") };
        return Err(CopyError::Different(difference));
    }
    Ok(Compared { head: upto, digest })
}

/// Reads on where nothing is left.
async fn refill(
    side: Side,
    log: &mut dyn Transfer,
    queue: &mut VecDeque<Kept>,
    read: &mut Position,
    upto: Position,
) -> Result<(), CopyError> {
    if queue.is_empty() {
        queue.extend(next(side, log, *read, upto).await?);
        *read = queue.back().map_or(*read, |last| last.event.position);
    }
    Ok(())
}

/// The next page, in which every position is: none beyond `upto`.
async fn next(
    side: Side,
    log: &mut dyn Transfer,
    after: Position,
    upto: Position,
) -> Result<Vec<Kept>, CopyError> {
    if after >= upto {
        return Ok(Vec::new());
    }
    let page = on(side, log, async |log| log.read(after, upto).await).await?;
    let expected = after.0 + 1..;
    let missing = expected.zip(&page).find(|(at, kept)| kept.event.position.0 != *at);
    let missing = match (page.is_empty(), missing) {
        (false, None) => return Ok(page),
        (true, _) => after.0 + 1,
        (false, Some((at, _))) => at,
    };
    let error = TransferError::Damaged(format!("position {missing} is missing"));
    Err(CopyError::Store { side, place: log.place(), error })
}

/// Does something with one of the two; what goes wrong is said with its place.
async fn on<T>(
    side: Side,
    log: &mut dyn Transfer,
    act: impl AsyncFnOnce(&mut dyn Transfer) -> Result<T, TransferError>,
) -> Result<T, CopyError> {
    let done = act(log).await;
    done.map_err(|error| CopyError::Store { side, place: log.place(), error })
}
