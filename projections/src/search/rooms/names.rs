//! Namespaces by name and by number. A search looks up thousands of both: each look-up is one step
//! into a table. A copy is cheap, and a change afterwards copies a small part.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use domain::name::NamespaceName;

use super::Room;

/// The parts of [`ByName`].
const SHARDS: usize = 64;
/// So many numbers are one part of [`ByNumber`].
const CHUNK: usize = 256;

/// The namespaces of one registry.
#[derive(Debug, Clone, Default)]
pub(super) struct ByName(Vec<Arc<HashMap<NamespaceName, Room>>>);

impl ByName {
    pub(super) fn get(&self, name: &str) -> Option<Room> {
        self.0.get(shard(name))?.get(name).copied()
    }

    pub(super) fn insert(&mut self, name: &NamespaceName, room: Room) {
        if self.0.is_empty() {
            self.0.resize_with(SHARDS, Arc::default);
        }
        if let Some(shard) = self.0.get_mut(shard(name.as_str())) {
            Arc::make_mut(shard).insert(name.clone(), room);
        }
    }

    pub(super) fn remove(&mut self, name: &NamespaceName) {
        if let Some(shard) = self.0.get_mut(shard(name.as_str())) {
            Arc::make_mut(shard).remove(name);
        }
    }
}

/// Names that differ little end differently. Whoever makes them all fall into one part wins nothing:
/// the part is a map with a secret of its own.
fn shard(name: &str) -> usize {
    name.bytes().fold(0, |sum: usize, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % SHARDS
}

/// What namespaces are called. Numbers begin at 1 and are given in turn, so they are places.
#[derive(Debug, Clone, Default)]
pub(super) struct ByNumber(Vec<Arc<Vec<Option<Called>>>>);

#[derive(Debug, Clone)]
struct Called {
    /// The first bytes of the name, as a number that sorts as they do: most names are told apart by
    /// it, without a look at the name itself.
    alpha: u128,
    name: NamespaceName,
}

impl Called {
    fn order(&self) -> (u128, &str) {
        (self.alpha, self.name.as_str())
    }
}

impl ByNumber {
    pub(super) fn set(&mut self, number: u64, name: Option<&NamespaceName>) {
        let Some((chunk, at)) = place(number) else { return };
        if self.0.len() <= chunk {
            self.0.resize_with(chunk + 1, Arc::default);
        }
        let Some(chunk) = self.0.get_mut(chunk).map(Arc::make_mut) else { return };
        if chunk.len() <= at {
            chunk.resize(at + 1, None);
        }
        if let Some(called) = chunk.get_mut(at) {
            *called = name.map(|name| Called { alpha: alpha(name.as_str()), name: name.clone() });
        }
    }

    fn get(&self, number: u64) -> Option<&Called> {
        let (chunk, at) = place(number)?;
        self.0.get(chunk)?.get(at)?.as_ref()
    }

    /// See [`super::Rooms::counted`]; `twice`: whether two numbers may have the same name.
    pub(super) fn counted(
        &self,
        counts: impl Iterator<Item = (u64, usize)>,
        twice: bool,
        most: usize,
    ) -> Vec<(NamespaceName, usize)> {
        let named = counts.filter_map(|(number, count)| Some((self.get(number)?, count)));
        let mut all: Vec<(&Called, usize)> = named.collect();
        if twice {
            all.sort_unstable_by(|(a, _), (b, _)| a.order().cmp(&b.order()));
            all.dedup_by(|(name, count), (kept, sum)| {
                let same = name.name == kept.name;
                *sum += if same { *count } else { 0 };
                same
            });
        }
        let rank = |(called, count): &(&Called, usize)| (Reverse(*count), called.alpha);
        let order = |a: &(&Called, usize), b: &(&Called, usize)| {
            rank(a).cmp(&rank(b)).then_with(|| a.0.name.as_str().cmp(b.0.name.as_str()))
        };
        if most < all.len() {
            all.select_nth_unstable_by(most, order);
            all.truncate(most);
        }
        all.sort_unstable_by(order);
        all.into_iter().map(|(called, count)| (called.name.clone(), count)).collect()
    }
}

fn place(number: u64) -> Option<(usize, usize)> {
    let number = usize::try_from(number).ok()?;
    Some((number / CHUNK, number % CHUNK))
}

fn alpha(name: &str) -> u128 {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    u128::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use domain::namespace::Visibility;

    use super::*;

    fn name(text: &str) -> NamespaceName {
        NamespaceName::parse(text).unwrap()
    }

    #[test]
    fn a_copy_keeps_what_it_knew() {
        let mut names = ByName::default();
        let room = Room { number: 7, visibility: Visibility::Public };
        names.insert(&name("a"), room);
        let before = names.clone();
        names.remove(&name("a"));
        names.insert(&name("b"), room);
        assert_eq!((before.get("a"), before.get("b")), (Some(room), None));
        assert_eq!((names.get("a"), names.get("b")), (None, Some(room)));
    }

    #[test]
    fn the_most_counted_come_first_and_equals_by_name() {
        let mut names = ByNumber::default();
        let long = "the-same-beginning-of-a-long-name";
        let all = ["b", "a", &format!("{long}-2"), &format!("{long}-1"), "z", "gone"];
        for (number, text) in (1..).zip(all) {
            names.set(number * 300, Some(&name(text)));
        }
        names.set(6 * 300, None);
        let counts = [(300, 2), (600, 2), (900, 3), (1_200, 3), (1_500, 1), (1_800, 9), (7, 9)];
        let counted = |most| {
            let found = names.counted(counts.into_iter(), false, most);
            found.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>()
        };
        let all = [&format!("{long}-1 3"), &format!("{long}-2 3"), "a 2", "b 2", "z 1"];
        assert_eq!(counted(9), all);
        assert_eq!(counted(3), all[..3]);
        assert_eq!(counted(0), [""; 0]);
    }

    #[test]
    fn the_same_name_in_two_registries_counts_once() {
        let mut names = ByNumber::default();
        for (number, text) in [(1, "a"), (2, "b"), (3, "a")] {
            names.set(number, Some(&name(text)));
        }
        let counts = [(1, 2), (2, 3), (3, 2)];
        let found = names.counted(counts.into_iter(), true, 1);
        assert_eq!(found, [(name("a"), 4)]);
    }
}
