//! Events with hostile text.

use std::{borrow::Cow, fmt, time::Duration};

use super::fields::Fields;
use crate::{random::Random, vectors};

/// The number of events with hostile text in several fields.
const MIXED: usize = 256;
/// The seed of what is drawn for them. It is fixed, so that known findings stay the same.
const SEED: u64 = 1;

/// An event, and the name of the case.
#[derive(Debug, Clone, Default)]
pub(super) struct Case {
    pub(super) name: String,
    event: Option<Cow<'static, str>>,
    data: Option<Cow<'static, str>>,
    id: Option<Cow<'static, str>>,
    comment: Option<Cow<'static, str>>,
    retry: Option<Duration>,
}

impl Case {
    pub(super) fn fields(&self) -> Fields<'_> {
        Fields {
            name: self.event.as_deref(),
            data: self.data.as_deref(),
            id: self.id.as_deref(),
            comment: self.comment.as_deref(),
            retry: self.retry,
        }
    }

    pub(super) fn shape(&self) -> Shape {
        Shape {
            name: self.event.is_some(),
            data: self.data.is_some(),
            id: self.id.is_some(),
            comment: self.comment.is_some(),
            retry: self.retry.is_some(),
        }
    }

    fn text(&mut self, field: Field) -> &mut Option<Cow<'static, str>> {
        match field {
            Field::Name => &mut self.event,
            Field::Data => &mut self.data,
            Field::Id => &mut self.id,
            Field::Comment => &mut self.comment,
        }
    }
}

/// Which fields an event has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    name: bool,
    data: bool,
    id: bool,
    comment: bool,
    retry: bool,
}

impl Shape {
    const NONE: Self = Self { name: false, data: false, id: false, comment: false, retry: false };
    const DATA: Self = Self { data: true, ..Self::NONE };

    /// The shapes of the cases.
    pub(super) const ALL: [Self; 9] = [
        Self::DATA,
        Self { name: true, ..Self::DATA },
        Self { id: true, ..Self::DATA },
        Self { id: true, ..Self::NONE },
        Self { comment: true, ..Self::NONE },
        Self { comment: true, ..Self::DATA },
        Self { retry: true, ..Self::NONE },
        Self { retry: true, ..Self::DATA },
        Self { name: true, data: true, id: true, comment: true, retry: true },
    ];

    /// An event of this shape with harmless text.
    pub(super) fn plain(self) -> Case {
        Case {
            name: format!("plain: {self}"),
            event: self.name.then_some("add".into()),
            data: self.data.then_some("plain".into()),
            id: self.id.then_some("7".into()),
            comment: self.comment.then_some("note".into()),
            retry: self.retry.then_some(Duration::from_millis(1500)),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = [
            ("name", self.name),
            ("data", self.data),
            ("id", self.id),
            ("comment", self.comment),
            ("retry", self.retry),
        ];
        let present: Vec<_> = fields.into_iter().filter_map(|(field, present)| present.then_some(field)).collect();
        f.write_str(&present.join(", "))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Name,
    Data,
    Id,
    Comment,
}

/// The vectors, and each hostile text in each field.
pub(super) fn alone() -> Vec<Case> {
    let mut cases: Vec<Case> = vectors::encode().into_iter().map(vector).collect();
    let mut add = |case: Case| {
        // an event that a vector has already keeps the vector's name
        if !cases.iter().any(|other| other.fields() == case.fields()) {
            cases.push(case);
        }
    };
    Shape::ALL.map(Shape::plain).into_iter().for_each(&mut add);
    let fields = [
        (Field::Data, "data", Shape::DATA),
        (Field::Name, "name", Shape { name: true, ..Shape::DATA }),
        (Field::Id, "id", Shape { id: true, ..Shape::DATA }),
        (Field::Comment, "comment", Shape { comment: true, ..Shape::DATA }),
    ];
    for (field, called, shape) in fields {
        for (what, text) in texts() {
            let mut case = Case { name: format!("{called}: {what}"), ..shape.plain() };
            *case.text(field) = Some(text);
            add(case);
        }
    }
    for (what, time) in times() {
        let shape = Shape { retry: true, ..Shape::DATA };
        add(Case { name: format!("retry: {what}"), retry: Some(time), ..shape.plain() });
    }
    cases
}

/// Events with several fields, whose text is drawn from the cases that were harmless alone. So whatever is found here
/// needs the combination. A field for which no case was harmless is left out.
pub(super) fn mixed(harmless: &[Case]) -> Vec<Case> {
    let mut random = Random::new(SEED);
    let with = |has: fn(&Case) -> bool| harmless.iter().filter(|case| has(case)).collect::<Vec<_>>();
    let pools = [
        with(|case| case.event.is_some()),
        with(|case| case.data.is_some()),
        with(|case| case.id.is_some()),
        with(|case| case.comment.is_some()),
        with(|case| case.retry.is_some()),
    ];
    if pools.iter().filter(|pool| !pool.is_empty()).count() < 2 {
        return Vec::new();
    }
    let mut draw = |pool: &[&Case]| match pool {
        [] => Case::default(),
        pool => pool[random.below(pool.len() as u32) as usize].clone(),
    };
    let mixed = |number| Case {
        name: format!("mixed: {number}"),
        event: draw(&pools[0]).event,
        data: draw(&pools[1]).data,
        id: draw(&pools[2]).id,
        comment: draw(&pools[3]).comment,
        retry: draw(&pools[4]).retry,
    };
    (1..=MIXED).map(mixed).collect()
}

fn vector(vector: vectors::Encode) -> Case {
    let text = |text: Option<String>| text.map(Cow::Owned);
    Case {
        name: vector.name,
        event: text(vector.event),
        data: text(vector.data),
        id: text(vector.id),
        comment: text(vector.comment),
        retry: vector.retry,
    }
}

fn texts() -> Vec<(&'static str, Cow<'static, str>)> {
    let short = [
        ("LF", "a\nb"),
        ("CR", "a\rb"),
        ("CRLF", "a\r\nb"),
        ("LF first", "\na"),
        ("CR first", "\ra"),
        ("LF at the end", "a\n"),
        ("CR at the end", "a\r"),
        ("CRLF at the end", "a\r\n"),
        ("nothing but LF", "\n"),
        ("a blank line", "a\n\nb"),
        ("LF, then an event name", "a\nevent: forged"),
        ("CR, then an event name", "a\revent: admin"),
        ("LF, then an id", "a\nid: forged"),
        ("CR, then an id", "a\rid: forged"),
        ("LF, then retry", "a\nretry: 77"),
        ("CR, then retry", "a\rretry: 77"),
        ("LF, then a comment", "a\n:forged"),
        ("two LF, then data", "a\n\ndata: forged\n\n"),
        ("two CR, then data", "a\r\rdata: forged\r\r"),
        ("two CRLF, then data", "a\r\n\r\ndata: forged\r\n\r\n"),
        ("NUL", "a\0b"),
        ("a leading space", " a"),
        ("two leading spaces", "  a"),
        ("a leading tab", "\ta"),
        ("a trailing space", "a "),
        ("a space", " "),
        ("nothing", ""),
        ("a byte order mark", "\u{feff}a"),
        ("a colon first", ":a"),
        ("what looks like a field", "data: a"),
        ("several bytes a character", "ü\u{2026}\u{1f980}"),
        ("other languages' line breaks", "a\u{b}b\u{c}c\u{1c}d\u{85}e\u{2028}f\u{2029}g"),
    ];
    let long = ("100 kB", Cow::Owned("x".repeat(100_000)));
    short.into_iter().map(|(what, text)| (what, Cow::Borrowed(text))).chain([long]).collect()
}

fn times() -> [(&'static str, Duration); 6] {
    [
        ("zero", Duration::ZERO),
        ("1 ms", Duration::from_millis(1)),
        ("1.5 ms", Duration::from_micros(1500)),
        ("61 s and 7 ms", Duration::from_millis(61_007)),
        ("50 days", Duration::from_secs(50 * 24 * 3600)), // more milliseconds than 32 bits have
        ("the longest", Duration::from_millis(u64::MAX)),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_case_has_a_name_and_a_shape_that_is_tried() {
        let alone = alone();
        let mixed = mixed(&alone);
        let all = || alone.iter().chain(&mixed);
        assert_eq!(all().map(|case| &case.name).collect::<BTreeSet<_>>().len(), all().count());
        for case in all() {
            assert!(Shape::ALL.contains(&case.shape()) || case.shape() == Shape::NONE, "{}", case.name);
        }
        assert_eq!(texts().len(), 33);
        assert_eq!(mixed.len(), MIXED);
    }

    #[test]
    fn nothing_is_mixed_from_nothing() {
        assert!(mixed(&[]).is_empty());
        assert!(mixed(&[Shape::DATA.plain()]).is_empty());
        let shape = Shape { id: true, ..Shape::DATA };
        assert!(mixed(&[shape.plain()]).iter().all(|case| case.shape() == shape));
    }
}
