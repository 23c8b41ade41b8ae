//! What a view sees: the state to read, and a place for commands.

use std::cell::RefCell;
use std::path::PathBuf;

use super::command::{Action, Command};
use super::state::State;
use super::style::Tokens;

/// Read-only view of everything, and the way to ask for a change.
pub struct ViewCx<'a> {
    /// What is open, chosen and laid out.
    pub state: &'a State,
    /// Colors of the present theme.
    pub tokens: &'static Tokens,
    commands: RefCell<Vec<Command>>,
}

impl<'a> ViewCx<'a> {
    /// For one frame.
    pub fn new(state: &'a State, tokens: &'static Tokens) -> Self {
        Self { state, tokens, commands: RefCell::default() }
    }

    /// Asks for a change after drawing.
    pub fn send(&self, command: Command) {
        self.commands.borrow_mut().push(command);
    }

    /// Asks for an action after drawing.
    pub fn act(&self, action: Action) {
        self.send(Command::Do(action));
    }

    /// The commands of this frame, in order.
    pub fn into_commands(self) -> Vec<Command> {
        self.commands.into_inner()
    }
}

/// A path as people read it: the home folder as `~`.
pub fn short_path(path: &std::path::Path) -> String {
    let home = directories::BaseDirs::new().map(|d| d.home_dir().to_owned());
    match home.as_ref().and_then(|h| path.strip_prefix(h).ok()) {
        Some(rest) => PathBuf::from("~").join(rest).display().to_string(),
        None => path.display().to_string(),
    }
}
