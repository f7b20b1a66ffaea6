//! Counting downloads without writing a repository's document for each of them.
//!
//! Up to [`EXACT`] every download counts. Beyond, one of two counts for two, then one of four for
//! four, and so on: the number stays right on average, within some percent, and the document of a
//! repository with a million downloads was written two thousand times instead of a million times.
//! Which ones count follows from the fact's own id, so that every index made from the same facts
//! says the same, and a restart forgets nothing.

use domain::event::EventId;

/// Up to here the number is exact.
pub const EXACT: u64 = 256;

/// The number after one more download.
pub(super) fn after(pulls: u64, id: EventId) -> u64 {
    let shift = pulls.max(1).ilog2().saturating_sub(EXACT.ilog2() - 1);
    if shift > 0 && chance(id).trailing_zeros() < shift {
        return pulls;
    }
    pulls.saturating_add(1 << shift.min(62))
}

/// Evenly spread, whatever ids are made of.
fn chance(id: EventId) -> u64 {
    super::numbers::number_of(&id.0.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_are_exact_and_large_ones_about_right_in_few_steps() {
        let (mut pulls, mut steps) = (0, 0);
        for number in 1..=100_000_u64 {
            let now = after(pulls, EventId::from_key(&number.to_string()));
            steps += u64::from(now != pulls);
            pulls = now;
            if number <= EXACT {
                assert_eq!(pulls, number);
            }
        }
        assert!((80_000..=120_000).contains(&pulls), "{pulls}");
        assert!(steps < 2_000, "{steps}");
    }

    #[test]
    fn the_largest_number_stays() {
        assert!(after(u64::MAX, EventId::from_key("x")) == u64::MAX);
    }
}
