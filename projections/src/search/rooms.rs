//! Which namespaces there are, numbered, and who may look into them without being a member.
//!
//! Each document carries the number of the namespace that decides for it; what somebody may see is
//! a set of such numbers, made when they ask. So a changed visibility costs one bit, whatever the
//! namespace holds, and rights are never stored with the documents.

mod names;

use std::collections::{BTreeMap, BTreeSet};

use domain::name::{NamespaceName, RegistryName, RepositoryName};
use domain::namespace::Visibility;

use self::names::{ByName, ByNumber};

/// The number of no namespace: nobody sees what carries it.
pub(super) const NOWHERE: u64 = 0;

/// A namespace in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// Never given again, so that a document of an earlier namespace of the same name shows to
    /// nobody.
    pub(super) number: u64,
    pub(super) visibility: Visibility,
}

/// All of them. A clone is cheap.
#[derive(Debug, Clone, Default)]
pub(super) struct Rooms {
    by_name: BTreeMap<RegistryName, ByName>,
    names: ByNumber,
    all: Numbers,
    protected: Numbers,
    public: Numbers,
    private: Numbers,
}

impl Rooms {
    pub(super) fn get(&self, registry: &RegistryName, name: &NamespaceName) -> Option<Room> {
        self.by_name.get(registry)?.get(name.as_str())
    }

    pub(super) fn insert(&mut self, registry: &RegistryName, name: &NamespaceName, room: Room) {
        self.remove(registry, name);
        self.by_name.entry(registry.clone()).or_default().insert(name, room);
        self.names.set(room.number, Some(name));
        self.all.insert(room.number);
        self.of(room.visibility).insert(room.number);
    }

    pub(super) fn remove(&mut self, registry: &RegistryName, name: &NamespaceName) {
        let Some(room) = self.get(registry, name) else { return };
        if let Some(inside) = self.by_name.get_mut(registry) {
            inside.remove(name);
        }
        self.names.set(room.number, None);
        self.all.remove(room.number);
        self.of(room.visibility).remove(room.number);
    }

    /// The number of the namespace that decides for a repository: the longest that exists.
    pub(super) fn deciding(&self, registry: &RegistryName, repository: &RepositoryName) -> u64 {
        let Some(inside) = self.by_name.get(registry) else { return NOWHERE };
        let mut prefixes = repository.prefixes().peekable();
        if prefixes.peek().is_none() {
            return inside.get(NamespaceName::GLOBAL).map_or(NOWHERE, |room| room.number);
        }
        prefixes.find_map(|prefix| inside.get(prefix)).map_or(NOWHERE, |room| room.number)
    }

    /// The names that are counted most, at most `most`; of those as often the first in the
    /// alphabet. Counts come by number; namespaces of the same name in two registries count
    /// together.
    pub(super) fn counted(
        &self,
        counts: impl Iterator<Item = (u64, usize)>,
        most: usize,
    ) -> Vec<(NamespaceName, usize)> {
        self.names.counted(counts, self.by_name.len() > 1, most)
    }

    /// The visibility of the namespace of this number.
    pub(super) fn visibility(&self, number: u64) -> Option<Visibility> {
        let sets = [
            (&self.private, Visibility::Private),
            (&self.protected, Visibility::Protected),
            (&self.public, Visibility::Public),
        ];
        sets.into_iter().find_map(|(set, visibility)| set.contains(number).then_some(visibility))
    }

    /// The numbers of the namespaces of this name, in whichever registry.
    pub(super) fn called(&self, name: &NamespaceName) -> Vec<u64> {
        let inside = self.by_name.values().filter_map(|inside| inside.get(name.as_str()));
        inside.map(|room| room.number).collect()
    }

    /// The numbers that somebody may look into.
    pub(super) fn readable(
        &self,
        everything: bool,
        visibilities: &BTreeSet<Visibility>,
        namespaces: &BTreeSet<(RegistryName, NamespaceName)>,
    ) -> Numbers {
        if everything {
            return self.all.clone();
        }
        let mut numbers = Numbers::default();
        for visibility in visibilities {
            numbers.unite(match visibility {
                Visibility::Private => &self.private,
                Visibility::Protected => &self.protected,
                Visibility::Public => &self.public,
            });
        }
        // Registries are few, and those of many namespaces one after the other.
        let mut inside: Option<(&RegistryName, Option<&ByName>)> = None;
        for (registry, name) in namespaces {
            let (_, rooms) = match inside {
                Some(same) if same.0 == registry => same,
                _ => *inside.insert((registry, self.by_name.get(registry))),
            };
            if let Some(room) = rooms.and_then(|rooms| rooms.get(name.as_str())) {
                numbers.insert(room.number);
            }
        }
        numbers
    }

    fn of(&mut self, visibility: Visibility) -> &mut Numbers {
        match visibility {
            Visibility::Private => &mut self.private,
            Visibility::Protected => &mut self.protected,
            Visibility::Public => &mut self.public,
        }
    }
}

/// A set of small numbers: one bit each.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers(Vec<u64>);

impl Numbers {
    pub(super) fn contains(&self, number: u64) -> bool {
        let (word, bit) = place(number);
        self.0.get(word).is_some_and(|bits| bits >> bit & 1 == 1)
    }

    fn insert(&mut self, number: u64) {
        let (word, bit) = place(number);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= 1 << bit;
        }
    }

    fn remove(&mut self, number: u64) {
        let (word, bit) = place(number);
        if let Some(bits) = self.0.get_mut(word) {
            *bits &= !(1 << bit);
        }
    }

    fn unite(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine |= theirs;
        }
    }
}

impl FromIterator<u64> for Numbers {
    fn from_iter<T: IntoIterator<Item = u64>>(numbers: T) -> Self {
        let mut all = Self::default();
        numbers.into_iter().for_each(|number| all.insert(number));
        all
    }
}

fn place(number: u64) -> (usize, u32) {
    (usize::try_from(number / 64).unwrap_or(usize::MAX), (number % 64) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> RegistryName {
        RegistryName::parse("main").unwrap()
    }

    fn room(number: u64, visibility: Visibility) -> Room {
        Room { number, visibility }
    }

    #[test]
    fn the_longest_namespace_that_exists_decides() {
        let name = |text| NamespaceName::parse(text).unwrap();
        let mut rooms = Rooms::default();
        rooms.insert(&registry(), &name("a"), room(1, Visibility::Public));
        rooms.insert(&registry(), &name("a/b"), room(2, Visibility::Private));
        rooms.insert(&registry(), &name("_"), room(3, Visibility::Public));
        let deciding = |rooms: &Rooms, text| {
            rooms.deciding(&registry(), &RepositoryName::parse(text).unwrap())
        };
        assert_eq!(deciding(&rooms, "a/b/c"), 2);
        assert_eq!(deciding(&rooms, "a/bc"), 1);
        assert_eq!(deciding(&rooms, "solo"), 3);
        assert_eq!(deciding(&rooms, "other/x"), NOWHERE);
        rooms.remove(&registry(), &name("a/b"));
        assert_eq!(deciding(&rooms, "a/b/c"), 1);
    }

    #[test]
    fn readable_is_what_visibilities_and_names_say() {
        let name = |text| NamespaceName::parse(text).unwrap();
        let mut rooms = Rooms::default();
        rooms.insert(&registry(), &name("pub"), room(1, Visibility::Public));
        rooms.insert(&registry(), &name("priv"), room(200, Visibility::Private));
        let none = BTreeSet::new();
        let public = rooms.readable(false, &[Visibility::Public].into(), &none);
        assert!(public.contains(1) && !public.contains(200) && !public.contains(NOWHERE));
        let mine = rooms.readable(false, &none_v(), &[(registry(), name("priv"))].into());
        assert!(!mine.contains(1) && mine.contains(200));
        rooms.insert(&registry(), &name("pub"), room(1, Visibility::Private));
        assert!(!rooms.readable(false, &[Visibility::Public].into(), &none).contains(1));
        assert!(rooms.readable(true, &none_v(), &none).contains(1));
    }

    fn none_v() -> BTreeSet<Visibility> {
        BTreeSet::new()
    }
}
