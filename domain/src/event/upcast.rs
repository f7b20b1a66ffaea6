//! Yesterday's JSON, today's types: the one place that knows old shapes.
//!
//! A type's meaning never changes. New fields with a default keep the schema version; anything
//! else raises it here, with a step that turns the old JSON into the new. Stored events are never
//! edited.

use serde_json::Value;

use super::DecodeError;

/// Every step from a shape that was released to the next one.
///
/// ```text
/// Step { kind: "user.disabled", from: 1, raise: |data| …"note" was called "reason"… },
/// ```
const STEPS: &[Step] = &[];

/// Turns one version of a type's JSON into the next.
pub(super) struct Step {
    /// The type.
    kind: &'static str,
    /// The version that it takes; it makes the one after it.
    from: i16,
    /// What has to be done.
    raise: fn(Value) -> Result<Value, &'static str>,
}

/// The schema version that this program writes for a type.
#[must_use]
pub fn current(kind: &str) -> i16 {
    newest(STEPS, kind)
}

/// Raises `data` from `schema` to [`current`].
///
/// # Errors
///
/// [`DecodeError`] when there never was such a version, or the old JSON is not what that version
/// wrote.
pub fn raise(kind: &str, schema: i16, data: &str) -> Result<String, DecodeError> {
    climb(STEPS, kind, schema, data)
}

fn newest(steps: &[Step], kind: &str) -> i16 {
    let above = steps.iter().filter(|step| step.kind == kind).map(|step| step.from + 1);
    above.max().unwrap_or(1)
}

fn climb(steps: &[Step], kind: &str, schema: i16, data: &str) -> Result<String, DecodeError> {
    let known = newest(steps, kind);
    if schema > known {
        return Err(DecodeError::NewerSchema { found: schema, known });
    }
    let mut value: Value = serde_json::from_str(data)?;
    for version in schema..known {
        let step = steps.iter().find(|step| step.kind == kind && step.from == version);
        let step = step.ok_or(DecodeError::NoSuchSchema { found: schema, known })?;
        value = (step.raise)(value)
            .map_err(|reason| DecodeError::OldShape { found: version, reason })?;
    }
    Ok(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A type that was released three times: its `reason` was renamed, then put into a list.
    const THREE: &[Step] = &[
        Step { kind: "user.left", from: 2, raise: |data| into_list(data) },
        Step { kind: "user.left", from: 1, raise: |data| rename(data) },
        Step { kind: "user.other", from: 1, raise: |_| Err("another type's step") },
    ];

    fn rename(mut data: Value) -> Result<Value, &'static str> {
        let fields = data.as_object_mut().ok_or("not an object")?;
        let reason = fields.remove("reason").ok_or("it has no `reason`")?;
        fields.insert("note".to_owned(), reason);
        Ok(data)
    }

    fn into_list(mut data: Value) -> Result<Value, &'static str> {
        let fields = data.as_object_mut().ok_or("not an object")?;
        let note = fields.remove("note").ok_or("it has no `note`")?;
        fields.insert("notes".to_owned(), Value::Array(vec![note]));
        Ok(data)
    }

    fn raised(schema: i16, data: &str) -> Result<String, String> {
        climb(THREE, "user.left", schema, data).map_err(|error| error.to_string())
    }

    #[test]
    fn every_released_shape_is_raised_step_by_step_to_the_newest() {
        assert_eq!(newest(THREE, "user.left"), 3);
        let newest = r#"{"notes":["moved"]}"#;
        assert_eq!(raised(1, r#"{"reason":"moved"}"#).unwrap(), newest);
        assert_eq!(raised(2, r#"{"note":"moved"}"#).unwrap(), newest);
        assert_eq!(raised(3, newest).unwrap(), newest);
    }

    #[test]
    fn a_type_without_steps_stays_at_its_first_version() {
        assert_eq!(newest(THREE, "user.registered"), 1);
        assert_eq!(current("user.registered"), 1);
    }

    #[test]
    fn a_newer_version_is_refused_by_name() {
        let error = raised(4, "{}").unwrap_err();
        assert_eq!(error, "schema version 4 of this event type is newer than the 3 known here");
    }

    #[test]
    fn a_version_that_never_was_is_refused() {
        for schema in [0, -1, i16::MIN] {
            let error = raised(schema, r#"{"reason":"moved"}"#).unwrap_err();
            assert!(error.contains("never was"), "{error}");
        }
    }

    #[test]
    fn an_old_shape_that_is_not_what_it_says_is_named_with_its_version() {
        let error = raised(1, r#"{"note":"moved"}"#).unwrap_err();
        assert_eq!(error, "the stored JSON is not what schema version 1 wrote: it has no `reason`");
        assert!(raised(1, "no json").is_err());
    }

    #[test]
    fn the_steps_of_each_type_have_no_gap() {
        for step in STEPS {
            assert!(step.from >= 1 && step.from < i16::MAX, "{}", step.kind);
            for version in 1..newest(STEPS, step.kind) {
                let of_version =
                    STEPS.iter().filter(|it| it.kind == step.kind && it.from == version).count();
                assert_eq!(of_version, 1, "{} version {version}", step.kind);
            }
        }
    }
}
