//! Parameters as a struct's fields, each read from text; what is wrong is said with its name.

use std::fmt::{self, Display};

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::Params;

/// Takes the parameters that the struct asks for by its fields' names, and leaves the others.
pub(super) struct Fields<'a>(pub(super) &'a mut Params);

/// Why a parameter cannot be so.
#[derive(Debug)]
pub(super) enum Wrong {
    /// It must be there.
    Missing(&'static str),
    /// Its value is none.
    Value { name: &'static str, why: String },
    /// Nothing is known yet of which parameter it is.
    Why(String),
}

impl Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "The parameter `{name}` is missing"),
            Self::Value { name, why } => write!(f, "The parameter `{name}` cannot be so: {why}"),
            Self::Why(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: Display>(text: T) -> Self {
        Self::Why(text.to_string())
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Missing(name)
    }

    /// Says what there is, and not what was sent.
    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::Why(format!("it is one of {}", expected.join(", ")))
    }
}

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Wrong;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_map(Taken { params: self.0, fields: fields.iter(), current: None })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Wrong> {
        Err(de::Error::custom("parameters are taken as a struct's fields"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Taken<'a> {
    params: &'a mut Params,
    fields: std::slice::Iter<'static, &'static str>,
    current: Option<(&'static str, String)>,
}

impl<'de> MapAccess<'de> for Taken<'_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        for name in self.fields.by_ref() {
            if let Some(text) = self.params.text(name) {
                self.current = Some((name, text));
                let name: StrDeserializer<'_, Wrong> = name.into_deserializer();
                return seed.deserialize(name).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Wrong> {
        let (name, text) = self.current.take().unwrap_or_default();
        seed.deserialize(Text(&text)).map_err(|wrong| match wrong {
            Wrong::Why(why) => Wrong::Value { name, why },
            known => known,
        })
    }
}

/// One parameter's text as whatever its field is.
struct Text<'a>(&'a str);

macro_rules! read_from_text {
    ($($method:ident $visit:ident $what:literal,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            visitor.$visit(self.0.parse().map_err(|_| Wrong::Why($what.to_owned()))?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Text<'_> {
    type Error = Wrong;

    read_from_text! {
        deserialize_bool visit_bool "it is `true` or `false`",
        deserialize_i64 visit_i64 "it is a whole number, not too large",
        deserialize_i32 visit_i32 "it is a whole number, not too large",
        deserialize_u64 visit_u64 "it is a whole number from 0, not too large",
        deserialize_u32 visit_u32 "it is a whole number from 0, not too large",
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let text: StrDeserializer<'_, Wrong> = self.0.into_deserializer();
        text.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::name::RegistryName;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Filter {
        registry: Option<RegistryName>,
        number: Option<i64>,
        flag: Option<bool>,
        word: Option<Word>,
        must: String,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        Up,
        Down,
    }

    fn params(pairs: &[(&str, &str)]) -> Params {
        let left = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Params { path: "/".to_owned(), left: left.collect(), taken: BTreeMap::new() }
    }

    fn says(pairs: &[(&str, &str)]) -> String {
        Filter::deserialize(Fields(&mut params(pairs))).unwrap_err().to_string()
    }

    #[test]
    fn a_struct_takes_its_own_parameters_and_leaves_the_rest() {
        let pairs = [
            ("registry", "main"),
            ("number", "-7"),
            ("flag", "true"),
            ("word", "down"),
            ("must", "x"),
            ("other", "1"),
        ];
        let mut params = params(&pairs);
        let filter: Filter = params.take().unwrap();
        let registry = Some(RegistryName::parse("main").unwrap());
        let word = Some(Word::Down);
        let must = "x".to_owned();
        let expected = Filter { registry, number: Some(-7), flag: Some(true), word, must };
        assert_eq!(filter, expected);
        assert!(params.end().is_err());
        assert_eq!(params.taken().len(), 5);
    }

    #[test]
    fn what_is_wrong_is_said_with_the_parameters_name_and_without_its_value() {
        assert_eq!(says(&[]), "The parameter `must` is missing");
        assert_eq!(says(&[("must", "")]), "The parameter `must` is missing");
        assert_eq!(
            says(&[("must", "x"), ("number", "1e9")]),
            "The parameter `number` cannot be so: it is a whole number, not too large"
        );
        assert_eq!(
            says(&[("must", "x"), ("word", "sideways")]),
            "The parameter `word` cannot be so: it is one of up, down"
        );
        assert!(
            says(&[("must", "x"), ("registry", "A B")]).starts_with("The parameter `registry`")
        );
    }
}
