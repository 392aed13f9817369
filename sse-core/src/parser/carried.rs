//! Lines that do not lie whole in one input.

use super::{
    Parser,
    block::{keep, long_line},
    buffer::give_back,
    dispatch::Sink,
};
use crate::{
    Item, Limit,
    line::{self, Line},
    utf8,
};

/// How a data line begins.
const DATA: &[u8] = b"data:";

/// An unfinished line, kept from one input to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carried {
    Nothing,
    /// Kept in `line`, and still so short that it may turn out to be a data line.
    Start,
    /// Kept in `line`; it is not a data line with a value.
    Line,
    /// A data line, whose value goes straight to `data`. `over` is the limit that the block had exceeded before it.
    Data {
        over: Option<Limit>,
    },
}

impl Parser {
    /// Keeps the next bytes of an unfinished line.
    #[inline(never)]
    pub(super) fn carry(&mut self, chunk: &[u8]) {
        if chunk.is_empty() {
            return;
        }
        self.line_len = self.line_len.saturating_add(chunk.len());
        match self.carried {
            Carried::Nothing if chunk[0] != DATA[0] => {
                self.carried = Carried::Line;
                self.carry_line(chunk);
            }
            Carried::Nothing | Carried::Start => self.carry_start(chunk),
            Carried::Line => self.carry_line(chunk),
            Carried::Data { .. } if self.line_len > self.limits.line => {
                self.data.clear();
                self.block.go_over(Limit::Line);
            }
            Carried::Data { .. } => self.block.push_data(&mut self.data, chunk, self.limits.event),
        }
    }

    #[inline]
    fn carry_line(&mut self, chunk: &[u8]) {
        if self.line_len <= self.limits.line {
            return self.line.extend_from_slice(chunk);
        }
        let room = self.limits.line.saturating_add(1) - self.line.len();
        self.line.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }

    /// The same while it is not known yet what kind of line it is.
    fn carry_start(&mut self, chunk: &[u8]) {
        let (seen, to_come) = DATA.split_at(self.line.len().min(DATA.len()));
        let value = if self.line == seen { chunk.strip_prefix(to_come) } else { None };
        match value {
            // it takes one byte after the colon to know if there is a space to strip
            Some([first, rest @ ..]) if self.line_len <= self.limits.line => {
                self.line.clear();
                self.carried = Carried::Data { over: self.block.over };
                let value = if *first == b' ' { rest } else { &chunk[to_come.len()..] };
                self.block.push_data_line(&mut self.data, value, self.limits.event);
            }
            _ => {
                self.carry_line(chunk);
                self.carried = if DATA.starts_with(&self.line) { Carried::Start } else { Carried::Line };
            }
        }
    }

    /// Ends the carried line and reads it.
    pub(super) fn end_carried(&mut self, sink: &mut impl Sink) {
        let block = &mut self.block;
        if let Carried::Data { over } = self.carried {
            if self.line_len > self.limits.line {
                block.over = over.or(Some(Limit::Line)); // as if the line had come whole
            }
        } else if self.line_len > self.limits.line {
            long_line(&self.line, block);
        } else {
            let (kind, from) = line::read(&self.line);
            let value = &self.line[from..];
            block.begun |= matches!(kind, Line::Data | Line::Name | Line::Id);
            match kind {
                Line::Comment => sink.item(Item::Comment(&utf8::lossy(value))),
                // one with a value is carried as `Carried::Data`
                Line::Data => block.push_data_line(&mut self.data, value, self.limits.event),
                Line::Name if value.len() > self.limits.name => block.go_over(Limit::Name),
                Line::Name => block.name = keep(value, &mut self.name),
                Line::Id if value.contains(&0) => {}
                Line::Id if value.len() > self.limits.id => block.go_over(Limit::Id),
                Line::Id => block.id = keep(value, &mut self.id),
                Line::Retry => self.set_retry(line::milliseconds(value), sink),
                Line::Blank | Line::Ignored => {}
            }
        }
        self.end_line();
    }

    #[inline]
    pub(super) fn end_line(&mut self) {
        self.carried = Carried::Nothing;
        self.line_len = 0;
        give_back(&mut self.line);
    }
}
