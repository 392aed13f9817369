//! One of a few names.

/// A name that a value can have, and what it means.
pub(in crate::config) struct Choice {
    pub(in crate::config) name: &'static str,
    pub(in crate::config) text: &'static [&'static str],
}

/// Defines an enum whose variants have names in the configuration. The first is the default.
macro_rules! choices {
    (
        $(#[doc = $about:literal])+
        pub enum $type:ident {
            $(#[doc = $first_doc:literal])+
            $first:ident = $first_name:literal,
            $($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)*
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $type {
            #[default]
            $(#[doc = $first_doc])+
            $first,
            $($(#[doc = $doc])+ $variant,)*
        }

        impl $crate::config::setting::Setting for $type {
            type Takes = ();

            const CHOICES: &'static [$crate::config::setting::Choice] = &[
                $crate::config::setting::Choice { name: $first_name, text: &[$($first_doc),+] },
                $($crate::config::setting::Choice { name: $name, text: &[$($doc),+] },)*
            ];

            fn read(given: &$crate::config::setting::Given, (): &()) -> Option<Self> {
                match given.text()? {
                    $first_name => Some(Self::$first),
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            fn show(&self) -> toml::Value {
                match self {
                    Self::$first => $first_name.into(),
                    $(Self::$variant => $name.into(),)*
                }
            }

            fn allowed((): &()) -> String {
                [$first_name $(, $name)*].join(" or ")
            }

            fn allowed_in_table((): &()) -> String {
                [concat!("`", $first_name, "`") $(, concat!("`", $name, "`"))*].join(", ")
            }
        }
    };
}
pub(in crate::config) use choices;
