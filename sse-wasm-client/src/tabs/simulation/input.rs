//! What is handed to a tab.

use std::time::Duration;

use super::world::World;
use crate::{
    Delivery, Message, State,
    tabs::{Tab, aside::Aside, notice::Notice},
};

#[derive(Debug, Clone)]
pub(super) enum Input {
    Granted,
    Stolen,
    Unavailable,
    /// The text of a notice.
    Notice(String),
    Event(Delivery<Message>),
    State(State),
    Aside(Aside),
    Time,
    Frozen,
    Resumed,
    Close,
}

impl Input {
    pub(super) fn apply(&self, tab: &mut Tab, now: Duration) {
        match self {
            Self::Granted => tab.handle_granted(now),
            Self::Stolen => tab.handle_stolen(now),
            Self::Unavailable => tab.handle_unavailable(),
            Self::Notice(text) => tab.handle_notice(Notice::decode(text, now).unwrap(), now),
            Self::Event(event) => tab.handle_event(event.clone(), now),
            Self::State(state) => tab.handle_state(*state, now),
            Self::Aside(aside) => tab.handle_aside(aside.clone()),
            Self::Time => tab.handle_time(now),
            Self::Frozen => tab.handle_frozen(),
            Self::Resumed => tab.handle_resumed(now),
            Self::Close => tab.close(),
        }
    }
}

impl World {
    /// Hands an input to a tab, and carries out what it asks for.
    pub(super) fn input(&mut self, tab: u64, input: &Input) {
        let Some(page) = self.pages.get_mut(&tab) else { return };
        if let Some(record) = &mut self.record {
            record.input(tab, self.now, input);
        }
        input.apply(&mut page.tab, self.now);
        self.act(tab);
    }
}
