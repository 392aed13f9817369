//! Lines that do not lie whole in one input.

use core::mem;

use super::{Carried, DATA, Parser, block::Input, give_back, keep, long_line};
use crate::{
    Item, Limit,
    line::{self, Line},
    utf8,
};

impl Parser {
    /// The carried line has ended.
    pub(super) fn end_carried(&mut self, input: &mut Input<'_>, each: &mut impl FnMut(Item<'_>)) {
        let line = mem::take(&mut self.line);
        let mut block = self.block;
        if let Carried::Data { over } = self.carried {
            if self.line_len > self.limits.line {
                block.over = over.or(Some(Limit::Line)); // as if the line had come whole
            }
        } else if self.line_len > self.limits.line {
            long_line(&line, &mut block);
        } else {
            let (kind, from) = line::read(&line);
            let value = &line[from..];
            block.begun |= matches!(kind, Line::Data | Line::Name | Line::Id);
            match kind {
                Line::Data => self.push_data_line(value, &mut block),
                Line::Blank if block.begun => self.dispatch(input, &mut block, each),
                Line::Name if value.len() > self.limits.name => block.go_over(Limit::Name),
                Line::Name => block.name = keep(value, &mut self.name),
                Line::Id if value.contains(&0) => {}
                Line::Id if value.len() > self.limits.id => block.go_over(Limit::Id),
                Line::Id => block.id = keep(value, &mut self.id),
                Line::Comment => each(Item::Comment(&utf8::lossy(value))),
                Line::Retry => self.set_retry(value, each),
                Line::Blank | Line::Ignored => {}
            }
        }
        self.block = block;
        self.line = line;
        self.end_line();
    }

    /// Keeps a piece of an unfinished line.
    #[inline]
    pub(super) fn carry(&mut self, piece: &[u8]) {
        if piece.is_empty() {
            return;
        }
        self.line_len = self.line_len.saturating_add(piece.len());
        if let Carried::Data { .. } = self.carried {
            let mut block = self.block;
            if self.line_len > self.limits.line {
                self.data.clear();
                block.go_over(Limit::Line);
            } else {
                self.push_data(piece, &mut block);
            }
            self.block = block;
            return;
        }
        self.carry_start(piece);
    }

    /// The same while it is not known what the line is.
    pub(super) fn carry_start(&mut self, piece: &[u8]) {
        if self.carried == Carried::Nothing && self.begins_data(piece) {
            return;
        }
        self.carried = Carried::Line;
        let room = self.limits.line.saturating_add(1) - self.line.len();
        self.line.extend_from_slice(&piece[..piece.len().min(room)]);
        let line = mem::take(&mut self.line);
        let data = self.begins_data(&line);
        self.line = line;
        if data {
            self.line.clear();
        }
    }

    /// If so begins a line of data, its value goes straight to the data from here on.
    pub(super) fn begins_data(&mut self, line: &[u8]) -> bool {
        // One byte more than the colon: it says whether a space is to be taken off.
        let data = line.len() > DATA.len() && line.starts_with(DATA) && self.line_len <= self.limits.line;
        if data {
            let mut block = self.block;
            self.carried = Carried::Data { over: block.over };
            let (_, from) = line::read(line);
            self.push_data_line(&line[from..], &mut block);
            self.block = block;
        }
        data
    }

    pub(super) fn end_line(&mut self) {
        self.carried = Carried::Nothing;
        self.line_len = 0;
        give_back(&mut self.line);
    }
}
