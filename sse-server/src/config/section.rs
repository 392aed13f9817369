//! How a section of the configuration is written, and gone over.
//!
//! A key is one entry of [`section!`]: its text, type, default and what it takes. The field and its documentation, the
//! default, the check, `--print-config` and `docs/configuration.md` all come from there.

use std::time::Duration;

use super::setting::Setting;

pub(super) const MS: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) const KIB: usize = 1 << 10;
pub(super) const MIB: usize = 1 << 20;
pub(super) const GIB: usize = 1 << 30;
pub(super) const TIB: usize = 1 << 40;
pub(super) const PIB: usize = 1 << 50;

/// Goes over all keys, section by section.
pub(super) trait Visitor {
    type Error;

    fn section(&mut self, name: &'static str, about: &About);

    fn key<S: Setting>(&mut self, key: &Key, value: &mut S, takes: &S::Takes) -> Result<(), Self::Error>;
}

/// What is said of a section.
pub(super) struct About {
    /// Lines of its documentation.
    pub(super) text: &'static [&'static str],
    /// Markdown that follows the table of its keys, or nothing.
    pub(super) notes: &'static str,
}

/// What is said of a key.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// Lines of its documentation.
    pub(super) text: &'static [&'static str],
    /// The default in words, where it is not the same on all systems.
    pub(super) default: Option<&'static str>,
    /// Where to read more: a Markdown link, relative to `docs/`.
    pub(super) see: Option<&'static str>,
}

impl About {
    pub(super) fn text(&self) -> String {
        paragraph(self.text)
    }
}

impl Key {
    /// The key's text, and that of each name that a value of type `S` can have.
    pub(super) fn text<S: Setting>(&self) -> String {
        let choices = S::CHOICES.iter().map(|choice| format!(" `{}`: {}", choice.name, paragraph(choice.text)));
        std::iter::once(paragraph(self.text)).chain(choices).collect()
    }
}

/// The lines of a doc comment as one line.
fn paragraph(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| line.split_whitespace()).collect::<Vec<_>>().join(" ")
}

/// Defines a section: a struct with a public field for each key, its `Default`, and its part of the walk over all keys.
///
/// An entry is
///
/// ```text
/// /// The text: a summary, and what else there is to know.
/// pub NAME: TYPE = DEFAULT, takes RANGE OR RULE, default "in words", see "[a link](relative/to/docs.md)";
/// ```
///
/// What follows the default is optional, except that `takes` is given exactly where the type has bounds. `notes` after
/// the struct is Markdown for the documentation.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        pub struct $section:ident {
            $(
                $(#[doc = $text:literal])+
                pub $key:ident: $type:ty = $default:expr
                    $(, takes $takes:expr)? $(, default $words:literal)? $(, see $see:literal)?;
            )+
        }
        $(notes $notes:expr;)?
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone)]
        #[non_exhaustive]
        pub struct $section {
            $(
                $(#[doc = $text])+
                ///
                #[doc = concat!("Default: `", stringify!($default), "`.")]
                $(#[doc = concat!("It takes `", stringify!($takes), "`.")])?
                pub $key: $type,
            )+
        }

        impl Default for $section {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        impl $section {
            pub(super) const ABOUT: $crate::config::section::About = $crate::config::section::About {
                text: &[$($about),+],
                notes: $crate::config::section::section!(@or "", $($notes)?),
            };

            pub(super) fn visit<V>(&mut self, visitor: &mut V) -> Result<(), V::Error>
            where
                V: $crate::config::section::Visitor,
            {
                $(
                    let key = $crate::config::section::Key {
                        name: stringify!($key),
                        text: &[$($text),+],
                        default: $crate::config::section::section!(@or None, $(Some($words))?),
                        see: $crate::config::section::section!(@or None, $(Some($see))?),
                    };
                    visitor.key(&key, &mut self.$key, &$crate::config::section::section!(@or (), $($takes)?))?;
                )+
                Ok(())
            }
        }
    };
    (@or $none:expr,) => { $none };
    (@or $none:expr, $some:expr) => { $some };
}
pub(super) use section;
