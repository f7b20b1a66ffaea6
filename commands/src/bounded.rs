//! A map that never grows beyond its bound, and forgets what was not used for longest.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Two generations of half the bound each: what is used moves into the younger one, and when that
/// is full the older one is forgotten as a whole. Every operation costs the same.
#[derive(Debug)]
pub struct Bounded<K, V> {
    half: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Hash + Eq + Clone, V> Bounded<K, V> {
    /// An empty map of at most `bound` entries, of which at least half survive a flood.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self { half: (bound / 2).max(1), young: HashMap::new(), old: HashMap::new() }
    }

    /// What is there; it counts as used.
    pub fn get<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if !self.young.contains_key(key)
            && let Some((key, value)) = self.old.remove_entry(key)
        {
            self.insert(key, value);
        }
        self.young.get_mut(key)
    }

    /// Puts it there, in place of what was.
    pub fn insert(&mut self, key: K, value: V) {
        self.old.remove(&key);
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    /// Takes it away.
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let old = self.old.remove(key);
        self.young.remove(key).or(old)
    }

    /// Keeps only what `keep` wants.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.young.retain(&mut keep);
        self.old.retain(&mut keep);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_grows_beyond_its_bound() {
        let mut map = Bounded::new(100);
        for key in 0..10_000 {
            map.insert(key, key);
            assert!(map.len() <= 100);
        }
        assert_eq!(map.get(&9_999), Some(&mut 9_999));
        assert_eq!(map.get(&0), None);
    }

    #[test]
    fn what_is_used_survives_a_flood() {
        let mut map = Bounded::new(100);
        map.insert(0, "kept");
        for key in 1..10_000 {
            map.insert(key, "flood");
            assert_eq!(map.get(&0), Some(&mut "kept"));
        }
    }

    #[test]
    fn a_removed_entry_is_gone_from_both_generations() {
        let mut map = Bounded::new(4);
        map.insert(1, 'a');
        map.insert(2, 'b');
        map.insert(3, 'c');
        map.insert(1, 'd');
        assert_eq!(map.remove(&1), Some('d'));
        assert_eq!(map.get(&1), None);
    }
}
