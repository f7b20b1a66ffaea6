//! Which blobs the live manifests of a repository hold, themselves among them, and how many of them
//! hold each: what they share takes room once.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;

use super::Desk;
use super::rows::{BlobKey, BlobRow, ManifestKey, ManifestRow, ReferenceRow};
use crate::working::{Row as _, json};

const REFERENCES_OF: &str = "SELECT row_to_json(r)::text FROM manifest_references r
    JOIN json_populate_recordset(NULL::manifests, $1::json) k
      ON k.registry = r.registry AND k.repository = r.repository AND k.digest = r.parent";

/// What a manifest references, by its place there.
type References = BTreeMap<i32, ReferenceRow>;

impl Desk {
    /// Brings the blobs up to date with the manifests in memory, before those are written.
    pub(super) async fn hold(&mut self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        let told = self.told();
        let mut changed = Vec::new();
        for (old, new) in self.manifests.pairs() {
            let Some(key) = new.or(old).map(ManifestRow::key) else { continue };
            let (was, is) = (old.filter(|row| row.live), new.filter(|row| row.live));
            let size = |row: Option<&ManifestRow>| row.and_then(|row| row.size);
            let same = was.is_some() == is.is_some() && size(was) == size(is);
            if !same || (is.is_some() && told.contains_key(&key)) {
                // Of what nobody told references before, none are stored.
                let stored = old.is_some_and(|old| old.total_size.is_some());
                changed.push((key, was.cloned(), is.cloned(), stored));
            }
        }
        let stored = changed.iter().filter(|(.., stored)| *stored).map(|(key, ..)| key);
        let stored = stored_references(db, stored.collect()).await?;
        let mut holders: BTreeMap<BlobKey, i64> = BTreeMap::new();
        let mut count = |row: &Option<ManifestRow>, references: &References, change: i64| {
            for blob in row.iter().flat_map(|row| held(row, references)) {
                *holders.entry(blob).or_default() += change;
            }
        };
        for (key, was, is, _) in &changed {
            let mut references = stored.get(key).cloned().unwrap_or_default();
            count(was, &references, -1);
            if let Some(told) = told.get(key) {
                references.extend(told.iter().map(|(place, row)| (*place, row.clone())));
            }
            count(is, &references, 1);
        }
        holders.retain(|_, change| *change != 0);
        holders.keys().cloned().for_each(|blob| self.blobs.want(blob));
        self.blobs.load(db).await?;
        for (blob, change) in holders {
            let row = self.blobs.get(&blob).cloned().unwrap_or_else(|| BlobRow::of(&blob));
            let row = BlobRow { holders: row.holders + change, ..row };
            self.blobs.set(blob, (row.holders > 0).then_some(row));
        }
        Ok(())
    }

    /// What these facts told of references.
    fn told(&self) -> BTreeMap<ManifestKey, References> {
        let mut told: BTreeMap<ManifestKey, References> = BTreeMap::new();
        for row in self.references.pairs().filter_map(|(_, new)| new) {
            told.entry(parent(row)).or_default().insert(row.ordinal, row.clone());
        }
        told
    }
}

async fn stored_references(
    db: &mut PgConnection,
    of: Vec<&ManifestKey>,
) -> Result<BTreeMap<ManifestKey, References>, sqlx::Error> {
    let mut stored: BTreeMap<ManifestKey, References> = BTreeMap::new();
    if of.is_empty() {
        return Ok(stored);
    }
    let rows: Vec<String> = sqlx::query_scalar(REFERENCES_OF).bind(json(of)?).fetch_all(db).await?;
    for row in rows {
        let row: ReferenceRow =
            serde_json::from_str(&row).map_err(|error| sqlx::Error::Decode(error.into()))?;
        stored.entry(parent(&row)).or_default().insert(row.ordinal, row);
    }
    Ok(stored)
}

fn parent(row: &ReferenceRow) -> ManifestKey {
    ManifestKey {
        registry: row.registry.clone(),
        repository: row.repository.clone(),
        digest: row.parent.clone(),
    }
}

/// The manifest itself and what it references, each once. An image that an index references is the
/// same blob as that image itself.
fn held(manifest: &ManifestRow, references: &References) -> BTreeSet<BlobKey> {
    let blob = |digest: &String, size: Option<i64>| {
        Some(BlobKey {
            registry: manifest.registry.clone(),
            repository: manifest.repository.clone(),
            digest: digest.clone(),
            size: size?,
        })
    };
    let own = blob(&manifest.digest, manifest.size);
    references.values().filter_map(|row| blob(&row.digest, row.size)).chain(own).collect()
}
