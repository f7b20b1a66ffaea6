//! A map for what most have none of.

use rpds::HashTrieMapSync;

use crate::access::reach::Grants;
use crate::namespace::Grant;

/// A persistent map that allocates nothing while it is empty, as most are.
#[derive(Debug, Clone)]
pub(in crate::access) struct Few<K: Eq + std::hash::Hash, V>(Option<HashTrieMapSync<K, V>>);

impl<K: Eq + std::hash::Hash, V> Default for Few<K, V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: Eq + std::hash::Hash + Clone, V: Clone> Few<K, V> {
    pub(in crate::access) fn get(&self, key: &K) -> Option<&V> {
        self.0.as_ref()?.get(key)
    }

    pub(in crate::access) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, HashTrieMapSync::size)
    }

    pub(in crate::access) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().flat_map(HashTrieMapSync::iter)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        self.0.get_or_insert_with(HashTrieMapSync::new_sync).insert_mut(key, value);
    }

    pub(super) fn remove(&mut self, key: &K) {
        if let Some(map) = &mut self.0 {
            map.remove_mut(key);
            if map.is_empty() {
                self.0 = None;
            }
        }
    }
}

impl<K: Eq + std::hash::Hash + Clone> Few<K, Grants> {
    pub(super) fn entry(&mut self, key: &K) -> &mut Grants {
        if self.get(key).is_none() {
            self.insert(key.clone(), Grants::default());
        }
        let map = self.0.get_or_insert_with(HashTrieMapSync::new_sync);
        // It was put there three lines above.
        #[allow(clippy::expect_used)]
        map.get_mut(key).expect("grants that were inserted")
    }

    /// Takes a grant out; says whether its grantee has none left here.
    pub(super) fn drop_grant(&mut self, key: &K, grant: &Grant) -> bool {
        let Some(grants) = self.0.as_mut().and_then(|map| map.get_mut(key)) else { return true };
        grants.remove(grant);
        let none_left = grants.is_empty();
        if none_left {
            self.remove(key);
        }
        none_left
    }
}
